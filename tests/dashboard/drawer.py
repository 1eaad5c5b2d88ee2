"""What tests of a flag's drawer do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, expect
from tests.api.served import Served
from tests.dashboard.desk import Desk

RULE = {
    "if": [
        {"and": [{"ends_with": [{"var": "email"}, "@shop.example"]}, {"in": [{"var": "country"}, ["SE"]]}]},
        "on",
        {"sem_ver": [{"var": "version"}, ">=", "2.0.0"]},
        {"fractional": [["on", 100], ["off", 0]]},
        "off",
    ]
}


def patch(server: Served, app: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """As somebody else would, from a shell."""
    with server.http() as http:
        answer = http.patch(f"/v1/flags/{key}", params={"app": app}, json=body, headers={"if-match": "*"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def flag(server: Served, app: str, key: str) -> dict[str, Any]:
    with server.http() as http:
        return dict(http.get(f"/v1/flags/{key}", params={"app": app}).json())


def last_entry(server: Served, app: str) -> dict[str, Any]:
    with server.http() as http:
        return dict(http.get("/v1/audit", params={"app": app, "limit": 1}).json()["entries"][0])


def rule_of(server: Served, app: str, key: str, environment: str = "development") -> Any:
    return flag(server, app, key)["environments"][environment].get("targeting")


def logic(at: Desk, environment: str = "development") -> Locator:
    return at.page.get_by_label(f"Rules in {environment} as JSONLogic")


def save(at: Desk) -> None:
    """Ctrl + Enter, until nothing is unsaved."""
    at.press("Control+Enter")
    expect(at.page.get_by_role("region", name="Unsaved changes").locator(".saving-inside")).to_have_count(0)


def opened(desk: Callable[..., Desk], app: str, key: str, env: str = "development", tab: str = "") -> Desk:
    at = desk(f"/#/flags/{key}?app={app}&env={env}&tab={tab}")
    expect(at.page.get_by_role("tab", name="Targeting")).to_be_visible()
    return at
