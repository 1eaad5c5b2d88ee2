"""The flags of a server, as the commands ask for them: the REST API, and what its errors mean here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx2
import orjson
import typer

from tricast.cli.connection import CREDENTIALS, Connection, explain, json_of, problem_of, unreachable
from tricast.cli.failure import REFUSED, UNREACHABLE, USAGE, Failure
from tricast.cli.flags.conflict import told_changes
from tricast.cli.show import plain

Content = bytes | Iterable[bytes]
Match = int | Literal["*"]

_PATH = "/v1/flags"
_FILE_TIMEOUT_S = 600.0
_LISTED = ("GET /v1/flags lists", "tricast flags list shows")
_OF_ENVIRONMENT = ("state", "defaultVariant", "targeting", "metadata")


@dataclass(frozen=True, slots=True)
class Found:
    """A flag in all its environments (or in the one that the credentials belong to), and its version.

    `flag["is_partial"]`: only the latter, with the variants that hold there.
    """

    flag: dict[str, Any]
    version: int


@dataclass(frozen=True, slots=True)
class Changed:
    """The server's answer to a change, and the flag as it is now."""

    answer: Any
    now: Found


@dataclass(frozen=True, slots=True)
class FlagServer:
    """One app's flags on a server. `app` and `environment` None: what the credentials are confined to."""

    connection: Connection
    app: str | None = None
    environment: str | None = None

    @staticmethod
    def to(
        url: str, key: str | None, token: str | None, *, app: str | None, environment: str | None = None
    ) -> FlagServer:
        """Raises Failure if `url` isn't one."""
        return FlagServer(Connection.to(url, key, token), app or None, environment or None)

    @property
    def place(self) -> str:
        """Where these flags are, in words."""
        names = [name for name in (self.app, self.environment) if name is not None]
        return plain("/".join(names)) or "this key's app"

    def read(self, key: str) -> Found:
        """A flag in all environments that the credentials reach."""
        response = self._send("GET", path_of(key))
        return self.found(json_of(response), response.headers.get("etag", ""))

    def found(self, flag: Any, etag: str) -> Found:
        """What was answered of a flag. Who belongs to one environment is told only what that sees."""
        if not isinstance(flag, dict):
            raise Failure("the answer is not a JSON object; is it a tricast server (--url)?")
        version = etag.removeprefix("W/").strip('"').partition(".")[0]
        if not version.isdecimal():
            raise Failure("the answer has no version (ETag); is a proxy in between?")
        return Found(flag if "environments" in flag else self._spread(flag), int(version))

    def _spread(self, seen: dict[str, Any]) -> dict[str, Any]:
        """A flag as one environment sees it, in the shape of a whole one."""
        there = {name: seen.pop(name) for name in _OF_ENVIRONMENT if name in seen}
        # Which one, the flag doesn't tell; and another one than was asked for is refused here.
        query = {"environment": self.environment, "limit": "1"}
        name = self.call("GET", query=query)["environment"]
        return {**seen, "environments": {name: there}, "is_partial": True}

    def change(self, method: str, path: str, match: Match, body: Mapping[str, Any]) -> Changed:
        """Change a flag, if it is still of the version `match`; what it is then."""
        headers = {"if-match": match if match == "*" else f'"{match}"', "content-type": "application/json"}
        response = self._send(method, path, content=orjson.dumps(body), headers=headers)
        answer = json_of(response)
        return Changed(answer, self.found(dict(answer), response.headers.get("etag", "")))

    def call(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str | None] | None = None,
        body: Any = None,
        match: Match | None = None,
    ) -> Any:
        """A JSON request below `/v1/flags` and its JSON answer."""
        headers = {"content-type": "application/json"} if body is not None else {}
        if match is not None:
            headers["if-match"] = match if match == "*" else f'"{match}"'
        content = None if body is None else orjson.dumps(body)
        response = self._send(method, path, query=query, content=content, headers=headers)
        return json_of(response) if response.content else None

    def why_stale(self) -> dict[str, str]:
        """Of each stale flag, by key, why it is."""
        url = f"{self.connection.url}/v1/usage"
        found = json_of(self._request("GET", url, query={"environment": self.environment, "stale": "1"}))
        return {key: str(each["stale"]["why"]) for key, each in found["flags"].items()}

    def upload(self, content: Content, *, media_type: str, size: int, query: Mapping[str, str | None]) -> Any:
        """Import a flag file of `size` bytes; the server's answer."""
        headers = {"content-type": media_type, "content-length": str(size)}
        return json_of(self._send("POST", "/import", query=query, content=content, headers=headers))

    def download(self, format: str) -> bytes:
        """A flag file of the environment."""
        query = {"environment": self.environment, "format": format}
        return self._send("GET", "/export", query=query).content

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        url = f"{self.connection.url}{_PATH}{path}"
        return self._request(method, url, query=query, content=content, headers=headers)

    def _request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str | None] | None = None,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        given = {"app": self.app, **(query or {})}
        with self.connection.client() as client:
            try:
                response = client.request(
                    method,
                    url,
                    params={name: value for name, value in given.items() if value is not None},
                    content=content,
                    headers=dict(headers or {}),
                    timeout=_FILE_TIMEOUT_S,
                )
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise Failure(unreachable(url, error), UNREACHABLE) from None
        if not response.is_success:
            self._refuse(response)
        return response

    def _refuse(self, response: httpx2.Response) -> None:
        problem = _problem(response)
        if problem is None:
            raise Failure(problem_of(response.status_code, response.content, CREDENTIALS))
        missing = problem.get("field") if response.status_code == httpx2.codes.BAD_REQUEST else None
        if missing in ("app", "environment") and getattr(self, missing) is None:
            raise Failure(f"which {missing}? give --{missing} or TRICAST_{missing.upper()}", USAGE)
        if isinstance(problem.get("since"), list):
            for line in told_changes(problem):
                typer.echo(line, err=True)
            raise Failure(f"{explain(problem)} (or overwrite it: --force)")
        raise Failure(explain(problem, CREDENTIALS).replace(*_LISTED), REFUSED)


def path_of(key: str) -> str:
    """A flag's place below `/v1/flags`."""
    return f"/{quote(key, safe='')}"


def _problem(response: httpx2.Response) -> dict[str, Any] | None:
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "title" in found else None
