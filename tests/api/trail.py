"""An audit trail to read: a hub in memory whose clock only the test moves, and HTTP in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from starlette.applications import Starlette

from tricast import ABSENT, Actor, Api, Change, Grant, Hub, HubOptions, audit_entry
from tricast.api.audit import audit_routes
from tricast.hub.caller import Caller
from tricast.log.memory import MemoryLog

START_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z
ADMIN = Grant("boss", scopes=frozenset({"admin"}))
ANN = Actor("ann", "editor", "key:k1", "192.0.2.1")


@dataclass
class Given:
    """The hub, its clock, who asks, and what may happen to them while they read."""

    hub: Hub
    ms: int = START_MS
    grant: Grant = ADMIN
    client: httpx2.AsyncClient = field(init=False)
    recheck: Callable[[Caller], None] = lambda _: None

    def __post_init__(self) -> None:
        api = Api(lambda request: self.grant)
        routes = audit_routes(
            self.hub, api, recheck=lambda caller: self.recheck(caller), clock=lambda: self.ms / 1000
        )
        self.app = Starlette(routes=routes)
        transport = httpx2.ASGITransport(app=self.app)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://localhost:8080")

    async def add(self, action: str = "flag.updated", **given: Any) -> str:
        """One entry; its cursor."""
        given = {
            "app": "shop",
            "kind": "flag",
            "key": "new-checkout",
            "actor": ANN,
            "changes": [Change("/name", "a", "b")],
            "version": 2,
            "previous_version": 1,
            "reason": "why not",
            "request_id": "req-1",
        } | given
        receipt = (await self.hub.append((audit_entry(action, **given),))).receipts[0]
        assert receipt.cursor is not None
        return receipt.cursor

    async def add_many(self, count: int, **given: Any) -> None:
        """That many entries, which nothing but their keys `0`, `1`, … tells apart."""
        given = {"app": "shop", "kind": "flag", "actor": ANN} | given
        for begin in range(0, count, 1000):
            keys = range(begin, min(begin + 1000, count))
            await self.hub.append([audit_entry("flag.updated", key=str(key), **given) for key in keys])

    async def get(self, **asked: Any) -> httpx2.Response:
        return await self.client.get("/v1/audit", params=asked)

    async def read(self, **asked: Any) -> list[dict[str, Any]]:
        """The entries of one answer."""
        answer = await self.get(**asked)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["entries"]
        return found

    async def keys(self, **asked: Any) -> list[str]:
        return [entry["key"] for entry in await self.read(**asked)]

    async def refused(self, status: int, **asked: Any) -> dict[str, Any]:
        answer = await self.get(**asked)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def trail(options: HubOptions | None = None) -> AsyncIterator[Given]:
    """A trail without an entry."""
    given: Given | None = None
    log = MemoryLog(clock=lambda: START_MS if given is None else given.ms)
    async with Hub(log, options) as hub:
        given = Given(hub)
        async with given.client:
            yield given


def flag_of(*environments: str) -> dict[str, Any]:
    """A flag as a document has it, with a state in each environment."""
    return {"key": "f", "environments": {name: {"state": f"of {name}"} for name in environments}}


def whole(before: Any = ABSENT, after: Any = ABSENT) -> list[Change]:
    return [Change("", before, after)]
