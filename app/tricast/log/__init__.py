"""The log: `open` is the one place that names implementations."""

from __future__ import annotations

from tricast.errors import BadRequest
from tricast.log.base import Log


def open(url: str, *, synchronous: str = "FULL") -> Log:
    """A log for `url` (`memory:` or `sqlite:///path`, `sqlite:////absolute`), not yet entered.

    `synchronous` is SQLite's: FULL (an acknowledged event survives a power cut) or
    NORMAL (it survives kill -9; the last moments may be lost with the power).
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and not rest:
        from tricast.log.memory import MemoryLog

        return MemoryLog()
    if scheme == "sqlite" and rest.startswith("///") and len(rest) > 3:
        from tricast.log.sqlite import SQLiteLog

        return SQLiteLog(rest[3:], synchronous=synchronous)
    raise BadRequest(f"log {url!r} is not a log; use 'memory:' or 'sqlite:///data/tricast.db'", field="log")
