"""A real server behind a fault proxy, and a publisher that keeps count."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import httpx2
from tests.clients.faultproxy import FaultProxy, proxying
from tests.faults.faultserver import FaultServer

EVENTS = 5000
BATCH = 100
STOP_S = 20.0
TRIM_S = 60.0
HEARTBEAT = "0.5"  # where silence is to be noticed
SELDOM = "5"  # where no load of the machine may look like silence
_orders = count()


class Hub:
    """`publish` goes straight to the server, on a topic of this hub's own; clients come by the `proxy`."""

    def __init__(
        self, server: FaultServer, proxy: FaultProxy, *, dev: bool = True, settings: dict[str, str]
    ) -> None:
        self.server = server
        self.proxy = proxy
        self.topic = f"demo/orders-{next(_orders)}"
        self.published = 0
        self._dev = dev
        self._settings = settings

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self.proxy.url

    def http(self) -> httpx2.AsyncClient:
        key = self.server.key
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        url = f"http://127.0.0.1:{self.server.port}"
        # (loading authorities takes longer than a publish)
        return httpx2.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False, verify=False)

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start, dev=self._dev, **self._settings)
        self.proxy.upstream = self.server.port

    async def drain(self) -> None:
        """Stop it as an administrator does; it says goodbye."""
        self.server.signal(signal.SIGTERM)
        assert await asyncio.to_thread(self.server.wait, STOP_S) == 0, self.server.errors()

    async def publish(self, more: int) -> str:
        """The next `more` numbers, in batches; the last cursor."""
        cursor = ""
        async with self.http() as http:
            while more > 0:
                size = min(BATCH, more)
                numbers = range(self.published, self.published + size)
                batch = [{"topic": self.topic, "data": {"n": number}} for number in numbers]
                answer = await http.post("/v1/events", json=batch)
                assert answer.status_code == 201, answer.text
                cursor = answer.json()["cursor"]
                self.published += size
                more -= size
        return cursor

    async def rest(self) -> None:
        """What is missing of the 5,000."""
        await self.publish(EVENTS - self.published)

    def mint(self, ttl_s: float) -> str:
        """A token to subscribe with, good for so long."""
        url = f"http://127.0.0.1:{self.server.port}/v1/tokens"
        asked = {"subject": "ann", "app": "demo", "subscribe": ["demo/**"], "ttl_s": ttl_s}
        headers = {"authorization": f"Bearer {self.server.key}"}
        answer = httpx2.post(url, json=asked, headers=headers, timeout=30, trust_env=False, verify=False)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def trimmed(self, cursor: str) -> None:
        """Wait until what follows `cursor` isn't kept any more: the server trims when it does."""
        query = {"topic": self.topic, "cursor": cursor, "timeout": "0", "limit": "1"}
        async with asyncio.timeout(TRIM_S), self.http() as http:
            while (await http.get("/v1/events", params=query)).json()["reset"] is None:  # noqa: ASYNC110 (nobody announces it)
                await asyncio.sleep(0.1)


@asynccontextmanager
async def a_hub(folder: Path, *, dev: bool = True, **settings: str) -> AsyncIterator[Hub]:
    """A started hub of a test's own, with its log in `folder`."""
    server = FaultServer(folder / "data", folder / "server.log")
    async with proxying() as proxy:
        hub = Hub(server, proxy, dev=dev, settings={"heartbeat_s": HEARTBEAT, **settings})
        try:
            await hub.start()
            yield hub
        finally:
            server.kill()


@contextmanager
def a_server(folder: Path, *, dev: bool) -> Iterator[FaultServer]:
    """A server for many tests, of which none may hurt it."""
    server = FaultServer(folder / "data", folder / "server.log")
    try:
        server.start(dev=dev, heartbeat_s=SELDOM)
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def at(server: FaultServer) -> AsyncIterator[Hub]:
    """A hub on a server that others use too."""
    async with proxying(server.port) as proxy:
        yield Hub(server, proxy, settings={})
