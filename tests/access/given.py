"""What the tests of access are given: a clock that only they move, and requests as a gate sees them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tricast.access.context import Context
from tricast.audit import Actor

ROOT = Context(Actor("root"))
START = 4_102_444_800.0  # 2100-01-01T00:00:00Z: later than the hub's own clock, so that nothing expires by it


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def request(
    *headers: tuple[str, str], query: str = "", client: tuple[str, int] | None = ("127.0.0.1", 1)
) -> Any:
    """A request as far as a gate looks at it."""
    given = dict(headers)
    given.setdefault("host", "localhost:8080")
    raw = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    return SimpleNamespace(
        scope={"type": "http", "headers": raw, "query_string": query.encode(), "client": client}
    )


def bearer(text: str) -> Any:
    return request(("Authorization", f"Bearer {text}"))
