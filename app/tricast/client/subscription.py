"""A subscription: an asynchronous iterator over the events of some patterns."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tricast.client.buffer import Buffer
from tricast.client.message import Event
from tricast.errors import TricastError
from tricast.pattern import Pattern, matcher


class Feed:
    """What a client puts events into, for one subscription. It doesn't keep the subscription alive."""

    def __init__(self, patterns: Iterable[str], buffer: Buffer[Event]) -> None:
        parsed = [Pattern.parse(text) for text in patterns]
        self.patterns = frozenset(pattern.text for pattern in parsed)
        self.matches = matcher(parsed)
        self.buffer = buffer
        self.more = asyncio.Event()
        self.active = asyncio.Event()

    def put(self, event: Event) -> None:
        """An event that matches."""
        self.buffer.put(event)
        self.more.set()

    def end(self, error: TricastError | None = None) -> None:
        """No more will come."""
        self.buffer.end(error)
        self.more.set()
        self.active.set()


class Subscription:
    """Events, each once and in order, until it or the client is closed.

    `async for event in subscription`; leaving it to the garbage collector unsubscribes, and so do
    `close()` and the end of `with`. Iterating raises the error that the client failed with,
    Forbidden where these patterns are refused, or BufferFull if events came faster than they were
    taken (overflow `error`).
    """

    def __init__(self, feed: Feed, leave: Callable[[Feed], None]) -> None:
        self._feed = feed
        self._leave = weakref.finalize(self, leave, feed)
        self._leave.atexit = False

    @property
    def patterns(self) -> frozenset[str]:
        return self._feed.patterns

    @property
    def dropped(self) -> int:
        """How many events were left out, as the overflow policy says."""
        return self._feed.buffer.dropped

    async def active(self) -> None:
        """Wait until the server is known to send these patterns: what is published now, comes.

        Raises as iterating does.
        """
        await self._feed.active.wait()
        if self._feed.buffer.is_ended and not self._feed.buffer.waiting:
            self._feed.buffer.take()

    def take(self) -> Event | None:
        """The next event if there is one now, else None. Raises what iterating raises."""
        return self._feed.buffer.take()

    async def next(self) -> Event | None:
        """The next event; None at the end."""
        buffer, more = self._feed.buffer, self._feed.more
        while not buffer.is_ready:
            more.clear()
            await more.wait()
        return buffer.take()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        """Unsubscribe; what was not taken yet is gone."""
        self._leave()
        self._feed.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
