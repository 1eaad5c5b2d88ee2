"""Which connection of this hub is on which topics, and how long its places outlive it.

There is no task and no timer per connection: `tick` gives up what is due, `look`
sees who has gone silent, and both are called by the hub's one ticker.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, Literal, NamedTuple, Protocol

from tricast.errors import BadRequest, TooMany
from tricast.hub.caller import Caller
from tricast.presence.base import Member, Presence

MAX_TOPICS: Final = 16
MAX_CLIENTS: Final = 1000
MAX_PLACES: Final = 200_000
POLL_LINGER_S: Final = 60.0  # DELIVERY.md 26

Kind = Literal["stream", "client", "hub"]


class Keep(Enum):
    """`KEEP`: leave the state of this connection as it is."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


class Peer(Protocol):
    """A stream, as presence sees it."""

    def is_silent(self, now: float, beat_s: float) -> bool: ...


class Client(NamedTuple):
    """Who polls, by an id of its own choice: its polls have no connection in common."""

    caller: Caller
    id: str

    @property
    def key(self) -> str:
        """Nobody else's: no app, subject or id holds a line feed, and no connection's id does."""
        grant = self.caller.grant
        return f"{grant.app or ''}\n{grant.subject}\n{self.id}"


class Seat:
    """What one connection holds: topics, each with its state. `key` is its connection to the port."""

    __slots__ = ("away", "caller", "key", "kind", "lost", "peer", "silent_since", "subject", "topics")

    def __init__(self, key: str, kind: Kind, caller: Caller, peer: Peer | None) -> None:
        self.key = key
        self.kind = kind
        self.caller = caller
        self.subject = caller.grant.subject
        self.peer = peer
        self.topics: dict[str, bytes | None] = {}
        self.lost = False
        self.away = False  # silent for so long that its places were given up, but not yet lost
        self.silent_since: float | None = None


class Attendance:
    """The seats of this hub. All methods are synchronous; times are those of the event loop."""

    def __init__(self, places: Presence, *, linger_s: float, heartbeat_s: float) -> None:
        self._port = places
        self._linger_s = linger_s
        self._beat_s = heartbeat_s
        self._seats: dict[str, Seat] = {}
        self._places = 0
        # In the order in which they are due: each has one constant added to the time it came.
        self._lost: dict[Seat, float] = {}
        self._idle: dict[Seat, float] = {}
        # What lost connections hold, by topic and subject: whoever comes back takes it over.
        self._vacant: dict[tuple[str, str], dict[Seat, None]] = {}
        self._polls: dict[str, str] = {}  # waiting polls: from their connection to their client's key
        self._waiting: Counter[str] = Counter()
        self._clients: Counter[tuple[str | None, str]] = Counter()

    def clear(self) -> None:
        """Forget everybody."""
        for everything in (self._seats, self._lost, self._idle, self._vacant, self._polls):
            everything.clear()
        self._waiting.clear()
        self._clients.clear()
        self._places = 0

    def seat(self, key: str) -> Seat | None:
        """What the connection holds, if anything; also for a while after it was lost."""
        return self._seats.get(key)

    # Joining and leaving

    def join(
        self,
        topic: str,
        state: bytes | Keep | None,
        *,
        key: str,
        kind: Kind,
        caller: Caller,
        peer: Peer | None = None,
    ) -> Member:
        """Put a connection on `topic`, or change its state there. Raises BadRequest, TooMany."""
        seat = self._seats.get(key)
        if seat is None or topic not in seat.topics:
            self._check_room(seat, kind, caller)
        if seat is None:
            seat = self._seats[key] = Seat(key, kind, caller, peer)
            if kind == "client":
                self._clients[_owner(caller)] += 1
        seat.caller = caller
        self._return(seat)
        if kind == "client":
            self._stay(seat)
        is_new = topic not in seat.topics
        held = seat.topics.get(topic) if isinstance(state, Keep) else state
        if not is_new and isinstance(state, Keep) and (member := self._port.member(topic, seat.subject)):
            return member
        seat.topics[topic] = held
        member = self._port.hold(topic, seat.subject, key, held)
        if is_new:
            self._places += 1
            member = self._take_over(topic, seat.subject) or member
        return member

    def leave(self, key: str, topic: str) -> None:
        """Take a connection off `topic`, at once."""
        seat = self._seats.get(key)
        if seat is not None and topic in seat.topics:
            self._give_up(seat, topic)

    def end(self, match: Callable[[Caller], bool]) -> None:
        """Give up, at once, what connections hold whose caller matches."""
        for seat in [seat for seat in self._seats.values() if match(seat.caller)]:
            self._give_up_all(seat)

    def _check_room(self, seat: Seat | None, kind: Kind, caller: Caller) -> None:
        if seat is not None and kind != "hub" and len(seat.topics) >= MAX_TOPICS:
            raise BadRequest(
                f"this connection is on {MAX_TOPICS} topics, which is the limit; leave one first",
                field="topic",
            )
        if self._places >= MAX_PLACES:
            raise TooMany(f"the server holds {MAX_PLACES} places, its limit; try later", retry_after_s=5)
        if seat is None and kind == "client" and self._clients[_owner(caller)] >= MAX_CLIENTS:
            raise TooMany(
                f"{caller.grant.subject!r} has {MAX_CLIENTS} clients that poll, which is the limit; use one "
                "id per client, again and again",
                retry_after_s=POLL_LINGER_S,
            )

    def _take_over(self, topic: str, subject: str) -> Member | None:
        """Who reloads a page comes back before it is missed: the new place takes that of the lost one."""
        vacant = self._vacant.get((topic, subject))
        if not vacant:
            return None
        self._give_up(next(iter(vacant)), topic)
        return self._port.member(topic, subject)

    def _give_up(self, seat: Seat, topic: str) -> None:
        del seat.topics[topic]
        self._places -= 1
        if seat.lost:
            vacant = self._vacant[(topic, seat.subject)]
            del vacant[seat]
            if not vacant:
                del self._vacant[(topic, seat.subject)]
        if not seat.away:
            self._port.release(topic, seat.subject, seat.key)
        if not seat.topics:
            self._drop(seat)

    def _give_up_all(self, seat: Seat) -> None:
        for topic in list(seat.topics):
            self._give_up(seat, topic)

    def _drop(self, seat: Seat) -> None:
        del self._seats[seat.key]
        self._lost.pop(seat, None)
        self._idle.pop(seat, None)
        if seat.kind == "client":
            owner = _owner(seat.caller)
            self._clients[owner] -= 1
            if not self._clients[owner]:
                del self._clients[owner]

    # Connections that come and go

    def polling(self, client: Client) -> None:
        """A poll of `client` waits. (Told of each, also of clients that are on no topic.)"""
        key = client.key
        self._polls[client.caller.connection] = key
        self._waiting[key] += 1
        seat = self._seats.get(key)
        if seat is not None:
            seat.caller = client.caller
            self._stay(seat)

    def gone(self, connection: str) -> None:
        """A stream was lost, or a poll answered. (Told of each; most are on no topic.)"""
        key = self._polls.pop(connection, None)
        if key is not None:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
            seat = self._seats.get(key)
            if seat is not None:
                self._stay(seat)
            return
        seat = self._seats.get(connection)
        if seat is not None:
            self._lose(seat)

    def _stay(self, seat: Seat) -> None:
        """A client that polls stays while a poll of its waits, and a minute longer."""
        self._idle.pop(seat, None)
        if not self._waiting.get(seat.key):
            self._idle[seat] = asyncio.get_running_loop().time() + POLL_LINGER_S

    def _lose(self, seat: Seat) -> None:
        seat.peer = None
        if seat.away or self._linger_s <= 0:  # (silence was patience enough)
            self._give_up_all(seat)
            return
        seat.lost = True
        self._lost[seat] = asyncio.get_running_loop().time() + self._linger_s
        for topic in seat.topics:
            self._vacant.setdefault((topic, seat.subject), {})[seat] = None

    # Time

    def tick(self, now: float) -> None:
        """Give up what lost streams held, and clients that poll no more."""
        for due in (self._lost, self._idle):
            while due:
                seat, at = next(iter(due.items()))
                if at > now:
                    break
                self._give_up_all(seat)

    def seats(self) -> list[Seat]:
        """Those whose peers are to be looked at."""
        return [seat for seat in self._seats.values() if seat.peer is not None]

    def look(self, seats: Iterable[Seat], now: float) -> None:
        """Give up the places of streams whose peer owes a sign of life, until it gives one.

        A stream is known to be dead only after two beats without a pong, or a minute
        without an acknowledgement. For half a beat without either its member is away:
        so it is gone within two beats of having vanished, and that is no goodbye.
        """
        for seat in seats:
            if seat.peer is None:
                continue
            if not seat.peer.is_silent(now, self._beat_s):
                self._return(seat)
            elif seat.silent_since is None:
                seat.silent_since = now
            elif not seat.away and now - seat.silent_since >= self._beat_s / 2:
                seat.away = True
                for topic in seat.topics:
                    self._port.release(topic, seat.subject, seat.key)

    def _return(self, seat: Seat) -> None:
        seat.silent_since = None
        if seat.away:
            seat.away = False
            for topic, state in seat.topics.items():
                self._port.hold(topic, seat.subject, seat.key, state)


def _owner(caller: Caller) -> tuple[str | None, str]:
    return caller.grant.app, caller.grant.subject
