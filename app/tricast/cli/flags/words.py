"""How values, times and numbers are written in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import orjson

from tricast.cli.show import plain

_LONGEST = 120


def moment(time: object) -> str:
    """An RFC 3339 time by this machine's clock, to the minute."""
    try:
        return f"{datetime.fromisoformat(str(time)).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return plain(str(time))


def day(time: object, today: date) -> str:
    """An RFC 3339 time by this machine's clock: the minute if it is of `today`, else the day."""
    try:
        found = datetime.fromisoformat(str(time)).astimezone()
    except (ValueError, OverflowError):
        return plain(str(time))
    return f"{found:%H:%M}" if found.date() == today else f"{found:%Y-%m-%d}"


def json_text(value: Any, longest: int = _LONGEST) -> str:
    """A JSON value in one line, cut if it is long."""
    text = plain(orjson.dumps(value).decode())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def counted(number: int, noun: str) -> str:
    """`1 flag`, `2 flags`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def default_of(there: Mapping[str, Any]) -> str:
    """An environment's default variant in words."""
    default = there.get("defaultVariant")
    return "(the caller's)" if default is None else plain(str(default))
