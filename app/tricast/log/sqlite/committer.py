"""Group commits on the writing connection, and what happens when one fails. No threads here."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
from asyncio import Future
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tricast.errors import Conflict, LogFull, TricastError, Unavailable
from tricast.log.base import IDEMPOTENCY_WINDOW_MS, Append, Appended, Batch, Epoch, RetentionClass
from tricast.log.commit import Commit, First, Key, key_of, new_epoch
from tricast.log.sqlite.reserve import Reserve
from tricast.log.sqlite.schema import MAX_WAL_BYTES, Synchronous, connect, wal_bytes
from tricast.log.sqlite.store import State, Store, Trim
from tricast.log.sqlite.summary import Summary

COUNT_EVERY = 4096
FORGET_EVERY = 256
TRUNCATE_WAIT_MS = 250
TRUNCATE_AGAIN_S = 10.0
_PAGE_BYTES = 4096
_FULL_BELOW_BYTES = 64 * 1024

_logger = logging.getLogger("tricast.log")


class Ticket(NamedTuple):
    """An append that waits. `weight` is what it counts for in the bound on those waiting."""

    unit: Append
    values: tuple[bytes | None, ...]
    future: Future[Appended]
    weight: int


class Committed(NamedTuple):
    """What came of one commit: for the tail, and for those who wait."""

    batch: Batch | None
    epochs: tuple[Epoch, ...]
    summary: Summary
    outcomes: list[tuple[Ticket, Appended | TricastError]]


class _Written(NamedTuple):
    """A commit on its way into the file."""

    commit: Commit
    epochs: tuple[Epoch, ...]
    summary: Summary

    def landed_in(self, store: Store) -> bool:
        """Whether the file has it. (Each write of a document changes its version.)"""
        if self.commit.rows:
            return store.head() == self.commit.upto
        versions = store.versions(self.commit.documents)
        return all(versions.get(name, 0) == version for name, (version, _) in self.commit.documents.items())


class Committer:
    """Owns the writing connection; opens it again after a failure. Used by one thread."""

    def __init__(
        self,
        path: Path,
        store: Store,
        state: State,
        *,
        synchronous: Synchronous,
        clock: Callable[[], int],
        publish: Callable[[Committed], None],
    ) -> None:
        self._path = path
        self._store: Store | None = store
        self._synchronous = synchronous
        self._clock = clock
        self._publish = publish
        self._head = state.head
        self._last_ms = state.last_ms
        self._epochs = state.epochs
        self._totals = state.totals
        self._uncounted = state.uncounted
        self._began = False
        self._doubtful: _Written | None = None
        self._failing = False
        self._ids_put = 0
        self._wal = 0
        self._truncate_at = 0.0
        self._reserve = Reserve(path)
        self._reserve.make()

    def held(self, cls: RetentionClass) -> tuple[int, int]:
        """How many events a class has, and how many bytes. From any thread, as of some moment."""
        return self._totals.events.get(cls, 0), self._totals.bytes.get(cls, 0)

    def commit(self, tickets: Sequence[Ticket]) -> None:
        """Take all in as one transaction. A unit fails alone; only the file's failure fails all."""
        self._last_ms = max(self._clock(), self._last_ms)
        try:
            commit, epochs = self._begin(tickets)
            outcomes = [(ticket, _outcome(commit, ticket)) for ticket in tickets]
            if commit.wrote:
                self._write(_Written(commit, epochs, Summary.of(commit.rows)), outcomes)
            else:
                self._prove_writable(tickets)
                self._publish(Committed(commit.batch(), self._epochs, Summary(), outcomes))
        except (sqlite3.Error, Unavailable) as error:
            self.fail(tickets, error)

    def fail(self, tickets: Sequence[Ticket], error: Exception) -> None:
        """All of a commit have failed."""
        failure = self._recover(error)
        self._publish(Committed(None, self._epochs, Summary(), [(ticket, failure()) for ticket in tickets]))

    def _begin(self, tickets: Sequence[Ticket]) -> tuple[Commit, tuple[Epoch, ...]]:
        keys = {key for ticket in tickets for draft in ticket.unit.drafts if (key := key_of(draft))}
        names = {(write.kind, write.key) for ticket in tickets for write in ticket.unit.writes}
        firsts: dict[Key, First] = {}
        versions: dict[tuple[str, str], int] = {}
        if keys:
            firsts = self._open().firsts(keys, self._last_ms - IDEMPOTENCY_WINDOW_MS)
        if names:
            versions = self._open().versions(names)
        epochs = self._epochs if self._began else (*self._epochs, new_epoch(self._head))
        commit = Commit(
            after=self._head,
            time_ms=self._last_ms,
            epochs=epochs,
            first=firsts.get,
            version=lambda kind, key: versions.get((kind, key), 0),
        )
        return commit, epochs

    def _write(self, written: _Written, outcomes: list[tuple[Ticket, Appended | TricastError]]) -> None:
        store, (commit, epochs, summary) = self._open(), written
        count = forget = None
        if self._uncounted.total + summary.total >= COUNT_EVERY:
            count = self._uncounted.then(summary)
        self._ids_put += len(commit.ids)
        if self._ids_put >= FORGET_EVERY:
            forget = (2 * self._ids_put, self._last_ms - IDEMPOTENCY_WINDOW_MS)
            self._ids_put = 0
        self._doubtful = written
        epoch = None if self._began else epochs[-1]
        try:
            store.commit(commit, epoch=epoch, count=count, forget=forget)
        except sqlite3.Error as error:
            if not (self._is_full(error) and self._is_unchanged()):
                raise
            store.commit(commit, epoch=epoch, count=count, forget=forget)  # in an emptied write-ahead log
        self._totals.count_all(summary)
        if count is None:
            self._uncounted.count_all(summary)
            self._uncounted.last.update(summary.last)
        else:
            self._uncounted = Summary()
        self._wal += sum([len(row.body) for row in commit.rows]) + 3 * _PAGE_BYTES
        self._adopt(written, outcomes)
        self._wrote()

    def _prove_writable(self, tickets: Sequence[Ticket]) -> None:
        """While the file fails, an empty unit is not answered before it can be written again."""
        if self._failing and any(ticket.unit == Append() for ticket in tickets):
            self._open().probe()
            self._wrote()

    def _wrote(self) -> None:
        if self._failing:
            self._failing = False
            _logger.warning("the log %s can be written again", self._path)

    def _adopt(self, written: _Written, outcomes: list[tuple[Ticket, Appended | TricastError]]) -> None:
        """`written` is in the file: go on from there, and tell."""
        commit, epochs, summary = written
        self._head, self._epochs, self._began, self._doubtful = commit.upto, epochs, True, None
        self._publish(Committed(commit.batch(), epochs, summary, outcomes))

    def trim(self, trim: Trim) -> None:
        """One step of trimming. Raises LogFull or Unavailable, and then it is to be repeated."""
        try:
            store = self._open()
            try:
                store.trim(trim, count=self._uncounted, head=self._head)
            except sqlite3.Error as error:
                if not self._is_full(error):
                    raise
                self._trim_when_full(store, trim)
        except (sqlite3.Error, Unavailable) as error:
            raise self._recover(error)() from error
        self._uncounted = Summary()
        self._totals.count(trim.cls, -len(trim.gone), -trim.size)
        self._wal += len(trim.gone) * _PAGE_BYTES // 4
        if self._reserve.size == 0:
            self._reserve.make()

    def _trim_when_full(self, store: Store, trim: Trim) -> None:
        store.rollback()
        self._reserve.release()
        try:
            self._checkpoint(store, truncate=True)
            store.trim(trim, count=self._uncounted, head=self._head)
            self._checkpoint(store, truncate=True)
        finally:
            self._reserve.make()

    def checkpoint_if_due(self) -> None:
        """Between commits: move the write-ahead log into the file, as far as readers allow.

        A long read holds that up, so it grows; once it is large the writer waits for
        readers a little, but not again and again.
        """
        store = self._store
        if store is None or self._wal < self._reserve.checkpoint_bytes:
            return
        self._wal = 0
        self._checkpoint(store)
        if wal_bytes(self._path) > MAX_WAL_BYTES and time.monotonic() >= self._truncate_at:
            self._truncate_at = time.monotonic() + TRUNCATE_AGAIN_S
            self._checkpoint(store, truncate=True)

    def close(self) -> None:
        """Leave the file counted, and without a write-ahead log, if that can be done."""
        store = self._store
        if store is None:
            return
        try:
            if self._uncounted.total:
                store.count(self._uncounted, self._head)
            store.checkpoint(truncate=True, wait_ms=TRUNCATE_WAIT_MS)
        except sqlite3.Error as error:
            _logger.warning("the log %s was not left clean: %s", self._path, error)
        self._close_store()

    def _checkpoint(self, store: Store, *, truncate: bool = False) -> None:
        with suppress(sqlite3.Error):  # a full disk, or another program: it will be tried again
            store.checkpoint(truncate=truncate, wait_ms=TRUNCATE_WAIT_MS if truncate else 0)

    def _recover(self, error: Exception) -> Callable[[], TricastError]:
        """After a failed transaction: what those who wait are told."""
        if not self._failing:
            self._failing = True
            _logger.error("the log %s can not be written: %s", self._path, error)
        if isinstance(error, sqlite3.Error) and self._is_full(error) and self._is_unchanged():
            self._doubtful = None
            return lambda: LogFull(
                f"the disk that holds the log {self._path.name} is full; nothing was written. "
                "Make room or keep less, then repeat the request"
            )
        self._close_store()  # to be opened again, and looked into, by whoever comes next
        return lambda: Unavailable(
            f"the log could not be written ({error}); repeat the same request, with the same id"
        )

    def _is_full(self, error: sqlite3.Error) -> bool:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code != sqlite3.SQLITE_IOERR:
            return bool(code == sqlite3.SQLITE_FULL)
        with suppress(OSError):
            return shutil.disk_usage(self._path.parent).free < _FULL_BELOW_BYTES
        return False

    def _is_unchanged(self) -> bool:
        """Whether the file is known not to have what was tried. Leaves the failed transaction, and
        empties the write-ahead log if that can be done: the room it takes is the log's own."""
        store = self._store
        if store is None:
            return False
        try:
            store.rollback()
            if self._doubtful is not None and self._doubtful.landed_in(store):
                return False
        except sqlite3.Error:
            return False
        self._checkpoint(store, truncate=True)
        return True

    def _close_store(self) -> None:
        if self._store is not None:
            with suppress(sqlite3.Error):
                self._store.close()
            self._store = None

    def _open(self) -> Store:
        """The store; opened again if it failed. Raises sqlite3.Error or Unavailable."""
        if self._store is not None:
            return self._store
        store = Store(connect(self._path, self._synchronous, create=False))
        try:
            state = store.load()
            landed = self._doubtful if self._doubtful and self._doubtful.landed_in(store) else None
            if state.head != (self._head if landed is None else landed.commit.upto):
                raise Unavailable(
                    f"{self._path} was changed by something else (its last offset is {state.head}, not "
                    f"{self._head}); restart the server"
                )
        except BaseException:
            store.close()
            raise
        self._store, self._totals, self._uncounted = store, state.totals, state.uncounted
        if landed is not None:
            self._adopt(landed, [])
        self._doubtful = None
        return store


def _outcome(commit: Commit, ticket: Ticket) -> Appended | TricastError:
    try:
        return commit.add(ticket.unit, ticket.values)
    except Conflict as error:
        return error
