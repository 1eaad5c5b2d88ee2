"""What was: the events of a subscription, newest first, a bounded step at a time."""

from __future__ import annotations

from typing import NamedTuple

from tricast.errors import BadCursor, BadRequest
from tricast.event import Event
from tricast.hub.poll import MAX_ANSWER_BYTES, MAX_ANSWER_EVENTS
from tricast.hub.subscription import Subscription
from tricast.log.base import MAX_SCAN, Log
from tricast.wire.start import LATEST, Start

_PAGES = 10


class Past(NamedTuple):
    """Events, newest first. `next` is what to give as `before` to go on; None: nothing is older."""

    events: tuple[Event, ...]
    next: str | None


def check_limit(limit: int) -> int:
    """`limit`, if a step can have it; else BadRequest."""
    if not 1 <= limit <= MAX_ANSWER_EVENTS:
        raise BadRequest(f"limit {limit} must be from 1 to {MAX_ANSWER_EVENTS}", field="limit")
    return limit


async def offset_before(before: str | None, log: Log, position: int) -> int:
    """The offset below which to look: of the event that `before` names, or the first at its time.

    Never above the one that follows `position`. Raises BadCursor on what isn't a
    cursor of this log.
    """
    start = LATEST if before is None else Start.parse(before, "before")
    if start.kind == "earliest":
        return 0
    if start.kind == "time":
        return min(await log.seek(start.time_ms), position) + 1
    if start.cursor is None:
        return position + 1
    reason = log.bounds().refuse(start.cursor)
    if reason is not None:
        raise BadCursor(
            f"before '{start.cursor}' is not a cursor of this log as it is now ({reason}); leave it out to "
            "begin with the newest event",
            field="before",
        )
    return min(start.cursor.offset, position + 1)


async def look_back(log: Log, before: int, subscription: Subscription, limit: int) -> Past:
    """The next step below the offset `before`: at most `limit` events, 1 MiB, and ten pages of the log."""
    accepts = subscription.filter()
    found: list[Event] = []
    size = 0
    for _ in range(_PAGES):
        wanted = MAX_SCAN if subscription.is_filtered else limit - len(found)
        page = await log.look_back(before, subscription.patterns, wanted)
        before = page.scanned + 1
        for event in page.events:
            if not accepts(event):
                continue
            offset = event.offset or 0
            size += len(event.json)
            if found and size > MAX_ANSWER_BYTES:
                return Past(tuple(found), page.bounds.cursor(offset + 1))
            found.append(event)
            if len(found) == limit and event is not page.events[-1]:
                return Past(tuple(found), page.bounds.cursor(offset))
        if page.scanned == 0:
            return Past(tuple(found), None)
        if len(found) == limit:
            break
    return Past(tuple(found), log.bounds().cursor(before))
