"""Where polls wait, and the one place where their answers are made.

A parked poll has no task; polls at one position with one subscription share one
answer, written by the fan-out. The first answer after quiet goes out at once. The
next one waits for as long as it may take those who were answered to come back
(0.1 ms each, at most `PACE_S`), so that under load more events go into each.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from tricast.cursor import ResetReason
from tricast.errors import TricastError, Unavailable
from tricast.event import Event
from tricast.hub.fanout import Fanout, Group
from tricast.hub.history import Span, Trimmed
from tricast.hub.poll import MAX_ANSWER_BYTES, PACE_S, Answer, Poll
from tricast.hub.subscription import Subscription
from tricast.log.base import Bounds

_PACE_PER_POLL_S = 0.0001
_MAX_LOADS = 64
_SCANS = 2  # spans that are looked through in one turn of the loop
_SLICE = 256
_PRESENCE_PACE_S = 1.0
_log = logging.getLogger("tricast.poll")


class PollDesk:
    """Where the polls with one subscription wait."""

    __slots__ = (
        "_again",
        "_crowd",
        "_desks",
        "_due",
        "_first_hit",
        "_group",
        "_stirred",
        "_timer",
        "polls",
    )

    def __init__(self, desks: PollDesks, group: Group) -> None:
        self._desks = desks
        self._group = group
        self.polls: dict[Poll, None] = {}
        self._first_hit: int | None = None
        self._due: deque[Poll] = deque()  # those that the flush under way has still to answer
        self._crowd = 0
        self._again = False
        self._timer: asyncio.Handle | None = None
        self._stirred: asyncio.Handle | None = None
        group.desk = self

    @property
    def first_hit(self) -> int | None:
        """Where events wait that are answered in a moment, if there are any."""
        return self._first_hit

    def add(self, poll: Poll) -> None:
        poll.desk = self
        self.polls[poll] = None

    def remove(self, poll: Poll) -> None:
        self.polls.pop(poll, None)
        poll.desk = None
        if not self.polls:
            self._close()

    def _close(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stirred is not None:
            self._stirred.cancel()
            self._stirred = None
        self._group.desk = None
        self._desks.release(self._group)

    def hit(self, after: int) -> None:
        """Events for this group stand after `after`; nothing does between a parked poll and it."""
        if self._first_hit is None or after < self._first_hit:
            self._first_hit = after
        self._again = bool(self._due)
        if self._timer is None:
            wait = self._desks.pause(self._group.subscription, self.polls)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait, self._flush) if wait > 0 else loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Answer all who wait now, in slices. The hit stands until the last of them is answered."""
        self._timer = None
        self._desks.before_answers()
        hit = self._first_hit
        if hit is None or not self.polls:
            return
        if not self._due:
            self._due.extend(self.polls)
            self._crowd = len(self.polls)
        part = [self._due.popleft() for _ in range(min(_SLICE, len(self._due)))]
        if self._due:
            self._timer = asyncio.get_running_loop().call_soon(self._flush)
        elif not self._again:
            self._first_hit = None
        self._desks.flush(self._group.subscription, part, hit, crowd=self._crowd)
        if not self._due and self._again:
            self._again = False
            if self.polls:
                self.hit(hit)

    def stir(self) -> None:
        """Who is there has changed: all who wait here now are answered within a second."""
        if self._stirred is None:
            loop = asyncio.get_running_loop()
            self._stirred = loop.call_later(_PRESENCE_PACE_S, self._tell)

    def _tell(self, due: deque[Poll] | None = None) -> None:
        self._stirred = None
        if due is None:
            due = deque(self.polls)
        part = [due.popleft() for _ in range(min(_SLICE, len(due)))]
        if due:
            self._stirred = asyncio.get_running_loop().call_soon(self._tell, due)
        self._desks.tell(part)


class PollDesks:
    """All waiting polls, and the one place where their answers are made."""

    def __init__(self, fanout: Fanout, bounds: Callable[[], Bounds], *, pace_s: float = PACE_S) -> None:
        self._fanout = fanout
        self._bounds = bounds
        self._pace_s = pace_s
        self.answered = 0  # events in all answers
        # By the hash of a subscription (two with one hash only share a pause): until when the next
        # answer waits, and up to where the last one went.
        self._flushed: OrderedDict[int, tuple[float, int]] = OrderedDict()

    def open(self, poll: Poll, timeout_s: float | None) -> None:
        """Answer `poll` now if something waits, else park it (`timeout_s` 0: answer all the same)."""
        fanout = self._fanout
        if poll.position < fanout.position and poll.subscription.patterns:
            span = self._scan(poll, poll.position, fanout.position)
            if span is None:
                poll.task = asyncio.ensure_future(self._collect(poll, timeout_s))
                return
            if span.events:
                if timeout_s != 0 and self._wants_pace(poll):
                    self._park(poll, timeout_s, hit=poll.position)
                else:
                    self._respond(poll, span.events, span.scanned)
                return
            poll.position = span.scanned
        if timeout_s == 0:
            self._respond(poll, (), poll.position)
        else:
            self._park(poll, timeout_s, hit=None)

    def _park(self, poll: Poll, timeout_s: float | None, hit: int | None) -> None:
        group = self._fanout.group(poll.subscription)
        desk = group.desk or PollDesk(self, group)
        assert isinstance(desk, PollDesk)
        desk.add(poll)
        poll.wait_until(timeout_s, self.time_out)
        if poll.stale is not None and poll.stale():
            desk.stir()
        if hit is not None:
            desk.hit(hit)
        if poll.is_due:
            self.time_out(poll)

    def release(self, group: Group) -> None:
        """Nobody waits at this group any more."""
        self._fanout.release(group)

    def _wants_pace(self, poll: Poll) -> bool:
        """Whether the answer is held back a moment: it has just had the latest one."""
        flushed = self._flushed.get(hash(poll.subscription)) if poll.paced else None
        if flushed is None:
            return False
        until, position = flushed
        return poll.position >= position and asyncio.get_running_loop().time() < until

    def pause(self, subscription: Subscription, polls: dict[Poll, None]) -> float:
        """How long the next answer to this group waits, in seconds."""
        flushed = self._flushed.get(hash(subscription))
        if flushed is None or any(not poll.paced for poll in polls):
            return 0.0
        return flushed[0] - asyncio.get_running_loop().time()

    def before_answers(self) -> None:
        """End what has expired. (While its hit still stands: it is then told a position before it.)"""
        self._fanout.before_batch()

    def flush(self, subscription: Subscription, polls: Sequence[Poll], hit: int, *, crowd: int) -> None:
        """Answer parked polls of one subscription (of which `crowd` wait), one answer per position."""
        target = self._fanout.position
        pause = min(self._pace_s, crowd * _PACE_PER_POLL_S)
        key = hash(subscription)
        self._flushed[key] = (asyncio.get_running_loop().time() + pause, target)
        self._flushed.move_to_end(key)
        while len(self._flushed) > 4096:
            self._flushed.popitem(last=False)
        shared: dict[tuple[int, int], Answer] = {}
        for poll in polls:
            if poll.answered or poll.task is not None:  # (one who reads the log takes these too)
                continue
            start = max(poll.position, hit)
            answer = shared.get((start, poll.limit))
            if answer is None:
                span = self._scan(poll, start, target)
                if span is None:
                    poll.task = asyncio.ensure_future(self._collect(poll, None))
                    continue
                if not span.events:
                    continue
                answer = Answer(span.scanned, self._bounds().cursor(span.scanned), span.events)
                shared[(start, poll.limit)] = answer
            self.answered += len(answer.events)
            try:
                poll.answer(answer)
            except Exception:  # noqa: BLE001
                _log.exception("a poll's answer could not be written")

    def _scan(self, poll: Poll, start: int, target: int) -> Span | None:
        """The first span with events after `start`, or the last one; None: that must be awaited."""
        for _ in range(_SCANS):
            span = self._fanout.history.find(
                start, target, poll.subscription, max_events=poll.limit, max_bytes=MAX_ANSWER_BYTES
            )
            if span is None or span.events or span.scanned >= target:
                return span
            start = span.scanned
        return None

    def tell(self, polls: Sequence[Poll]) -> None:
        """Answer parked polls of one subscription with what there is, though it be no event."""
        self.before_answers()
        for poll in polls:
            if poll.desk is not None and poll.desk.first_hit is not None:
                self.time_out(poll)
        waiting = [poll for poll in polls if poll.desk is not None and poll.task is None]
        position = self._fanout.position
        shared = Answer(position, self._bounds().cursor(position))
        for poll in waiting:
            try:
                poll.answer(shared)
            except Exception:  # noqa: BLE001
                _log.exception("a poll's answer could not be written")

    def time_out(self, poll: Poll) -> None:
        """Answer a parked poll with what there is: usually nothing, at fan-out's position."""
        if poll.answered:
            return
        hit = poll.desk.first_hit if poll.desk is not None else None
        if hit is not None:
            self.before_answers()
            self.flush(poll.subscription, [poll], hit, crowd=1)
        if poll.task is None and not poll.answered:
            self._respond(poll, (), self._fanout.position)

    def expire(self, poll: Poll) -> None:
        """Answer without events, at a position that is safe."""
        clean = poll.desk is not None and poll.desk.first_hit is None and poll.task is None
        self._respond(poll, (), self._fanout.position if clean else poll.position)

    def _respond(self, poll: Poll, events: Sequence[Event], position: int) -> None:
        self.answered += len(events)
        poll.answer(Answer(position, self._bounds().cursor(position), events))

    async def _collect(self, poll: Poll, timeout_s: float | None) -> None:
        """Read the log for `poll` until an answer is full, fan-out is reached, or it has read enough."""
        try:
            events: list[Event] = []
            size = 0
            position = poll.position  # the poll's own stays where it is until these events are sent
            for _ in range(_MAX_LOADS):
                target = self._fanout.position
                if position >= target:
                    break
                span = await self._next_span(poll, position, target)
                if poll.answered:
                    return
                if isinstance(span, Trimmed):
                    if not events:
                        self.reset(poll, "trimmed")
                        return
                    break
                room = poll.limit - len(events)
                if len(span.events) > room:
                    events.extend(span.events[:room])
                    position = events[-1].offset or position
                    break
                if events and size + span.size > MAX_ANSWER_BYTES:
                    break
                events.extend(span.events)
                size += span.size
                position = span.scanned
                if len(events) >= poll.limit:
                    break
            poll.task = None
            if events or timeout_s == 0 or position < self._fanout.position:
                self._respond(poll, events, position)
            else:
                poll.position = position
                self._park(poll, timeout_s, hit=None)
        except TricastError as error:
            self._fail(poll, error)
        except Exception:  # noqa: BLE001
            _log.exception("a poll's reading failed")
            self._fail(poll, Unavailable("the log could not be read; the server's log says why"))

    def _fail(self, poll: Poll, problem: TricastError) -> None:
        if not poll.answered:
            poll.answer(self.problem(poll, problem))

    def problem(self, poll: Poll, problem: TricastError) -> Answer:
        """The answer that refuses `poll`; its cursor is still good."""
        return Answer(poll.position, self._bounds().cursor(poll.position), problem=problem)

    async def _next_span(self, poll: Poll, position: int, target: int) -> Span | Trimmed:
        history = self._fanout.history
        found = history.find(position, target, poll.subscription, waiver=poll.waiver)
        if found is not None:
            await asyncio.sleep(0)
            return found
        return await history.load(position, target, poll.subscription, poll.waiver)

    def reset(self, poll: Poll, reason: ResetReason) -> None:
        """Answer at once that the cursor can't be served; the next poll goes on from fan-out's."""
        bounds = self._bounds()
        position = self._fanout.position
        oldest = bounds.cursor(bounds.oldest(poll.subscription.patterns))
        poll.answer(Answer(position, bounds.cursor(position), (), reason, oldest))
