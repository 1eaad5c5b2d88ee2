"""Reading the audit trail: newest first, a bounded piece at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from tricast.api.entries import Entry, Sight, Wanted
from tricast.cursor import Cursor
from tricast.errors import BadCursor
from tricast.event import MAX_ATTRIBUTE_CHARS, Event
from tricast.hub.hub import Hub
from tricast.hub.past import Past
from tricast.hub.poll import MAX_ANSWER_BYTES

MAX_SCAN: Final = 20_000
_STEP: Final = 1000
_FILTERED_STEP: Final = 10_000  # what the hub looks at in one step where it filters itself
_MAX_STARS: Final = 8  # of a glob


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for, by whom.

    `action` is a glob. Entries are of `since_ms` or later, and before `until_ms`
    (milliseconds since 1970).
    """

    sight: Sight
    wanted: Wanted
    action: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """What an entry's event is of."""
        return () if self.action is None else (self.action,)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Globs that the subject of no wanted entry's event fails (the subject is the key's beginning)."""
        key = (self.wanted.key or "")[:MAX_ATTRIBUTE_CHARS]
        return (key,) if key and key.count("*") <= _MAX_STARS else ()

    @property
    def takes_all(self) -> bool:
        """Whether `seen` lets everything through that stands on the right topics."""
        return self.sight.whole and self.wanted.is_anything

    def seen(self, event: Event) -> Entry | None:
        """The entry that `event` is, as it is seen; None if it isn't, or isn't wanted."""
        entry = Entry.of_event(event)
        if entry is not None:
            entry = self.sight.view(entry)
        return entry if entry is not None and self.wanted.accepts(entry) else None


@dataclass(frozen=True, slots=True)
class Found:
    """Entries, newest first. `next`: the cursor to go on from; None: there are no more."""

    entries: tuple[Entry, ...]
    next: str | None


class Trail:
    """The audit trail of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def look(self, search: Search, *, cursor: str | None, limit: int) -> Found:
        """Up to `limit` entries older than the one at `cursor` (None: from the newest).

        Looks at 20,000 at most, and takes no more once there is 1 MiB, so that there may
        be fewer, or none, and `next` all the same. Raises Forbidden, BadCursor.
        """
        topics = search.sight.topics(search.wanted)
        since = 0 if search.since_ms is None else await self._hub.log.seek(search.since_ms)
        before = await self._begin(search, cursor)
        filtered = search.types or search.subjects
        found: list[Entry] = []
        size = 0
        for _ in range(MAX_SCAN // (_FILTERED_STEP if filtered else _STEP)):
            step = limit - len(found) if search.takes_all else _STEP
            past = await self._step(search, topics, before, step)
            for event in past.events:
                if (event.offset or 0) <= since:
                    return Found(tuple(found), None)
                entry = search.seen(event)
                if entry is not None:
                    found.append(entry)
                    size += len(event.json)
                    if len(found) == limit:
                        is_last = past.next is None and event is past.events[-1]
                        return Found(tuple(found), None if is_last else entry.id)
            before = past.next
            if before is None or Cursor.parse(before).offset <= since + 1:
                return Found(tuple(found), None)
            if size >= MAX_ANSWER_BYTES:
                break
            await asyncio.sleep(0)  # (a log in memory lets nobody in between)
        return Found(tuple(found), before)

    async def _begin(self, search: Search, cursor: str | None) -> str | None:
        """Where to begin: at `cursor`, or where `until` is if that is older."""
        if search.until_ms is None:
            return cursor
        last = await self._hub.log.seek(search.until_ms)
        bounds = self._hub.bounds
        if last >= bounds.head or (cursor is not None and Cursor.parse(cursor).offset <= last):
            return cursor
        return bounds.cursor(last + 1)

    async def _step(self, search: Search, topics: Sequence[str], before: str | None, limit: int) -> Past:
        try:
            return await self._hub.history(
                before, topics, limit=limit, type=search.types, subject=search.subjects
            )
        except BadCursor:
            raise BadCursor(
                f"cursor {str(before)[:80]!r} is none of this log as it is now; leave it out to begin with "
                "the newest entry",
                field="cursor",
            ) from None

    async def pages(
        self, search: Search, *, cursor: str | None, limit: int | None
    ) -> AsyncIterator[tuple[Entry, ...]]:
        """All entries, or the newest `limit`, in pieces, some of which may be empty."""
        left = limit
        while left is None or left > 0:
            found = await self.look(search, cursor=cursor, limit=_STEP if left is None else min(_STEP, left))
            yield found.entries
            if found.next is None:
                return
            cursor = found.next
            left = None if left is None else left - len(found.entries)
