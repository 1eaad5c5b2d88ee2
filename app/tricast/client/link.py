"""One connection as the core sees it, and what the core asks to be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tricast.client.message import Event
from tricast.client.options import TransportName
from tricast.errors import TricastError

# Why it was opened: because there was none, or to take over from the one that there is.
Purpose: TypeAlias = Literal["connect", "better", "topics", "token"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command asked for; `topics` are those that it adds."""

    what: Literal["subscribe", "unsubscribe", "presence", "auth"]
    topics: frozenset[str] = frozenset()


@dataclass(slots=True)
class Link:
    """A connection that was asked for. Times are the core's, in seconds.

    `topics`: what it was told to subscribe to; `confirmed`: what it is known to.
    """

    id: int
    transport: TransportName
    purpose: Purpose
    topics: frozenset[str]
    presence: bool
    token: str | None = field(repr=False)
    opened_at: float
    heard_at: float
    beat_s: float | None = None
    hello_at: float | None = None
    is_live: bool = False
    heard: bool = False
    connection: str | None = None
    confirmed: frozenset[str] = frozenset()
    asked: dict[str, Asked] = field(default_factory=dict)

    @property
    def takes_commands(self) -> bool:
        """Whether topics and token may be changed on it."""
        return self.transport == "websocket"


@dataclass(frozen=True, slots=True)
class Open:
    """Connect, and report what is said, and the end, under the number `link`.

    `known`: the server was there before, so that a stranger's refusal is only in the way.
    """

    link: int
    transport: TransportName
    topics: tuple[str, ...]
    cursor: str
    token: str | None = field(repr=False)
    presence: bool
    known: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """Close a connection; it is not heard of any more."""

    link: int


@dataclass(frozen=True, slots=True)
class Say:
    """Send a command (which may hold a token)."""

    link: int
    command: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskToken:
    """Get a token, and report it or why there is none."""


@dataclass(frozen=True, slots=True)
class Give:
    """An event for who listens: each once, in order."""

    event: Event


@dataclass(frozen=True, slots=True)
class Told:
    """Something else that the server said: a reset, a reply, who is present."""

    type: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Denied:
    """These patterns may not be subscribed to, or presence not be asked for; that was taken out again."""

    topics: frozenset[str]
    presence: bool
    error: TricastError


Action: TypeAlias = Open | Drop | Say | AskToken | Give | Told | Denied
