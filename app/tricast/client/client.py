"""`Client`: one connection to a hub that stays, whatever lies between."""

from __future__ import annotations

import asyncio
import random as randomness
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import httpx2

from tricast.client.audience import Audience
from tricast.client.buffer import Buffer
from tricast.client.core import Core, Counts, State
from tricast.client.engine import AskForToken, Engine, is_credential, sleepless_s
from tricast.client.fallback import REMEMBERED, Memory
from tricast.client.latency import Latency
from tricast.client.link import Action, Denied, Give, Open, Told
from tricast.client.listeners import Listeners
from tricast.client.message import Event
from tricast.client.options import Options, Overflow, TransportName
from tricast.client.presence import Presence, check_literal
from tricast.client.publishing import Publisher, Receipt, event_of
from tricast.client.retrying import Retrying
from tricast.client.subscription import Feed, Subscription
from tricast.client.transports.base import Transport
from tricast.client.transports.endpoint import Endpoint, address_of, through_proxy
from tricast.client.transports.longpoll import LongPoll
from tricast.client.transports.sse import Sse
from tricast.client.transports.websocket import WebSocket
from tricast.errors import BadRequest, TricastError, Unauthorized
from tricast.event import new_id
from tricast.pattern import check_topic
from tricast.wire.start import Start

if TYPE_CHECKING:
    from tricast.client.flags import Flags

Kind: TypeAlias = Literal["state", "event", "reset", "transport"]


class Client:
    """A connection to the hub at `url`, kept up over WebSocket, Server-Sent Events or long-poll.

        async with Client("https://events.example", token=get_token) as client:
            async for event in client.subscribe("shop/**"):
                …

    `token` is a token or an API key, or a function (`async` or not) that is asked for one when it is
    needed and before it expires. `cursor`: where the first connection begins (default: now). `memory`
    keeps, by URL, the transport that worked. `clock` (seconds, going on in sleep) and `random` (0 to 1)
    are for tests. Raises BadRequest for what can't be right.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | AskForToken | None = None,
        cursor: str | None = None,
        options: Options | None = None,
        memory: Memory | None = None,
        clock: Callable[[], float] = sleepless_s,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        self.url = address_of(url)
        self.options = options or Options()
        if cursor is not None:
            Start.parse(cursor)
        fixed = _checked(token) if isinstance(token, str) else None
        self._core = Core(
            self.options,
            url=self.url,
            memory=REMEMBERED if memory is None else memory,
            random=random,
            cursor=None if cursor == "latest" else cursor,
            token=fixed,
            renewable=callable(token),
        )
        ask = token if callable(token) else None
        self._engine = Engine(
            self._core, self._dial, clock=clock, ask=ask, tell=self._tell, changed=self._changed
        )
        self._retrying = Retrying(self._engine, random)
        self._listeners = Listeners()
        self._audience = Audience()
        self._id = new_id()
        self._shown: dict[str, Any] = {"state": self._core.state, "transport": None}
        self._latency = Latency(self._engine)
        self._wants = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._endpoint: Endpoint | None = None

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise BadRequest("this client was started before; make a new one", field="client")
        self._loop = asyncio.get_running_loop()
        trusting = self.options.trust_env and through_proxy(self.url)
        http = httpx2.AsyncClient(trust_env=trusting, timeout=self.options.publish_timeout_s)
        self._endpoint = Endpoint(self.url, http, self._count)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; iterations end. Again is no error."""
        await self._engine.stop()
        self._listeners.clear()
        if self._endpoint is not None:
            await self._endpoint.http.aclose()

    # What it is doing

    @property
    def state(self) -> State:
        """connecting, replaying, live, reconnecting, offline, failed (`error` says why) or closed."""
        return self._core.state

    @property
    def error(self) -> TricastError | None:
        """Why it failed: nothing happens any more until the application acts."""
        return self._core.error

    @property
    def transport(self) -> TransportName | None:
        """What the connection goes over now; None: there is none."""
        return self._core.transport

    @property
    def cursor(self) -> str | None:
        """The last cursor seen: where it would go on, and what to give to the next client."""
        return self._core.position.cursor

    @property
    def counts(self) -> Counts:
        """What happened so far."""
        return self._core.counts

    @property
    def latency_ms(self) -> float | None:
        """The last round trip, or from a publish of ours to its delivery here. None: not known yet."""
        return self._latency.ms

    def on(self, kind: Kind, listener: Callable[..., object]) -> Callable[[], None]:
        """Call `listener` from now on; the function that is given back ends that.

        `state`: (state); `transport`: (name or None); `event`: (Event), of all subscriptions; `reset`:
        (data), with `reason`, `cursor` and `oldest`: there is a gap, and it goes on from `cursor`.
        """
        return self._listeners.add(kind, listener)

    def offline(self) -> None:
        """The host knows that the network is gone: try nothing until `online()`."""
        self._core.offline()
        self._engine.step()

    def online(self) -> None:
        """The host knows that the network is back, or is another one: connect anew at once."""
        self._core.online(self._engine.clock())
        self._engine.step()

    # Subscribing and publishing

    def subscribe(
        self, *patterns: str, buffer: int | None = None, overflow: Overflow | None = None
    ) -> Subscription:
        """The events of these patterns from now on (of the first subscription: from the client's cursor).

        All subscriptions share one connection. `buffer` and `overflow`: how many events may wait to be
        taken, and what happens to the next one, if otherwise than in the options.
        """
        self._started()
        options = self.options
        feed = Feed(
            _some(patterns),
            Buffer(
                options.buffer if buffer is None else buffer,
                options.overflow if overflow is None else overflow,
            ),
        )
        self._audience.feeds.add(feed)
        self._want()
        return Subscription(feed, self._leave)

    async def publish(
        self,
        topic: str,
        data: Any = None,
        *,
        type: str | None = None,
        id: str | None = None,
        subject: str | None = None,
        source: str | None = None,
        deadline_s: float | None = None,
    ) -> Receipt:
        """Publish; the receipt says that it is stored. It is stored once, however often it had to be sent.

        Raises the TricastError of a refusal, or Unavailable after `deadline_s` (publish_deadline_s) of
        trying.
        """
        endpoint = self._started()
        event = event_of(check_topic(topic), data, type=type, id=id, subject=subject, source=source)
        publisher = Publisher(self._engine, endpoint, self._retrying)
        self._latency.sent(event["id"])
        return await publisher.publish(
            event, self.options.publish_deadline_s if deadline_s is None else deadline_s
        )

    def presence(self, topic: str) -> Presence:
        """Who is on `topic`, and being there oneself. Needs the scope `presence`; `close()` it at the end."""
        endpoint = self._started()
        check_topic(check_literal(topic))
        presence = Presence(topic, self._engine, endpoint, client_id=self._id, leave=self._absent)
        self._audience.presences.add(presence)
        self._want()
        return presence

    def flags(self, app: str, environment: str) -> Flags:
        """The flags of an app in an environment, evaluated here. Needs the scope `flags:read`."""
        endpoint = self._started()
        from tricast.client.flags import Flags  # (who has no flags needs no flagd)

        flags = Flags(app, environment, client=self, endpoint=endpoint, retrying=self._retrying)
        check_topic(flags.topic)
        self._engine.start(flags.run())
        return flags

    def _absent(self, presence: Presence) -> None:
        if presence in self._audience.presences:
            self._audience.presences.discard(presence)
            presence.end(None)
            self._want()

    # What the engine asks

    def _dial(self, order: Open) -> Transport:
        endpoint, options = self._started(), self.options
        if order.transport == "websocket":
            return WebSocket(endpoint, order, trust_env=options.trust_env)
        if order.transport == "sse":
            return Sse(endpoint, order)
        return LongPoll(
            endpoint,
            order,
            client_id=self._id,
            timeout_s=options.poll_timeout_s,
            patience_s=options.hello_timeout_s,
        )

    def _count(self, size: int) -> None:
        self._core.counts.bytes += size

    def _tell(self, action: Action) -> None:
        match action:
            case Give(event):
                self._give(event)
            case Told("reset", data):
                self._listeners.tell("reset", data)
            case Told("heartbeat"):
                self._latency.ping()
            case Told("presence", data):
                self._audience.listed(data)
            case Denied():
                self._audience.deny(action)
                self._want()

    def _give(self, event: Event) -> None:
        if self._audience.told_presence(event):
            return
        self._latency.came(event.id)
        for feed in self._audience.give(event):
            self._leave(feed)
        self._listeners.tell("event", event)

    def _changed(self) -> None:
        core, audience = self._core, self._audience
        for name in ("state", "transport"):
            now = getattr(core, name)
            if now != self._shown[name]:
                self._shown[name] = now
                self._listeners.tell(name, now)
        audience.confirmed(core.confirmed)
        if core.state in ("failed", "closed"):
            audience.end(core.error)
        else:
            for presence in audience.presences:
                if presence.is_owed:
                    self._engine.start(presence.join_again())

    def _started(self) -> Endpoint:
        self._engine.raise_if_over()
        if self._endpoint is None:
            raise BadRequest(
                "the client is not started; use `async with Client(…) as client`", field="client"
            )
        return self._endpoint

    def _want(self) -> None:
        """Tell the core soon what is subscribed to: several changes in a row are one."""
        if not self._wants:
            self._wants = True
            asyncio.get_running_loop().call_soon(self._want_now)

    def _want_now(self) -> None:
        self._wants = False
        wanted = self._audience.topics
        self._core.want(wanted, self._engine.clock(), presence=bool(self._audience.presences))
        self._engine.step()

    def _leave(self, feed: Feed) -> None:
        """A subscription is over. May be called by the garbage collector, so from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._left, feed)

    def _left(self, feed: Feed) -> None:
        if feed in self._audience.feeds:
            self._audience.feeds.discard(feed)
            self._want()


def _some(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns:
        raise BadRequest("subscribe needs a pattern, such as 'shop/**'", field="topic")
    return patterns


def _checked(token: str) -> str:
    if not is_credential(token):
        raise Unauthorized("token holds characters that none has; was it copied whole?", field="token")
    return token
