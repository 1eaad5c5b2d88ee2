"""Outlets over plain ASGI `send`: the same behaviour on any server, only slower.

One payload is in flight and one waits, which small ones are joined to; when that
has 64 KiB the subscriber lags.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tricast.hub.outlet import Sink
from tricast.wire.frames import Format, Payload, join

Send = Callable[[Any], Awaitable[None]]
_MAX_WAITING_BYTES = 64 * 1024
_FINISH_S = 5.0


class PortableOutlet:
    """The bounded queue before an ASGI `send`. `drain` is run by the transport."""

    def __init__(self, format: Format) -> None:
        self.format: Format = format
        self._sink: Sink | None = None
        self._waiting: list[Payload] = []
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._stalled = False
        self._finished = False
        self.dead = False
        self.code = 1000
        self.reason = ""
        self._limit: asyncio.Timeout | None = None
        self._parting: asyncio.TimerHandle | None = None

    @property
    def is_stalled(self) -> bool:
        return self._stalled

    @property
    def pending(self) -> int:
        return self._waiting_bytes

    def is_silent(self, for_s: float) -> bool:
        return False  # (that is for the server to know)

    def attach(self, sink: Sink) -> None:
        self._sink = sink
        if self.dead:
            # The client went while it was let in, and nobody was there to be told.
            asyncio.get_running_loop().call_soon(self.lose)

    def write(self, data: Payload, /) -> None:
        if self._finished or self.dead:
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data) if isinstance(data, bytes) else sum(map(len, data))
        self._wake.set()
        if self._waiting_bytes >= _MAX_WAITING_BYTES and not self._stalled:
            self._stalled = True
            self._free.clear()
            if self._sink is not None:
                self._sink.stalled()

    def finish(self, last: Payload, *, code: int = 1000, reason: str = "") -> None:
        if self._finished or self.dead:
            return
        self._waiting.append(last)
        self._finished = True
        self.code, self.reason = code, reason
        self._wake.set()
        # A peer that reads nothing is not waited for longer than this.
        self._parting = asyncio.get_running_loop().call_later(_FINISH_S, self.abort)

    def mute(self) -> None:
        """Send nothing more to a peer that is gone. Commands that it has sent may still be carried out."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self._finished = self.dead = True
        self._wake.set()
        self._free.set()

    def abort(self) -> None:
        self.mute()
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def until_aborted(self) -> AsyncIterator[None]:
        """What runs inside ends when this is aborted, however long a `send` takes (DELIVERY.md 3)."""
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._limit = limit
                yield
                self._limit = None
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            self._limit = None

    async def writable(self) -> None:
        """Wait until it isn't stalled."""
        await self._free.wait()

    def beat(self) -> None:
        """ASGI has no pings; the server's own do this."""

    def lose(self) -> None:
        """The connection is gone."""
        self.abort()
        if self._parting is not None:
            self._parting.cancel()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.lost()

    async def payloads(self) -> AsyncIterator[Payload]:
        """What is to be sent, in order, until the end."""
        while True:
            while self._waiting:
                waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
                yield waiting[0] if len(waiting) == 1 else join(waiting, self.format)
                if self._stalled and not self._waiting and not self._finished:
                    self._stalled = False
                    self._free.set()
                    if self._sink is not None:
                        self._sink.drained()
            if self._finished:
                return
            self._wake.clear()
            await self._wake.wait()


async def stream_sse(
    outlet: PortableOutlet, scope: Any, receive: Any, send: Send, headers: Mapping[str, str]
) -> None:
    """Serve `outlet` as an event stream until its end or the client's."""
    # Imported here only: sse-starlette patches uvicorn when it is imported.
    from sse_starlette.sse import EventSourceResponse

    async def blocks() -> AsyncIterator[bytes]:
        async for payload in outlet.payloads():
            assert isinstance(payload, bytes)
            yield payload

    response = EventSourceResponse(blocks(), headers=headers, ping=0)
    if scope.get("http_version") == "1.0":
        # No chunks for an HTTP/1.0 client: the end of the connection ends the body.
        response.headers["connection"] = "close"
    try:
        async with outlet.until_aborted():
            await response(scope, receive, send)
    finally:
        outlet.lose()


async def send_texts(outlet: PortableOutlet, send: Send) -> None:
    """Send what `outlet` is given as WebSocket text messages, then the Close.

    A failed send does not end the connection: the peer may have sent commands before its Close, which are
    still to be received (DELIVERY.md 29). The receiving side reports when the connection is lost.
    """
    try:
        async for payload in outlet.payloads():
            assert isinstance(payload, tuple)
            for text in payload:
                await send({"type": "websocket.send", "text": text.decode()})
        if not outlet.dead:
            await send({"type": "websocket.close", "code": outlet.code, "reason": outlet.reason[:120]})
    except Exception:  # noqa: BLE001
        # Servers differ in what they raise once the peer is gone.
        outlet.mute()
