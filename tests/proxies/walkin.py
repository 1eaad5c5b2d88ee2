"""Somebody without a client, who asks a proxy as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from tests.harness.sockets import patience

ASK_S = 0.05


class Stream:
    """An event stream's control events and events."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def until(self, kind: str) -> dict[str, Any]:
        """The first event of this type; those before it are dropped."""
        async with patience():
            async for line in self._lines:
                if line.startswith("data:") and (event := json.loads(line[5:]))["type"] == kind:
                    return dict(event)
        raise AssertionError(f"the stream ended without {kind}")

    async def is_over(self) -> bool:
        """Whether nothing more comes, and the connection was closed as it should be."""
        async with patience():
            return [line async for line in self._lines if line] == []


@dataclass
class Walkin:
    """`http` asks the proxy, with a token."""

    http: httpx2.AsyncClient

    @asynccontextmanager
    async def stream(self, topic: str, **headers: str) -> AsyncIterator[Stream]:
        asked = {"accept": "text/event-stream", **headers}
        async with self.http.stream(
            "GET", "/v1/events", params={"topic": topic}, headers=asked, timeout=None
        ) as response:
            assert response.status_code == 200, await response.aread()
            assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
            yield Stream(response)

    async def poll(self, topic: str, **headers: str) -> httpx2.Response:
        return await self.http.get("/v1/events", params={"topic": topic, "timeout": "0"}, headers=headers)

    async def publish(self, body: bytes, **headers: str) -> httpx2.Response:
        """`body` is JSON."""
        return await self.http.post(
            "/v1/events", content=body, headers={"content-type": "application/json", **headers}
        )

    async def counts(self, topic: str, *, connections: int) -> None:
        """Wait until the member there, the only one, has so many connections."""
        found = -1
        try:
            async with patience():
                while (found := await self._connections(topic)) != connections:  # noqa: ASYNC110 (nobody says)
                    await asyncio.sleep(ASK_S)
        except TimeoutError:
            raise AssertionError(f"{found} connections on {topic} and not {connections}") from None

    async def _connections(self, topic: str) -> int:
        answer = await self.http.get("/v1/presence", params={"topic": topic})
        assert answer.status_code == 200, answer.text
        return sum(member["connections"] for member in answer.json()["topics"].get(topic, []))
