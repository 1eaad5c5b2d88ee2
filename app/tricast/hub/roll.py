"""What is told of presence: lists, and the events that change them.

Lists are of what has been told, so a list and the events after it are never at
odds. A change is told at once after quiet; then there is a tenth of a second
between two tellings, in which the last change of a member wins.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, Literal, NamedTuple

import orjson

from tricast.event import Event, draft, time_ms
from tricast.hub.fanout import Fanout
from tricast.pattern import Pattern, matcher
from tricast.presence.base import Member, Presence
from tricast.wire import control
from tricast.wire.control import Control

MAX_LISTED: Final = 1000  # members of a topic, and topics
MAX_LIST_BYTES: Final = 1024 * 1024
PACE_S: Final = 0.1
_SLICE = 500
_MAX_LISTS = 32

Told = Literal["joined", "updated", "left"]


class Listing(NamedTuple):
    """Who is on the topics of a subscription: the data, and the control event that carries it."""

    data: bytes
    control: Control


class Roll:
    """What everybody has been told. `fanout` tells it."""

    def __init__(self, places: Presence, fanout: Fanout) -> None:
        self._places = places
        self._fanout = fanout
        self._told: dict[str, dict[str, Member]] = {}
        self._changed: dict[tuple[str, str], None] = {}
        self._due: deque[tuple[str, str]] = deque()
        self._timer: asyncio.Handle | None = None
        self._told_at = 0.0
        self._lists: OrderedDict[tuple[Pattern, ...], Listing] = OrderedDict()
        self.members = 0
        self.changes = 0

    @property
    def topics(self) -> int:
        """How many topics somebody is on."""
        return len(self._told)

    def clear(self) -> None:
        """Nobody is there, and nothing is to be told."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for everything in (self._told, self._changed, self._due, self._lists):
            everything.clear()
        self.members = 0

    def listing(self, patterns: tuple[Pattern, ...]) -> Listing:
        """Who is there, as far as it was told. Shared by all who ask for the same."""
        found = self._lists.get(patterns)
        if found is None:
            told = self._told
            data = list_json(
                (topic, len(told[topic]), told[topic].values()) for topic in matching(patterns, told)
            )
            found = self._lists[patterns] = Listing(data, control.presence(data))
            if len(self._lists) > _MAX_LISTS:
                self._lists.popitem(last=False)
        return found

    # Telling

    def changed(self, topic: str, subject: str) -> None:
        """The member is to be told of."""
        self._changed[(topic, subject)] = None
        if self._timer is None:
            self._arm(self._told_at + PACE_S - asyncio.get_running_loop().time())

    def _arm(self, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(wait_s, self._tell) if wait_s > 0 else loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._timer = None
        if self._fanout.is_telling:  # (what was told before is still being written: the last change wins)
            self._arm(PACE_S)
            return
        if not self._due:
            self._due.extend(self._changed)
            self._changed.clear()
            self._told_at = asyncio.get_running_loop().time()
        part = [self._due.popleft() for _ in range(min(_SLICE, len(self._due)))]
        events = [event for topic, subject in part if (event := self._news(topic, subject)) is not None]
        if self._due:
            self._arm(0)
        elif self._changed:
            self._arm(PACE_S)
        if events:
            self._lists.clear()
            self.changes += len(events)
            self._fanout.tell(events)

    def _news(self, topic: str, subject: str) -> Event | None:
        members = self._told.get(topic, {})
        before, after = members.get(subject), self._places.member(topic, subject)
        if after is None:
            if before is None:
                return None
            del members[subject]
            if not members:
                del self._told[topic]
            self.members -= 1
            return _event(topic, "left", replace(before, connections=0, state_json=None))
        if before == after:
            return None
        self._told.setdefault(topic, {})[subject] = after
        if before is not None:
            return _event(topic, "updated", after)
        self.members += 1
        return _event(topic, "joined", after)


def _event(topic: str, told: Told, member: Member) -> Event:
    made = draft(
        topic,
        orjson.Fragment(member.json),
        source="/tricast",
        type=f"presence.{told}",
        subject=member.subject,
        ephemeral=True,
    )
    return Event.passing(made, time_ms())


def matching(patterns: Sequence[Pattern], topics: Iterable[str]) -> list[str]:
    """Those of `topics` (a mapping or set, where patterns are literal) that match, in their order."""
    if isinstance(topics, Mapping) and all(pattern.is_literal for pattern in patterns):
        return sorted(pattern.text for pattern in patterns if pattern.text in topics)
    matches: Callable[[str], bool] = matcher(patterns)
    return sorted(topic for topic in topics if matches(topic))


def list_json(topics: Iterable[tuple[str, int, Iterable[Member]]]) -> bytes:
    """`{"topics": {…}, "counts": {…}}` of (topic, how many there are, the first of them).

    At most 1,000 topics (`"more": true` where there are others), 1,000 members of
    each, and 1 MiB of members; `counts` has them all.
    """
    lists: list[bytes] = []
    counts: dict[str, int] = {}
    room = MAX_LIST_BYTES
    more = False
    for topic, count, members in topics:
        if len(counts) >= MAX_LISTED:
            more = True
            break
        counts[topic] = count
        listed = list(_fitting(members, room))
        room -= sum(map(len, listed))
        lists.append(b"%b:[%b]" % (orjson.dumps(topic), b",".join(listed)))
    end = b',"more":true}' if more else b"}"
    return b'{"topics":{%b},"counts":%b%b' % (b",".join(lists), orjson.dumps(counts), end)


def _fitting(members: Iterable[Member], room: int) -> Iterator[bytes]:
    for member in islice(members, MAX_LISTED):
        encoded = member.json
        room -= len(encoded)
        if room < 0:
            return
        yield encoded
