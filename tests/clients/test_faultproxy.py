"""The fault proxy does what it is told: else the scenarios would prove nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.clients.faultproxy import FaultProxy, proxying
from tests.clients.waiting import until
from tests.harness.clients import Sse, WebSocket
from tests.harness.server import Installation
from tests.harness.sockets import Closed, patience
from websockets.exceptions import InvalidStatus

TOPIC = "demo/a"
NOT_YET_S = 0.3  # how long is looked that nothing comes; what came would fail the test, lateness doesn't


@pytest.fixture
async def here() -> AsyncIterator[Installation]:
    async with Installation("memory:", "direct") as installation:
        yield installation


@pytest.fixture
async def proxy(here: Installation) -> AsyncIterator[FaultProxy]:
    async with proxying(here.port) as proxy:
        yield proxy


async def get(proxy: FaultProxy, query: str = "timeout=0") -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as http:
        return await http.get(f"{proxy.url}/v1/events?topic={TOPIC}&{query}")


async def test_without_a_fault_everything_passes(here: Installation, proxy: FaultProxy) -> None:
    with await Sse.open(proxy.port, [TOPIC]) as stream, await WebSocket.open(proxy.port, [TOPIC]) as socket:
        await stream.until("tricast.live")
        await socket.until("tricast.live")
        await here.publish(TOPIC, 1)
        assert (await stream.numbers(1), await socket.numbers(1)) == ([1], [1])
        assert (await get(proxy, "cursor=earliest")).json()["events"][0]["data"]["n"] == 1
        assert proxy.seen == {"sse": 1, "websocket": 1, "http": 1}
        await until(lambda: proxy.open == {"sse": 1, "websocket": 1})
    await until(lambda: not proxy.open)
    await until(lambda: not here.hub.callers)


async def test_it_refuses_upgrades(proxy: FaultProxy) -> None:
    proxy.faults.upgrade = "refuse"
    with pytest.raises(InvalidStatus) as caught:
        await WebSocket.open(proxy.port, [TOPIC])
    assert caught.value.response.status_code == 400


async def test_it_closes_on_upgrades(proxy: FaultProxy) -> None:
    proxy.faults.upgrade = "close"
    with pytest.raises(Exception, match=r"ended|closed|handshake|EOF"):
        await WebSocket.open(proxy.port, [TOPIC])


async def test_it_buffers_event_streams_until_they_end(here: Installation, proxy: FaultProxy) -> None:
    proxy.faults.buffers = True
    opening = asyncio.ensure_future(Sse.open(proxy.port, [TOPIC]))
    await until(lambda: len(here.hub.callers) == 1)
    await here.publish(TOPIC, 1)
    assert (await get(proxy)).status_code == 200
    await asyncio.wait([opening], timeout=NOT_YET_S)
    assert not opening.done()
    await here.hub.drain(0)
    with await opening as stream:
        assert [message.type for message in await stream.end()][:2] == ["tricast.hello", "tricast.live"]


async def test_it_cuts(here: Installation, proxy: FaultProxy) -> None:
    with await Sse.open(proxy.port, [TOPIC]) as stream:
        await stream.until("tricast.live")
        proxy.cut()
        async with patience():
            with pytest.raises(Closed):
                await stream.next()
    await until(lambda: not here.hub.callers)
    assert proxy.cuts == 1


async def test_it_stalls_what_there_is_and_not_what_comes(here: Installation, proxy: FaultProxy) -> None:
    with await Sse.open(proxy.port, [TOPIC]) as stream:
        await stream.until("tricast.live")
        proxy.stall()
        await here.publish(TOPIC, 1)
        assert len((await get(proxy, "cursor=earliest")).json()["events"]) == 1
        waiting = asyncio.ensure_future(stream.next())
        await asyncio.wait([waiting], timeout=NOT_YET_S)
        assert not waiting.done()
        proxy.cut()
        async with patience():
            with pytest.raises(Closed):
                await waiting


async def test_it_answers_by_itself(here: Installation, proxy: FaultProxy) -> None:
    proxy.faults.status = 502
    answer = await get(proxy)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    proxy.faults.status = None
    await here.stop()
    assert (await get(proxy)).status_code == 502


async def test_it_truncates_bodies(here: Installation, proxy: FaultProxy) -> None:
    await here.publish(TOPIC, 1, pad=1000)
    proxy.faults.truncate_bytes = 100
    with pytest.raises(httpx2.RemoteProtocolError):
        await get(proxy, "cursor=earliest")


async def test_it_resets_and_it_says_nothing(proxy: FaultProxy) -> None:
    proxy.faults.refuses = True
    with pytest.raises(httpx2.TransportError):
        await get(proxy)
    proxy.faults.refuses, proxy.faults.silent = False, True
    waiting = asyncio.ensure_future(get(proxy))
    await asyncio.wait([waiting], timeout=NOT_YET_S)
    assert not waiting.done()
    proxy.cut()
    with pytest.raises(httpx2.TransportError):
        await waiting


async def test_it_flaps(proxy: FaultProxy) -> None:
    async with proxy.flapping(0.01):
        await until(lambda: proxy.cuts >= 3)
    cuts = proxy.cuts
    assert (await get(proxy)).status_code == 200
    assert proxy.cuts == cuts
