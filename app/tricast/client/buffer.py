"""What lies between a connection and who iterates: bounded, with a rule for when it is full."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from tricast.client.options import Overflow, check_choice, check_number
from tricast.client.problems import BufferFull
from tricast.errors import TricastError

T = TypeVar("T")
POLICIES: tuple[Overflow, ...] = ("error", "drop-oldest", "drop-newest")


class Buffer(Generic[T]):
    """At most `size` items, first in, first out.

    When one more comes: `error` ends it, after what it has was taken; `drop-oldest` and
    `drop-newest` leave one out and count it in `dropped`. Raises BadRequest for another policy.
    """

    def __init__(self, size: int, overflow: Overflow) -> None:
        check_number("buffer", size)
        check_choice("overflow", overflow, POLICIES)
        self._items: deque[T] = deque()
        self._size = size
        self._overflow = overflow
        self._end: TricastError | None = None
        self.is_ended = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Put one in; after the end it is dropped."""
        if self.is_ended:
            return
        if len(self._items) < self._size:
            self._items.append(item)
        elif self._overflow == "error":
            self.end(
                BufferFull(
                    f"{self._size} events wait to be taken, and another one came; take them faster, make "
                    "buffer larger, or choose overflow 'drop-oldest' or 'drop-newest'",
                    field="buffer",
                )
            )
        else:
            self.dropped += 1
            if self._overflow == "drop-oldest":
                self._items.popleft()
                self._items.append(item)

    def end(self, error: TricastError | None = None) -> None:
        """Nothing more is put in; the first end counts."""
        if not self.is_ended:
            self.is_ended, self._end = True, error

    @property
    def waiting(self) -> int:
        """How many are there to be taken."""
        return len(self._items)

    @property
    def is_ready(self) -> bool:
        """Whether `take` has something to say."""
        return bool(self._items) or self.is_ended

    def take(self) -> T | None:
        """The oldest; None at the end. Raises the error that it ended with."""
        if self._items:
            return self._items.popleft()
        if self._end is not None:
            raise self._end
        return None
