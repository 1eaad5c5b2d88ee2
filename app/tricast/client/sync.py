"""The client for scripts without an event loop: the same, with a thread of its own that has one.

from tricast.client.sync import Client

with Client("https://events.example", token="…") as client:
    client.publish("shop/orders", {"id": 1})
    for event in client.subscribe("shop/**"):
        print(event.topic, event.data)
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tricast.client import client as asynchronous
from tricast.client import subscription
from tricast.client.core import Counts, State
from tricast.client.engine import AskForToken
from tricast.client.message import Event
from tricast.client.options import Options, Overflow, TransportName
from tricast.client.publishing import Receipt
from tricast.errors import BadRequest, TricastError

if TYPE_CHECKING:
    from tricast.client.flags import Flags

T = TypeVar("T")


class Client:
    """As `tricast.client.Client`, to be used by `with`; its methods wait. Several threads may use one.

    Listeners, and a `token` function, are called in the client's own thread.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | AskForToken | None = None,
        cursor: str | None = None,
        options: Options | None = None,
    ) -> None:
        self._client = asynchronous.Client(url, token=token, cursor=cursor, options=options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="tricast-client", daemon=True)
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()

    def __enter__(self) -> Self:
        if self._thread.ident is not None:
            raise BadRequest("this client was started before; make a new one", field="client")
        self._thread.start()
        self._started.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; iterations end. Again is no error."""
        loop = self._loop
        if loop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(self._over.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        finally:
            self._started.cancel()  # (of no effect once it is)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._client:
            self._started.set_result(None)
            await self._over.wait()

    def _wait(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """What `work` gives, done in the client's thread. Raises TimeoutError after `timeout_s`."""
        loop = self._loop
        if loop is None or not self._thread.is_alive():
            work.close()
            raise BadRequest("the client is not started, or closed; use it by `with`", field="client")
        done = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return done.result(timeout_s)
        except concurrent.futures.TimeoutError:
            done.cancel()
            raise TimeoutError from None

    @property
    def state(self) -> State:
        """connecting, replaying, live, reconnecting, offline, failed (`error` says why) or closed."""
        return self._client.state

    @property
    def error(self) -> TricastError | None:
        """Why it failed."""
        return self._client.error

    @property
    def transport(self) -> TransportName | None:
        """What the connection goes over now; None: there is none."""
        return self._client.transport

    @property
    def cursor(self) -> str | None:
        """The last cursor seen: what to give to the next client."""
        return self._client.cursor

    @property
    def counts(self) -> Counts:
        """What happened so far."""
        return self._client.counts

    def on(self, kind: asynchronous.Kind, listener: Callable[..., object]) -> Callable[[], None]:
        """Call `listener`, in the client's thread; the function that is given back ends that."""
        return self._client.on(kind, listener)

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
        """Publish; the receipt says that it is stored, once. Raises the TricastError of a refusal."""
        return self._wait(
            self._client.publish(
                topic, data, type=type, id=id, subject=subject, source=source, deadline_s=deadline_s
            )
        )

    def subscribe(
        self, *patterns: str, buffer: int | None = None, overflow: Overflow | None = None
    ) -> Subscription:
        """The events of these patterns from now on (of the first: from the client's cursor)."""

        async def begin() -> subscription.Subscription:
            return self._client.subscribe(*patterns, buffer=buffer, overflow=overflow)

        return Subscription(self._wait(begin()), self._wait)

    def flags(self, app: str, environment: str, *, timeout_s: float | None = None) -> Flags:
        """The flags of an app in an environment, once they are here. Raises TimeoutError, or a refusal.

        Their methods that don't wait (`get`, `evaluate`, `all`, `on_change`) may be called from any thread.
        """

        async def begin() -> Flags:
            flags = self._client.flags(app, environment)
            await flags.ready()
            return flags

        return self._wait(begin(), timeout_s)


class Subscription:
    """Events, each once and in order: `for event in subscription`, or `next(timeout_s=…)`."""

    def __init__(self, inner: subscription.Subscription, wait: Callable[..., Any]) -> None:
        self._inner = inner
        self._wait = wait

    @property
    def patterns(self) -> frozenset[str]:
        return self._inner.patterns

    @property
    def dropped(self) -> int:
        """How many events were left out, as the overflow policy says."""
        return self._inner.dropped

    def active(self, timeout_s: float | None = None) -> None:
        """Wait until the server is known to send these patterns: what is published now, comes."""
        self._wait(self._inner.active(), timeout_s)

    def next(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None at the end. Raises TimeoutError, or what iterating raises."""
        event: Event | None = self._wait(self._inner.next(), timeout_s)
        return event

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Unsubscribe."""
        self._wait(self._close())

    async def _close(self) -> None:
        self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
