"""The forms of `cursor=`: where a subscription begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tricast.cursor import Cursor
from tricast.errors import BadCursor
from tricast.event import parse_time, time_ms

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|w)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin. `unknown`: a `Last-Event-ID` that is no cursor, to be answered with a reset."""

    kind: Literal["latest", "earliest", "cursor", "time", "unknown"]
    cursor: Cursor | None = None
    time_ms: int = 0

    @staticmethod
    def parse(text: str, field: str = "cursor") -> Start:
        """`latest`, `earliest`, a cursor, an RFC 3339 time, or a duration back such as `10m`."""
        if text == "latest":
            return LATEST
        if text == "earliest":
            return EARLIEST
        duration = _DURATION.fullmatch(text)
        if duration is not None:
            return Start("time", time_ms=time_ms() - int(duration[1]) * _UNIT_MS[duration[2]])
        if _DATE.match(text):
            # In a query, an unescaped + of an offset arrives as a space.
            moment = re.sub(r" ([0-9]{2}:[0-9]{2})$", r"+\1", text).replace(" ", "T")
            return Start("time", time_ms=parse_time(moment, field))
        return Start("cursor", Cursor.parse(text, field))

    @staticmethod
    def last_event_id(text: str) -> Start:
        """From a `Last-Event-ID` header: whatever can't be served is reset, never refused."""
        try:
            return Start("cursor", Cursor.parse(text, "Last-Event-ID"))
        except BadCursor:
            return Start("unknown")


LATEST = Start("latest")
EARLIEST = Start("earliest")
