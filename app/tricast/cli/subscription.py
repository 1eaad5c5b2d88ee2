"""A subscription from the outside: what is asked for, what comes, and why it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson

from tricast.cli.connection import explain

T = TypeVar("T")

HELLO_S = 10.0
_BEATS = 3
_LATER = frozenset({408, 425, 429})


class Ended(Exception):
    """Why a session is over."""


class Refused(Ended):
    """The server said no, and will say so again."""


class Unusable(Ended):
    """This transport doesn't get through to the server; another may."""


class Dropped(Ended):
    """The connection is gone, or isn't to be had yet. `after_s`: when to come back, if that was said."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Message:
    """An event or control event: parsed, and as it came."""

    envelope: dict[str, Any]
    text: str

    @property
    def control(self) -> str | None:
        """`hello`, `reset` and so on; None for an event."""
        type = str(self.envelope.get("type", ""))
        is_control = self.envelope.get("source") == "/tricast" and "topic" not in self.envelope
        return type.removeprefix("tricast.") if is_control and type.startswith("tricast.") else None

    @property
    def data(self) -> dict[str, Any]:
        data = self.envelope.get("data")
        return data if isinstance(data, dict) else {}


@dataclass(frozen=True, slots=True)
class Query:
    """What is subscribed to."""

    topics: Sequence[str]
    types: Sequence[str] = ()
    subjects: Sequence[str] = ()

    def encoded(self, cursor: str, **more: str) -> str:
        """As a URL's query."""
        named = (("topic", self.topics), ("type", self.types), ("subject", self.subjects))
        pairs = [(name, value) for name, values in named for value in values]
        return urlencode([*pairs, ("cursor", cursor), *more.items()])


def message(text: str | bytes) -> Message:
    """Raises Dropped if `text` isn't one: something in between has garbled it."""
    try:
        envelope = orjson.loads(text)
    except orjson.JSONDecodeError:
        envelope = None
    if not isinstance(envelope, dict):
        raise Dropped("a message was not a JSON object")
    return Message(envelope, text if isinstance(text, str) else text.decode())


def check_end(said: Message) -> None:
    """Raises what ends a stream, if `said` is that."""
    if said.control == "error":
        raise refusal(int(said.data.get("status", 500)), explain(said.data), said.data.get("retry_after_s"))
    if said.control == "goodbye":
        after_ms = said.data.get("reconnect_after_ms", 0)
        reason = str(said.data.get("reason", "goodbye"))
        if not after_ms:
            raise Refused(f"the server ended the stream: {reason}")
        raise Dropped(reason, after_ms / 1000)


def refusal(status: int, why: str, after_s: float | None = None) -> Ended:
    """What an HTTP status means for somebody who wants to subscribe."""
    return Dropped(why, after_s) if status >= 500 or status in _LATER else Refused(why)


class Patience:
    """How long silence is bearable: briefly before hello, then some heartbeats."""

    def __init__(self) -> None:
        self.seconds = HELLO_S
        self.greeted = False

    def hear(self, said: Message) -> None:
        if said.control == "hello":
            self.greeted = True
            self.seconds = _BEATS * float(said.data.get("heartbeat_s", 15))

    async def wait(self, something: Awaitable[T]) -> T:
        """`something`, unless patience ends first: then Dropped, or Unusable before hello."""
        try:
            async with asyncio.timeout(self.seconds):
                return await something
        except TimeoutError:
            if self.greeted:
                raise Dropped(f"nothing heard for {self.seconds:g} s") from None
            raise Unusable(f"connected, but no hello for {HELLO_S:g} s") from None
