"""Fan-out: each batch of the log, in order, to every live subscriber whose patterns match.

Work per connection is one comparison and one write. Everything else is done once
per batch (matching), once per distinct payload (joining) or once per slice.
See docs/architecture.md and the rules of joining there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from tricast.event import Event
from tricast.hub.history import WRITE_BYTES, History
from tricast.hub.subscription import Subscription
from tricast.hub.topics import TopicIndex
from tricast.log.base import Batch
from tricast.wire.control import Control, heartbeat, presence
from tricast.wire.frames import Format, Payload, payload

NEVER: Final = 1 << 62  # "seen everything": what a member that isn't live shows to fan-out

_log = logging.getLogger("tricast.fanout")


class Member(Protocol):
    """A push subscriber, as fan-out sees it."""

    seen: int
    format: Format
    group: Group | None

    def send(self, data: Payload, /) -> None: ...

    def broken(self, error: Exception) -> None: ...

    def beat(self) -> None: ...

    def replay(self) -> None: ...


class Desk(Protocol):
    """Where the polls of one group wait."""

    def hit(self, after: int) -> None: ...

    def stir(self) -> None: ...


class Group:
    """All live subscribers with one subscription."""

    __slots__ = ("accepts", "desk", "filtered", "members", "subscription")

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.filtered = subscription.is_filtered
        self.accepts = subscription.filter()
        self.members: dict[Format, dict[Member, None]] = {}
        self.desk: Desk | None = None


class Fanout:
    """The live set, and the loop that writes to it.

    `position` (F) is advanced before a batch's first write; `done` is the last
    offset that was wholly fanned out.
    """

    def __init__(self, history: History, *, slice_writes: int = 256) -> None:
        self.history = history
        self.position = 0
        self.done = 0
        self.live = 0
        self.deliveries = 0
        self.writes = 0
        self.before_batch: Callable[[], None] = lambda: None
        self.after_batch: Callable[[int], None] = lambda _: None
        self.heartbeat: Callable[[], Control] = lambda: heartbeat("none-0")
        self.roll: Callable[[Subscription], Control] = lambda _: presence(b'{"topics":{},"counts":{}}')
        self._slice = slice_writes
        self._groups: dict[Subscription, Group] = {}
        self._index: TopicIndex[Group] = TopicIndex()
        self._watchers: TopicIndex[Group] = TopicIndex()  # groups that asked for presence
        self._pending: deque[Batch] = deque()
        self._ephemeral: deque[Event] = deque()
        self._news: deque[Event] = deque()
        self._beats = False
        self._probes: list[asyncio.Future[None]] = []
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._work: Iterator[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, head: int) -> None:
        """Start at the log's head, on the running loop, with nobody and nothing under way."""
        self.position = self.done = head
        self.live = 0
        self._groups, self._index, self._watchers = {}, TopicIndex(), TopicIndex()
        self._pending.clear()
        self._ephemeral.clear()
        self._news.clear()
        self._waiters.clear()
        self._probes.clear()
        self._beats = False
        self._work = None
        self._loop = asyncio.get_running_loop()

    # Membership: synchronous, so that nothing happens between the last look and the join.

    def join(self, member: Member, subscription: Subscription) -> None:
        """Add `member` to the live set at `position`; what lies before must have been written."""
        group = self.group(subscription)
        group.members.setdefault(member.format, {})[member] = None
        member.group = group
        member.seen = self.position
        self.live += 1

    def leave(self, member: Member) -> int:
        """Take `member` out of the live set; the position that it leaves at."""
        group = member.group
        assert group is not None
        members = group.members[member.format]
        del members[member]
        if not members:
            del group.members[member.format]
        member.group = None
        position = max(member.seen, self.done)
        member.seen = NEVER
        self.live -= 1
        self.release(group)
        return position

    def group(self, subscription: Subscription) -> Group:
        """The group of `subscription`, made if need be. Whoever leaves it calls `release`."""
        group = self._groups.get(subscription)
        if group is None:
            group = self._groups[subscription] = Group(subscription)
            self._index.add(subscription.patterns, group)
            if subscription.presence:
                self._watchers.add(subscription.patterns, group)
        return group

    def release(self, group: Group) -> None:
        """Drop `group` if nobody is left in it."""
        if not group.members and group.desk is None and self._groups.get(group.subscription) is group:
            del self._groups[group.subscription]
            self._index.remove(group.subscription.patterns, group)
            if group.subscription.presence:
                self._watchers.remove(group.subscription.patterns, group)

    # Input

    def push(self, batch: Batch) -> None:
        """Take a batch of the tail. Its first slice is written at once if nothing else is under way."""
        if batch.events:
            self.history.extend(batch.events)
            self._pending.append(batch)
        self._ephemeral.extend(batch.ephemeral)
        self._start()

    def tell(self, news: Sequence[Event]) -> None:
        """Pass on events of presence, to those who asked for it."""
        self._news.extend(news)
        self._start()

    @property
    def is_telling(self) -> bool:
        """Whether such events still wait."""
        return bool(self._news)

    def beat(self) -> None:
        """Write a heartbeat with F to every live member, between two batches."""
        self._beats = True
        self._start()

    async def reached(self, offset: int) -> None:
        """Wait until fan-out has begun the batch with `offset`: after that, reads include it."""
        if self.position >= offset:
            return
        assert self._loop is not None
        waiter = self._loop.create_future()
        self._waiters.append((offset, waiter))
        await waiter

    async def probe(self) -> None:
        """Return once the fan-out loop has come by."""
        assert self._loop is not None
        probe = self._loop.create_future()
        self._probes.append(probe)
        self._start()
        await probe

    # The loop

    def _start(self) -> None:
        if self._work is None:
            self._work = self._run()
            self._step()

    def _step(self) -> None:
        work = self._work
        assert self._loop is not None
        if work is None:  # the hub was left, and entered again
            return
        try:
            next(work)
        except StopIteration:
            self._work = None
            if self._busy():
                self._start()
        except Exception:  # noqa: BLE001
            _log.exception("fan-out failed; every live subscriber is replayed from the log")
            self._recover()
        else:
            self._loop.call_soon(self._step)

    def _recover(self) -> None:
        """After a failure: what may not have been written is replayed, then go on with the rest."""
        for group in list(self._groups.values()):
            if group.desk is not None:
                group.desk.hit(self.done)
        for member in self._members():
            member.replay()
        self.done = self.position
        self._work = None
        if self._busy():
            self._loop_of().call_soon(self._start)

    def _loop_of(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def _busy(self) -> bool:
        return bool(self._pending or self._ephemeral or self._news or self._beats or self._probes)

    def _members(self) -> list[Member]:
        return [m for g in self._groups.values() for ms in g.members.values() for m in ms]

    def _run(self) -> Iterator[None]:
        while self._busy():
            while self._probes:
                probe = self._probes.pop()
                if not probe.done():
                    probe.set_result(None)
            if self._pending:
                self.before_batch()  # before F moves: who expires now is told the position before this batch
                yield from self._deliver(*self._take())
            if self._ephemeral:
                events = self._take_passing(self._ephemeral)
                yield from self._pass(events, self._match(events))
            if self._news:
                events = self._take_passing(self._news)
                yield from self._pass(events, self._watching(events))
            if self._beats:
                self._beats = False
                yield from self._beat()

    def _take(self) -> tuple[int, int, list[Event]]:
        """The next events as one batch, at most one write's worth of bytes (or one event)."""
        after = self.position
        events: list[Event] = []
        size = 0
        while self._pending:
            batch = self._pending.popleft()
            for index, event in enumerate(batch.events):
                size += len(event.json)
                if events and size > WRITE_BYTES:
                    rest = batch.events[index:]
                    self._pending.appendleft(Batch(after + len(events), batch.upto, rest))
                    return after, after + len(events), events
                events.append(event)
        return after, after + len(events), events

    @staticmethod
    def _take_passing(waiting: deque[Event]) -> list[Event]:
        events: list[Event] = []
        size = 0
        while waiting and (not events or size + len(waiting[0].json) <= WRITE_BYTES):
            event = waiting.popleft()
            events.append(event)
            size += len(event.json)
        return events

    def _deliver(self, after: int, upto: int, events: list[Event]) -> Iterator[None]:
        self.position = upto
        while self._waiters and self._waiters[0][0] <= upto:
            waiter = self._waiters.popleft()[1]
            if not waiter.done():
                waiter.set_result(None)
        hits = self._match(events)
        for group in hits:
            if group.desk is not None:
                group.desk.hit(after)
        budget = self._slice
        for (mask, format), members in _targets(hits).items():
            chosen = [event for index, event in enumerate(events) if mask >> index & 1]
            data = payload(chosen, format)
            count = len(chosen)
            for start in range(0, len(members), self._slice):
                if budget <= 0:
                    budget = self._slice
                    yield
                    self.before_batch()
                part = members[start : start + self._slice]
                budget -= len(part)
                sent = 0
                for member in part:
                    if member.seen < upto:
                        member.seen = upto
                        try:
                            member.send(data)
                        except Exception as error:  # noqa: BLE001
                            member.broken(error)
                        sent += 1
                self.writes += sent
                self.deliveries += sent * count
        self.done = upto
        self.after_batch(upto)

    def _match(self, events: Sequence[Event]) -> dict[Group, int]:
        """Which events of the batch each group gets, as a bit mask."""
        topics: dict[str, int] = {}
        for index, event in enumerate(events):
            topics[event.topic] = topics.get(event.topic, 0) | 1 << index
        hits: dict[Group, int] = {}
        for topic, mask in topics.items():
            for group in self._index.match(topic):
                wanted = self._filtered(group, mask, events) if group.filtered else mask
                if wanted:
                    hits[group] = hits.get(group, 0) | wanted
        return hits

    @staticmethod
    def _filtered(group: Group, mask: int, events: Sequence[Event]) -> int:
        wanted = 0
        while mask:
            bit = mask & -mask
            if group.accepts(events[bit.bit_length() - 1]):
                wanted |= bit
            mask ^= bit
        return wanted

    def _watching(self, events: Sequence[Event]) -> dict[Group, int]:
        """As `_match`, of those who asked for presence; globs are for events of the log."""
        hits: dict[Group, int] = {}
        for index, event in enumerate(events):
            for group in self._watchers.match(event.topic):
                hits[group] = hits.get(group, 0) | 1 << index
        for group in hits:
            if group.desk is not None:
                group.desk.stir()
        return hits

    def _pass(self, events: list[Event], hits: dict[Group, int]) -> Iterator[None]:
        """Ephemeral events: to whoever is live, unordered against the log, at most once."""
        self.before_batch()
        for (mask, format), members in _targets(hits).items():
            data = payload([e for index, e in enumerate(events) if mask >> index & 1], format)
            for start in range(0, len(members), self._slice):
                for member in members[start : start + self._slice]:
                    if member.group is not None:
                        try:
                            member.send(data)
                        except Exception as error:  # noqa: BLE001
                            member.broken(error)
                yield

    def _beat(self) -> Iterator[None]:
        self.before_batch()
        beat = self.heartbeat()
        members = self._members()
        made: dict[Format, Payload] = {}
        for start in range(0, len(members), self._slice):
            for member in members[start : start + self._slice]:
                if member.group is None:
                    continue
                data = made.get(member.format)
                if data is None:
                    data = made[member.format] = beat.payload(member.format)
                try:
                    member.send(data)
                    member.beat()
                except Exception as error:  # noqa: BLE001
                    member.broken(error)
            yield


def _targets(hits: dict[Group, int]) -> dict[tuple[int, Format], list[Member]]:
    """A snapshot of the members by what they get: one payload each, whichever group they are in."""
    targets: dict[tuple[int, Format], list[Member]] = {}
    for group, mask in hits.items():
        for format, members in group.members.items():
            targets.setdefault((mask, format), []).extend(members)
    return targets
