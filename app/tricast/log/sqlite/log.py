"""`Log` on one SQLite file: what runs on the event loop."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import BinaryIO, Self

from tricast.errors import BadRequest, NotStarted, TricastError, Unavailable
from tricast.event import time_ms
from tricast.log.base import (
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
from tricast.log.commit import encode
from tricast.log.retention import Held, doomed
from tricast.log.size import Size
from tricast.log.sqlite.backup import Copier, backup
from tricast.log.sqlite.committer import Committed, Committer, Ticket
from tricast.log.sqlite.pages import Pages
from tricast.log.sqlite.reader import Reader
from tricast.log.sqlite.schema import FileLock, Synchronous, open_file, wal_bytes
from tricast.log.sqlite.store import State, Store, Trim
from tricast.log.sqlite.writer import Writer
from tricast.log.topics import Topics
from tricast.pattern import Pattern

MAX_WAITING_BYTES = 64 * 1024 * 1024
_UNIT_BYTES = 512
_SCAN_WINDOW = 10_000

_logger = logging.getLogger("tricast.log")


class SQLiteLog:
    """`Log` on the file `path`, which is this server's alone while it is entered.

    `synchronous` FULL: what is acknowledged survives a power cut; NORMAL: it
    survives the process. Others may read the file meanwhile. Appends that wait
    are bounded by `MAX_WAITING_BYTES`; beyond, they are refused as Unavailable.
    """

    def __init__(
        self, path: str | Path, *, synchronous: str = "FULL", clock: Callable[[], int] = time_ms
    ) -> None:
        self._path = Path(path)
        if synchronous not in ("FULL", "NORMAL"):
            raise BadRequest(f"synchronous {synchronous!r} must be 'FULL' or 'NORMAL'", field="synchronous")
        self._synchronous: Synchronous = "FULL" if synchronous == "FULL" else "NORMAL"
        self._clock = clock
        self._open = False
        self._bounds: Bounds | None = None
        self._trimming = asyncio.Lock()
        self._copier = Copier(self._path)
        self._deliver: Callable[[Batch], None] | None = None

    async def __aenter__(self) -> Self:
        if self._open:
            raise Unavailable(f"the log {self._path} is open already")
        self._writer = Writer(asyncio.get_running_loop())
        publish = partial(self._writer.post, self._committed)
        lock, state, self._committer = await asyncio.to_thread(
            _open, self._path, self._synchronous, self._clock, publish
        )
        self._reader = Reader(self._path)
        self._bounds = Bounds(state.head, state.epochs, MappingProxyType(state.floors))
        self._topics = Topics()
        self._topics.update(state.topics)
        self._pages = Pages(self._reader, self._topics, self.bounds)
        self._searched = dict(state.floors)  # up to there a class has nothing left
        self._waiting = 0
        self._writer.start(self._committer, lock.release)
        try:
            await self._reader.open()
        except BaseException:
            await self._reader.close()
            await self._writer.stop()
            raise
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        try:
            async with self._trimming:  # its step, if there is one, is answered by the writer
                await self._reader.close()
        finally:
            await self._writer.stop()

    async def append(self, unit: Append) -> Appended:
        if not self._open:
            raise NotStarted(_CLOSED)
        values = encode(unit.writes) if unit.writes else ()
        weight = _UNIT_BYTES + sum([len(draft.body) for draft in unit.drafts])
        if self._waiting and self._waiting + weight > MAX_WAITING_BYTES:
            raise Unavailable(
                f"{self._waiting} bytes of events wait for the disk already; repeat the same request",
                retry_after_s=1,
            )
        self._waiting += weight
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._writer.put(Ticket(unit, values, future, weight))
        return await future

    def _committed(self, committed: Committed) -> None:
        """On the loop, after each commit: first the tail, then those who wait."""
        batch, epochs, summary, outcomes = committed
        if batch is not None:
            floors = self.bounds().floors
            if not floors.keys() >= summary.events.keys():
                floors = MappingProxyType({**dict.fromkeys(summary.events, 0), **floors})
            self._topics.update(summary.last)
            self._bounds = Bounds(batch.upto, epochs, floors)
            if self._deliver is not None:
                try:
                    self._deliver(batch)
                except Exception:
                    _logger.exception("the consumer of the log's tail failed; it must not")
        for ticket, outcome in outcomes:
            self._waiting -= ticket.weight
            if ticket.future.done():  # its waiter was cancelled
                continue
            if isinstance(outcome, TricastError):
                ticket.future.set_exception(outcome)
            else:
                ticket.future.set_result(outcome)

    async def read(
        self, after: int, patterns: Sequence[Pattern], limit: int = MAX_SCAN, upto: int | None = None
    ) -> Page:
        if not self._open:
            raise NotStarted(_CLOSED)
        return await self._pages.read(after, patterns, limit, upto)

    async def look_back(self, before: int, patterns: Sequence[Pattern], limit: int = MAX_SCAN) -> PageBack:
        if not self._open:
            raise NotStarted(_CLOSED)
        return await self._pages.look_back(before, patterns, limit)

    async def seek(self, time_ms: int) -> int:
        if not self._open:
            raise NotStarted(_CLOSED)
        return await self._reader.seek(time_ms, self.bounds().head)

    def bounds(self) -> Bounds:
        if self._bounds is None:
            raise NotStarted(_CLOSED)
        return self._bounds

    def tail(self, deliver: Callable[[Batch], None]) -> None:
        self._deliver = deliver

    async def list(self, kind: str, key: str | None = None) -> list[Document]:
        if not self._open:
            raise NotStarted(_CLOSED)
        return await self._reader.documents(kind, key)

    async def trim(self, cls: RetentionClass, keep: Retention) -> int:
        """As `Log.trim`. If the step fails, the mark may stay raised until the server is
        started again: a cursor below it is then reset though its events are still there,
        never served with a gap."""
        async with self._trimming:
            if not self._open:
                raise NotStarted(_CLOSED)
            gone = await self._doomed(cls, keep)
            if gone:
                trim = Trim(cls, gone)
                bounds = self.bounds()
                mark = max(trim.floor, bounds.floors.get(cls, 0))
                floors = MappingProxyType({**bounds.floors, cls: mark})
                self._bounds = Bounds(bounds.head, bounds.epochs, floors)
                await self._writer.call(partial(self._committer.trim, trim))
                self._searched[cls] = trim.floor
                for held in gone:
                    self._topics.forget(held.topic, held.offset)
            return len(gone)

    async def _doomed(self, cls: RetentionClass, keep: Retention) -> Sequence[Held]:
        """The events that the next step takes. Searched on a reader, a window at a time."""
        bounds = self.bounds()
        events, size = self._committer.held(cls)
        now_ms = self._clock()
        stop = 0
        if (keep.events is not None and events > keep.events) or (
            keep.bytes is not None and size > keep.bytes
        ):
            stop = bounds.head
        elif keep.age_s is not None and events:
            stop = await self._reader.seek(int(now_ms - keep.age_s * 1000), bounds.head)
        searched = self._searched.get(cls, 0)
        while searched < stop:
            upto = min(searched + _SCAN_WINDOW, stop)
            oldest = await self._reader.oldest(cls, searched, upto)
            if oldest:
                return doomed(oldest, keep, events=events, size=size, now_ms=now_ms)
            self._searched[cls] = searched = upto
        return []

    async def backup(self, target: str | Path) -> None:
        """Copy the log to `target` while it is written to; see `tricast.log.sqlite.backup`."""
        await asyncio.to_thread(backup, self._path, target)

    async def copy(self) -> BinaryIO:
        """A copy as of one moment, as a file that goes when it is closed; see `Copier`."""
        return await asyncio.to_thread(self._copier.copy)

    async def size(self) -> Size:
        """How much it holds, what that takes on the disk, and how much the disk has left."""
        events = sum(self._committer.held(cls)[0] for cls in self.bounds().floors)
        return Size(events, *await asyncio.to_thread(_room, self._path), await self._reader.first())


_CLOSED = "the log is not open; enter it with `async with`"


def _room(path: Path) -> tuple[int, int]:
    """What the file and its write-ahead log take, and what the disk has left."""
    try:
        return path.stat().st_size + wal_bytes(path), shutil.disk_usage(path.parent).free
    except OSError as error:
        raise Unavailable(f"{path} could not be looked at: {error}") from error


def _open(
    path: Path, synchronous: Synchronous, clock: Callable[[], int], publish: Callable[[Committed], None]
) -> tuple[FileLock, State, Committer]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            store = Store(open_file(path, synchronous))
            try:
                state = store.load()
                committer = Committer(
                    path, store, state, synchronous=synchronous, clock=clock, publish=publish
                )
            except BaseException:
                store.close()
                raise
        except BaseException:
            lock.release()
            raise
        return lock, state, committer
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{path} could not be opened: {error}") from error
