"""The two driver programs speak JSON lines, each its own: here they say the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

HERE = Path(__file__).parent
Language = Literal["python", "js"]
# Patience for tests: what is minutes for people is moments here.
BRISK: dict[str, Any] = {
    "hello_timeout_s": 2.0,
    "backoff_first_s": 0.02,
    "backoff_most_s": 0.3,
    "better_every_s": 0.7,
    "poll_timeout_s": 2,
    "renew_at": 0.2,
    "buffer": 100_000,
}


class Dialect(Protocol):
    """How a driver is started, told and understood. `asks`: it must be asked what its state is."""

    program: tuple[str, ...]
    asks: Mapping[str, Any] | None

    def config(self, url: str, topics: list[str], *, tokens: bool, **options: Any) -> dict[str, Any]: ...

    def heard(self, said: dict[str, Any]) -> Iterator[tuple[str, Any]]: ...

    def token(self, token: str) -> dict[str, Any]: ...


class Python:
    """`python/follow.py`."""

    program = (sys.executable, "-W", "error", str(HERE / "python" / "follow.py"))
    asks: Mapping[str, Any] | None = None

    def config(self, url: str, topics: list[str], *, tokens: bool, **options: Any) -> dict[str, Any]:
        return {"url": url, "topics": topics, "tokens": tokens, "options": BRISK | options}

    def heard(self, said: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        yield from said.items()

    def token(self, token: str) -> dict[str, Any]:
        return {"token": token}


class JavaScript:
    """`js/follow.mjs`, in Node with its own WebSocket."""

    program = (
        *("node", "--no-warnings", "--experimental-websocket", "--import", str(HERE / "brisk.mjs")),
        str(HERE / "js" / "follow.mjs"),
    )
    asks: Mapping[str, Any] | None = MappingProxyType({"id": "status", "do": "status"})

    def config(self, url: str, topics: list[str], *, tokens: bool, **options: Any) -> dict[str, Any]:
        return {"url": url, "topics": topics, "askToken": tokens, **options}

    def heard(self, said: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        match said:
            case {"tell": "event", "data": data}:
                yield "event", {"data": data}
            case {"tell": "state", "state": state, **rest}:
                yield "state", state
                if state == "failed":
                    yield "error", rest.get("error")
            case {"tell": "reset", **data}:
                yield "reset", data
            case {"tell": "token-wanted"}:
                yield "ask", "token"
            case {"id": "status", "result": status}:
                yield "transport", status["transport"]

    def token(self, token: str) -> dict[str, Any]:
        return {"do": "token", "token": token}


DIALECTS: dict[Language, Dialect] = {"python": Python(), "js": JavaScript()}
