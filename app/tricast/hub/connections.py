"""Everybody who is connected: until when they may be, and how they are told that it ends."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from tricast.errors import Draining, TricastError, Unauthorized
from tricast.hub.caller import Caller
from tricast.hub.desks import PollDesks
from tricast.hub.expiry import Deadlines
from tricast.hub.options import Stats
from tricast.hub.poll import Poll
from tricast.hub.session import Session
from tricast.hub.subscriber import Subscriber

_SLICE = 200
# Longer than a usual restart: an EventSource that reconnects earlier may get a proxy's 502, which is final.
RESTART_MS: Final = 2000

Connection = Subscriber | Poll | Session


class Connections:
    """Streams and waiting polls by connection id. `gone(caller)` is called when one has ended."""

    def __init__(self, desks: PollDesks, gone: Callable[[Caller], None]) -> None:
        self._desks = desks
        self._gone = gone
        self._open: dict[str, Connection] = {}
        self._empty = asyncio.Event()
        self.deadlines = Deadlines(self._expire)

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        """Those there are now: they may go while one iterates."""
        return iter(list(self._open.values()))

    def get(self, connection: str) -> Connection | None:
        """The one with this id, while it is open."""
        return self._open.get(connection)

    def find(self, connection: str) -> Subscriber | Session | None:
        """The stream or session with this id, while it is open."""
        found = self._open.get(connection)
        return None if isinstance(found, Poll) else found

    def streams(self) -> list[Subscriber]:
        """The push subscribers."""
        return [each for each in self._open.values() if isinstance(each, Subscriber)]

    def callers(self) -> dict[str, Caller]:
        """Who is connected, by connection id. May be called from any thread."""
        # `list(items())` creates tuples, so that the garbage collector may run and let other threads in;
        # `copy` creates none.
        return {key: connection.caller for key, connection in self._open.copy().items()}

    def add(self, connection: Connection) -> None:
        """Take in one who has come."""
        connection.since = time.time()
        self._open[connection.caller.connection] = connection
        connection.on_closed = self._remove
        self._bound(connection)

    def renew(self, subscriber: Subscriber, caller: Caller) -> None:
        """Put a renewed grant in the place of the old one (DELIVERY.md 22)."""
        if subscriber.state == "closed":
            return
        self.deadlines.remove(subscriber)
        subscriber.caller = caller
        self._bound(subscriber)

    def _bound(self, connection: Connection) -> None:
        expires_at = connection.caller.grant.expires_at
        if expires_at is not None:
            self.deadlines.add(connection, expires_at)

    def _remove(self, connection: Connection) -> None:
        self._open.pop(connection.caller.connection, None)
        if not self._open:
            self._empty.set()
        self.deadlines.remove(connection)
        self._gone(connection.caller)

    def _expire(self, connection: Any) -> None:
        if isinstance(connection, Poll):
            self._desks.expire(connection)
        else:
            problem = Unauthorized("the token has expired; connect with a new one, or renew by 'auth'")
            connection.close(problem, reason="expired")

    def end(
        self,
        match: Callable[[Caller], bool],
        problem: TricastError,
        *,
        reason: str | None = None,
        reconnect_after_ms: int = 0,
    ) -> int:
        """End those whose caller matches, with `problem`; how many there were."""
        chosen = [connection for connection in self if match(connection.caller)]
        for connection in chosen:
            self.end_one(connection, problem, reason=reason, reconnect_after_ms=reconnect_after_ms)
        return len(chosen)

    def end_one(
        self,
        connection: Connection,
        problem: TricastError,
        *,
        reason: str | None = None,
        reconnect_after_ms: int = 0,
    ) -> None:
        """End this one, with `problem`."""
        if isinstance(connection, Poll):
            connection.answer(self._desks.problem(connection, problem))
        else:
            connection.close(problem, reason=reason, reconnect_after_ms=reconnect_after_ms)

    def end_all(self, problem: TricastError) -> None:
        """End what is left, at once."""
        for connection in self:
            if isinstance(connection, Poll):
                self._desks.expire(connection)
            else:
                connection.close(problem, reconnect_after_ms=RESTART_MS)

    async def drain(self, within_s: float) -> None:
        """Send all streams a goodbye, each with a reconnect time of its own; answer all polls.

        No reconnect time is shorter than `RESTART_MS`.
        """
        chosen = list(self)
        spread_ms = 1000 + min(29_000, 2 * len(chosen))
        problem = Draining("the server is stopping; reconnect")
        for index, connection in enumerate(chosen):
            if isinstance(connection, Poll):
                self._desks.time_out(connection)
            else:
                after_ms = RESTART_MS + random.randrange(spread_ms)
                connection.close(problem, reason="draining", reconnect_after_ms=after_ms)
            if index % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                self._empty.clear()
                if self._open:
                    await self._empty.wait()

    def count(self, stats: Stats) -> None:
        """Write how many there are, of what kind and in which state, into `stats`.

        Each counter is written once, as other threads may read them meanwhile.
        """
        websocket = sse = poll = lagging = replaying = 0
        for connection in list(self._open.values()):
            if isinstance(connection, Poll):
                poll += 1
                continue
            if connection.caller.transport == "websocket":
                websocket += 1
            else:
                sse += 1
            if isinstance(connection, Subscriber):
                lagging += connection.state == "lagging"
                replaying += connection.state == "replaying"
        stats.websocket, stats.sse, stats.poll = websocket, sse, poll
        stats.lagging, stats.replaying = lagging, replaying
