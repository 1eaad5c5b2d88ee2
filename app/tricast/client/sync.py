"""The client for scripts without an event loop: the same, with a thread of its own that has one.

from tricast.client.sync import Client

with Client("https://events.example", token="…") as client:
    client.publish("shop/orders", {"id": 1})
    for event in client.subscribe("shop/**"):
        print(event.topic, event.data)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from tricast.client import client as asynchronous
from tricast.client import subscription
from tricast.client.engine import AskForToken
from tricast.client.message import Event
from tricast.client.options import Options, Overflow
from tricast.client.problems import Closed
from tricast.client.publishing import Receipt
from tricast.client.shown import Shown
from tricast.client.syncpresence import Presence
from tricast.client.thread import Closing, LoopThread

if TYPE_CHECKING:
    from tricast.client.syncflags import Flags


class Client(Shown, Closing):
    """As `tricast.client.Client`, to be used by `with`; its methods wait. Several threads may use one.

    Listeners, and a `token` function, are called in the client's own thread, where nothing may wait.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | AskForToken | None = None,
        cursor: str | None = None,
        options: Options | None = None,
    ) -> None:
        client = asynchronous.Client(url, token=token, cursor=cursor, options=options)
        super().__init__(client._core, client._latency)
        self._client = client
        self._thread = LoopThread(client)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Close the connection; iterations end. Again is no error."""
        self._thread.stop()

    def on(self, kind: asynchronous.Kind, listener: Callable[..., object]) -> Callable[[], None]:
        """Call `listener`, in the client's thread; the function that is given back ends that."""
        return self._client.on(kind, listener)

    def offline(self) -> None:
        """The host knows that the network is gone: try nothing until `online()`."""
        self._thread.call(self._client.offline)

    def online(self) -> None:
        """The host knows that the network is back, or is another one: connect anew at once."""
        self._thread.call(self._client.online)

    def publish(
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
        """Publish; the receipt says that it is stored, once.

        Raises the TricastError of a refusal, Unavailable after `deadline_s` (publish_deadline_s), or Closed.
        """
        return self._thread.wait(
            lambda: self._client.publish(
                topic, data, type=type, id=id, subject=subject, source=source, deadline_s=deadline_s
            )
        )

    def subscribe(
        self, *patterns: str, buffer: int | None = None, overflow: Overflow | None = None
    ) -> Subscription:
        """The events of these patterns from now on (of the first: from the client's cursor)."""
        inner = self._thread.call(lambda: self._client.subscribe(*patterns, buffer=buffer, overflow=overflow))
        return Subscription(inner, self._thread)

    def presence(self, topic: str) -> Presence:
        """Who is on `topic`, and being there oneself. Needs the scope `presence`; `close()` it at the end."""
        return Presence(self._thread.call(lambda: self._client.presence(topic)), self._thread)

    def flags(self, app: str, environment: str, *, timeout_s: float | None = None) -> Flags:
        """The flags of an app in an environment, once they are here.

        Raises TimeoutError, or the TricastError of a refusal. Needs the scope `flags:read`.
        """
        from tricast.client.syncflags import Flags  # (who has no flags needs no flagd)

        flags = Flags(self._thread.call(lambda: self._client.flags(app, environment)), self._thread)
        try:
            flags.ready(timeout_s)
        except BaseException:
            flags.close()
            raise
        return flags


class Subscription(Closing):
    """Events, each once and in order: `for event in subscription`, or `next(timeout_s=…)`."""

    def __init__(self, inner: subscription.Subscription, thread: LoopThread) -> None:
        self._inner = inner
        self._thread = thread

    @property
    def patterns(self) -> frozenset[str]:
        return self._inner.patterns

    @property
    def dropped(self) -> int:
        """How many events were left out, as the overflow policy says."""
        return self._inner.dropped

    def active(self, timeout_s: float | None = None) -> None:
        """Wait until the server is known to send these patterns: what is published now, comes."""
        self._thread.wait(self._inner.active, timeout_s)

    def next(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None at the end. Raises TimeoutError, or what iterating raises."""
        try:
            return self._thread.wait(self._inner.next, timeout_s)
        except Closed:
            return self._inner.take()  # (what came before)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Unsubscribe. Once the client is closed, that is no error."""

        async def close() -> None:
            self._inner.close()

        self._thread.end(close)
