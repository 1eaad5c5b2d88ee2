"""What comes over a connection, whichever it is: events, and what the server says about the stream."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from tricast.client.ends import Dropped
from tricast.client.position import is_cursor

SOURCE = "/tricast"
PREFIX = "tricast."


@dataclass(frozen=True, slots=True)
class Event:
    """An event as its publisher sent it (CloudEvents 1.0; `envelope` has all of it).

    `cursor` is the position just after it; None on ephemeral events. `data` is parsed JSON,
    or bytes where it came as `data_base64`.
    """

    id: str
    source: str
    type: str
    topic: str
    subject: str | None
    time: str | None
    cursor: str | None
    data: Any
    envelope: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Control:
    """A control event; `type` is without `tricast.`: hello, live, reset, heartbeat, goodbye, error, reply."""

    type: str
    data: dict[str, Any]
    cursor: str | None = None


Message: TypeAlias = Event | Control


def parse(text: str | bytes) -> Message:
    """Raises Dropped if `text` is no message: something in between has garbled it."""
    try:
        return message_of(orjson.loads(text))
    except orjson.JSONDecodeError:
        raise Dropped("a message was no JSON") from None


def message_of(envelope: Any) -> Message:
    """A parsed envelope as a message. Raises Dropped if it is none."""
    try:
        kind = envelope["type"]
        if "topic" not in envelope and envelope["source"] == SOURCE and kind.startswith(PREFIX):
            return _control(envelope, kind)
        return _event(envelope)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Dropped("a message was no event of tricast's") from None


def _control(envelope: dict[str, Any], kind: str) -> Control:
    data, cursor = envelope.get("data"), _cursor(envelope)
    return Control(kind.removeprefix(PREFIX), data if isinstance(data, dict) else {}, cursor)


def _event(envelope: dict[str, Any]) -> Event:
    return Event(
        envelope["id"],
        envelope["source"],
        envelope["type"],
        envelope["topic"],
        envelope.get("subject"),
        envelope.get("time"),
        _cursor(envelope),
        _data(envelope),
        envelope,
    )


def _cursor(envelope: dict[str, Any]) -> str | None:
    cursor: str | None = envelope.get("cursor")
    if cursor is not None and not is_cursor(cursor):
        raise ValueError("cursor")
    return cursor


def _data(envelope: dict[str, Any]) -> Any:
    encoded = envelope.get("data_base64")
    if encoded is None:
        return envelope.get("data")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None


def number_in(data: Mapping[str, Any], name: str) -> float | None:
    """A member that is a number, or None."""
    value = data.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
