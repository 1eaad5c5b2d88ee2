"""`tricast serve`: uvicorn with our protocol classes, our signals and our way to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

import uvicorn

from tricast.errors import TricastError
from tricast.server import logs
from tricast.server.app import Service, package_version
from tricast.server.direct import HttpProtocol
from tricast.server.handshake import WebSocketProtocol
from tricast.server.listening import BACKLOG, WILDCARDS, listen
from tricast.settings import UNIX, Settings, Source

_log = logging.getLogger("tricast.server")
_KEEP_ALIVE_S = 75


class Server(uvicorn.Server):
    """uvicorn's server, but stopping means: no new connections, goodbye to all, flush, exit 0."""

    def __init__(self, config: uvicorn.Config, service: Service, *, port: int) -> None:
        super().__init__(config)
        self.service = service
        self.port = port

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays; the oldest generation is then small (93 ms at 10,000 connections else).
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        # The log's writer asks for the interpreter several times a commit; beside a long fan-out each
        # time would cost 5 ms.
        sys.setswitchinterval(0.001)
        self._announce()

    def _announce(self) -> None:
        settings, service, port = self.service.settings, self.service, self.port
        where = ", ".join(_url(host, port) for host in settings.host)
        access = "open to this machine, no credentials needed" if settings.dev else "asks for credentials"
        print(f"tricast {package_version()} on {where} ({access}; log {settings.log})")
        if service.setup_code is not None:
            print(
                "\nNo admin exists yet. The first person to open this link becomes the admin (it is good "
                f"until the next start):\n\n    {self._base_url(port)}/#/setup/{service.setup_code}\n"
            )
        if service.root_key is not None:
            print(
                f"\nThis is the first start. The admin key, shown this once:\n\n    {service.root_key}\n\n"
                "Keep it, then:  export TRICAST_KEY=…\n"
            )
        sys.stdout.flush()

    def _base_url(self, port: int) -> str:
        """The URL of the dashboard: by the server's public name, if it has one."""
        if self.service.access.public_url is not None:
            return self.service.access.public_url
        host = next((host for host in self.service.settings.host if not host.startswith(UNIX)), None)
        if host is None:
            return "http://localhost"  # a proxy's address, which the server doesn't know
        return _url("localhost" if host in WILDCARDS else host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in self.server_state.connections:
            if isinstance(connection, HttpProtocol):
                connection.finish()
        _log.info("stopping: saying goodbye to %d connections", len(self.service.hub.callers))
        await self.service.hub.drain(self.service.settings.drain_s)
        await super().shutdown(sockets)
        _log.info("stopped")


def config_of(service: Service) -> uvicorn.Config:
    """uvicorn's configuration: everything that writes, times out or logs by itself is off."""
    settings = service.settings
    return uvicorn.Config(
        service,
        loop="uvloop",
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        ws_max_size=settings.max_body_bytes + 64 * 1024,
        log_config=None,
        access_log=settings.access_log,
        server_header=False,
        date_header=False,
        proxy_headers=False,  # the service does this itself, and only where there are some
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
        backlog=BACKLOG,
        lifespan="on",
    )


def serve(settings: Settings, sources: Sequence[Source] = ()) -> int:
    """Run until a signal; the exit status: 0 after a clean stop, 1 if it could not start.

    `sources`: where the settings came from, for who asks.
    """
    logs.configure(settings.log_level, settings.log_format)
    os.umask(0o077)  # the log holds the secret that signs tokens
    _raise_file_limit()
    try:
        service = Service(settings, sources)
    except TricastError as error:
        _log.error("%s", error.detail)
        return 1
    try:
        # Under --dev no credentials are needed, so only the owner may open a Unix socket.
        listeners = listen(settings.host, settings.port, mode=0o600 if settings.dev else 0o660)
    except TricastError as error:
        _log.error("%s", error.detail)
        return 1
    server = Server(config_of(service), service, port=listeners.port)
    try:
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(server.serve(sockets=listeners.sockets))
    except SystemExit as exit:
        return int(exit.code or 0) or (0 if server.started else 1)
    finally:
        listeners.close()
    return 0


def _url(host: str, port: int) -> str:
    if host.startswith(UNIX):
        return host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _raise_file_limit() -> None:
    """Every connection is a file descriptor: take as many as the system lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
