"""WebSocket commands: what a client may say on a connection. Pure parsing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from tricast.errors import BadRequest, shortly

MAX_ITEMS = 128


@dataclass(frozen=True, slots=True)
class Subscribe:
    topics: tuple[str, ...]
    cursor: str | None
    types: tuple[str, ...] | None
    subjects: tuple[str, ...] | None
    presence: bool | None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Publish:
    """`body` is what would stand in the body of `POST /v1/events`: an object, or a list of them."""

    body: Any


@dataclass(frozen=True, slots=True)
class Presence:
    """Join `topic`, or leave it. `has_state` tells a `state` of null from none at all."""

    topic: str
    state: Any
    has_state: bool
    leave: bool


@dataclass(frozen=True, slots=True)
class Auth:
    token: str


@dataclass(frozen=True, slots=True)
class Ping:
    pass


Body = Subscribe | Unsubscribe | Publish | Presence | Auth | Ping


@dataclass(frozen=True, slots=True)
class Command:
    """A command and the `ref` that its reply echoes. `problem`: it was understood to be wrong."""

    op: str | None
    ref: Any
    body: Body | None
    problem: BadRequest | None = None


def parse(text: str | bytes) -> Command:
    """A command. Raises BadRequest if it is no JSON object (the connection ends: 4400).

    A JSON object that is no valid command comes back with its `problem`, to be
    told in a reply: the connection stays.
    """
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the message is not JSON: {error}", field="message") from None
    if not isinstance(message, dict):
        raise BadRequest("the message must be a JSON object with an 'op'", field="message")
    ref = message.pop("ref", None)
    asked = message.pop("op", None)
    reader = _READERS.get(asked) if isinstance(asked, str) else None
    op = None if reader is None else asked
    try:
        if ref is not None and (type(ref) not in (str, int) or len(str(ref)) > 128):
            ref = None
            raise BadRequest("ref must be a string of up to 128 characters or an integer", field="ref")
        if reader is None:
            shown = "is missing; it" if asked is None else shortly(asked)
            raise BadRequest(f"op {shown} must be one of {', '.join(_READERS)}", field="op")
        body = reader(message)
        if message:
            name = next(iter(message))
            raise BadRequest(f"unknown member {name[:80]!r} in {op!r}", field=name[:80])
    except BadRequest as problem:
        return Command(op, ref, None, problem)
    return Command(op, ref, body)


def _subscribe(message: dict[str, Any]) -> Subscribe:
    cursor = message.pop("cursor", None)
    if cursor is not None and not isinstance(cursor, str):
        raise BadRequest("cursor must be a string", field="cursor")
    return Subscribe(
        _strings(message, "topics") or _missing("topics"),
        cursor,
        _strings(message, "type"),
        _strings(message, "subject"),
        _flag(message, "presence"),
    )


def _unsubscribe(message: dict[str, Any]) -> Unsubscribe:
    return Unsubscribe(_strings(message, "topics") or _missing("topics"))


def _publish(message: dict[str, Any]) -> Publish:
    if "events" in message:
        return Publish(message.pop("events"))
    body = dict(message)
    message.clear()
    return Publish(body)


def _presence(message: dict[str, Any]) -> Presence:
    topic = message.pop("topic", None)
    if not isinstance(topic, str):
        raise BadRequest("topic must be a string: the topic to join or leave", field="topic")
    leave = _flag(message, "leave") or False
    has_state = "state" in message
    if leave and has_state:
        raise BadRequest("state is of no use to who leaves: leave it out", field="state")
    return Presence(topic, message.pop("state", None), has_state, leave)


def _auth(message: dict[str, Any]) -> Auth:
    token = message.pop("token", None)
    if not isinstance(token, str) or not token:
        raise BadRequest("token must be a string", field="token")
    return Auth(token)


def _strings(message: dict[str, Any], name: str) -> tuple[str, ...] | None:
    value = message.pop(name, None)
    if value is None:
        return None
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and len(value) > MAX_ITEMS:
        raise BadRequest(f"{name} has {len(value)} items; up to {MAX_ITEMS} are taken", field=name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadRequest(f"{name} must be a list of strings", field=name)
    return tuple(value)


def _flag(message: dict[str, Any], name: str) -> bool | None:
    value = message.pop(name, None)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false", field=name)
    return value


def _missing(name: str) -> tuple[str, ...]:
    raise BadRequest(f"{name} is missing; give a list of patterns", field=name)


_READERS: dict[str, Callable[[dict[str, Any]], Body]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "publish": _publish,
    "presence": _presence,
    "auth": _auth,
    "ping": lambda _: Ping(),
}
