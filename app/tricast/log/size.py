"""How much a log holds: what those that know it can tell beside the log's contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable


class Mark(NamedTuple):
    """Where an event stands, and when it was appended (milliseconds since 1970)."""

    offset: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Size:
    """How many events there are, what the log takes in bytes, and what its disk has left (None: no disk).

    `first` is the oldest event on the shelf `events`; None: there is none.
    """

    events: int
    bytes: int
    free_bytes: int | None
    first: Mark | None


@runtime_checkable
class Sized(Protocol):
    """A log that knows how large it is."""

    async def size(self) -> Size: ...


@runtime_checkable
class Copyable(Protocol):
    """A log that is a file, of which a copy can be had while it is written to."""

    async def copy(self) -> BinaryIO:
        """A copy as of one moment; it is gone when it is closed.

        Raises Conflict while another is made, LogFull where there is no room for it, Unavailable.
        """
        ...
