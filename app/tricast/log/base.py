"""The log's port: one ordered, durable sequence of events, and documents beside it.

Every implementation passes `tests/contracts/test_log.py`, which is this file in
executable form.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Protocol, Self

from tricast.cursor import Cursor, ResetReason
from tricast.errors import BadRequest
from tricast.event import Draft, Event
from tricast.pattern import SYSTEM_APP, Pattern

ANY_VERSION = -1
IDEMPOTENCY_WINDOW_MS = 24 * 3600 * 1000
MAX_SCAN = 1000


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """What is trimmed together: one shelf of one app. Offsets are shared by all classes."""

    shelf: str
    app: str


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
class Epoch:
    """One life of the log. `began` is the head at which it began."""

    id: str
    began: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the log holds, as of one moment: immutable, cheap to ask for.

    `floors` has the trim mark of every class that holds or held events (0: nothing
    was trimmed): everything of that class at or below the mark may be gone.
    """

    head: int
    epochs: tuple[Epoch, ...]
    floors: Mapping[RetentionClass, int] = field(default_factory=lambda: MappingProxyType({}))

    def cursor(self, offset: int) -> str:
        """The cursor that names `offset`: it carries the epoch in which the offset was written."""
        index = bisect_left(self.epochs, offset, key=lambda epoch: epoch.began) - 1
        return f"{self.epochs[max(index, 0)].id}-{offset}"

    def refuse(self, cursor: Cursor) -> ResetReason | None:
        """Why the log can't serve `cursor`, or None. (Trimming is judged per class, by `floor`.)

        A cursor of an earlier epoch is good up to the head at which the next one
        began (DELIVERY.md 14).
        """
        for index, epoch in enumerate(self.epochs):
            if epoch.id == cursor.epoch:
                following = self.epochs[index + 1 : index + 2]
                if following and cursor.offset > following[0].began:
                    return "epoch"
                return "ahead" if cursor.offset > self.head else None
        return "unknown"

    def floor(self, patterns: Iterable[Pattern], waived: Mapping[RetentionClass, int] | None = None) -> int:
        """The highest trim mark of the classes that `patterns` can reach (0 if none).

        Marks that stand in `waived` with the same value don't count.
        """
        marks = self.marks(patterns)
        return max((mark for cls, mark in marks if waived is None or waived.get(cls, 0) < mark), default=0)

    def marks(self, patterns: Iterable[Pattern]) -> list[tuple[RetentionClass, int]]:
        """The trim marks above 0 of the classes that `patterns` can reach."""
        by_app = _marks_by_app(self.floors)
        return [
            (cls, mark) for app in _reached(patterns, by_app) for cls, mark in by_app.get(app, ()) if mark
        ]

    def oldest(self, patterns: Iterable[Pattern]) -> int:
        """The offset after which the oldest event kept for `patterns` may stand."""
        by_app = _marks_by_app(self.floors)
        return min((mark for app in _reached(patterns, by_app) for _, mark in by_app.get(app, ())), default=0)


_Marks = dict[str, list[tuple[RetentionClass, int]]]
_indexed: tuple[Mapping[RetentionClass, int], _Marks] = (MappingProxyType({}), {})


def _reached(patterns: Iterable[Pattern], by_app: _Marks) -> set[str]:
    """The apps that any of `patterns` can reach (among those in `by_app`, or named)."""
    apps = {pattern.app for pattern in patterns}
    named = {app for app in apps if app is not None}
    return named | {app for app in by_app if app != SYSTEM_APP} if None in apps else named


def _marks_by_app(floors: Mapping[RetentionClass, int]) -> _Marks:
    """`floors` by app. Made once for as long as they are the same object, which is until one rises."""
    global _indexed
    if _indexed[0] is not floors:
        by_app: _Marks = {}
        for cls, mark in floors.items():
            by_app.setdefault(cls.app, []).append((cls, mark))
        _indexed = (floors, by_app)
    return _indexed[1]


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

        Looks at no more than 1,000 offsets a call unless it knows without reading
        that there is nothing; `scanned` says how far it looked, is > `after` unless
        `after` is the head (or `upto`), and never past `upto`.
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
