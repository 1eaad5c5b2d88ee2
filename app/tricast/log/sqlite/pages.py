"""Pages of events, in both directions: what is known without reading, then one statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from tricast.event import AUDIT_SHELF, Event
from tricast.log.base import MAX_SCAN, Bounds, Page, PageBack
from tricast.log.commit import class_of
from tricast.log.sqlite.reader import Reader
from tricast.log.topics import Topics
from tricast.pattern import SYSTEM_APP, Pattern, matcher


class Pages:
    """`read` and `look_back` of the log that `reader` reads.

    Of the audit trail a page may pass over any number of offsets: it has an index.
    """

    def __init__(self, reader: Reader, topics: Topics, bounds: Callable[[], Bounds]) -> None:
        self._reader = reader
        self._topics = topics
        self._bounds = bounds

    async def read(self, after: int, patterns: Sequence[Pattern], limit: int, upto: int | None) -> Page:
        """As `Log.read`."""
        bounds = self._bounds()
        head = bounds.head
        end = head if upto is None else min(upto, head)
        last = min(self._topics.last(patterns, head), end)
        if last <= after:
            return Page(after, max(after, end), (), bounds)
        patterns = [pattern for pattern in patterns if self._topics.last((pattern,), head) > after]
        audit = _are_audit(patterns, bounds)
        stop = last if audit else min(after + MAX_SCAN, last)
        rows, scanned, unsure = await self._reader.page(after, stop, patterns, max(limit, 1), audit=audit)
        bounds = self._bounds()
        events = _events(rows, bounds, matcher(patterns) if unsure else None, limit)
        if len(events) == limit:
            scanned = events[-1].offset or scanned
        return Page(after, end if scanned >= last else scanned, tuple(events), bounds)

    async def look_back(self, before: int, patterns: Sequence[Pattern], limit: int) -> PageBack:
        """As `Log.look_back`."""
        bounds = self._bounds()
        bottom = bounds.oldest(patterns)
        first = min(self._topics.last(patterns, bounds.head), before - 1)
        if first <= bottom:
            return PageBack(before, 0, (), bounds)
        patterns = [pattern for pattern in patterns if self._topics.last((pattern,), bounds.head) > bottom]
        audit = _are_audit(patterns, bounds)
        stop = bottom if audit else max(first - MAX_SCAN, bottom)
        rows, scanned, unsure = await self._reader.page(
            stop, first, patterns, max(limit, 1), audit=audit, newest_first=True
        )
        bounds = self._bounds()
        # (a mark is raised before the first of its rows goes)
        rows = [row for row in rows if row[0] > bounds.floors.get(class_of(row[1], row[2]), 0)]
        events = _events(rows, bounds, matcher(patterns) if unsure else None, limit)
        if len(events) == limit:
            scanned = (events[-1].offset or 1) - 1
        return PageBack(before, scanned if scanned > bottom else 0, tuple(events), bounds)


def _are_audit(patterns: Sequence[Pattern], bounds: Bounds) -> bool:
    """Whether all that `patterns` can match stands on the shelf that has an index.

    Since `draft` sees to that, it is so of the app `tricast`; but a log may hold
    events from before it did.
    """
    return all(pattern.app == SYSTEM_APP for pattern in patterns) and bounds.shelves(patterns) == {
        AUDIT_SHELF
    }


def _events(
    rows: Sequence[sqlite3.Row], bounds: Bounds, matches: Callable[[str], bool] | None, limit: int
) -> list[Event]:
    """Those of `rows` whose topic matches (None: all do), at most `limit`."""
    newest = bounds.epochs[-1]
    events: list[Event] = []
    for offset, _, topic, type, subject, at_ms, body in rows:
        if matches is None or matches(topic):
            cursor = f"{newest.id}-{offset}" if offset > newest.began else bounds.cursor(offset)
            events.append(Event.stored(offset, cursor, topic, type, subject, at_ms, body))
            if len(events) == limit:
                break
    return events
