"""Reading: a few connections that can't write, each statement on a thread of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import aiosqlite

from tricast.errors import Unavailable
from tricast.event import AUDIT_SHELF, EVENTS_SHELF
from tricast.log.base import MAX_SCAN, Document, RetentionClass
from tricast.log.retention import TRIM_STEP, Held
from tricast.log.size import Mark
from tricast.log.sqlite.schema import BUSY_S, readonly_uri
from tricast.log.sqlite.store import documents_of
from tricast.pattern import SYSTEM_APP, Pattern

CONNECTIONS = 2
PAGE_BYTES = 4 * 1024 * 1024
_DOCUMENTS = "SELECT kind, key, version, value FROM documents WHERE kind = ?"
# (the shelf as SQLite's planner wants it for a partial index: as text in the statement)
_AUDIT = f" INDEXED BY events_audit WHERE shelf = '{AUDIT_SHELF}' AND"


class _PageCursor(sqlite3.Cursor):
    """Fetches rows until their last columns have `PAGE_BYTES`: a page of large events is shorter."""

    def fetchall(self) -> list[Any]:
        rows, size = [], 0
        for row in self:
            rows.append(row)
            last = row[-1]
            if isinstance(last, bytes):
                size += len(last)
                if size >= PAGE_BYTES:
                    break
        self.close()  # a statement left open would hold its snapshot, and so the checkpoint
        return rows


class _PageConnection(sqlite3.Connection):
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return self.cursor(_PageCursor).execute(sql, parameters)


class Reader:
    """A small pool of read-only connections. Raises Unavailable where the file can't be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool: list[aiosqlite.Connection] = []

    async def open(self) -> None:
        try:
            await self._fill()
        except sqlite3.Error as error:
            raise Unavailable(f"{self._path} could not be opened: {error}") from error

    async def _fill(self) -> None:
        for _ in range(CONNECTIONS):
            db = await aiosqlite.connect(
                readonly_uri(self._path),
                uri=True,
                timeout=BUSY_S,
                isolation_level=None,
                factory=_PageConnection,
            )
            self._pool.append(db)
            await db.execute_fetchall("PRAGMA mmap_size = 0")
            await db.execute_fetchall("PRAGMA query_only = 1")
            await db.execute_fetchall("PRAGMA wal_autocheckpoint = 0")
            await db.execute_fetchall("SELECT upto FROM counted")  # what opens lazily, opens now
        self._turn = cycle(self._pool)

    async def close(self) -> None:
        while self._pool:
            await self._pool.pop().close()

    async def page(
        self,
        after: int,
        upto: int,
        patterns: Sequence[Pattern],
        limit: int,
        *,
        audit: bool = False,
        newest_first: bool = False,
    ) -> tuple[Sequence[sqlite3.Row], int, bool]:
        """Rows at (after, upto] on topics that `patterns` may match, and how far they go.

        That is `upto`, or the last row's offset if there may be more; newest first it
        is `after`, or the offset below the last row's. `audit`: only those on that
        shelf, by its index. Rows: offset, shelf, topic, type, subject, time_ms, body.
        The last answer says whether Pattern.matches must still be asked.
        """
        where, values, exact = _where(patterns)
        most = min(limit, MAX_SCAN) if exact else MAX_SCAN
        rows = await self._all(
            "SELECT offset, shelf, topic, type, subject, time_ms, body"
            f" FROM events{_AUDIT if audit else ' WHERE'} offset > ? AND offset <= ? AND ({where})"
            f" ORDER BY offset {'DESC' if newest_first else 'ASC'} LIMIT ?",
            (after, upto, *values, most),
        )
        if rows and (len(rows) == most or sum(len(row[-1]) for row in rows) >= PAGE_BYTES):
            return rows, rows[-1][0] - newest_first, not exact
        return rows, after if newest_first else upto, not exact

    async def seek(self, time_ms: int, head: int) -> int:
        """The highest offset up to `head` before any kept event of `time_ms` or later."""
        found = await self._all(
            "WITH RECURSIVE span (low, high) AS (VALUES (0, ?2) UNION ALL SELECT"
            " iif((SELECT time_ms FROM events WHERE offset >= (low + high + 1) / 2 ORDER BY offset LIMIT 1)"
            " < ?1, (low + high + 1) / 2, low),"
            " iif((SELECT time_ms FROM events WHERE offset >= (low + high + 1) / 2 ORDER BY offset LIMIT 1)"
            " < ?1, high, (low + high + 1) / 2 - 1)"
            " FROM span WHERE low < high)"
            " SELECT ifnull((SELECT offset - 1 FROM events WHERE offset > low ORDER BY offset LIMIT 1), ?2)"
            " FROM span WHERE low = high",
            (time_ms, head),
        )
        return min(int(found[0][0]), head)

    async def first(self) -> Mark | None:
        """The oldest event on the shelf `events`. (It passes over the audit trail's, which are few.)"""
        rows = await self._all(
            "SELECT offset, time_ms FROM events WHERE shelf = ? ORDER BY offset LIMIT 1", (EVENTS_SHELF,)
        )
        return Mark(*rows[0]) if rows else None

    async def oldest(self, cls: RetentionClass, after: int, upto: int) -> list[Held]:
        """The first events of a class at (after, upto]: as many as one step of trimming takes."""
        rows = await self._all(
            "SELECT offset, time_ms, length(body), topic FROM events WHERE offset > ? AND offset <= ?"
            " AND shelf = ? AND (topic = ? OR (topic >= ? AND topic < ?)) ORDER BY offset LIMIT ?",
            (after, upto, cls.shelf, cls.app, f"{cls.app}/", f"{cls.app}0", TRIM_STEP),
        )
        return [Held(*row) for row in rows]

    async def documents(self, kind: str, key: str | None) -> list[Document]:
        if key is not None:
            return documents_of(await self._all(f"{_DOCUMENTS} AND key = ?", (kind, key)))
        # (each answer has at most about `PAGE_BYTES`)
        found = documents_of(await self._all(f"{_DOCUMENTS} ORDER BY key", (kind,)))
        last = found
        while last:
            rows = await self._all(f"{_DOCUMENTS} AND key > ? ORDER BY key", (kind, last[-1].key))
            last = documents_of(rows)
            found += last
        return found

    async def _all(self, sql: str, values: Iterable[Any]) -> Sequence[sqlite3.Row]:
        try:
            return list(await next(self._turn).execute_fetchall(sql, values))
        except (sqlite3.Error, ValueError) as error:  # ValueError: closed meanwhile
            raise Unavailable(f"{self._path} could not be read: {error}") from error


def _where(patterns: Sequence[Pattern]) -> tuple[str, list[str], bool]:
    """A condition on `topic` that all matched topics fulfil, and whether only those do.

    '0' is the character after '/': `shop/**` is every topic from 'shop/' to before 'shop0'.
    """
    literal = [pattern.text for pattern in patterns if pattern.is_literal]
    conditions: list[str] = []
    values: list[str] = []
    exact = True
    if literal:
        conditions.append(f"topic IN ({','.join('?' * len(literal))})")
        values += literal
    for pattern in patterns:
        if pattern.is_literal:
            continue
        fixed = pattern.segments[: next(i for i, s in enumerate(pattern.segments) if s in ("*", "**"))]
        exact = exact and pattern.segments == (*fixed, "**")
        if fixed:
            prefix = "/".join(fixed)
            conditions.append("(topic >= ? AND topic < ?)")
            values += [f"{prefix}/", f"{prefix}0"]
        else:
            conditions.append("NOT (topic = ? OR (topic >= ? AND topic < ?))")
            values += [SYSTEM_APP, f"{SYSTEM_APP}/", f"{SYSTEM_APP}0"]
    return " OR ".join(conditions) or "false", values, exact
