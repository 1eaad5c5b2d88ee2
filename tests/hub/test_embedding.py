"""The hub as a developer has it in an application of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import websockets
from tests.harness.clients import http, publish, query_of
from tests.harness.server import serving
from tests.harness.sockets import patience

from tricast import (
    BadRequest,
    Caller,
    Conflict,
    Draft,
    Forbidden,
    Hub,
    HubOptions,
    NotStarted,
    Retention,
    Unavailable,
    Write,
    draft,
)
from tricast.log.base import Append, Appended
from tricast.log.memory import MemoryLog

pytestmark = pytest.mark.anyio


async def test_a_hub_that_was_not_started_says_so() -> None:
    hub = Hub()
    with pytest.raises(NotStarted, match="lifespan"):
        await hub.publish("demo/x", 1)


async def test_a_hub_is_entered_once_at_a_time_and_may_be_entered_again(tmp_path: Path) -> None:
    hub = Hub(f"sqlite:///{tmp_path}/log.db")
    async with hub:
        await hub.publish("demo/x", 1)
        with pytest.raises(RuntimeError, match="already started"):
            await hub.__aenter__()
    async with hub:
        receipt = await hub.publish("demo/x", 2)
        assert receipt.offset == 2


async def test_subscribe_gives_what_was_published_from_the_cursor_on() -> None:
    async with Hub() as hub:
        first = await hub.publish("demo/x", 1)
        await hub.publish("demo/x", 2)
        await hub.publish("other/x", 3)
        await hub.publish("demo/x", 4, type="t", subject="s")
        async with patience():
            seen = []
            async for event in hub.subscribe("demo/**", cursor=first.cursor or ""):
                seen.append(event.data)
                if event.data == 4:
                    assert (event.topic, event.type, event.subject) == ("demo/x", "t", "s")
                    break
        assert seen == [2, 4]


async def test_hub_publish_with_an_id_stores_it_once() -> None:
    async with Hub() as hub:
        first = await hub.publish("demo/x", 1, id="a")
        again = await hub.publish("demo/x", 1, id="a")
        assert (again.cursor, again.duplicate) == (first.cursor, True)
        with pytest.raises(Conflict):
            await hub.publish("demo/x", 2, id="a")


@pytest.mark.parametrize("path", ["direct", "portable"])
async def test_hooks_refuse_with_their_reason_on_every_transport(path: str) -> None:
    async with Hub() as hub:

        @hub.on_subscribe
        def subscribing(caller: Caller, patterns: Sequence[str]) -> None:
            if "demo/secret" in patterns:
                raise Forbidden("nobody reads that", field="topic")

        @hub.on_publish
        async def publishing(caller: Caller, event: Draft) -> None:
            if event.topic == "demo/closed":
                raise Forbidden("nobody writes that", field="topic")

        async with serving(hub, path) as server:  # type: ignore[arg-type]
            for accept in ("text/event-stream", "application/json"):
                query = query_of(["demo/secret"], timeout=0)
                answer = await http(server.port, "GET", query, headers=[("accept", accept)])
                assert (answer.status, answer.json()["detail"]) == (403, "nobody reads that")
            url = f"ws://127.0.0.1:{server.port}/v1/events?topic=demo/secret"
            async with websockets.connect(url) as socket, patience():
                assert json.loads(await socket.recv())["data"]["detail"] == "nobody reads that"
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4403
            answer = await publish(server.port, {"topic": "demo/closed"})
            assert (answer.status, answer.json()["detail"]) == (403, "nobody writes that")
        with pytest.raises(Forbidden, match="nobody writes that"):
            await hub.publish("demo/closed")


@pytest.mark.parametrize("path", ["direct", "portable"])
async def test_on_connect_refuses_and_on_disconnect_sees_who_left(path: str) -> None:
    left: asyncio.Queue[Caller] = asyncio.Queue()
    async with Hub() as hub:

        @hub.on_connect
        async def connecting(caller: Caller) -> None:
            if caller.transport == "poll":
                raise Forbidden("no polls here")

        @hub.on_disconnect
        async def leaving(caller: Caller) -> None:
            await left.put(caller)

        @hub.on_disconnect
        def failing(caller: Caller) -> None:
            raise ZeroDivisionError("a hook of somebody's")

        async with serving(hub, path) as server:  # type: ignore[arg-type]
            assert (await http(server.port, "GET", query_of(["demo/x"]))).status == 403
            url = f"ws://127.0.0.1:{server.port}/v1/events?topic=demo/x"
            async with websockets.connect(url) as socket, patience():
                connection = json.loads(await socket.recv())["data"]["connection"]
                assert list(hub.callers) == [connection]
            async with patience():
                caller = await left.get()
            assert (caller.connection, caller.transport) == (connection, "websocket")
            assert hub.connections == 0


async def test_documents_change_with_their_event_or_not_at_all() -> None:
    hub = Hub()
    orders = hub.projection("order")
    async with hub:
        event = draft("shop/orders", {"id": "1"}, source="/shop", type="order.made")
        await hub.append([event], [Write("order", "1", {"paid": False}, expected=0)])
        made = orders.get("1")
        assert made is not None
        assert (made.version, made.value) == (1, {"paid": False})
        head = hub.bounds.head
        with pytest.raises(Conflict):
            await hub.append([event], [Write("order", "1", {"paid": True}, expected=7)])
        assert hub.bounds.head == head
        await hub.append([], [Write("order", "1", {"paid": True}, expected=1)])
        paid = orders.get("1")
        assert paid is not None
        assert (paid.version, paid.value) == (2, {"paid": True})
        await hub.append([], [Write("order", "1", None)])
        assert not orders.items()


async def test_a_projection_is_loaded_at_the_next_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    async with Hub(url) as hub:
        await hub.append([], [Write("order", "1", {"paid": False})])
    hub = Hub(url)
    orders = hub.projection("order")
    async with hub:
        loaded = orders.get("1")
        assert loaded is not None
        assert loaded.value == {"paid": False}
        with pytest.raises(RuntimeError, match="before the hub is started"):
            hub.projection("late")


class StuckLog(MemoryLog):
    """A log whose writer fails."""

    async def append(self, unit: Append) -> Appended:
        raise Unavailable("the disk is away")


async def test_ready_tells_what_is_wrong_with_the_log() -> None:
    async with Hub() as hub:
        await hub.ready()
    async with Hub(StuckLog()) as hub:
        with pytest.raises(Unavailable, match="the disk is away"):
            await hub.ready()


@pytest.mark.parametrize(
    "wrong", [{"heartbeat_s": 0}, {"max_event_bytes": -5}, {"recent_bytes": -1}, {"poll_pace_s": -0.1}]
)
def test_options_that_can_not_work_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(BadRequest, match=next(iter(wrong))):
        HubOptions(**wrong)  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="age_s"):
        Retention(age_s=-1)
