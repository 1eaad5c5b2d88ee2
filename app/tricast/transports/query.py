"""The query of `GET /v1/events`: the same parameters for every transport."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args
from urllib.parse import parse_qsl, quote, unquote_plus

from tricast.errors import BadRequest
from tricast.hub.presence import check_client
from tricast.hub.subscription import MAX_GLOBS, MAX_PATTERNS, Subscription
from tricast.wire.start import LATEST, Start

TransportName = Literal["websocket", "sse", "poll"]
DEFAULT_TIMEOUT_S = 25.0
MAX_TIMEOUT_S = 60.0
MAX_LIMIT = 1000
MAX_PARAMETERS = 256
MAX_REMEMBERED_BYTES = 2048
MAX_QUERY_BYTES = 32 * 1024

_ALLOWED = (
    "topic",
    "cursor",
    "type",
    "subject",
    "transport",
    "token",
    "limit",
    "timeout",
    "presence",
    "client",
    "auth",
)
_CURSOR = re.compile(rb"(?:^|(?<=&))cursor=([^&]*)&?")
# Parameters with which clients that can't set `Last-Event-ID` send it: lastEventId (event-source-polyfill,
# reconnecting-eventsource), lastEventID (Mercure), last_event_id (nchan), evs_last_event_id (eventsource.js).
_LAST_EVENT_ID = re.compile(rb"(?:^|(?<=&))(?:evs_)?last[-_]?event[-_]?id=([^&]*)&?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query without its cursor. `rest` is it as text, for the link to the next poll."""

    subscription: Subscription
    transport: TransportName | None
    limit: int
    timeout_s: float
    rest: str
    client: str | None = None
    auth_by_message: bool = False


def parse(query_string: bytes) -> tuple[Query, Start | None]:
    """The query and, if it says so, where to begin. Raises BadRequest naming the parameter.

    A parameter in the place of `Last-Event-ID` wins over `cursor=`; the last of several wins. Polls of one
    client differ in these alone, so everything else is parsed once and remembered.
    """
    if len(query_string) > MAX_QUERY_BYTES:
        raise BadRequest(
            f"the query has {len(query_string)} bytes; the limit is {MAX_QUERY_BYTES}", field="query"
        )
    last = None
    if b"d=" in query_string or b"D=" in query_string:  # cheaper than the pattern, for most queries
        last = last_event_id(query_string)
        query_string = _LAST_EVENT_ID.sub(b"", query_string).removesuffix(b"&")
    cursors = _CURSOR.findall(query_string)
    if last is not None:
        return _remembered(_CURSOR.sub(b"", query_string).removesuffix(b"&")), Start.last_event_id(last)
    if not cursors:
        return _remembered(query_string), None
    if len(cursors) > 1:
        raise BadRequest("cursor is given more than once", field="cursor")
    rest = _CURSOR.sub(b"", query_string).removesuffix(b"&")
    return _remembered(rest), _start(cursors[0])


def last_event_id(query_string: bytes) -> str | None:
    """The value of the parameter in the place of `Last-Event-ID`; None if it is missing or empty."""
    given = [value for value in _LAST_EVENT_ID.findall(query_string) if value]
    return unquote_plus(given[-1].decode("latin-1"), errors="replace") if given else None


def _remembered(query_string: bytes) -> Query:
    """`_parse`, from memory where it was asked for before (long ones are not kept: 4,096 would be 1 GB)."""
    if len(query_string) <= MAX_REMEMBERED_BYTES:
        return _parse(query_string)
    return _parse.__wrapped__(query_string)


@lru_cache(maxsize=1024)
def _start_of(text: str) -> Start:
    return Start.parse(text)


def _start(raw: bytes) -> Start:
    text = _text(raw, "cursor")
    if not text:
        return LATEST
    # Only what does not depend on the clock may be kept.
    return _start_of(text) if "-" in text and text[0] not in "+-" else Start.parse(text)


def _text(raw: bytes, field: str) -> str:
    try:
        return unquote_plus(raw.decode("ascii"), errors="strict")
    except ValueError:
        raise BadRequest(f"{field} is not percent-encoded UTF-8", field=field) from None


@lru_cache(maxsize=4096)
def _parse(query_string: bytes) -> Query:
    pairs = pairs_of(query_string)
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in _ALLOWED:
            raise _unknown_parameter(name, _ALLOWED)
        if name == "cursor" and value:
            # (written plainly, it was taken out before)
            raise BadRequest("the name of the parameter 'cursor' must not be percent-encoded", field="cursor")
        values.setdefault(name, []).append(value)
    _one(values, "token")
    for name, most in (("topic", MAX_PATTERNS), ("type", MAX_GLOBS), ("subject", MAX_GLOBS)):
        given = len(values.get(name, ()))
        if given > most:
            raise BadRequest(f"{given} {name}s were given; one subscription takes up to {most}", field=name)
    # The next poll waits, also after one that was told not to: following the links is no busy loop.
    timeout_s = _timeout(_one(values, "timeout"))
    left_out = ("cursor",) if timeout_s else ("cursor", "timeout")
    rest = "&".join(
        f"{quote(name)}={quote(value, safe='/*:,')}" for name, value in pairs if name not in left_out
    )
    return Query(
        Subscription.of(
            values.get("topic", ()),
            values.get("type", ()),
            values.get("subject", ()),
            presence=_presence(_one(values, "presence")),
        ),
        _transport(_one(values, "transport")),
        _limit(_one(values, "limit")),
        timeout_s,
        rest,
        None if (client := _one(values, "client")) is None else check_client(client),
        _auth(_one(values, "auth")),
    )


def pairs_of(query_string: bytes) -> Sequence[tuple[str, str]]:
    """The parameters of a query, decoded, in order. Raises BadRequest if it can't be read."""
    if not query_string:
        return ()
    try:
        return parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError as error:
        why = "it is not percent-encoded UTF-8"
        if not isinstance(error, UnicodeError):
            why = f"it has more than {MAX_PARAMETERS} parameters"
        raise BadRequest(f"the query can not be read: {why}", field="query") from None


def known_parameters(
    pairs: Iterable[tuple[str, str]], names: Collection[str], repeated: Collection[str] = ()
) -> dict[str, str]:
    """The parameters `names`, each given at most once, and `repeated`, of which the last value is taken.

    `token` is skipped, as the gate reads it. Raises BadRequest naming any other parameter.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name == "token":
            continue
        if name not in names and name not in repeated:
            raise _unknown_parameter(name, (*names, *repeated))
        if name in found and name not in repeated:
            raise BadRequest(f"{name} is given more than once", field=name)
        found[name] = value
    return found


def _unknown_parameter(name: str, allowed: Iterable[str]) -> BadRequest:
    known = ", ".join(allowed) or "none"
    return BadRequest(f"unknown parameter {name[:80]!r}; allowed are: {known}", field=name[:80] or None)


def _one(values: dict[str, list[str]], name: str) -> str | None:
    given = values.get(name)
    if given is None:
        return None
    if len(given) > 1:
        raise BadRequest(f"{name} is given more than once", field=name)
    return given[0]


def _transport(text: str | None) -> TransportName | None:
    if text is None:
        return None
    for name in get_args(TransportName):
        if text == name:
            return name  # type: ignore[no-any-return]
    raise BadRequest(
        f"transport {text[:80]!r} must be one of {', '.join(get_args(TransportName))}", field="transport"
    )


def _presence(text: str | None) -> bool:
    if text not in (None, "0", "1"):
        raise BadRequest(f"presence {text[:80]!r} must be 1 or 0", field="presence")
    return text == "1"


def _auth(text: str | None) -> bool:
    if text not in (None, "message"):
        raise BadRequest(f"auth {text[:80]!r} must be 'message' or left out", field="auth")
    return text is not None


def _limit(text: str | None) -> int:
    if text is None:
        return MAX_LIMIT
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise BadRequest(f"limit {text[:80]!r} must be a number from 1 to {MAX_LIMIT}", field="limit")
    return int(text)


def _timeout(text: str | None) -> float:
    if text is None:
        return DEFAULT_TIMEOUT_S
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) or float(text) > MAX_TIMEOUT_S:
        raise BadRequest(
            f"timeout {text[:80]!r} must be a number of seconds from 0 to {MAX_TIMEOUT_S:g}",
            field="timeout",
        )
    return float(text)
