"""Where a client stands in the log: what it has given on, and the cursor to go on from."""

from __future__ import annotations


def offset_of(cursor: str) -> int:
    """What cursors compare by: the integer after the last `-` (DELIVERY.md 12)."""
    return int(cursor.rpartition("-")[2])


def is_cursor(value: object) -> bool:
    """Whether it can be gone on from."""
    return isinstance(value, str) and value.rpartition("-")[2].isdecimal()


class Position:
    """Sifts events that come over changing connections: each once, in order (DELIVERY.md 12).

    `cursor` is the last that was seen: where to go on. None: from now on.
    """

    def __init__(self, cursor: str | None = None) -> None:
        self.cursor = cursor
        self._given = -1

    def take(self, cursor: str) -> bool:
        """Whether the event at `cursor` is new; then it counts as given."""
        offset = offset_of(cursor)
        if offset <= self._given:
            return False
        self._given = offset
        self.cursor = cursor
        return True

    def heard(self, cursor: str) -> None:
        """Everything up to `cursor` was given. One that lies behind says nothing new."""
        offset = offset_of(cursor)
        if offset >= self._given:
            self._given = offset
            self.cursor = cursor

    def reset(self, cursor: str) -> None:
        """There is a gap; it goes on from `cursor`: forward, or back where the log took another course."""
        self._given = offset_of(cursor)
        self.cursor = cursor

    def leave(self) -> None:
        """Nothing is subscribed to any more: what comes next is no continuation."""
        self.cursor = None
