"""A real server that keeps its port when it is killed and started again: a page keeps its origin."""

from __future__ import annotations

import asyncio
import random
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.faults.faultserver import FaultServer

APP = "demo"
BATCH = 100
HEARTBEAT_S = "2"
PORTS = range(20_000, 32_000)  # below those that the kernel gives to connections


class KeptServer:
    """Started on the same port each time."""

    def __init__(self, folder: Path, *, dev: bool) -> None:
        self.faults = FaultServer(folder / "data", folder / "server.log")
        self.port = _free_port()
        self._dev = dev

    def start(self) -> None:
        """(kill -9 first, where it runs.)"""
        self.faults.start(dev=self._dev, port=self.port, heartbeat_s=HEARTBEAT_S)


class Origin:
    """A server as one test uses it: with a topic, a room and a flag of its own. Publishes numbers."""

    def __init__(self, server: KeptServer) -> None:
        self.server = server
        self.port = server.port
        self.topic = f"{APP}/{secrets.token_hex(4)}"
        self.room = f"{self.topic}/room"
        self.flag = f"flag-{secrets.token_hex(4)}"
        self.published = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def http(self) -> httpx2.AsyncClient:
        key = self.server.faults.key
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    async def restart(self) -> None:
        """kill -9, and started again."""
        await asyncio.to_thread(self.server.start)

    async def publish(self, count: int) -> None:
        """The next `count` numbers."""
        async with self.http() as http:
            last = self.published + count
            while self.published < last:
                numbers = range(self.published, min(self.published + BATCH, last))
                batch = [{"topic": self.topic, "data": {"n": number}} for number in numbers]
                answer = await http.post("/v1/events", json=batch)
                assert answer.status_code == 201, answer.text
                self.published += len(numbers)

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        async with self.http() as http:
            answer = await http.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def create_flag(self) -> None:
        """A boolean one, which is not enabled."""
        await self.post(f"/v1/flags?app={APP}", {"key": self.flag, "type": "boolean"})

    async def enable_flag(self) -> None:
        change = {"environment": "production", "state": "ENABLED"}
        await self.post(f"/v1/flags/{self.flag}/toggle?app={APP}", change, **{"if-match": "*"})

    async def token(self, subject: str) -> str:
        """For one person's tabs."""
        asked = {"subject": subject, "app": APP, "subscribe": [f"{APP}/**"], "scopes": ["presence"]}
        return str((await self.post("/v1/tokens", {**asked, "ttl_s": 600}))["token"])

    async def connections(self) -> int:
        """Streams and waiting polls, as the server counts them."""
        async with self.http() as http:
            answer = await http.get("/metrics")
        assert answer.status_code == 200, answer.text
        return sum(
            int(float(n)) for n in re.findall(r"^tricast_connections\{.*\} (\S+)$", answer.text, re.MULTILINE)
        )

    async def members(self) -> list[dict[str, Any]]:
        """Who is in the room."""
        async with self.http() as http:
            answer = await http.get("/v1/presence", params={"topic": self.room})
        return answer.json()["topics"].get(self.room, [])  # type: ignore[no-any-return]


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


@contextmanager
def a_server(folder: Path, *, dev: bool = True) -> Iterator[KeptServer]:
    """A started one; its log is in `folder`."""
    server = KeptServer(folder, dev=dev)
    try:
        server.start()
        yield server
    finally:
        server.faults.kill()
