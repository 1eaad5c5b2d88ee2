"""Where a subscription begins: from what was asked for to a position, or a reset."""

from __future__ import annotations

from dataclasses import dataclass

from tricast.cursor import Cursor, ResetReason
from tricast.hub.fanout import Fanout
from tricast.hub.history import Waiver, waiver_of
from tricast.hub.subscription import Subscription
from tricast.log.base import Bounds
from tricast.wire.start import Start


@dataclass(frozen=True, slots=True)
class Place:
    """A position to go on from. `recovered`: a cursor was given, and everything after it follows."""

    position: int
    waiver: Waiver | None = None
    recovered: bool = False
    reset: ResetReason | None = None


def place(start: Start | int, subscription: Subscription, fanout: Fanout, bounds: Bounds) -> Place:
    """Where a subscription begins as of now. `start` is an offset where it was a time."""
    if isinstance(start, int):
        # A time before all epochs, or in what was trimmed: whatever is kept, no reset.
        return Place(min(start, fanout.position), waiver_of(bounds, subscription.patterns))
    if start.kind == "earliest":
        oldest = min(bounds.oldest(subscription.patterns), fanout.position)
        return Place(oldest, waiver_of(bounds, subscription.patterns))
    if start.kind == "unknown":
        return Place(fanout.position, reset="unknown")
    if start.cursor is None:
        return Place(fanout.position)
    return _at(start.cursor, subscription, fanout, bounds)


def _at(cursor: Cursor, subscription: Subscription, fanout: Fanout, bounds: Bounds) -> Place:
    reason = bounds.refuse(cursor)
    covered = fanout.history.covers(cursor.offset)
    if reason is None and not covered and bounds.floor(subscription.patterns) > cursor.offset:
        reason = "trimmed"
    if reason is not None:
        return Place(fanout.position, reset=reason)
    return Place(cursor.offset, recovered=True)
