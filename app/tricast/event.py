"""Events: what a publisher hands in (`Draft`) and what the log gives out (`Event`).

On the wire an event is CloudEvents 1.0 JSON. The log stores those bytes without
the two members that come first, `specversion` and `cursor`: an event's cursor
depends on the log that it stands in, so it is spliced in on reading.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

import orjson

from tricast.errors import BadRequest, TooLarge
from tricast.pattern import SYSTEM_APP, app_of, check_topic

DEFAULT_TYPE = "message"
EVENTS_SHELF = "events"
AUDIT_SHELF = "audit"
MAX_EVENT_BYTES = 256 * 1024
MAX_ATTRIBUTE_CHARS = 255
MAX_DEPTH = 64

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TYPE = re.compile(r"[A-Za-z0-9._:/+@~-]{1,128}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EXTENSION = re.compile(r"[a-z0-9]{1,40}")
_PREFIX = b'{"specversion":"1.0","cursor":"'
_PREFIX_EPHEMERAL = b'{"specversion":"1.0",'
_TRACING = ("traceparent", "tracestate")  # they belong to the request, so a repetition has others
_MAX_TRACESTATE_CHARS = 512  # W3C Trace Context §3.3.1.5
_ATTRIBUTES = ("id", "source", "type", "topic", "subject", "time", "datacontenttype")
_ENVELOPE = frozenset((*_ATTRIBUTES, "specversion", "cursor", "data", "data_base64"))

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _CROCKFORD for b in _CROCKFORD]


class _Ids:
    """ULID-shaped ids: 48 bits of time, 60 random bits per millisecond, then a counter.

    The ids of one thread rise. Two ids are never equal: threads share a counter that advances
    atomically, and a forked process draws new random bits.
    """

    def __init__(self) -> None:
        self.reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Draw new random bits for the next id."""
        self._random = random.Random(os.urandom(16))
        self._stem = (-1, "", count())

    def next(self, ms: int) -> str:
        at, stem, counter = self._stem
        number = next(counter)
        if ms != at or number >= 1 << 20:
            stem = _base32(ms, 5) + _base32(self._random.getrandbits(60), 6)
            self._stem = (ms, stem, count(1))
            number = 0
        return stem + _PAIRS[number >> 10] + _PAIRS[number & 1023]


def _base32(number: int, pairs: int) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(10 * (pairs - 1), -1, -10)])


_ids = _Ids()


def new_id() -> str:
    """A fresh event id, 26 characters, sortable by time."""
    return _ids.next(time.time_ns() // 1_000_000)


def rfc3339(ms: int) -> str:
    """Milliseconds since 1970 as `2026-01-01T12:00:00.000Z`."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


class Draft(NamedTuple):
    """A checked event on its way into the log. Make it with `draft()`.

    `body` is its JSON without `specversion` and `cursor`, beginning after the
    brace. `digest` is set only where the publisher gave the id: it tells a
    repetition (same content) from a clash (other content).
    """

    topic: str
    type: str
    id: str
    source: str
    body: bytes
    subject: str | None = None
    shelf: str = EVENTS_SHELF
    digest: bytes | None = None
    ephemeral: bool = False

    @property
    def app(self) -> str:
        return self.topic.partition("/")[0]


class Event(NamedTuple):
    """An event of the log, or an ephemeral one (`offset` None, no cursor).

    `json` is the whole envelope as every transport sends it. `time_ms` is the
    append time, which never decreases along the log.
    """

    offset: int | None
    topic: str
    type: str
    subject: str | None
    time_ms: int
    json: bytes

    @staticmethod
    def stored(
        offset: int, cursor: str, topic: str, type: str, subject: str | None, time_ms: int, body: bytes
    ) -> Event:
        """An event as read from the log, its cursor spliced in."""
        return Event(offset, topic, type, subject, time_ms, b"".join((_PREFIX, cursor.encode(), b'",', body)))

    @staticmethod
    def passing(draft: Draft, time_ms: int) -> Event:
        """An ephemeral event: no offset, no cursor."""
        return Event(None, draft.topic, draft.type, draft.subject, time_ms, _PREFIX_EPHEMERAL + draft.body)

    @property
    def envelope(self) -> dict[str, Any]:
        """The whole CloudEvent as a dict."""
        parsed: dict[str, Any] = orjson.loads(self.json)
        return parsed

    @property
    def data(self) -> Any:
        """The event's data, parsed (None where it has none)."""
        return self.envelope.get("data")

    @property
    def id(self) -> str:
        return str(self.envelope["id"])

    @property
    def cursor(self) -> str | None:
        """The position just after this event, to resume from; None on ephemeral events."""
        return self.envelope.get("cursor")


def draft(
    topic: str,
    data: Any = None,
    *,
    source: str,
    type: str = DEFAULT_TYPE,
    id: str | None = None,
    subject: str | None = None,
    time: str | None = None,
    datacontenttype: str | None = None,
    data_base64: str | None = None,
    extensions: Mapping[str, str | int | bool] | None = None,
    shelf: str = EVENTS_SHELF,
    ephemeral: bool = False,
    max_event_bytes: int = MAX_EVENT_BYTES,
) -> Draft:
    """A checked `Draft`.

    An event of the app `tricast` stands on the shelf `audit`, whatever `shelf` says:
    the log finds them by it. Raises BadRequest naming the attribute that is wrong, or
    TooLarge when the event's JSON has more than `max_event_bytes`.
    """
    check_topic(topic)
    _check_type(type)
    ms = time_ms()
    attributes: dict[str, Any] = {
        "id": new_id() if id is None else check_attribute(id, "id"),
        "source": check_attribute(source, "source"),
        "type": type,
        "topic": topic,
    }
    if subject is not None:
        attributes["subject"] = check_attribute(subject, "subject")
    attributes["time"] = rfc3339(ms) if time is None else _time(time)
    if data_base64 is not None:
        attributes["datacontenttype"] = _content_type(datacontenttype, "application/octet-stream")
        attributes["data_base64"] = data_base64
    else:
        attributes["datacontenttype"] = _content_type(datacontenttype, "application/json")
        attributes["data"] = data
    for name, value in (extensions or {}).items():
        attributes[name] = _extension(name, value)
    body = _encode(attributes, data)[1:]
    if len(body) > max_event_bytes:
        raise _too_large(topic, len(body), max_event_bytes)
    digest = None if id is None else _digest(attributes, timed=time is not None)
    if app_of(topic) == SYSTEM_APP:
        shelf = AUDIT_SHELF
    return Draft(topic, type, attributes["id"], source, body, subject, shelf, digest, ephemeral)


def plain(
    topic: str, data: Any, *, source: str, type: str = DEFAULT_TYPE, max_event_bytes: int = MAX_EVENT_BYTES
) -> Draft:
    """What `draft` makes of these alone, at a third of the cost: most events have nothing else."""
    names, shelf = _named(topic, type, source)
    ms = time_ms()
    id = _ids.next(ms)
    encoded = _encode(data, data)
    body = b"".join((b'"id":"', id.encode(), names, rfc3339(ms).encode(), _PLAIN_DATA, encoded, b"}"))
    if len(body) > max_event_bytes:
        raise _too_large(topic, len(body), max_event_bytes)
    return Draft(topic, type, id, source, body, None, shelf)


_PLAIN_DATA = b'","datacontenttype":"application/json","data":'


@lru_cache(maxsize=16_384)
def _named(topic: str, type: str, source: str) -> tuple[bytes, str]:
    """The members between id and time, checked; and the shelf."""
    check_topic(topic)  # (first: the default source is made of it)
    _check_type(type)
    attributes = {"source": check_attribute(source, "source"), "type": type, "topic": topic}
    shelf = AUDIT_SHELF if app_of(topic) == SYSTEM_APP else EVENTS_SHELF
    return b'",' + orjson.dumps(attributes)[1:-1] + b',"time":"', shelf


def _too_large(topic: str, size: int, limit: int) -> TooLarge:
    return TooLarge(f"the event on {topic!r} has {size} bytes as JSON; the limit is {limit}", field="data")


def _check_type(type: str) -> None:
    if not _TYPE.fullmatch(type):
        raise BadRequest(
            f"type {type[:80]!r} must be 1-128 characters of A-Z a-z 0-9 . _ : / + @ ~ -", field="type"
        )


def time_ms() -> int:
    """Milliseconds since 1970, by the wall clock."""
    return time.time_ns() // 1_000_000


def _digest(attributes: dict[str, Any], *, timed: bool) -> bytes:
    left_out = _TRACING if timed else (*_TRACING, "time")
    content = {name: value for name, value in attributes.items() if name not in left_out}
    encoded = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(encoded, digest_size=16).digest()


# The line boundaries of `str.splitlines` that JSON does not escape anyway: NEL, LINE and PARAGRAPH SEPARATOR.
_LINE_ENDS = ((b"\xc2\x85", rb"\u0085"), (b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"))


def one_line(json: bytes) -> bytes:
    """The same JSON value without any character that ends a line, each escaped (RFC 8259 §7).

    Some clients split event streams and NDJSON at all of Unicode's line boundaries (httpx's `iter_lines`).
    """
    for character, escaped in _LINE_ENDS:
        if character in json:
            json = json.replace(character, escaped)
    return json


def _encode(value: Any, data: Any) -> bytes:
    """`value` as JSON on one line. Raises BadRequest if `data` is no JSON, or is nested too deeply."""
    try:
        encoded = orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError) as error:
        check_depth(data)
        raise BadRequest(f"data can not be written as JSON: {error}", field="data") from None
    if encoded.count(b"{") + encoded.count(b"[") > MAX_DEPTH:
        check_depth(data)
    return one_line(encoded)


def check_depth(value: Any, limit: int = MAX_DEPTH) -> None:
    """Raises BadRequest if `value` nests lists and objects deeper than `limit`."""
    level: list[Any] = [value]
    for _ in range(limit):
        children: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                children.extend(item.values())
            elif isinstance(item, list):
                children.extend(item)
        level = [c for c in children if isinstance(c, dict | list)]
        if not level:
            return
    raise BadRequest(f"data is nested deeper than {limit} levels", field="data")


def check_attribute(value: str, name: str, most: int = MAX_ATTRIBUTE_CHARS) -> str:
    """`value`, if an attribute can have it; else BadRequest naming `name`."""
    if not 1 <= len(value) <= most or _CONTROL.search(value):
        raise BadRequest(
            f"{name} {value[:80]!r} must be 1-{most} characters without control characters",
            field=name,
        )
    return value


def _content_type(value: str | None, default: str) -> str:
    return default if value is None else check_attribute(value, "datacontenttype")


def _time(value: str) -> str:
    parse_time(check_attribute(value, "time"), "time")
    return value


def parse_time(value: str, field: str) -> int:
    """An RFC 3339 time as milliseconds since 1970. Raises BadRequest naming `field`."""
    try:
        if not _TIME.fullmatch(value):
            raise ValueError
        return int(datetime.fromisoformat(value.upper()).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{field} {value[:80]!r} is not an RFC 3339 time such as 2026-01-01T12:00:00Z", field=field
        ) from None


def _extension(name: str, value: str | int | bool) -> str | int | bool:
    if name in _ENVELOPE or not _EXTENSION.fullmatch(name):
        raise BadRequest(
            f"unknown member {name[:80]!r}: CloudEvents extensions are lower-case letters and digits",
            field=name[:80],
        )
    if isinstance(value, str):
        most = _MAX_TRACESTATE_CHARS if name == "tracestate" else MAX_ATTRIBUTE_CHARS
        return check_attribute(value, name, most) if value else value
    # (checked, because what a publisher sends as an extension is anything at all)
    if type(value) in (bool, int) and -(2**31) <= value < 2**31:
        return value
    raise BadRequest(f"the extension {name!r} must be a string, a boolean or a 32-bit integer", field=name)
