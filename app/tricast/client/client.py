"""`Client`: one connection to a hub that stays, whatever lies between."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

from tricast.client.buffer import Buffer
from tricast.client.core import Core
from tricast.client.engine import AskForToken, is_credential, sleepless_s
from tricast.client.exchange import Exchange
from tricast.client.fallback import REMEMBERED, Memory
from tricast.client.link import Open
from tricast.client.options import Options, Overflow, check_choice
from tricast.client.presence import Presence, check_literal
from tricast.client.publishing import Publisher, Receipt, event_of
from tricast.client.retrying import Retrying
from tricast.client.shown import Shown
from tricast.client.subscription import Feed, Subscription
from tricast.client.transports.base import Transport
from tricast.client.transports.endpoint import Endpoint, address_of, http_of
from tricast.client.transports.longpoll import LongPoll
from tricast.client.transports.sse import Sse
from tricast.client.transports.websocket import WebSocket
from tricast.errors import BadRequest, Unauthorized
from tricast.event import new_id
from tricast.pattern import check_topic
from tricast.wire.start import Start

if TYPE_CHECKING:
    from tricast.client.flags import Flags

Kind: TypeAlias = Literal["state", "event", "reset", "transport"]


class Client(Shown):
    """A connection to the hub at `url`, kept up over WebSocket, Server-Sent Events or long-poll.

        async with Client("https://events.example", token=get_token) as client:
            async for event in client.subscribe("shop/**"):
                …

    `token` is a token or an API key, or a function that is asked for one when it is needed and before it
    expires (an `async` one, or one that doesn't wait). `cursor`: where the first connection begins
    (default: now). `memory` keeps, by URL, the transport that worked. `clock` (seconds, going on in sleep)
    and `random` (0 to 1) are for tests. Raises BadRequest for what can't be right.
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
        core = Core(
            self.options,
            url=self.url,
            memory=REMEMBERED if memory is None else memory,
            random=random,
            cursor=None if cursor == "latest" else cursor,
            token=_checked(token) if isinstance(token, str) else None,
            renewable=callable(token),
        )
        ask = token if callable(token) else None
        self._exchange = Exchange(core, self._dial, clock=clock, ask=ask)
        super().__init__(core, self._exchange.latency)
        self._retrying = Retrying(self._exchange.engine, random)
        self._id = new_id()
        self._endpoint: Endpoint | None = None

    async def __aenter__(self) -> Self:
        self._exchange.open()
        http = http_of(self.url, trust_env=self.options.trust_env, timeout_s=self.options.publish_timeout_s)
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
        """Close the connection; iterations end, publishing is given up. Again is no error."""
        try:
            await self._exchange.close()
        finally:
            if self._endpoint is not None:
                await self._endpoint.http.aclose()

    def on(self, kind: Kind, listener: Callable[..., object]) -> Callable[[], None]:
        """Call `listener` from now on; the function that is given back ends that.

        `state`: (state); `transport`: (name or None); `event`: (Event), of all subscriptions; `reset`:
        (data), with `reason`, `cursor` and `oldest`: there is a gap, and it goes on from `cursor`.
        """
        check_choice("kind", kind, get_args(Kind))
        return self._exchange.listeners.add(kind, listener)

    def offline(self) -> None:
        """The host knows that the network is gone: try nothing until `online()`."""
        self._core.offline()
        self._exchange.engine.step()

    def online(self) -> None:
        """The host knows that the network is back, or is another one: connect anew at once."""
        self._core.online(self._exchange.engine.clock())
        self._exchange.engine.step()

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
        self._exchange.subscribe(feed)
        return Subscription(feed, self._exchange.leave)

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

        Raises the TricastError of a refusal, Unavailable after `deadline_s` (publish_deadline_s) of
        trying, or Closed.
        """
        endpoint = self._started()
        event = event_of(check_topic(topic), data, type=type, id=id, subject=subject, source=source)
        publisher = Publisher(self._exchange.engine, endpoint, self._retrying)
        self._exchange.latency.sent(event["id"])
        return await publisher.publish(
            event, self.options.publish_deadline_s if deadline_s is None else deadline_s
        )

    def presence(self, topic: str) -> Presence:
        """Who is on `topic`, and being there oneself. Needs the scope `presence`; `close()` it at the end."""
        endpoint, exchange = self._started(), self._exchange
        check_topic(check_literal(topic))
        presence = Presence(topic, exchange.engine, endpoint, client_id=self._id, leave=exchange.withdraw)
        exchange.attend(presence)
        return presence

    def flags(self, app: str, environment: str) -> Flags:
        """The flags of an app in an environment, evaluated here. Needs the scope `flags:read`."""
        endpoint = self._started()
        from tricast.client.flags import Flags  # (who has no flags needs no flagd)

        flags = Flags(app, environment, client=self, endpoint=endpoint, retrying=self._retrying)
        check_topic(flags.topic)
        flags.follow(self._exchange.engine.start)
        return flags

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

    def _started(self) -> Endpoint:
        self._exchange.check_usable()
        if self._endpoint is None:
            raise BadRequest("the client is being started", field="client")
        return self._endpoint


def _some(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns:
        raise BadRequest("subscribe needs a pattern, such as 'shop/**'", field="topic")
    return patterns


def _checked(token: str) -> str:
    if not is_credential(token):
        raise Unauthorized("token holds characters that none has; was it copied whole?", field="token")
    return token
