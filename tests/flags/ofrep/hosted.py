"""An app of one's own on a real server: flags set by REST, keys and tokens to read them with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2
from tests.api.served import TIMEOUT_S, Raw, Served

Flag = dict[str, Any]


def boolean(default: str | None = "on", **members: Any) -> Flag:
    """A boolean flag as flagd defines it."""
    return flag({"on": True, "off": False}, default, **members)


def flag(variants: dict[str, Any], default: str | None, **members: Any) -> Flag:
    """A flag as flagd defines it."""
    return {"state": "ENABLED", "variants": variants, "defaultVariant": default, **members}


PRO_ONLY = {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}
HALF = {"fractional": [["on", 50], ["off", 50]]}

# One of each kind. The providers' tests ask for these.
FLAGS: dict[str, Flag] = {
    "banner": boolean("on"),
    "color": flag({"red": "#f00", "blue": "#00f"}, "blue"),
    "retries": flag({"few": 1, "many": 5}, "many"),
    "ratio": flag({"half": 0.5, "all": 3}, "all"),
    "whole": flag({"low": 2.0, "high": 3.0}, "high"),
    "layout": flag({"wide": {"columns": 3, "gap": 1.5, "parts": ["a"]}, "narrow": {}}, "wide"),
    "pro-banner": boolean("off", targeting=PRO_ONLY),
    "experiment": boolean("off", targeting=HALF),
    "hidden": {**boolean("on"), "state": "DISABLED"},
    "hidden-color": {**flag({"red": "#f00"}, "red"), "state": "DISABLED"},
    "undecided": boolean(None),
    "named-by-context": boolean("off", targeting={"var": "variant"}),
    "told": boolean("on", metadata={"owner": "web", "level": 3}),
    "team/checkout new": boolean("on"),
}


@dataclass
class App:
    """An app on a server, whose flags are read in `environment` by `headers`."""

    served: Served
    name: str
    environment: str = "production"

    @property
    def base_url(self) -> str:
        """A base URL that says app and environment."""
        return f"{self.served.url}{self.base}"

    @property
    def base(self) -> str:
        return f"/v1/apps/{self.name}/{self.environment}"

    @property
    def bulk(self) -> str:
        return f"{self.base}/ofrep/v1/evaluate/flags"

    @property
    def stream_path(self) -> str:
        return f"{self.base}/ofrep/v1/stream"

    @property
    def headers(self) -> dict[str, str]:
        return self.served.headers

    def http(self, **options: Any) -> httpx2.Client:
        return self.served.http(**options)

    def load(self, flags: dict[str, Flag], *, environment: str | None = None, **members: Any) -> None:
        """Add these flags to what there is (and set `$evaluators`, `metadata` of the environment)."""
        query = {"app": self.name, "environment": environment or self.environment}
        file = {"flags": flags, **members}
        self._done("POST", "/v1/flags/import", params=query, json=file)

    def toggle(self, key: str, *, environment: str | None = None) -> None:
        """Turn a flag on or off."""
        body = {"environment": environment or self.environment}
        self._done("POST", f"/v1/flags/{quote(key)}/toggle", json=body)

    def delete(self, key: str) -> None:
        """Remove a flag."""
        self._done("DELETE", f"/v1/flags/{quote(key)}")

    def toggling(self, key: str) -> dict[str, Any]:
        """A toggle as a request that somebody else makes."""
        return {
            "url": f"{self.served.url}/v1/flags/{quote(key)}/toggle?app={self.name}",
            "headers": {**self.headers, "if-match": "*"},
            "body": {"environment": self.environment},
            "key": key,
        }

    def _done(self, method: str, path: str, **how: Any) -> None:
        params = how.pop("params", {"app": self.name})
        with self.http() as client:
            answer = client.request(method, path, params=params, headers={"if-match": "*"}, **how)
        assert answer.is_success, answer.text

    def key(self, *scopes: str, environment: str | None = None, confined: bool = True) -> str:
        """A new API key, which belongs to this app and this environment (or to none)."""
        asked: dict[str, Any] = {"name": "test", "scopes": list(scopes)}
        if confined:
            asked |= {"app": self.name, "environment": environment or self.environment}
        with self.http() as client:
            answer = client.post("/v1/keys", json=asked)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    def token(self, *scopes: str, ttl_s: float = 600, **members: Any) -> str:
        """A new token for this app and environment."""
        asked = {"subject": "ann", "app": self.name, "environment": self.environment}
        with self.http() as client:
            answer = client.post(
                "/v1/tokens", json={**asked, "scopes": list(scopes), "ttl_s": ttl_s, **members}
            )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def evaluate(self, key: str = "", body: Any = None, **headers: str) -> httpx2.Response:
        """Ask for one flag, or for all."""
        path = f"{self.bulk}/{quote(key)}" if key else self.bulk
        with self.http() as client:
            return client.post(path, json={} if body is None else body, headers=headers)

    @contextmanager
    def stream(self, path: str | None = None, **headers: str) -> Iterator[Blocks]:
        """The event stream, read block by block."""
        with self.served.raw() as connection:
            lines = "".join(f"{name}: {value}\r\n" for name, value in {**self.headers, **headers}.items())
            target = self.stream_path if path is None else path
            host = ":".join(map(str, self.served.address))
            connection.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
            yield Blocks(connection)


Block = dict[str, str]


class Blocks:
    """An event stream: its head, then its blocks as fields; comments have the name ''."""

    def __init__(self, connection: Raw) -> None:
        connection.socket.settimeout(TIMEOUT_S)
        self._connection = connection
        self.head = connection.head()
        self._chunked = self.head.header("transfer-encoding") == "chunked"
        self._text = b""

    def next(self) -> Block:
        """The next block. Raises EOFError at the end of the stream."""
        while b"\n\n" not in self._text:
            self._more()
        block, _, self._text = self._text.partition(b"\n\n")
        lines = (line.partition(":") for line in block.decode().split("\n"))
        return {name: value.removeprefix(" ") for name, _, value in lines}

    def _more(self) -> None:
        file = self._connection.file
        if not self._chunked:
            part = file.read1(65536)
        else:
            size = int(file.readline() or b"0", 16)
            part = file.read(size)
            file.readline()
        if not part:
            raise EOFError
        self._text += part

    def news(self) -> tuple[str, dict[str, Any]]:
        """The next event, its id and its data; comments are passed over."""
        while True:
            block = self.next()
            if "data" in block:
                assert block["event"] == "message"
                return block["id"], json.loads(block["data"])

    def rest(self) -> list[Block]:
        """All that still comes, up to the end."""
        found = []
        try:
            while True:
                found.append(self.next())
        except EOFError:
            return found
