"""The hub: one durable log, and everybody who listens to it. The one door of the package."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from tricast.cursor import Cursor, ResetReason
from tricast.errors import Draining, NotStarted, TricastError, Unauthorized, Unavailable
from tricast.event import DEFAULT_TYPE, MAX_EVENT_BYTES, Draft, Event, draft
from tricast.hub.caller import HUB, Caller
from tricast.hub.expiry import Deadlines, remaining_s
from tricast.hub.fanout import Fanout
from tricast.hub.history import History, Waiver, waiver_of
from tricast.hub.outlet import Outlet
from tricast.hub.poll import MAX_ANSWER_EVENTS, PACE_S, Answer, Poll, PollDesks
from tricast.hub.projection import Projection
from tricast.hub.subscriber import Subscriber
from tricast.hub.subscription import Subscription
from tricast.log import open as open_log
from tricast.log.base import Append, Appended, Batch, Bounds, Log, Receipt, Retention, Write
from tricast.wire import control
from tricast.wire.start import LATEST, Start

__all__ = ["Hub", "HubOptions", "Stats"]

_log = logging.getLogger("tricast.hub")
_CANARY_S = 2.0
_TRIM_EVERY_S = 10.0
Hook = TypeVar("Hook", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class HubOptions:
    """How a hub behaves. Sizes in bytes, times in seconds."""

    heartbeat_s: float = 15.0
    recent_bytes: int = 32 * 1024 * 1024
    max_event_bytes: int = MAX_EVENT_BYTES
    retention: Retention = field(default_factory=Retention)
    audit_retention: Retention = field(default_factory=lambda: Retention(age_s=400 * 86400.0))
    lag_limit_s: float = 60.0
    slice_writes: int = 256
    poll_pace_s: float = PACE_S
    synchronous: str = "FULL"


@dataclass(slots=True)
class Stats:
    """What the hub is doing: plain integers, as of the call."""

    websocket: int = 0
    sse: int = 0
    poll: int = 0
    live: int = 0
    lagging: int = 0
    replaying: int = 0
    published: int = 0
    deliveries: int = 0
    writes: int = 0
    answers: int = 0
    resets: int = 0
    reads: int = 0
    head: int = 0
    position: int = 0


@dataclass(slots=True)
class _Place:
    position: int
    waiver: Waiver | None = None
    recovered: bool = False
    reset: ResetReason | None = None


class Hub:
    """One log and its subscribers. Use it as `async with`, or give `lifespan` to Starlette.

    `log` is a URL (`memory:`, `sqlite:///events.db`) or a Log. Everything runs on
    the event loop that entered it.
    """

    def __init__(self, log: str | Log = "memory:", options: HubOptions | None = None) -> None:
        self.options = options or HubOptions()
        self.log: Log = open_log(log, synchronous=self.options.synchronous) if isinstance(log, str) else log
        self.history = History(self.log, recent_bytes=self.options.recent_bytes)
        self.fanout = Fanout(self.history, slice_writes=self.options.slice_writes)
        self._desks = PollDesks(self.fanout, self.log.bounds, pace_s=self.options.poll_pace_s)
        self._deadlines = Deadlines(self._expire)
        self.fanout.before_batch = self._deadlines.check
        self.fanout.heartbeat = lambda: control.heartbeat(self.position)
        self._projections: dict[str, Projection] = {}
        self._open: dict[str, Subscriber | Poll] = {}
        self._iterating: set[Poll] = set()
        self._hooks: dict[str, list[Callable[..., Any]]] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._stack: AsyncExitStack | None = None
        self._draining = False
        self._empty = asyncio.Event()
        self._stats = Stats()
        self._canary_at = 0.0

    # Lifetime

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise RuntimeError("this hub is already started; a hub is entered once at a time")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.log)
            head = self.log.bounds().head
            self.history.begin(head)
            self.fanout.begin(head)
            self.log.tail(self._take)
            for projection in self._projections.values():
                await projection.load(self.log)
            for work in (self._beat(), self._watch_lag(), self._trim()):
                stack.push_async_callback(_stop, asyncio.create_task(work))
            stack.push_async_callback(self._end)
            self._draining = False
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
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
            poll.answer(Answer(poll.position, self.bounds.cursor(poll.position), problem=stopping))
        for connection in list(self._open.values()):
            if isinstance(connection, Subscriber):
                connection.close(stopping, reconnect_after_ms=1000)
            else:
                self._desks.expire(connection)
        for task in list(self._background):
            task.cancel()

    def _started(self) -> None:
        if self._stack is None:
            raise NotStarted(
                "the hub is not started: use 'async with hub', or Starlette(lifespan=hub.lifespan); "
                "Starlette does not run the lifespan of a mounted app, so the host's must"
            )

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
        hooks = self._hooks.get("publish")
        if hooks:
            for hook in hooks:
                for each in drafts:
                    await _maybe(hook(caller, each))
        appended = await self.log.append(Append(tuple(drafts), tuple(writes)))
        last = 0
        for receipt in appended.receipts:
            if receipt.offset is not None and receipt.offset > last:
                last = receipt.offset
        if last > self.fanout.position:
            await self.fanout.reached(last)
        return appended

    def _take(self, batch: Batch) -> None:
        """The tail: projections, then memory, then fan-out."""
        for document in batch.documents:
            projection = self._projections.get(document.kind)
            if projection is not None:
                projection.apply(document)
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
        place = await self._resolve(Start.parse(cursor), subscription)
        loop = asyncio.get_running_loop()
        while True:
            waiting: asyncio.Future[Answer] = loop.create_future()
            poll = Poll(
                caller=HUB,
                subscription=subscription,
                position=place.position,
                waiver=place.waiver,
                limit=MAX_ANSWER_EVENTS,
                respond=waiting.set_result,
                paced=False,
            )
            self._iterating.add(poll)
            if place.reset is not None:
                self._desks.reset(poll, place.reset)
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
            waiver = place.waiver if answer.position < self.fanout.position else None
            place = _Place(answer.position, waiver)

    async def resolve(self, start: Start, subscription: Subscription) -> Start | int:
        """Turn a time into an offset (once, at connect); wait for a cursor that is just ahead."""
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

    async def _resolve(self, start: Start, subscription: Subscription) -> _Place:
        return self._place(await self.resolve(start, subscription), subscription)

    def _place(self, start: Start | int, subscription: Subscription) -> _Place:
        """Where a subscription begins, as of now."""
        bounds = self.log.bounds()
        if isinstance(start, int):
            # A time before all epochs, or in what was trimmed: whatever is kept, no reset.
            return _Place(min(start, self.fanout.position), waiver_of(bounds, subscription.patterns))
        if start.kind == "earliest":
            oldest = min(bounds.oldest(subscription.patterns), self.fanout.position)
            return _Place(oldest, waiver_of(bounds, subscription.patterns))
        if start.kind == "unknown":
            return _Place(self.fanout.position, reset="unknown")
        if start.cursor is None:
            return _Place(self.fanout.position)
        return self._place_cursor(start.cursor, subscription, bounds)

    def _place_cursor(self, cursor: Cursor, subscription: Subscription, bounds: Bounds) -> _Place:
        reason = bounds.refuse(cursor)
        covered = self.history.covers(cursor.offset)
        if reason is None and not covered and bounds.floor(subscription.patterns) > cursor.offset:
            reason = "trimmed"
        if reason is not None:
            return _Place(self.fanout.position, reset=reason)
        return _Place(cursor.offset, recovered=True)

    def check_open(self) -> None:
        """Raises NotStarted or Draining unless connections are taken."""
        self._started()
        if self._draining:
            raise Draining("the server is stopping; reconnect", retry_after_s=1.0)

    async def connect(self, caller: Caller) -> None:
        """Let the `on_connect` hooks have their say. Raises what they raise, or Draining."""
        self.check_open()
        for hook in self._hooks.get("connect", ()):
            await _maybe(hook(caller))

    async def may_subscribe(self, caller: Caller, subscription: Subscription) -> None:
        """Check the grant and the `on_subscribe` hooks. Raises Forbidden."""
        caller.grant.check_subscribe(subscription.patterns)
        hooks = self._hooks.get("subscribe")
        if hooks:
            patterns = [pattern.text for pattern in subscription.patterns]
            for hook in hooks:
                await _maybe(hook(caller, patterns))

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
        place = self._place(start, subscription)
        subscriber = Subscriber(
            self.fanout,
            outlet,
            caller=caller,
            subscription=subscription,
            position=place.position,
            waiver=place.waiver,
            bounds=self.log.bounds,
        )
        self._register(subscriber)
        outlet.attach(subscriber)
        owes = place.reset is not None or place.position < self.fanout.position
        subscriber.control(
            control.hello(
                cursor=None if owes else subscriber.cursor,
                recovered=place.recovered and bool(subscription.patterns),
                heartbeat_s=self.options.heartbeat_s,
                expires_in_s=expires_in_s(caller),
                connection=caller.connection,
            )
        )
        if place.reset is not None:
            self._stats.resets += 1
            subscriber.reset(place.reset)
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
        place = None if start is None else self._place(start, subscription)
        if place is None:
            subscriber.resubscribe(subscription, announce)
        else:
            subscriber.resubscribe(
                subscription,
                announce,
                position=place.position,
                waiver=place.waiver,
                reason=place.reset,
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
    ) -> Poll:
        """A pull subscriber: `respond` is called once, now or when there is something. Synchronous."""
        place = self._place(start, subscription)
        poll = Poll(
            caller=caller,
            subscription=subscription,
            position=place.position,
            waiver=place.waiver,
            limit=limit,
            respond=respond,
        )
        self._register(poll)
        self._stats.answers += 1
        if place.reset is not None:
            self._stats.resets += 1
            self._desks.reset(poll, place.reset)
        else:
            self._desks.open(poll, timeout_s)
        return poll

    def _register(self, connection: Subscriber | Poll) -> None:
        caller = connection.caller
        self._open[caller.connection] = connection
        connection.on_closed = self._unregister
        if caller.grant.expires_at is not None:
            self._deadlines.add(connection, caller.grant.expires_at)

    def _unregister(self, connection: Subscriber | Poll) -> None:
        self._open.pop(connection.caller.connection, None)
        if self._draining and not self._open:
            self._empty.set()
        self._deadlines.remove(connection)
        for hook in self._hooks.get("disconnect", ()):
            try:
                result = hook(connection.caller)
                if inspect.isawaitable(result):
                    self._spawn(_logged(result))
            except Exception:  # noqa: BLE001
                _log.exception("an on_disconnect hook failed")

    def _spawn(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def renew(self, subscriber: Subscriber, caller: Caller) -> None:
        """Put a renewed grant in the place of the old one (DELIVERY.md 22)."""
        self._deadlines.remove(subscriber)
        subscriber.caller = caller
        if caller.grant.expires_at is not None:
            self._deadlines.add(subscriber, caller.grant.expires_at)

    def _expire(self, connection: Any) -> None:
        if isinstance(connection, Subscriber):
            problem = Unauthorized("the token has expired; connect with a new one, or renew by 'auth'")
            connection.close(problem, reason="expired")
        else:
            self._desks.expire(connection)

    # Hooks: sync or async; raising Forbidden (or any TricastError) refuses.

    def on_connect(self, hook: Hook) -> Hook:
        """Call `hook(caller)` before a connection is accepted."""
        return self._hook("connect", hook)

    def on_subscribe(self, hook: Hook) -> Hook:
        """Call `hook(caller, patterns)` before a subscription begins or grows."""
        return self._hook("subscribe", hook)

    def on_publish(self, hook: Hook) -> Hook:
        """Call `hook(caller, draft)` before an event is appended, whoever publishes."""
        return self._hook("publish", hook)

    def on_disconnect(self, hook: Hook) -> Hook:
        """Call `hook(caller)` after a connection ended."""
        return self._hook("disconnect", hook)

    def _hook(self, name: str, hook: Hook) -> Hook:
        self._hooks.setdefault(name, []).append(hook)
        return hook

    @property
    def has_hooks(self) -> bool:
        """Whether a hook wants to see who connects or subscribes."""
        return "connect" in self._hooks or "subscribe" in self._hooks

    # Looking

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
    def draining(self) -> bool:
        return self._draining

    @property
    def connections(self) -> int:
        """How many streams and waiting polls there are."""
        return len(self._open)

    @property
    def callers(self) -> Mapping[str, Caller]:
        """Who is connected now, by connection id."""
        return {key: connection.caller for key, connection in self._open.items()}

    @property
    def stats(self) -> Stats:
        """Counters and gauges as of now."""
        stats = self._stats
        stats.websocket = stats.sse = stats.poll = stats.lagging = stats.replaying = 0
        for connection in self._open.values():
            if isinstance(connection, Poll):
                stats.poll += 1
                continue
            if connection.caller.transport == "websocket":
                stats.websocket += 1
            else:
                stats.sse += 1
            stats.lagging += connection.state == "lagging"
            stats.replaying += connection.state == "replaying"
        stats.live = self.fanout.live
        stats.deliveries = self.fanout.deliveries
        stats.writes = self.fanout.writes
        stats.reads = self.history.reads
        stats.head = self.log.bounds().head
        stats.position = self.fanout.position
        return stats

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

    def disconnect(
        self, match: Callable[[Caller], bool], problem: TricastError, *, reason: str | None = None
    ) -> int:
        """End every live connection whose caller matches; how many there were."""
        chosen = [c for c in list(self._open.values()) if match(c.caller)]
        for connection in chosen:
            if isinstance(connection, Subscriber):
                connection.close(problem, reason=reason)
            else:
                position = connection.position
                answer = Answer(position, self.bounds.cursor(position), problem=problem)
                connection.answer(answer)
        return len(chosen)

    async def drain(self, within_s: float = 3.0) -> None:
        """Say goodbye to everybody, each with a time of its own to come back at; answer all polls."""
        self._draining = True
        chosen = list(self._open.values())
        spread_ms = 1000 + min(29_000, 2 * len(chosen))
        problem = Draining("the server is stopping; reconnect")
        for index, connection in enumerate(chosen):
            if isinstance(connection, Subscriber):
                after_ms = 500 + random.randrange(spread_ms)
                connection.close(problem, reason="draining", reconnect_after_ms=after_ms)
            else:
                self._desks.time_out(connection)
            if index % 200 == 199:
                await asyncio.sleep(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                self._empty.clear()
                if self._open:
                    await self._empty.wait()

    # Background work

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.options.heartbeat_s)
            self.fanout.beat()
            for connection in list(self._open.values()):
                if isinstance(connection, Subscriber):
                    connection.heartbeat()

    async def _watch_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            for connection in list(self._open.values()):
                if isinstance(connection, Subscriber):
                    connection.check_lag(loop.time(), self.options.lag_limit_s)

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


async def _maybe(result: Any) -> None:
    if inspect.isawaitable(result):
        await result


async def _logged(result: Awaitable[Any]) -> None:
    try:
        await result
    except Exception:  # noqa: BLE001
        _log.exception("an on_disconnect hook failed")


async def _stop(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
