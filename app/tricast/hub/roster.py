"""Who is connected, as an operator sees it: who, over what, in which state, and how far behind."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tricast.errors import TricastError
from tricast.hub.caller import Caller
from tricast.hub.connections import Connection, Connections
from tricast.hub.fanout import Fanout
from tricast.hub.poll import Poll
from tricast.hub.session import Session
from tricast.hub.subscriber import State as StreamState
from tricast.log.base import Bounds

State = StreamState | Literal["waiting"]
Sort = Literal["lag", "since"]
_SLICE: Final = 1000


@dataclass(frozen=True, slots=True)
class Connected:
    """One connection as of one moment.

    `since` is in seconds since 1970. `lag` is how many events of the log, on whatever
    topics, lie between its position and fan-out's. A connection that somebody else
    writes to (`Hub.session`) has neither patterns nor a position.
    """

    caller: Caller
    patterns: tuple[str, ...]
    state: State
    since: float
    lag: int
    position: str | None


class Roster:
    """The connections of a hub, to look at and to end."""

    def __init__(
        self,
        connections: Connections,
        fanout: Fanout,
        bounds: Callable[[], Bounds],
        *,
        check_loop: Callable[[], None],
    ) -> None:
        self._connections = connections
        self._fanout = fanout
        self._bounds = bounds
        self._check_loop = check_loop

    async def look(
        self, wanted: Callable[[Caller], bool], *, sort: Sort = "since", limit: int = 100
    ) -> tuple[list[Connected], int]:
        """Those who are wanted, at most `limit`; and how many they are.

        By `lag` the one furthest behind is first, by `since` the newest. Many are looked
        through in slices, so that nobody waits meanwhile; who left in between is left out.
        """
        self._check_loop()
        ranked: list[tuple[float, str]] = []
        for index, connection in enumerate(self._connections):
            if index % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            if wanted(connection.caller):
                rank = self._lag(connection) if sort == "lag" else connection.since
                ranked.append((rank, connection.caller.connection))
        found = []
        for _, id in heapq.nlargest(limit, ranked):
            there = self._connections.get(id)
            if there is not None:
                found.append(self._connected(there))
        return found, len(ranked)

    def caller(self, id: str) -> Caller | None:
        """Who is at the other end of the connection with this id, while it is open."""
        found = self._connections.get(id)
        return None if found is None else found.caller

    def end(self, id: str, problem: TricastError, *, reason: str, reconnect_after_ms: int) -> bool:
        """End the connection with this id; whether it was still there."""
        self._check_loop()
        found = self._connections.get(id)
        if found is None:
            return False
        self._connections.end_one(found, problem, reason=reason, reconnect_after_ms=reconnect_after_ms)
        return True

    def _connected(self, connection: Connection) -> Connected:
        at = self._where(connection)
        return Connected(
            connection.caller,
            _patterns(connection),
            _state(connection),
            connection.since,
            self._lag(connection),
            None if at is None else self._bounds().cursor(at),
        )

    def _lag(self, connection: Connection) -> int:
        at = self._where(connection)
        return 0 if at is None else max(0, self._fanout.position - at)

    def _where(self, connection: Connection) -> int | None:
        """Up to which offset it was written everything."""
        if isinstance(connection, Session):
            return None
        if not isinstance(connection, Poll):
            return connection.where()
        if connection.task is not None:
            return connection.position
        # (nothing stands between a parked poll and the first hit of its desk)
        hit = None if connection.desk is None else connection.desk.first_hit
        return self._fanout.position if hit is None else max(connection.position, hit)


def _state(connection: Connection) -> State:
    if isinstance(connection, Session):
        return "live"
    if isinstance(connection, Poll):
        return "waiting" if connection.task is None else "replaying"
    return connection.state


def _patterns(connection: Connection) -> tuple[str, ...]:
    if isinstance(connection, Session):
        return ()
    return tuple(pattern.text for pattern in connection.subscription.patterns)
