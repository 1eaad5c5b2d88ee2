"""A TCP proxy that cuts a connection after so many bytes of the response's body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

HEAD_END = b"\r\n\r\n"


class CuttingProxy:
    """Each connection gets the next of `cuts`; what is beyond is not passed on, and both ends are cut."""

    def __init__(self, upstream: int, cuts: list[int]) -> None:
        self._upstream = upstream
        self._cuts = iter(cuts)
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = next(self._cuts)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
            try:
                up_writer.write(await reader.readuntil(HEAD_END))
                writer.write(await up_reader.readuntil(HEAD_END))
                while cut > 0 and (data := await up_reader.read(cut)):
                    cut -= len(data)
                    writer.write(data)
                await writer.drain()
            finally:
                up_writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def cutting(upstream: int, cuts: list[int]) -> AsyncIterator[CuttingProxy]:
    """A proxy before the port `upstream`, for as many connections as there are cuts."""
    proxy = CuttingProxy(upstream, cuts)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, backlog=1024)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await server.wait_closed()
