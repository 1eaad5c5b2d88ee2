"""What a log holds, as of one moment: its head, its epochs, and how far it was trimmed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tricast.cursor import Cursor, ResetReason
from tricast.pattern import SYSTEM_APP, Pattern


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """What is trimmed together: one shelf of one app. Offsets are shared by all classes."""

    shelf: str
    app: str


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

    def shelves(self, patterns: Iterable[Pattern]) -> set[str]:
        """The shelves on which the log holds, or held, what `patterns` can reach."""
        by_app = _marks_by_app(self.floors)
        return {cls.shelf for app in _reached(patterns, by_app) for cls, _ in by_app.get(app, ())}


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
