"""The server behind a proxy: always at the same port, so that it can be restarted under the proxy."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from tests.faults.faultserver import FaultServer
from tests.proxies.proxies import free_ports

SETTINGS = {"heartbeat_s": "0.5", "drain_s": "1", "presence_linger_s": "0.5", "access_log": "true"}
STOP_S = 20.0
TRUST = {
    "subject": "ann",
    "app": "demo",
    "subscribe": ["demo/**"],
    "publish": ["demo/**"],
    "scopes": ["presence"],
    "ttl_s": 3600,
}


class Origin:
    """A guarded server: `--dev` is not open to what comes by a proxy. `token` lets clients in."""

    def __init__(self, folder: Path) -> None:
        self.server = FaultServer(folder / "data", folder / "server.log")
        [self.port] = free_ports(1)
        self.token = ""

    @property
    def url(self) -> str:
        """Past the proxy. Pages from here may use the server through it."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        settings = {**SETTINGS, "allowed_origins": self.url}
        await asyncio.to_thread(self.server.start, dev=False, port=self.port, **settings)
        if not self.token:
            self.token = self._mint()

    def _mint(self) -> str:
        headers = {"authorization": f"Bearer {self.server.key}"}
        url = f"{self.url}/v1/tokens"
        answer = httpx2.post(url, json=TRUST, headers=headers, timeout=30, trust_env=False)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    @asynccontextmanager
    async def dead(self) -> AsyncIterator[None]:
        """kill -9, and start it again after the block."""
        self.server.kill()
        try:
            yield
        finally:
            await self.start()

    async def drain(self) -> None:
        """Stop it as an administrator does; it says goodbye."""
        self.server.signal(signal.SIGTERM)
        assert await asyncio.to_thread(self.server.wait, STOP_S) == 0, self.server.errors()
