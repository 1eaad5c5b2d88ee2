"""What lies between a subscriber's position and fan-out's: recent events in memory, else the log.

Replay is cut into *spans*, which are shared: a thousand subscribers that come
back with one cursor cost one read of the log and one joining of bytes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tricast.event import Event
from tricast.hub.subscription import Subscription
from tricast.log.base import Bounds, Log, RetentionClass
from tricast.pattern import Pattern, matcher
from tricast.wire.frames import Format, Payload, payload

WRITE_BYTES = 64 * 1024
_SCAN_LIMIT = 4096

# Trim marks that a subscriber was told of, or asked to ignore, when it came.
Waiver = frozenset[tuple[RetentionClass, int]]


@dataclass(slots=True, eq=False)
class Span:
    """The matching events at (after, scanned]. `cut`: it ends because it was long enough."""

    after: int
    scanned: int
    events: Sequence[Event]
    size: int
    cut: bool
    _payloads: dict[Format, Payload] = field(default_factory=dict)

    def payload(self, format: Format) -> Payload:
        """Its events in one write, joined once per format."""
        made = self._payloads.get(format)
        if made is None:
            made = self._payloads[format] = payload(self.events, format)
        return made


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The log no longer holds everything after the position."""

    floor: int


_Key = tuple[int, Subscription, int, int, Waiver | None]


class History:
    """Recent events in memory (bounded in bytes), and shared pages of the log behind them."""

    def __init__(self, log: Log, *, recent_bytes: int, cache_bytes: int = 16 * 1024 * 1024) -> None:
        self._log = log
        self._recent_bytes = recent_bytes
        self._cache_bytes = cache_bytes
        self._events: list[Event] = []
        self._first = 0  # index of the oldest event that counts; the list is cut now and then
        self._start = 0  # the offset before that event
        self._size = 0
        self._gone = 0  # bytes of the events before `_first`, which the list still holds
        self._spans: OrderedDict[_Key, Span] = OrderedDict()
        self._spans_size = 0
        self._loading: dict[_Key, asyncio.Future[Span | Trimmed]] = {}
        self.reads = 0

    def begin(self, head: int) -> None:
        """Start with nothing in memory, at the log's head."""
        self._events.clear()
        self._spans.clear()
        self._first = self._size = self._gone = self._spans_size = 0
        self._loading.clear()
        self._start = head

    @property
    def head(self) -> int:
        return self._start + len(self._events) - self._first

    def covers(self, position: int) -> bool:
        """Whether everything after `position` is in memory."""
        return position >= self._start

    def extend(self, events: Sequence[Event]) -> None:
        """Append the next events; the oldest go when the bound is passed."""
        self._events.extend(events)
        self._size += sum(len(event.json) for event in events)
        while self._size > self._recent_bytes and self._first < len(self._events) - 1:
            size = len(self._events[self._first].json)
            self._size -= size
            self._gone += size
            self._first += 1
            self._start += 1
        if self._gone > self._recent_bytes // 8:
            del self._events[: self._first]
            self._first = self._gone = 0

    def between(self, after: int, upto: int) -> Sequence[Event]:
        """All events at (after, upto]; they must be in memory."""
        base = self._first - self._start
        return self._events[after + base : upto + base]

    def find(
        self,
        after: int,
        upto: int,
        subscription: Subscription,
        *,
        max_events: int = 1000,
        max_bytes: int = WRITE_BYTES,
        waiver: Waiver | None = None,
    ) -> Span | None:
        """The next span after `after`, never past `upto`; None: it must be loaded."""
        key = (after, subscription, max_events, max_bytes, waiver)
        span = self._spans.get(key)
        if span is not None and (span.scanned == upto or (span.cut and span.scanned < upto)):
            self._spans.move_to_end(key)
            return span
        if not self.covers(after):
            return None
        span = self._cut(after, self.between(after, min(upto, after + _SCAN_LIMIT)), subscription, key)
        self._keep(key, span)
        return span

    def _cut(self, after: int, events: Sequence[Event], subscription: Subscription, key: _Key) -> Span:
        max_events, max_bytes = key[2], key[3]
        matches, accepts = matcher(subscription.patterns), subscription.filter()
        filtered = subscription.is_filtered
        topics: dict[str, bool] = {}
        chosen: list[Event] = []
        size = 0
        scanned = after
        for event in events:
            wanted = topics.get(event.topic)
            if wanted is None:
                wanted = topics[event.topic] = matches(event.topic)
            if wanted and (not filtered or accepts(event)):
                if chosen and (size + len(event.json) > max_bytes or len(chosen) >= max_events):
                    return Span(after, scanned, chosen, size, True)
                chosen.append(event)
                size += len(event.json)
            scanned += 1
        return Span(after, scanned, chosen, size, len(events) == _SCAN_LIMIT)

    def _keep(self, key: _Key, span: Span) -> None:
        old = self._spans.pop(key, None)
        if old is not None:
            self._spans_size -= _weight(key, old)
        self._spans[key] = span
        self._spans_size += _weight(key, span)
        while self._spans_size > self._cache_bytes and len(self._spans) > 1:
            self._spans_size -= _weight(*self._spans.popitem(last=False))

    async def load(
        self, after: int, upto: int, subscription: Subscription, waiver: Waiver | None = None
    ) -> Span | Trimmed:
        """The next span after `after` from the log; one read however many ask at once.

        Never past `upto`. Trimmed where a class that the patterns can reach has a
        trim mark above `after` (and not waived): that is judged after the read,
        by the bounds that came with it (DELIVERY.md 15).
        """
        key = (after, subscription, 1000, WRITE_BYTES, waiver)
        pending = self._loading.get(key)
        if pending is None:
            pending = self._loading[key] = asyncio.ensure_future(self._load(key, upto))
            pending.add_done_callback(lambda done: self._loaded(key, done))
        return await asyncio.shield(pending)

    def _loaded(self, key: _Key, done: asyncio.Future[Span | Trimmed]) -> None:
        if self._loading.get(key) is done:
            del self._loading[key]

    async def _load(self, key: _Key, upto: int) -> Span | Trimmed:
        after, subscription, max_events, max_bytes, waiver = key
        self.reads += 1
        page = await self._log.read(after, subscription.patterns, upto=upto)
        floor = page.bounds.floor(subscription.patterns, dict(waiver) if waiver else None)
        if floor > after:
            return Trimmed(floor)
        accepts = subscription.filter()
        wanted = [event for event in page.events if accepts(event)]
        spans = list(_split(after, page.scanned, wanted, max_bytes))
        for span in reversed(spans):
            self._keep((span.after, subscription, max_events, max_bytes, waiver), span)
        return spans[0]


def _weight(key: _Key, span: Span) -> int:
    """What a span may cost in memory: its key, its events, and the two formats joined of them."""
    _, subscription, _, _, waiver = key
    asked = len(subscription.patterns) + len(subscription.types) + len(subscription.subjects)
    return 512 + 400 * asked + 120 * len(waiver or ()) + 3 * span.size


def _split(after: int, scanned: int, events: Sequence[Event], max_bytes: int) -> list[Span]:
    spans: list[Span] = []
    chosen: list[Event] = []
    size = 0
    for event in events:
        if chosen and size + len(event.json) > max_bytes:
            last = chosen[-1].offset or after
            spans.append(Span(after, last, chosen, size, True))
            after, chosen, size = last, [], 0
        chosen.append(event)
        size += len(event.json)
    spans.append(Span(after, scanned, chosen, size, True))
    return spans


def waiver_of(bounds: Bounds, patterns: Sequence[Pattern]) -> Waiver | None:
    """The trim marks as they stand, to be ignored by one who asked for "whatever there is"."""
    return frozenset(bounds.marks(patterns)) or None
