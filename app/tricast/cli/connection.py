"""The server that a command talks to: where it is, who we are, and what its errors say."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx2
import orjson

from tricast.cli.failure import REFUSED, UNREACHABLE, USAGE, Failure

CREDENTIALS = "give --key or TRICAST_KEY (or --token)"
KEY_ONLY = "give --key or TRICAST_KEY"
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Connection:
    """A server's address and the credential that is shown to it (never printed)."""

    url: str
    credential: str | None = field(default=None, repr=False)

    @staticmethod
    def to(url: str, key: str | None = None, token: str | None = None) -> Connection:
        """Raises Failure if `url` isn't one. A token goes before a key."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Failure(f"--url {url!r} is not a URL such as http://127.0.0.1:8080", USAGE)
        credential = token or key
        if credential is not None and not (credential.isascii() and credential.isprintable()):
            raise Failure("the key or token holds characters that none has; was it copied whole?", USAGE)
        return Connection(url.rstrip("/"), credential)

    @property
    def events(self) -> str:
        return f"{self.url}/v1/events"

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.credential is None else {"authorization": f"Bearer {self.credential}"}

    @property
    def through_proxy(self) -> bool:
        """Whether the environment's HTTP proxy may be asked: not for this machine itself."""
        host = urlsplit(self.url).hostname or ""
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host != "localhost"

    def client(self) -> httpx2.Client:
        return httpx2.Client(headers=self.headers, timeout=_TIMEOUT_S, trust_env=self.through_proxy)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request and its JSON answer. Raises Failure with what the server said."""
        with self.client() as client:
            response = send(client, method, f"{self.url}{path}", body)
        if not response.is_success:
            refuse(response, KEY_ONLY)
        return json_of(response) if response.content else None


def send(client: httpx2.Client, method: str, url: str, body: Any = None) -> httpx2.Response:
    """The response, whatever its status. Raises Failure if there is none."""
    content = None if body is None else orjson.dumps(body)
    headers = {} if body is None else {"content-type": "application/json"}
    try:
        return client.request(method, url, content=content, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Failure(unreachable(url, error), UNREACHABLE) from None


def unreachable(url: str, error: BaseException) -> str:
    """Why there was no answer, and what to look at."""
    parts = urlsplit(url)
    why = str(error) or type(error).__name__
    return f"no answer from {parts.scheme}://{parts.netloc}: {why}; is the server running there (--url)?"


def json_of(response: httpx2.Response) -> Any:
    """The JSON in an answer. Raises Failure if a stranger answered."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        host = response.url.host
        raise Failure(f"the answer from {host} is not JSON; is it a tricast server (--url)?") from None


def refuse(response: httpx2.Response, remedy: str = CREDENTIALS) -> NoReturn:
    """Raise Failure with the problem (RFC 9457) in a response; `remedy`: what to give if it is a 401."""
    raise Failure(problem_of(response.status_code, response.content, remedy), REFUSED)


def problem_of(status: int, body: bytes, remedy: str = CREDENTIALS) -> str:
    """An error answer in one line."""
    try:
        problem = orjson.loads(body)
        return explain(problem, remedy)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return f"the server answered {status} without saying why; is it a tricast server (--url)?"


def explain(problem: Mapping[str, Any], remedy: str = CREDENTIALS) -> str:
    """A problem (RFC 9457) in one line: its detail, which says it all, or else its title."""
    said = str(problem.get("detail") or problem["title"])
    if problem.get("status") != httpx2.codes.UNAUTHORIZED:
        return said
    # What headers to send is nothing that one does here.
    why = "no credentials" if said.startswith("no credentials: ") else said
    return f"{why}; {remedy}"
