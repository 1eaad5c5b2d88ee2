"""A TCP proxy that cuts connections, refuses new ones, or holds requests back, when it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

_T = TypeVar("_T")


@dataclass(eq=False)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asked: bytearray = field(default_factory=bytearray)

    def abort(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()


class Interruption:
    """Between clients and the server at `upstream`, in a thread of its own."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._connections: set[_Connection] = set()
        self._refused: asyncio.Event | None = None
        self._held: tuple[bytes, asyncio.Event, asyncio.Event] | None = None
        self._loop = asyncio.new_event_loop()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self, path: str) -> int:
        """Cut all connections that have asked for `path`; how many there were."""
        return self._do(self._cut(path.encode()))

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Cut every new connection while inside; the first is waited for before the end."""
        refused = self._do(self._refuse())
        yield
        self._do(self._wait(refused))
        self._refused = None

    @contextmanager
    def holding(self, path: str) -> Iterator[Holding]:
        """Hold requests for `path` back while inside."""
        held, released = self._do(self._hold(path.encode()))
        try:
            yield Holding(self, held)
        finally:
            self._held = None
            self._loop.call_soon_threadsafe(released.set)

    def wait(self, event: asyncio.Event) -> None:
        self._do(self._wait(event))

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _wait(self, event: asyncio.Event) -> None:
        await event.wait()

    async def _cut(self, path: bytes) -> int:
        found = [each for each in self._connections if path in each.asked]
        for each in found:
            each.abort()
        return len(found)

    async def _refuse(self) -> asyncio.Event:
        self._refused = asyncio.Event()
        return self._refused

    async def _hold(self, path: bytes) -> tuple[asyncio.Event, asyncio.Event]:
        self._held = (path, asyncio.Event(), asyncio.Event())
        return self._held[1:]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refused is not None:
            self._refused.set()
            writer.transport.abort()
            return
        with suppress(ConnectionError):
            up_reader, up_writer = await asyncio.open_connection(*self._upstream)
            connection = _Connection(writer, up_writer)
            self._connections.add(connection)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._up(reader, connection))
                    both.create_task(self._down(up_reader, connection))
            finally:
                self._connections.discard(connection)
                connection.abort()

    async def _up(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                connection.asked += data
                held = self._held
                if held is not None and held[0] in data:
                    held[1].set()
                    await held[2].wait()
                connection.server.write(data)
                await connection.server.drain()
        connection.abort()

    async def _down(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                connection.client.write(data)
                await connection.client.drain()
            connection.client.close()
            return
        connection.abort()

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    @contextmanager
    def running(self) -> Iterator[Interruption]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        server = self._do(self.open())
        try:
            yield self
        finally:
            self._do(self._close(server))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for each in list(self._connections):
            each.abort()
        await server.wait_closed()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*rest, return_exceptions=True)


@dataclass(frozen=True)
class Holding:
    """A request is held back."""

    interruption: Interruption
    held: asyncio.Event

    def wait(self) -> None:
        """Wait until a request has come that is held back."""
        self.interruption.wait(self.held)


@contextmanager
def interruption(upstream: tuple[str, int]) -> Iterator[Interruption]:
    """A proxy before `upstream`, until the block ends."""
    with Interruption(upstream).running() as proxy:
        yield proxy
