"""A log in memory: the same contract, gone with the process.

It keeps what it holds when it is left and entered again, as a file would.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import MappingProxyType, TracebackType
from typing import Any, Self

import orjson

from tricast.errors import Conflict, NotStarted
from tricast.event import EVENTS_SHELF, Event, time_ms
from tricast.log.base import (
    IDEMPOTENCY_WINDOW_MS,
    MAX_SCAN,
    Append,
    Appended,
    Batch,
    Bounds,
    Document,
    Page,
    PageBack,
    Retention,
    RetentionClass,
)
from tricast.log.commit import COMMIT_DRAFTS, Commit, First, Key, class_of, encode, new_epoch
from tricast.log.retention import Held, doomed
from tricast.log.size import Mark, Size
from tricast.log.topics import Topics
from tricast.log.workers import sole_worker
from tricast.pattern import Pattern, matcher

_FORGET_PER_COMMIT = 1000
_logger = logging.getLogger("tricast.log")
_Ticket = tuple[Append, tuple[bytes | None, ...], "asyncio.Future[Appended]"]


class _Class:
    """The events held of one retention class, oldest first."""

    def __init__(self) -> None:
        self.held: deque[Held] = deque()
        self.size = 0


class MemoryLog:
    """`Log` in memory. Appends of one turn of the loop share one commit."""

    def __init__(self, *, clock: Callable[[], int] = time_ms) -> None:
        self._clock = clock
        self._open = False
        self._stack = AsyncExitStack()
        self._began = False
        self._bounds = Bounds(0, (new_epoch(0),))
        self._deliver: Callable[[Batch], None] | None = None
        self._tickets: deque[_Ticket] = deque()
        self._events: dict[int, Event] = {}
        self._times: list[int] = []  # of the offsets after _times_after, without holes
        self._times_after = 0
        self._last_ms = 0
        self._topics = Topics()
        self._classes: dict[RetentionClass, _Class] = {}
        self._ids: dict[Key, tuple[First, int]] = {}  # in the order of their times
        self._documents: dict[tuple[str, str], tuple[int, bytes]] = {}

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(sole_worker())
        self._open, self._began = True, False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._commit_all()
        self._open = False
        await self._stack.aclose()

    async def append(self, unit: Append) -> Appended:
        if not self._open:
            raise NotStarted("the log is not open; enter it with `async with`")
        values = encode(unit.writes)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Appended] = loop.create_future()
        if not self._tickets:
            loop.call_soon(self._commit_all)
        self._tickets.append((unit, values, future))
        return await future

    def _commit_all(self) -> None:
        while self._tickets:
            self._commit()

    def _commit(self) -> None:
        before = self._bounds
        epochs = before.epochs if self._began else (*before.epochs, new_epoch(before.head))
        self._last_ms = max(self._clock(), self._last_ms)
        self._forget_ids()
        commit = Commit(
            after=before.head,
            time_ms=self._last_ms,
            epochs=epochs,
            first=self._first,
            version=self._version,
        )
        outcomes: list[tuple[asyncio.Future[Appended], Appended | Conflict]] = []
        drafts = 0
        while self._tickets and drafts < COMMIT_DRAFTS:
            unit, values, future = self._tickets.popleft()
            drafts += len(unit.drafts)
            try:
                outcomes.append((future, commit.add(unit, values)))
            except Conflict as error:
                outcomes.append((future, error))
        batch = commit.batch()
        if commit.wrote:
            self._store(commit, batch)
            self._began = True
            floors = before.floors
            if len(floors) < len(self._classes):
                floors = MappingProxyType({**dict.fromkeys(self._classes, 0), **floors})
            self._bounds = Bounds(commit.upto, epochs, floors)
        if batch is not None and self._deliver is not None:
            try:
                self._deliver(batch)
            except Exception:
                _logger.exception("the consumer of the log's tail failed; it must not")
        for future, outcome in outcomes:
            if future.done():
                continue
            if isinstance(outcome, Conflict):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _store(self, commit: Commit, batch: Batch | None) -> None:
        for row in commit.rows:
            cls = class_of(row.shelf, row.topic)
            held = self._classes.setdefault(cls, _Class())
            held.held.append(Held(row.offset, row.time_ms, len(row.body), row.topic))
            held.size += len(row.body)
            self._times.append(row.time_ms)
            self._topics.note(row.topic, row.offset)
        if batch is not None:
            self._events.update((event.offset or 0, event) for event in batch.events)
        for key, first in commit.ids.items():
            self._ids.pop(key, None)
            self._ids[key] = (first, commit.time_ms)
        for name, (version, value) in commit.documents.items():
            if value is None:
                self._documents.pop(name, None)
            else:
                self._documents[name] = (version, value)

    def _first(self, key: Key) -> First | None:
        known = self._ids.get(key)
        if known is None or known[1] <= self._last_ms - IDEMPOTENCY_WINDOW_MS:
            return None
        return known[0]

    def _version(self, kind: str, key: str) -> int:
        held = self._documents.get((kind, key))
        return 0 if held is None else held[0]

    def _forget_ids(self) -> None:
        old: list[Key] = []
        for key, (_, noted_ms) in self._ids.items():
            if noted_ms > self._last_ms - IDEMPOTENCY_WINDOW_MS or len(old) == _FORGET_PER_COMMIT:
                break
            old.append(key)
        for key in old:
            del self._ids[key]

    async def read(
        self, after: int, patterns: Sequence[Pattern], limit: int = MAX_SCAN, upto: int | None = None
    ) -> Page:
        end = self._bounds.head if upto is None else min(upto, self._bounds.head)
        last = min(self._topics.last(patterns, self._bounds.head), end)
        found: list[Event] = []
        scanned = max(after, end)
        if last > after:
            matches = matcher(patterns)
            stop = min(after + MAX_SCAN, last)
            for offset in range(after + 1, stop + 1):
                event = self._events.get(offset)
                if event is not None and matches(event.topic):
                    found.append(event)
                    if len(found) >= limit:
                        break
            else:
                offset = stop
            if offset < last:
                scanned = offset
        return Page(after, scanned, tuple(found), self._bounds)

    async def look_back(self, before: int, patterns: Sequence[Pattern], limit: int = MAX_SCAN) -> PageBack:
        bottom = self._bounds.oldest(patterns)
        first = min(self._topics.last(patterns, self._bounds.head), before - 1)
        stop = max(first - MAX_SCAN, bottom)
        matches = matcher(patterns)
        found: list[Event] = []
        scanned = stop
        for offset in range(first, stop, -1):
            event = self._events.get(offset)
            if event is not None and matches(event.topic):
                found.append(event)
                if len(found) >= limit:
                    scanned = offset - 1
                    break
        return PageBack(before, scanned if scanned > bottom else 0, tuple(found), self._bounds)

    async def seek(self, time_ms: int) -> int:
        return self._times_after + bisect_left(self._times, time_ms)

    def bounds(self) -> Bounds:
        return self._bounds

    def tail(self, deliver: Callable[[Batch], None]) -> None:
        self._deliver = deliver

    async def list(self, kind: str, key: str | None = None) -> list[Document]:
        if key is not None:
            held = self._documents.get((kind, key))
            return [] if held is None else [Document(kind, key, held[0], _parse(held[1]))]
        return [
            Document(kind, name, version, _parse(value))
            for (of, name), (version, value) in sorted(self._documents.items())
            if of == kind
        ]

    async def size(self) -> Size:
        """How much it holds; the bytes are those of the events."""
        classes = self._classes.values()
        firsts = [
            each.held[0] for cls, each in self._classes.items() if cls.shelf == EVENTS_SHELF and each.held
        ]
        first = min((Mark(held.offset, held.time_ms) for held in firsts), default=None)
        return Size(sum(len(each.held) for each in classes), sum(each.size for each in classes), None, first)

    async def trim(self, cls: RetentionClass, keep: Retention) -> int:
        held = self._classes.get(cls)
        if held is None:
            return 0
        gone = doomed(
            held.held, keep, events=len(held.held), size=held.size, now_ms=max(self._clock(), self._last_ms)
        )
        if not gone:
            return 0
        bounds = self._bounds
        floors = MappingProxyType({**bounds.floors, cls: gone[-1].offset})
        self._bounds = Bounds(bounds.head, bounds.epochs, floors)
        for event in gone:
            held.held.popleft()
            held.size -= event.size
            del self._events[event.offset]
            self._topics.forget(event.topic, event.offset)
        oldest = next(iter(self._events), bounds.head + 1)
        del self._times[: oldest - 1 - self._times_after]
        self._times_after = oldest - 1
        return len(gone)


def _parse(value: bytes) -> Any:
    return orjson.loads(value)
