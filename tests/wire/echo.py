"""Echoes over WebSocket: one on our server's protocol classes, one by the library `websockets`."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tricast.server.runner import config_of
from tricast.settings import Settings
from tricast.transports import direct
from tricast.wire.frames import OP_TEXT, frame_header

MAX_BYTES = 16 * 1024 * 1024
OP_BINARY = 0x2


class Echo:
    """Answers each message of a WebSocket by itself, one after another, as commands are carried out."""

    def __init__(self, outlet: direct.WebSocketOutlet) -> None:
        self._outlet = outlet
        self._waiting: deque[str | bytes] = deque()
        self._task: asyncio.Task[None] | None = None

    def received(self, message: str | bytes) -> None:
        self._waiting.append(message)
        if self._task is None:
            self._outlet.hold()
            self._task = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        while self._waiting:
            await self._outlet.writable()
            message = self._waiting.popleft()
            opcode, data = (OP_TEXT, message.encode()) if isinstance(message, str) else (OP_BINARY, message)
            self._outlet.write(frame_header(len(data), opcode) + data)
        self._task = None
        self._outlet.release()


class EchoApp:
    """The application: an echo that takes the connection over; at `/asgi`, one that leaves it to uvicorn."""

    settings = Settings(log="memory:", dev=True, max_body_bytes=MAX_BYTES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"] == "/asgi":
            await receive()
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] == "websocket.receive":
                kind = "text" if message.get("text") is not None else "bytes"
                await send({"type": "websocket.send", kind: message[kind]})
        else:
            outlet = direct.of(scope).accept(None)
            outlet.listen(Echo(outlet).received)


@asynccontextmanager
async def tricast_echo() -> AsyncIterator[int]:
    """The port of an echo on our protocol classes; messages up to 16 MiB."""
    config = config_of(EchoApp())  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        try:
            yield listener.getsockname()[1]
        finally:
            await server.shutdown(sockets=[listener])


@asynccontextmanager
async def websockets_echo() -> AsyncIterator[int]:
    """The port of an echo by `websockets`, with the same limit and, as ours, without compression."""

    async def echo(connection: ServerConnection) -> None:
        try:
            async for message in connection:
                await connection.send(message)
        except ConnectionClosed:
            pass  # (the client's Close came before the echo was sent)

    options: dict[str, Any] = {"compression": None, "max_size": MAX_BYTES, "ping_interval": None}
    async with serve(echo, "127.0.0.1", 0, **options) as server:
        yield server.sockets[0].getsockname()[1]
