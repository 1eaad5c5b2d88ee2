"""OFREP on a node whose flags, clients or clock are the test's own: what a real server is too quick for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx2
import pytest
from starlette.applications import Starlette
from tests.harness.sockets import patience, settled

from tricast import Api, Grant, Hub, Unauthorized
from tricast.flags.api.ofrep import ofrep_routes
from tricast.flags.flag import Definition
from tricast.flags.store import Flags
from tricast.flags.stored import EnvironmentFlags
from tricast.flags.usage import Usage

pytestmark = pytest.mark.anyio

BULK = "/v1/apps/demo/production/ofrep/v1/evaluate/flags"


@dataclass
class Lagging:
    """The flags of a node, one change of which comes when the test says so."""

    view: EnvironmentFlags
    listeners: list[Callable[[str, str], None]] = field(default_factory=list)
    asked: int = 0

    def environment(self, app: str, environment: str) -> EnvironmentFlags:
        self.asked += 1
        return self.view

    def on_change(self, listener: Callable[[str, str], None]) -> None:
        self.listeners.append(listener)

    def catch_up(self, etag: str) -> None:
        flag = replace(self.view.flags["banner"], state="DISABLED", version=2)
        self.view = replace(self.view, flags={"banner": flag}, etag=etag, version=self.view.version + 1)
        for listener in self.listeners:
            listener("demo", "production")


def a_node() -> Lagging:
    flag = Definition("ENABLED", {"on": True, "off": False}, "on", version=1)
    return Lagging(EnvironmentFlags("demo", "production", {"banner": flag}, {}, {}, None, "e-10", 1))


@asynccontextmanager
async def serving(node: Lagging, catch_up_s: float = 60) -> AsyncIterator[tuple[Hub, Starlette]]:
    async def gate(_: Any) -> Grant:
        return Grant("ann", scopes=frozenset({"flags:read"}))

    hub = Hub()
    usage = Usage(hub)
    routes = ofrep_routes(
        Api(gate),
        cast(Flags, node),
        hub=hub,
        usage=usage,
        stream_token=lambda *_: (None, ""),
        catch_up_s=catch_up_s,
    )
    async with hub, usage:
        yield hub, Starlette(routes=routes)


@asynccontextmanager
async def asking(node: Lagging, catch_up_s: float) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(node, catch_up_s) as (_, app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://node") as client:
            yield client


async def test_a_node_answers_when_it_has_the_change_that_was_announced() -> None:
    node = a_node()
    async with asking(node, 60) as client, patience():
        tag = (await client.post(BULK, json={})).headers["etag"]
        query = {"flagConfigEtag": "e-12"}
        question = asyncio.ensure_future(
            client.post(BULK, params=query, json={}, headers={"if-none-match": tag})
        )
        await settled(lambda: node.asked == 2)
        node.catch_up("e-11")
        await settled(lambda: node.asked == 3)
        assert not question.done(), "that was not the one"
        node.catch_up("e-12")
        answer = await question
    assert answer.status_code == 200
    assert answer.json()["flags"][0]["reason"] == "DISABLED"


async def test_a_node_answers_with_what_it_has_but_not_304_when_the_change_does_not_come() -> None:
    node = a_node()
    async with asking(node, 0.05) as client, patience():
        tag = (await client.post(BULK, json={})).headers["etag"]
        known = {"if-none-match": tag}
        assert (await client.post(BULK, json={}, headers=known)).status_code == 304
        query = {"flagConfigEtag": "e-12"}
        answer = await client.post(BULK, params=query, json={}, headers=known)
    assert answer.status_code == 200
    assert answer.json()["flags"][0]["value"] is True


async def test_a_stream_whose_client_takes_nothing_ends_all_the_same_when_it_must() -> None:
    sent: list[Any] = []
    never = asyncio.Event()

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:
            await never.wait()

    async def receive() -> Any:
        await never.wait()

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/v1/apps/demo/production/ofrep/v1/stream",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
    }
    async with serving(a_node()) as (hub, app), patience():
        stream = asyncio.ensure_future(app(scope, receive, send))
        await settled(lambda: len(sent) == 2)
        assert hub.connections == 1
        assert hub.disconnect(lambda _: True, Unauthorized("revoked")) == 1
        await stream
        assert hub.connections == 0
    assert len(sent) == 2
