"""A proxy between a client and a server that does what real ones do, when it is told to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.clients.faults import HEAD_END, Faults, Head, Kind, answer, closing

PIECE_BYTES = 64 * 1024
UNMASKED_CLOSE = b"\x88\x02\x03\xe9"  # (1001: it goes away)
_GONE = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError)


class Passage:
    """One client's connection, and the one to the server that belongs to it."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self.up: asyncio.StreamWriter | None = None
        self._moves = asyncio.Event()
        self._moves.set()
        self.kind: Kind | None = None

    def stall(self) -> None:
        """Nothing goes through any more, and nobody is told: as when a laptop sleeps."""
        self._moves.clear()

    @property
    def is_stalled(self) -> bool:
        return not self._moves.is_set()

    def end_unmasked(self) -> None:
        """Tell the server of a WebSocket that it ends, unmasked, which no client may do."""
        if self.kind == "websocket" and self.up is not None:
            self.up.write(UNMASKED_CLOSE)

    def cut(self) -> None:
        """Reset both ends."""
        for writer in (self._writer, self.up):
            if writer is not None:
                reset(writer)
        self._moves.set()

    async def run(self) -> None:
        """Pass one request through, and what comes back, until either end is over."""
        faults = self._proxy.faults
        if faults.refuses:
            self.cut()
            return
        head = Head(await self._reader.readuntil(HEAD_END))
        self.kind = head.kind
        self._proxy.seen[head.kind] += 1
        if faults.silent:
            self.stall()
        await self._moves.wait()
        if faults.status is not None:
            await self._answer(faults.status)
        elif head.kind == "websocket" and faults.upgrade != "pass":
            if faults.upgrade == "refuse":
                await self._answer(400)
        else:
            await self._pass(head)

    async def _answer(self, status: int) -> None:
        await write(self._writer, answer(status))

    async def _pass(self, head: Head) -> None:
        try:
            up_reader, self.up = await asyncio.open_connection("127.0.0.1", self._proxy.upstream)
        except ConnectionError:
            await self._answer(502)
            return
        await write(self.up, head.forwarded)
        sending = asyncio.ensure_future(self._upwards(self.up))
        try:
            await self._downwards(up_reader, head)
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _upwards(self, up: asyncio.StreamWriter) -> None:
        with suppress(*_GONE):
            while data := await self._reader.read(PIECE_BYTES):
                await self._moves.wait()
                await write(up, data)
            # The client is gone (or stalled for good); so is what it asked for.
            await self._moves.wait()
            reset(up)

    async def _downwards(self, up: asyncio.StreamReader, head: Head) -> None:
        faults = self._proxy.faults
        is_stream = head.kind == "sse"
        left, kept = faults.truncate_bytes, bytearray()
        first = closing(await up.readuntil(HEAD_END)) if head.kind != "websocket" else b""
        if is_stream and faults.buffers:
            kept += first
        else:
            await self._moves.wait()
            await write(self._writer, first)
        while data := await up.read(PIECE_BYTES):
            if faults.delay_s:
                await asyncio.sleep(faults.delay_s)  # (this is the fault itself)
            await self._moves.wait()
            if is_stream and faults.buffers:
                kept += data
                continue
            await write(self._writer, bytes(kept) + data if left is None else data[:left])
            kept.clear()
            if left is not None:
                left -= len(data)
                if left <= 0:
                    return
        await self._moves.wait()
        await write(self._writer, bytes(kept))


class FaultProxy:
    """Listens on `port`, and passes to `upstream`, which may change. `seen` counts requests by kind."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.port = 0
        self.faults = Faults()
        self.seen: Counter[str] = Counter()
        self.cuts = 0
        self._passages: dict[Passage, asyncio.Task[None]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> Counter[str]:
        """How many requests are under way, by kind."""
        return Counter(passage.kind for passage in self._passages if passage.kind is not None)

    def cut(self) -> None:
        """Reset every connection that there is."""
        self.cuts += 1
        for passage in tuple(self._passages):
            passage.cut()

    def stall(self) -> None:
        """Let nothing through on the connections that there are; new ones are as ever."""
        for passage in self._passages:
            passage.stall()

    def give_up(self) -> None:
        """Reset what is stalled, as a network does in the end."""
        for passage in tuple(self._passages):
            if passage.is_stalled:
                passage.cut()

    def end_unmasked(self) -> None:
        """End WebSockets as Caddy before 2.6.3 does when it is reloaded."""
        for passage in self._passages:
            passage.end_unmasked()

    @asynccontextmanager
    async def flapping(self, every_s: float) -> AsyncIterator[None]:
        """Cut everything again and again, as long as the block runs."""

        async def flap() -> None:
            while True:
                await asyncio.sleep(every_s)  # (this is the fault itself)
                self.cut()

        task = asyncio.ensure_future(flap())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passage = Passage(self, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._passages[passage] = task
        try:
            await passage.run()
        except _GONE:
            pass
        except asyncio.CancelledError:
            passage.cut()
        finally:
            del self._passages[passage]
            if passage.up is not None:
                reset(passage.up)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def end(self) -> None:
        """Cut everything and wait until it is gone."""
        tasks = set(self._passages.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def write(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write, and wait until it is taken. Raises ConnectionError where nobody takes it any more."""
    if writer.is_closing():  # (uvloop doesn't take it then)
        raise ConnectionResetError
    writer.write(data)
    await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection so that its peer gets a RST."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def proxying(upstream: int = 0) -> AsyncGenerator[FaultProxy]:
    """A fault proxy before the port `upstream`, on a port of its own."""
    proxy = FaultProxy(upstream)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, backlog=1024)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
