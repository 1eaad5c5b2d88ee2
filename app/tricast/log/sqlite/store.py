"""Every statement that changes the file, on the one connection that may.

Many rows go in one statement: each call into SQLite gives up the interpreter lock,
and on a busy event loop it can take 5 ms to get it back (inserting 1,000 rows one by
one beside a busy thread took 490 ms, and 43 ms so). Hence also JSON arguments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import orjson

from tricast.log.base import Document, Epoch, RetentionClass
from tricast.log.commit import Commit, First, Key
from tricast.log.retention import Held
from tricast.log.sqlite.schema import BUSY_S
from tricast.log.sqlite.summary import Summary
from tricast.pattern import app_of

MAX_EPOCHS = 1000
_EXACT_ROWS = 64
_EVENTS = "INSERT INTO events (offset, time_ms, shelf, topic, type, subject, body) VALUES "
_IDS = "INSERT OR REPLACE INTO idempotency (offset, time_ms, app, source, id, digest) VALUES "
_Statement = tuple[str, Sequence[Any]]


class State(NamedTuple):
    """What the file holds, as far as it is kept in memory."""

    head: int
    last_ms: int
    epochs: tuple[Epoch, ...]
    floors: dict[RetentionClass, int]
    topics: dict[str, int]
    totals: Summary
    uncounted: Summary


class Trim(NamedTuple):
    """One step of trimming a class: the events that go, its oldest ones, in order."""

    cls: RetentionClass
    gone: Sequence[Held]

    @property
    def floor(self) -> int:
        return self.gone[-1].offset

    @property
    def size(self) -> int:
        return sum(held.size for held in self.gone)


class Store:
    """The writer's connection. One thread at a time; sqlite3.Error where the file fails."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def close(self) -> None:
        self._db.close()

    def head(self) -> int:
        """The highest offset ever given out. (The event itself may be trimmed.)"""
        found: int = self._db.execute(
            "SELECT max(ifnull((SELECT max(offset) FROM events), 0),"
            " ifnull((SELECT max(floor) FROM classes), 0))"
        ).fetchone()[0]
        return found

    def load(self) -> State:
        """All that is kept in memory; counts what was not counted yet."""
        db, totals, uncounted = self._db, Summary(), Summary()
        for shelf, app, events, size in db.execute("SELECT shelf, app, events, bytes FROM classes"):
            totals.count(RetentionClass(shelf, app), events, size)
        for shelf, topic, last, events, size in db.execute(
            "SELECT shelf, topic, max(offset), count(*), sum(length(body)) FROM events"
            " WHERE offset > (SELECT upto FROM counted) GROUP BY shelf, topic"
        ):
            uncounted.count(RetentionClass(shelf, app_of(topic)), events, size)
            uncounted.last[topic] = max(last, uncounted.last.get(topic, 0))
        totals.count_all(uncounted)
        topics = dict(db.execute("SELECT topic, last FROM topics"))
        topics.update(uncounted.last)
        last_ms: int = db.execute(
            "SELECT max(ifnull((SELECT time_ms FROM events ORDER BY offset DESC LIMIT 1), 0),"
            " ifnull((SELECT max(floor_ms) FROM classes), 0))"
        ).fetchone()[0]
        floors = dict.fromkeys(totals.events, 0)
        for shelf, app, floor in db.execute("SELECT shelf, app, floor FROM classes"):
            floors[RetentionClass(shelf, app)] = floor
        return State(
            self.head(),
            last_ms,
            tuple(Epoch(*row) for row in db.execute("SELECT id, began FROM epochs ORDER BY number")),
            floors,
            topics,
            totals,
            uncounted,
        )

    def firsts(self, keys: Iterable[Key], since_ms: int) -> dict[Key, First]:
        """Those of `keys` that were used after `since_ms`."""
        rows = self._db.execute(
            "SELECT i.app, i.source, i.id, i.offset, i.digest FROM json_each(?) AS k"
            " CROSS JOIN idempotency AS i ON i.app = json_extract(k.value, '$[0]')"
            " AND i.source = json_extract(k.value, '$[1]') AND i.id = json_extract(k.value, '$[2]')"
            " WHERE i.time_ms > ?",
            (_json(list(keys)), since_ms),
        )
        return {(app, source, id): First(offset, digest) for app, source, id, offset, digest in rows}

    def versions(self, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """The versions of those documents that exist."""
        rows = self._db.execute(
            "SELECT d.kind, d.key, d.version FROM json_each(?) AS k CROSS JOIN documents AS d"
            " ON d.kind = json_extract(k.value, '$[0]') AND d.key = json_extract(k.value, '$[1]')",
            (_json(list(names)),),
        )
        return {(kind, key): version for kind, key, version in rows}

    def commit(
        self, commit: Commit, *, epoch: Epoch | None, count: Summary | None, forget: tuple[int, int] | None
    ) -> None:
        """Store a commit. With it: a new epoch; the counts that were put off; and forget
        old ids: (how many at most, from which time back)."""
        statements: list[_Statement] = []
        if epoch is not None:
            statements.append(("INSERT INTO epochs (id, began) VALUES (?, ?)", (epoch.id, epoch.began)))
            statements.append(
                ("DELETE FROM epochs WHERE number <= (SELECT max(number) FROM epochs) - ?", (MAX_EPOCHS,))
            )
        statements += _insert(_EVENTS, commit.rows)
        ids = [(first.offset, commit.time_ms, *key, first.digest) for key, first in commit.ids.items()]
        statements += _insert(_IDS, ids)
        if forget is not None:
            statements.append(
                (
                    "DELETE FROM idempotency WHERE time_ms <= ?2 AND offset IN"
                    " (SELECT offset FROM idempotency ORDER BY offset LIMIT ?1)",
                    forget,
                )
            )
        statements += _put_documents(commit.documents)
        if count is not None:
            statements += _count(count, commit.upto)
        self._transact(statements)

    def count(self, summary: Summary, upto: int) -> None:
        """Store counts that were put off."""
        self._transact(_count(summary, upto))

    def probe(self) -> None:
        """A transaction that writes, and changes nothing. Raises if the file can't be written."""
        self._transact(
            [
                (f"{_IDS} (0, 0, '', '', '', x'')", ()),
                ("DELETE FROM idempotency WHERE offset = 0", ()),
            ]
        )

    def trim(self, trim: Trim, *, count: Summary, head: int) -> None:
        """Take the events away, raise the mark, and store the counts that were put off."""
        cls, gone = trim
        topics = {held.topic: held.offset for held in gone}
        self._transact(
            [
                *_count(count, head),
                (
                    "DELETE FROM events WHERE offset IN (SELECT value FROM json_each(?))",
                    (_json([held.offset for held in gone]),),
                ),
                (
                    "DELETE FROM topics WHERE topic IN (SELECT t.topic FROM json_each(?) AS k"
                    " CROSS JOIN topics AS t ON t.topic = k.key WHERE t.last <= k.value)",
                    (_json(topics),),
                ),
                (
                    "UPDATE classes SET floor = ?, floor_ms = ?, events = events - ?, bytes = bytes - ?"
                    " WHERE shelf = ? AND app = ?",
                    (trim.floor, gone[-1].time_ms, len(gone), trim.size, cls.shelf, cls.app),
                ),
            ]
        )

    def checkpoint(self, *, truncate: bool = False, wait_ms: int = 0) -> None:
        """Move what the write-ahead log holds into the file, as far as readers allow.

        `truncate` waits for them, and empties the write-ahead log if none is left.
        """
        self._db.execute(f"PRAGMA busy_timeout = {wait_ms}")
        try:
            self._db.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchall()
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000:.0f}")

    def rollback(self) -> None:
        """Leave a transaction that failed."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _transact(self, statements: list[_Statement]) -> None:
        if len(statements) == 1:  # a transaction of its own, in one call
            self._db.execute(*statements[0])
            return
        self._db.execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            self._db.execute(sql, values)
        self._db.execute("COMMIT")


def _insert(sql: str, rows: Sequence[tuple[Any, ...]]) -> Iterator[_Statement]:
    """`rows` in as few statements as a bounded number of texts allows."""
    start, left = 0, len(rows)
    while left:
        size = left if left <= _EXACT_ROWS else min(1 << (left.bit_length() - 1), 512)
        chunk = rows[start : start + size]
        yield _values(sql, len(chunk[0]), size), list(chain.from_iterable(chunk))
        start, left = start + size, left - size


@lru_cache(maxsize=256)
def _values(sql: str, columns: int, rows: int) -> str:
    row = f"({','.join('?' * columns)})"
    return sql + ",".join([row] * rows)


def _put_documents(documents: dict[tuple[str, str], tuple[int, bytes | None]]) -> Iterator[_Statement]:
    for (kind, key), (version, value) in documents.items():
        if value is None:
            yield "DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key)
        else:
            yield (
                "INSERT OR REPLACE INTO documents (kind, key, version, value) VALUES (?, ?, ?, ?)",
                (kind, key, version, value),
            )


def _count(summary: Summary, upto: int) -> list[_Statement]:
    classes = [[c.shelf, c.app, events, summary.bytes[c]] for c, events in summary.events.items()]
    return [
        (
            "INSERT INTO classes (shelf, app, events, bytes) SELECT json_extract(value, '$[0]'),"
            " json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]')"
            " FROM json_each(?) WHERE true ON CONFLICT (shelf, app) DO UPDATE"
            " SET events = events + excluded.events, bytes = bytes + excluded.bytes",
            (_json(classes),),
        ),
        (
            "INSERT INTO topics (topic, last) SELECT key, value FROM json_each(?) WHERE true"
            " ON CONFLICT (topic) DO UPDATE SET last = excluded.last",
            (_json(summary.last),),
        ),
        ("UPDATE counted SET upto = ?", (upto,)),
    ]


def documents_of(rows: Iterable[Sequence[Any]]) -> list[Document]:
    """Rows of (kind, key, version, value) as documents."""
    return [Document(kind, key, version, orjson.loads(value)) for kind, key, version, value in rows]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
