"""What the dashboard shows: apps and flags, made over HTTP."""

from __future__ import annotations

from typing import Any

from tests.api.served import Served

ENVIRONMENTS = ("development", "production")


def make_app(server: Served, app: str, environments: tuple[str, ...] = ENVIRONMENTS) -> None:
    with server.http() as http:
        answer = http.put(f"/v1/apps/{app}", json={"name": app, "environments": list(environments)})
        assert answer.status_code in (200, 201), answer.text


def a_flag(
    server: Served,
    app: str,
    key: str,
    *,
    type: str = "boolean",
    state: str = "DISABLED",
    default: str | None = None,
    variants: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A flag in all environments of the app."""
    there: dict[str, Any] = {"state": state}
    if default is not None:
        there["defaultVariant"] = default
    body: dict[str, Any] = {"key": key, "type": type, "environments": dict.fromkeys(ENVIRONMENTS, there)}
    if variants is not None:
        body["variants"] = variants
    with server.http() as http:
        answer = http.post("/v1/flags", params={"app": app}, json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def toggle(server: Served, app: str, key: str, *, on: bool, environment: str = "production") -> None:
    """As somebody else would, from a shell."""
    body = {"environment": environment, "state": "ENABLED" if on else "DISABLED"}
    with server.http() as http:
        answer = http.post(
            f"/v1/flags/{key}/toggle", params={"app": app}, json=body, headers={"if-match": "*"}
        )
        assert answer.status_code == 200, answer.text
