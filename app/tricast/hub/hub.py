"""The hub: one durable log, and everybody who listens to it. The one door of the package."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Self

from tricast.errors import Draining, NotStarted, TricastError, Unavailable
from tricast.event import DEFAULT_TYPE, Draft, Event, draft
from tricast.hub.attendance import Client
from tricast.hub.caller import HUB, Caller
from tricast.hub.connections import RESTART_MS, Connections
from tricast.hub.desks import PollDesks
from tricast.hub.expiry import remaining_s
from tricast.hub.fanout import Fanout
from tricast.hub.figures import Figures
from tricast.hub.history import History
from tricast.hub.hooks import Hook, Hooks
from tricast.hub.latency import Latency
from tricast.hub.loop import check_loop
from tricast.hub.options import HubOptions, Stats
from tricast.hub.outlet import Outlet
from tricast.hub.past import Past, check_limit, look_back, offset_before
from tricast.hub.place import Place, place
from tricast.hub.poll import MAX_ANSWER_EVENTS, Answer, Poll
from tricast.hub.presence import HubPresence
from tricast.hub.projection import Projection
from tricast.hub.roster import Roster
from tricast.hub.session import Session
from tricast.hub.subscriber import Subscriber
from tricast.hub.subscription import Subscription
from tricast.log import open as open_log
from tricast.log.base import Append, Appended, Batch, Bounds, Log, Receipt, Retention, Write
from tricast.presence.base import Presence
from tricast.presence.memory import MemoryPresence
from tricast.wire import control
from tricast.wire.start import LATEST, Start

__all__ = ["Hub", "HubOptions", "Stats"]

_log = logging.getLogger("tricast.hub")
_CANARY_S = 2.0
_TRIM_EVERY_S = 10.0


class Hub:
    """One log and its subscribers. Use it as `async with`, or give `lifespan` to Starlette.

    `log` is a URL (`memory:`, `sqlite:///events.db`) or a Log; `places` is where presence
    is kept, by default in memory.

    Everything runs on the event loop that entered it. A call from another thread or
    event loop has no effect but a RuntimeError, which says how to make the call.
    `position`, `bounds`, `connections`, `callers`, `stats` and `figures` may be read,
    and hooks be registered, from any thread.
    """

    def __init__(
        self,
        log: str | Log = "memory:",
        options: HubOptions | None = None,
        *,
        places: Presence | None = None,
    ) -> None:
        self.options = options or HubOptions()
        self.log: Log = open_log(log, synchronous=self.options.synchronous) if isinstance(log, str) else log
        self._recent = History(self.log, recent_bytes=self.options.recent_bytes)
        self.fanout = Fanout(self._recent, slice_writes=self.options.slice_writes)
        self._desks = PollDesks(self.fanout, self.log.bounds, pace_s=self.options.poll_pace_s)
        self._hooks = Hooks()
        self._connections = Connections(self._desks, self._gone)
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that entered it
        self.roster = Roster(self._connections, self.fanout, self.log.bounds, check_loop=self._check_loop)
        self._places: Presence = places or MemoryPresence()
        self.presence = HubPresence(
            self._places,
            self.fanout,
            self._connections,
            options=self.options,
            allow=self.may_subscribe,
            check_started=self._started,
            check_loop=self._check_loop,
        )
        self.fanout.before_batch = self._connections.deadlines.check
        self.fanout.heartbeat = lambda: control.heartbeat(self.position)
        self._projections: dict[str, Projection] = {}
        self._iterating: set[Poll] = set()
        self._stack: AsyncExitStack | None = None
        self._draining = False
        self._stats = Stats()
        self._latency = Latency()
        self.figures = Figures(lambda: self.stats, self._counted, self._latency)
        self.fanout.after_batch = self._latency.delivered
        # Called with the drafts of each append, and may refuse them. (A hook costs each publish a wait.)
        self.vet: Callable[[Sequence[Draft]], None] | None = None
        self._canary_at = 0.0
        self._documents_at = 0

    # Lifetime

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise RuntimeError("this hub is already started; a hub is entered once at a time")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.log)
            head = self.log.bounds().head
            self._recent.begin(head)
            self.fanout.begin(head)
            self._documents_at = head
            self.log.tail(self._take)
            await stack.enter_async_context(self._places)
            self.presence.begin()
            self.figures.begin()
            stack.callback(self.presence.stop)
            for projection in self._projections.values():
                await projection.load(self.log)
            for work in (
                self._beat(),
                self._watch_lag(),
                self._trim(),
                self.presence.watch(),
                self.figures.run(),
            ):
                stack.push_async_callback(_stop, asyncio.create_task(work))
            stack.push_async_callback(self._end)
            self._draining = False
            self._loop = asyncio.get_running_loop()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._check_loop()
        self._loop = None
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncIterator[None]:
        """For `Starlette(lifespan=hub.lifespan)`: started before the first request, drained after."""
        async with self:
            yield
            await self.drain(within_s=1.0)

    async def _end(self) -> None:
        stopping = Draining("the hub is stopping")
        for poll in list(self._iterating):
            poll.answer(self._desks.problem(poll, stopping))
        self._connections.end_all(stopping)
        self._hooks.stop()

    def _started(self) -> None:
        if self._stack is None:
            raise NotStarted(
                "the hub is not started: use 'async with hub', or Starlette(lifespan=hub.lifespan); "
                "Starlette does not run the lifespan of a mounted app, so the host's must"
            )
        self._check_loop()

    def _check_loop(self) -> None:
        if self._loop is not None:
            check_loop(self._loop)

    # Publishing

    async def publish(
        self,
        topic: str,
        data: Any = None,
        *,
        type: str = DEFAULT_TYPE,
        id: str | None = None,
        source: str | None = None,
        subject: str | None = None,
        ephemeral: bool = False,
    ) -> Receipt:
        """Append one event; returns when it is durable and reads include it.

        An `id` makes it idempotent for 24 h together with `source`. `ephemeral`
        events reach live subscribers only, at most once, and have no cursor.
        Raises BadRequest, TooLarge, Conflict, LogFull, Unavailable, or what an
        `on_publish` hook raises.
        """
        made = draft(
            topic,
            data,
            type=type,
            id=id,
            source=HUB.grant.source(topic) if source is None else source,
            subject=subject,
            ephemeral=ephemeral,
            max_event_bytes=self.options.max_event_bytes,
        )
        return (await self.append((made,))).receipts[0]

    async def append(
        self, drafts: Sequence[Draft], writes: Sequence[Write] = (), *, caller: Caller = HUB
    ) -> Appended:
        """Append events and document changes as one unit: all of it, or nothing."""
        self._started()
        if self._hooks.has("publish"):
            for each in drafts:
                await self._hooks.ask("publish", caller, each)
        if self.vet is not None:
            self.vet(drafts)
        accepted_at = self._latency.clock()
        appended = await self.log.append(Append(tuple(drafts), tuple(writes)))
        last = 0
        for receipt in appended.receipts:
            if receipt.offset is not None and receipt.offset > last:
                last = receipt.offset
        if last:
            self._latency.accepted(last, accepted_at)
        if last > self.fanout.position:
            await self.fanout.reached(last)
        return appended

    def _take(self, batch: Batch) -> None:
        """The tail: projections, then memory, then fan-out."""
        for document in batch.documents:
            projection = self._projections.get(document.kind)
            if projection is not None:
                projection.apply(document)
        self._documents_at = batch.upto
        self._stats.published += len(batch.events)
        self.fanout.push(batch)

    # Subscribing

    async def subscribe(
        self,
        *patterns: str,
        cursor: str = "latest",
        type: Sequence[str] = (),
        subject: Sequence[str] = (),
    ) -> AsyncIterator[Event]:
        """The matching events after `cursor`, as they come, without end.

        If the log can no longer serve the position, an event of type
        `tricast.reset` stands in the stream where the gap is. Raises Draining when
        the hub stops.
        """
        self._started()
        subscription = Subscription.of(patterns, type, subject)
        begin = await self.resolve(Start.parse(cursor), subscription)
        at = self._place(begin, subscription)
        loop = asyncio.get_running_loop()
        while True:
            waiting: asyncio.Future[Answer] = loop.create_future()
            poll = Poll(
                caller=HUB,
                subscription=subscription,
                position=at.position,
                waiver=at.waiver,
                limit=MAX_ANSWER_EVENTS,
                respond=waiting.set_result,
                paced=False,
            )
            self._iterating.add(poll)
            if at.reset is not None:
                self._desks.reset(poll, at.reset)
            else:
                self._desks.open(poll, None)
            try:
                answer = await waiting
            finally:
                self._iterating.discard(poll)
                poll.lost()
            if answer.problem is not None:
                raise answer.problem
            if answer.reset is not None:
                message = control.reset(answer.reset, answer.cursor, answer.oldest)
                yield Event(None, "tricast/control", "tricast.reset", None, 0, message.text)
            for event in answer.events:
                yield event
            waiver = at.waiver if answer.position < self.fanout.position else None
            at = Place(answer.position, waiver)

    async def resolve(self, start: Start, subscription: Subscription) -> Start | int:
        """Turn a time into an offset (once, at connect); wait for a cursor that is just ahead."""
        self._check_loop()
        if start.kind == "time":
            return await self.log.seek(start.time_ms)
        cursor = start.cursor
        ahead = cursor is not None and cursor.offset > self.fanout.position
        if cursor is not None and ahead and self.log.bounds().refuse(cursor) is None:
            await self.fanout.reached(cursor.offset)
        return start

    def is_resolved(self, start: Start) -> bool:
        """Whether `resolve` would have nothing to wait for."""
        if start.kind == "time":
            return False
        return start.cursor is None or start.cursor.offset <= self.fanout.position

    def _place(self, start: Start | int, subscription: Subscription) -> Place:
        return place(start, subscription, self.fanout, self.log.bounds())

    def check_open(self) -> None:
        """Raises NotStarted or Draining unless connections are taken."""
        self._started()
        if self._draining:
            raise Draining("the server is stopping; reconnect", retry_after_s=RESTART_MS / 1000)

    async def connect(self, caller: Caller) -> None:
        """Let the `on_connect` hooks have their say. Raises what they raise, or Draining."""
        self.check_open()
        await self._hooks.ask("connect", caller)

    async def may_subscribe(self, caller: Caller, subscription: Subscription) -> None:
        """Check the grant and the `on_subscribe` hooks. Raises Forbidden."""
        self._check_loop()
        subscription.check(caller.grant)
        if self._hooks.has("subscribe"):
            patterns = [pattern.text for pattern in subscription.patterns]
            await self._hooks.ask("subscribe", caller, patterns)

    def open(
        self,
        outlet: Outlet,
        *,
        caller: Caller,
        subscription: Subscription,
        start: Start | int = LATEST,
    ) -> Subscriber:
        """A push subscriber on `outlet`: hello, what is owed, then live. Synchronous.

        `start` comes from `resolve`.
        """
        self._check_loop()
        at = self._place(start, subscription)
        subscriber = Subscriber(
            self.fanout,
            outlet,
            caller=caller,
            subscription=subscription,
            position=at.position,
            waiver=at.waiver,
            bounds=self.log.bounds,
        )
        self._connections.add(subscriber)
        outlet.attach(subscriber)
        owes = at.reset is not None or at.position < self.fanout.position
        subscriber.control(
            control.hello(
                cursor=None if owes else subscriber.cursor,
                recovered=at.recovered and bool(subscription.patterns),
                heartbeat_s=self.options.heartbeat_s,
                expires_in_s=expires_in_s(caller),
                connection=caller.connection,
            )
        )
        if at.reset is not None:
            self._stats.resets += 1
            subscriber.reset(at.reset)
        else:
            subscriber.advance()
        return subscriber

    def resubscribe(
        self,
        subscriber: Subscriber,
        subscription: Subscription,
        announce: Callable[[str | None], None],
        *,
        start: Start | int | None = None,
    ) -> None:
        """Change what `subscriber` gets, at the position that `announce` is told of."""
        self._check_loop()
        at = None if start is None else self._place(start, subscription)
        if at is None:
            subscriber.resubscribe(subscription, announce)
        else:
            subscriber.resubscribe(
                subscription,
                announce,
                position=at.position,
                waiver=at.waiver,
                reason=at.reset,
            )

    def poll(
        self,
        respond: Callable[[Answer], None],
        *,
        caller: Caller,
        subscription: Subscription,
        start: Start | int = LATEST,
        limit: int = MAX_ANSWER_EVENTS,
        timeout_s: float | None = 25.0,
        client: str | None = None,
    ) -> Poll:
        """A pull subscriber: `respond` is called once, now or when there is something. Synchronous.

        `client` is what the caller calls itself to presence, the same in each of its polls.
        """
        self._check_loop()
        at = self._place(start, subscription)
        known = None if client is None else Client(caller, client)
        if subscription.presence:
            respond = self.presence.answering(respond, subscription, known)
        poll = Poll(
            caller=caller,
            subscription=subscription,
            position=at.position,
            waiver=at.waiver,
            limit=limit,
            respond=respond,
        )
        if known is not None:
            self.presence.polling(known)
            if subscription.presence:
                poll.stale = lambda: self.presence.is_news(subscription, known)
        self._connections.add(poll)
        self._stats.answers += 1
        if at.reset is not None:
            self._stats.resets += 1
            self._desks.reset(poll, at.reset)
        else:
            self._desks.open(poll, timeout_s)
        return poll

    def renew(self, subscriber: Subscriber, caller: Caller) -> None:
        """Put a renewed grant in the place of the old one (DELIVERY.md 22)."""
        self._check_loop()
        self._connections.renew(subscriber, caller)
        self.presence.renewed(caller)

    @asynccontextmanager
    async def session(
        self, caller: Caller, *, admit: Callable[[Caller], None] = lambda _: None
    ) -> AsyncIterator[Session]:
        """A connection that you write to yourself, such as a stream in a format of your own.

        It counts as one of the hub's while you are inside: hooks see it, it ends with
        its grant, with a revocation and with the hub (`session.ended`). `admit(caller)`
        is called last, and may refuse too: only who passed it is told of as gone. Raises
        what `on_connect` or `admit` refuse with, and Draining.
        """
        await self.connect(caller)
        self.check_open()
        admit(caller)
        session = Session(caller)
        self._connections.add(session)
        try:
            yield session
        finally:
            session.lost()

    # Hooks: sync or async; raising Forbidden (or any TricastError) refuses.

    def on_connect(self, hook: Hook) -> Hook:
        """Call `hook(caller)` before a connection is accepted."""
        return self._hooks.add("connect", hook)

    def on_subscribe(self, hook: Hook) -> Hook:
        """Call `hook(caller, patterns)` before a subscription begins or grows."""
        return self._hooks.add("subscribe", hook)

    def on_publish(self, hook: Hook) -> Hook:
        """Call `hook(caller, draft)` before an event is appended, whoever publishes."""
        return self._hooks.add("publish", hook)

    def on_disconnect(self, hook: Hook) -> Hook:
        """Call `hook(caller)` after a connection ended."""
        return self._hooks.add("disconnect", hook)

    @property
    def has_hooks(self) -> bool:
        """Whether a hook wants to see who connects or subscribes."""
        return self._hooks.has("connect", "subscribe")

    # Looking

    async def history(
        self,
        before: str | None,
        patterns: str | Sequence[str],
        *,
        limit: int = 100,
        type: Sequence[str] = (),
        subject: Sequence[str] = (),
    ) -> Past:
        """The matching events before the one whose cursor is `before`, newest first (None: from now back).

        `before` may also be an RFC 3339 time, or a duration back such as `10m`. At most
        `limit` (1-1,000) events, and 1 MiB. A call looks at a bounded number of events,
        so that there may be fewer, or none, and `next` all the same: give it as
        `before` to go on, until it is None. What retention took isn't there: the end is
        the end. No event is ahead of `position`. Raises BadRequest; BadCursor where
        `before` is no cursor, or not one of this log as it is now.
        """
        self._started()
        given = (patterns,) if isinstance(patterns, str) else patterns
        subscription = Subscription.of(given, type, subject)
        check_limit(limit)
        offset = await offset_before(before, self.log, self.fanout.position)
        return await look_back(self.log, offset, subscription, limit)

    def projection(self, kind: str) -> Projection:
        """The documents of `kind` in memory. Ask for it before the hub is started."""
        known = self._projections.get(kind)
        if known is None:
            if self._stack is not None:
                raise RuntimeError(f"ask for the projection {kind!r} before the hub is started")
            known = self._projections[kind] = Projection(kind)
        return known

    @property
    def bounds(self) -> Bounds:
        """Head, epochs and trim marks of the log."""
        return self.log.bounds()

    @property
    def position(self) -> str:
        """Up to where fan-out has got, as a cursor."""
        return self.log.bounds().cursor(self.fanout.position)

    @property
    def documents_at(self) -> str:
        """The cursor at which the projections are true: streaming from it misses no change of theirs."""
        return self.log.bounds().cursor(self._documents_at)

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def connections(self) -> int:
        """How many streams and waiting polls there are."""
        return len(self._connections)

    @property
    def callers(self) -> Mapping[str, Caller]:
        """Who is connected now, by connection id."""
        return self._connections.callers()

    @property
    def stats(self) -> Stats:
        """Counters and gauges as of now."""
        stats = self._stats
        self._connections.count(stats)
        self.presence.count_into(stats)
        stats.live = self.fanout.live
        stats.deliveries = self.fanout.deliveries
        stats.writes = self.fanout.writes
        stats.answered = self._desks.answered
        stats.reads = self._recent.reads
        stats.head = self.log.bounds().head
        stats.position = self.fanout.position
        return stats

    def _counted(self) -> tuple[int, int]:
        return self._stats.published, self.fanout.deliveries + self._desks.answered

    async def ready(self) -> None:
        """Prove that an append goes through the log's writer and a probe through fan-out.

        The proof holds for two seconds. Raises Unavailable with the reason.
        """
        self._started()
        if self._draining:
            raise Draining("the server is stopping")
        loop = asyncio.get_running_loop()
        if loop.time() - self._canary_at < _CANARY_S:
            return
        try:
            async with asyncio.timeout(5):
                await self.log.append(Append())
                await self.fanout.probe()
        except TimeoutError:
            raise Unavailable("an empty append or a probe of the fan-out took more than 5 s") from None
        self._canary_at = loop.time()

    # Ending connections

    def _gone(self, caller: Caller) -> None:
        self.presence.gone(caller)
        self._hooks.tell_gone(caller)

    def disconnect(
        self,
        match: Callable[[Caller], bool],
        problem: TricastError,
        *,
        reason: str | None = None,
        reconnect_after_ms: int = 0,
    ) -> int:
        """End every live connection whose caller matches; how many there were.

        `reconnect_after_ms` is when they may come back (0: not without a change).
        """
        self._check_loop()
        ended = self._connections.end(match, problem, reason=reason, reconnect_after_ms=reconnect_after_ms)
        self.presence.end(match)
        return ended

    async def drain(self, within_s: float = 3.0) -> None:
        """Say goodbye to everybody, each with a time of its own to come back at; answer all polls."""
        self._check_loop()
        self._draining = True
        await self._connections.drain(within_s)

    # Background work

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.options.heartbeat_s)
            self.fanout.beat()
            for subscriber in self._connections.streams():
                subscriber.heartbeat()

    async def _watch_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            for subscriber in self._connections.streams():
                subscriber.check_lag(loop.time(), self.options.lag_limit_s)

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(_TRIM_EVERY_S)
            try:
                await self.trim()
            except TricastError as error:
                _log.warning("trimming failed: %s", error.detail)
            except Exception:  # noqa: BLE001
                _log.exception("trimming failed")

    async def trim(self) -> int:
        """Trim every class to its retention, in small steps; how many events went."""
        self._check_loop()
        gone = 0
        for cls in list(self.log.bounds().floors):
            audit = cls.shelf == "audit"
            keep = self.options.audit_retention if audit else self.options.retention
            if keep == Retention():
                continue
            while step := await self.log.trim(cls, keep):
                gone += step
                await asyncio.sleep(0)
        return gone


def expires_in_s(caller: Caller) -> int | None:
    """How long the caller's grant is still good, in whole seconds; None: for ever."""
    return remaining_s(caller.grant.expires_at)


async def _stop(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
