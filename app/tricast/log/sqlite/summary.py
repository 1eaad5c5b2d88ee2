"""What is known of events without reading them: counts by class, last offsets by topic."""

from __future__ import annotations

from collections.abc import Iterable

from tricast.log.base import RetentionClass
from tricast.log.commit import Row, class_of


class Summary:
    """How many events, and of how many bytes, by class; the last offset by topic."""

    __slots__ = ("bytes", "events", "last", "total")

    def __init__(self) -> None:
        self.total = 0
        self.events: dict[RetentionClass, int] = {}
        self.bytes: dict[RetentionClass, int] = {}
        self.last: dict[str, int] = {}

    @staticmethod
    def of(rows: Iterable[Row]) -> Summary:
        """The summary of `rows`."""
        summary = Summary()
        for row in rows:
            summary.count(class_of(row.shelf, row.topic), 1, len(row.body))
            summary.last[row.topic] = row.offset
        return summary

    def count(self, cls: RetentionClass, events: int, size: int) -> None:
        """Count `events` more of a class (or fewer, if negative)."""
        self.total += events
        self.events[cls] = self.events.get(cls, 0) + events
        self.bytes[cls] = self.bytes.get(cls, 0) + size

    def count_all(self, other: Summary) -> None:
        """Add the counts of `other`, not its topics."""
        for cls, events in other.events.items():
            self.count(cls, events, other.bytes[cls])

    def then(self, later: Summary) -> Summary:
        """Both together, `later` being of later events."""
        both = Summary()
        both.count_all(self)
        both.count_all(later)
        both.last = {**self.last, **later.last}
        return both
