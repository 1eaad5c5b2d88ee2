"""A client's end of a TCP connection. Nothing is read until somebody asks: not asking is stalling."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Self

PATIENCE_S = 20.0


def patience() -> asyncio.Timeout:
    """The one generous timeout under which tests wait for what must happen."""
    return asyncio.timeout(PATIENCE_S)


async def settled(wanted: Callable[[], bool]) -> None:
    """Wait until the server is in a state that nobody announces."""
    async with patience():
        while not wanted():  # noqa: ASYNC110 (there is no event to wait for)
            await asyncio.sleep(0)


class Closed(Exception):
    """The peer ended the connection where more was expected."""


class Connection:
    """A socket and what was received of it but not taken yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.received = 0

    @classmethod
    async def open(cls, port: int, *, receive_bytes: int | None = None) -> Self:
        """Connect. `receive_bytes` bounds what the kernel takes in for a reader that doesn't read."""
        sock = socket.socket()
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_bytes is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Go away without a FIN: the peer gets a RST."""
        if self.sock.fileno() >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def end_writing(self) -> None:
        """Half-close: nothing more will be sent, but it still reads."""
        self.sock.shutdown(socket.SHUT_WR)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def more(self) -> bool:
        """Read what there is into `buffer`; False: the peer has ended the connection."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self.sock, 256 * 1024)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self.buffer += data
        self.received += len(data)
        return bool(data)

    async def until(self, separator: bytes) -> bytes:
        """Everything up to and with `separator`."""
        start = 0
        while (at := self.buffer.find(separator, start)) < 0:
            start = max(0, len(self.buffer) - len(separator))
            if not await self.more():
                raise Closed(f"ended before {separator!r}; left: {bytes(self.buffer)!r}")
        return self._take(at + len(separator))

    async def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not await self.more():
                raise Closed(f"ended before {size} bytes; left: {bytes(self.buffer)!r}")
        return self._take(size)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        while await self.more():
            pass
        return self._take(len(self.buffer))

    def _take(self, size: int) -> bytes:
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken
