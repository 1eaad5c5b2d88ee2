"""The log's port: one ordered, durable sequence of events, and documents beside it.

Every implementation passes `tests/contracts/test_log.py`, which is this file in
executable form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from tricast.errors import BadRequest
from tricast.event import Draft, Event
from tricast.log.bounds import Bounds, Epoch, RetentionClass
from tricast.pattern import Pattern

__all__ = [
    "ANY_VERSION",
    "IDEMPOTENCY_WINDOW_MS",
    "MAX_SCAN",
    "Append",
    "Appended",
    "Batch",
    "Bounds",
    "Document",
    "Epoch",
    "Log",
    "Page",
    "PageBack",
    "Receipt",
    "Retention",
    "RetentionClass",
    "Write",
]

ANY_VERSION = -1
IDEMPOTENCY_WINDOW_MS = 24 * 3600 * 1000
MAX_SCAN = 1000


@dataclass(frozen=True, slots=True)
class Document:
    """A keyed JSON value with a version, which begins at 1 and rises by one with each write."""

    kind: str
    key: str
    version: int
    value: Any  # JSON as Python values; None: the document was deleted (only seen in a Batch)


@dataclass(frozen=True, slots=True)
class Write:
    """A change of a document, made in the same unit as the events that announce it.

    `expected` is the version that must be there: 0 for "must not exist",
    `ANY_VERSION` for no condition. `value` None deletes (deleting what isn't
    there is no error; a document made again begins at version 1).
    """

    kind: str
    key: str
    value: Any
    expected: int = ANY_VERSION


@dataclass(frozen=True, slots=True)
class Append:
    """One unit of appending: all of it happens, or nothing does.

    `silent` writes are those of usage counters and the like: a unit without
    drafts is allowed. An empty unit is allowed too; it goes through the writer
    and proves that it lives.
    """

    drafts: tuple[Draft, ...] = ()
    writes: tuple[Write, ...] = ()


class Receipt(NamedTuple):
    """Where one draft ended up. `cursor` is None for ephemeral drafts."""

    id: str
    offset: int | None
    cursor: str | None
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """What a unit came to: a receipt per draft, in order, and the documents as written."""

    receipts: tuple[Receipt, ...] = ()
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one commit added, in order: the events at (after, upto], without holes."""

    after: int
    upto: int
    events: tuple[Event, ...]
    documents: tuple[Document, ...] = ()
    ephemeral: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """The matching events at (after, scanned], and the bounds seen *after* they were read.

    A row missing because it was trimmed shows in `bounds`: the mark is raised
    before the first row of a step goes (DELIVERY.md 15).
    """

    after: int
    scanned: int
    events: tuple[Event, ...]
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class PageBack:
    """The matching events at (scanned, before), newest first, and the bounds seen *after* they were read.

    `scanned` 0: the end, nothing that matches is left below. None of the events is
    at or below the mark that `bounds` has for its class.
    """

    before: int
    scanned: int
    events: tuple[Event, ...]
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of a class is kept; None: no limit. Age in seconds, size in bytes of event JSON."""

    age_s: float | None = None
    events: int | None = None
    bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("age_s", "events", "bytes"):
            limit = getattr(self, name)
            if limit is not None and limit < 0:
                raise BadRequest(f"retention: {name} {limit!r} must be 0 or more, or None", field=name)


class Log(Protocol):
    """One ordered, durable sequence of events. Use it as `async with`.

    One event loop, one consumer (`tail`). Offsets are integers from 1, gapless,
    one order for all topics; each event's append time never decreases. The first
    append after entering begins a new epoch (in the same transaction); an empty
    file is born with one, so that there is always a cursor to hand out.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def append(self, unit: Append) -> Appended:
        """Append `unit` as a whole; returns when it is durable *and* was handed to the tail.

        In this order: duplicates (client-given ids, key (app, source, id), within
        24 h: the first receipt again; if the unit has writes and every draft with an
        id is one, the unit is a repetition and nothing of it is done), compare-and-set
        of the documents, writes. Many appends share one commit and each fails alone.
        Ephemeral drafts reach the tail, at most once, and get no offset.

        Raises Conflict (version, or an id used for other content), LogFull (known
        not to be written), Unavailable (not known: repeat with the same id).
        """
        ...

    async def read(
        self, after: int, patterns: Sequence[Pattern], limit: int = MAX_SCAN, upto: int | None = None
    ) -> Page:
        """The events that match any of `patterns` in (after, scanned], at most `limit` of them.

        Looks at no more than 1,000 offsets a call, not counting those that it knows not
        to match without looking at them; `scanned` says how far it got, is > `after`
        unless `after` is the head (or `upto`), and never past `upto`.
        """
        ...

    async def look_back(self, before: int, patterns: Sequence[Pattern], limit: int = MAX_SCAN) -> PageBack:
        """The events that match any of `patterns` at (scanned, before), newest first, at most `limit`.

        Bounded as `read` is; `scanned` is below `before` - 1, or 0 at the end. What was
        trimmed isn't there: no error, the end is the end.
        """
        ...

    async def seek(self, time_ms: int) -> int:
        """The highest offset whose append time is before `time_ms` (0 if none).

        Where events were trimmed it may be any offset in the gap: no kept event up to
        it is of `time_ms` or later, none after it is earlier.
        """
        ...

    def bounds(self) -> Bounds:
        """Head, epochs and trim marks as of now. No I/O."""
        ...

    def tail(self, deliver: Callable[[Batch], None]) -> None:
        """Name the one consumer: called on the event loop with each batch, in order, once.

        Called before the appends in the batch return. It must not raise or block.
        """
        ...

    async def list(self, kind: str, key: str | None = None) -> list[Document]:
        """The documents of a kind by key (or the one with that key, or none)."""
        ...

    async def trim(self, cls: RetentionClass, keep: Retention) -> int:
        """Take one small step (≤ 1,000 events) towards `keep`; how many events went.

        0: nothing left to trim. Raises the stored mark of the class in the same
        transaction, and in `bounds()` before the rows go.
        """
        ...
