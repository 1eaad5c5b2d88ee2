"""A hub behind a real port, in this process: our runner's uvicorn, or plain uvicorn."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

import uvicorn
from starlette.routing import Router
from tests.harness.sockets import settled

from tricast.api.answers import Api
from tricast.api.events import EventsEndpoint
from tricast.api.presence import presence_routes
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub, HubOptions
from tricast.log import open as open_log
from tricast.log.base import Log
from tricast.server.runner import config_of
from tricast.settings import Settings
from tricast.transports.door import Door

Path_ = Literal["direct", "portable"]
LARGE_BYTES = 16 * 1024 * 1024  # more than the kernel takes for a reader that reads nothing
ANYONE = Grant(subject="anyone", subscribe=("**",), publish=("**",))


class Tokens(dict[str, Grant]):
    """A gate: the grant that `?token=` (or a Bearer) names, and anyone's without one."""

    def __call__(self, request: Any) -> Grant:
        query = parse_qs(request.scope["query_string"].decode())
        bearer = dict(request.scope["headers"]).get(b"authorization", b"").decode()
        token = bearer.removeprefix("Bearer ") or query.get("token", [""])[0]
        return self[token] if token else ANYONE


class App:
    """The ASGI application: `/v1`, `/large` (by ASGI alone), and a lifespan that does nothing."""

    def __init__(self, door: Door, settings: Settings) -> None:
        self.settings = settings
        self.hot = EventsEndpoint(door)
        self.router = Router(presence_routes(door.hub, Api(door.gate)))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["path"] == "/large":
            length = (b"content-length", b"%d" % LARGE_BYTES)
            await send({"type": "http.response.start", "status": 200, "headers": [length]})
            await send({"type": "http.response.body", "body": bytes(LARGE_BYTES)})
        elif scope["path"] == "/v1/presence":
            await self.router(scope, receive, send)
        else:
            await self.hot(scope, receive, send)


class Server:
    """uvicorn on a port of its own, serving one hub."""

    def __init__(self, hub: Hub, path: Path_, door: dict[str, Any]) -> None:
        self.hub = hub
        self.tokens = Tokens()
        self.gate: Callable[[Any], Grant] = self.tokens
        app = App(Door(hub, lambda request: self.gate(request), **door), Settings(log="memory:", dev=True))
        if path == "direct":
            config = config_of(app)  # type: ignore[arg-type]
        else:
            config = uvicorn.Config(app, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._sock = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port: int = self._sock.getsockname()[1]

    @property
    def connections(self) -> set[Any]:
        """The protocol objects of all open connections."""
        return self._server.server_state.connections

    @property
    def tasks(self) -> set[Any]:
        """The tasks of all requests that are being handled."""
        return self._server.server_state.tasks

    async def start(self) -> None:
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[self._sock])
        await self._server.on_tick(0)

    async def stop(self) -> None:
        """Cut every connection and close the port."""
        for server in self._server.servers:
            server.close()
        self._sock.close()
        for connection in list(self.connections):
            transport = getattr(connection, "_transport", None) or connection.transport
            transport.abort()
        await settled(lambda: not self.connections and not self.tasks)
        await self._server.lifespan.shutdown()


@asynccontextmanager
async def serving(hub: Hub, path: Path_, **door: Any) -> AsyncIterator[Server]:
    """A server for a hub that is started; `door` as for `Door`."""
    server = Server(hub, path, door)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Installation:
    """A log that outlives its servers: `start`, `stop`, `start` again."""

    def __init__(self, url: str, path: Path_, options: HubOptions | None = None, **door: Any) -> None:
        self.url = url
        self.path: Path_ = path
        self.options = options or HubOptions()
        self.door = door
        self._memory: Log | None = open_log(url) if url == "memory:" else None
        self._stack: AsyncExitStack | None = None
        self.hub: Hub
        self.server: Server

    async def __aenter__(self) -> Installation:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """A new hub and server on the same log. (A log in memory keeps what it holds, as a file does.)"""
        async with AsyncExitStack() as stack:
            self.hub = Hub(self._memory or self.url, self.options)
            await stack.enter_async_context(self.hub)
            self.server = await stack.enter_async_context(serving(self.hub, self.path, **self.door))
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    @property
    def port(self) -> int:
        return self.server.port

    async def publish(self, topic: str, *numbers: int, pad: int = 0) -> int:
        """One event per number on `topic`; the offset of the last."""
        offset = 0
        for number in numbers:
            receipt = await self.hub.publish(topic, {"n": number, "pad": "x" * pad})
            assert receipt.offset is not None
            offset = receipt.offset
        return offset


def url_of(log: str, folder: Path) -> str:
    """The URL of a log of that kind in `folder`."""
    return "memory:" if log == "memory" else f"sqlite:///{folder / 'events.db'}"
