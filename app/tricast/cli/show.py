"""How events look in a terminal: one line each, and nothing in them that a terminal obeys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import orjson
from rich.text import Text

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def plain(text: str) -> str:
    """`text` with control and direction characters written out, so that they do nothing."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def event_line(event: Mapping[str, Any], today: date) -> Text:
    """Time, topic, type, subject and data of an event."""
    line = Text.assemble(
        (_time(str(event.get("time", "")), today), "dim"),
        "  ",
        (plain(str(event.get("topic", ""))), "cyan"),
        "  ",
        (plain(str(event.get("type", ""))), "green"),
        "  ",
    )
    if "subject" in event:
        line.append(plain(str(event["subject"])), "magenta").append("  ")
    return line.append(_data(event))


def _time(text: str, today: date) -> str:
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return plain(text)
    clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
    return clock if moment.date() == today else f"{moment:%Y-%m-%d} {clock}"


def _data(event: Mapping[str, Any]) -> str:
    if "data_base64" in event:
        return plain(f"{event.get('datacontenttype', '')};base64,{event['data_base64']}")
    data = event.get("data")
    if isinstance(data, str) and event.get("datacontenttype") == "text/plain":
        return plain(data)
    return plain(orjson.dumps(data).decode())
