"""What a WebSocket client sent before its Close is carried out before the Close is answered (rule 29)."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Sequence
from contextlib import suppress

import pytest
from tests.api.served import masked
from tests.harness.clients import WebSocket, query_of
from tests.harness.server import Installation
from tests.harness.sockets import Connection, patience, settled
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.anyio
MANY = 20
TEXT, CLOSE = 0x1, 0x8
BYE = masked(CLOSE, b"\x03\xe8")


def publish(topic: str, number: int, pad: int = 0) -> str:
    return json.dumps({"op": "publish", "topic": topic, "data": {"n": number, "pad": "x" * pad}})


def frames(topic: str, count: int = MANY, pad: int = 0) -> bytes:
    return b"".join(masked(TEXT, publish(topic, number, pad).encode()) for number in range(count))


async def stored(here: Installation, topic: str, count: int = MANY) -> Sequence[int]:
    """The numbers on `topic`, once there are `count` (a server of others answers the Close before that)."""
    found: list[int] = []
    async with patience():
        async for event in here.hub.subscribe(topic, cursor="earliest"):
            found.append(event.data["n"])
            if len(found) == count:
                return found
    raise AssertionError(found)


@pytest.mark.parametrize("wait", [False, True], ids=["at once", "once it is live"])
@pytest.mark.parametrize("pad", [0, 20_000])
async def test_publishes_before_a_close_are_stored(here: Installation, wait: bool, pad: int) -> None:
    topic = f"demo/{uuid.uuid4().hex}"
    url = f"ws://127.0.0.1:{here.port}/v1/events?topic=other/a"
    # (A library whose queue is full doesn't come to read the answer to its Close: room for all replies.)
    async with patience(), connect(url, compression=None, proxy=None, max_queue=MANY + 5) as client:
        while wait and "tricast.live" not in str(await client.recv()):
            pass
        for number in range(MANY):
            await client.send(publish(topic, number, pad))
    assert client.close_code == 1000
    if here.path == "direct":  # (the Close is answered by us: then they are stored)
        assert here.hub.stats.published >= MANY
    assert await stored(here, topic) == list(range(MANY))


@pytest.mark.parametrize("together", [True, False], ids=["one segment", "a segment each"])
@pytest.mark.parametrize("end", ["close", "close and fin"])
async def test_a_close_is_answered_once_what_stands_before_it_is_stored(
    direct: Installation, together: bool, end: str
) -> None:
    with await WebSocket.open(direct.port, ["other/**"]) as client:
        connection = client.connection
        for part in [frames("demo/a") + BYE] if together else [frames("demo/a"), BYE]:
            await connection.send(part)
        if end == "close and fin":
            connection.end_writing()
        async with patience():
            rest = await connection.rest()
    assert rest.endswith(b"\x88\x02\x03\xe8")
    assert direct.hub.stats.published == MANY
    assert await stored(direct, "demo/a") == list(range(MANY))


async def test_a_close_behind_a_refused_command_names_the_refusal(direct: Installation) -> None:
    """1000 would say that it was carried out, and no reply is read behind a Close."""
    refused = masked(TEXT, json.dumps({"op": "publish", "topic": "tricast/a"}).encode())
    with await WebSocket.open(direct.port, ["other/**"]) as client:
        await client.connection.send(frames("demo/a", 2) + refused + frames("demo/a", 2) + BYE)
        async with patience():
            rest = await client.connection.rest()
    code, reason = rest[rest.rindex(b"\x88") :][2:4], rest[rest.rindex(b"\x88") :][4:]
    assert int.from_bytes(code, "big") == 4403
    assert b"the app 'tricast' is the server's" in reason
    assert await stored(direct, "demo/a", 4) == [0, 1, 0, 1]


async def test_commands_that_come_with_the_handshake_are_carried_out(direct: Installation) -> None:
    """RFC 6455 §4.1 has clients wait, but bytes that arrived are not dropped (rule 28)."""
    head = (
        f"GET /v1/events?{query_of(['other/**'])} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    for index, parts in enumerate(([head + frames("demo/0") + BYE], [head, frames("demo/1") + BYE])):
        with await Connection.open(direct.port) as connection:
            for part in parts:
                await connection.send(part)
            async with patience():
                rest = await connection.rest()
        assert rest.startswith(b"HTTP/1.1 101 ")
        assert rest.endswith(b"\x88\x02\x03\xe8")
        assert await stored(direct, f"demo/{index}") == list(range(MANY))


async def test_commands_of_a_client_that_only_ends_its_side_are_carried_out(direct: Installation) -> None:
    with await WebSocket.open(direct.port, ["other/**"]) as client:
        await client.connection.send(frames("demo/a", MANY, 2000))
        client.connection.end_writing()
        async with patience():
            rest = await client.connection.rest()
    assert b"\x88\x02\x03\xe8" not in rest
    assert await stored(direct, "demo/a") == list(range(MANY))
    await settled(lambda: not direct.hub.connections and not direct.server.connections)


@pytest.mark.parametrize(
    "last", [masked(TEXT, b"no json"), b"\xf1\x80\x00\x00\x00\x00", masked(TEXT, b"\xff")]
)
async def test_a_close_behind_what_is_refused_is_not_answered_with_1000(
    direct: Installation, last: bytes
) -> None:
    with await WebSocket.open(direct.port, ["other/**"]) as client:
        await client.connection.send(frames("demo/a", 3) + last + BYE)
        async with patience():
            rest = await client.connection.rest()
    assert b"\x88\x02\x03\xe8" not in rest
    assert b"\x88" in rest


async def test_nothing_behind_text_that_is_not_utf_8_is_carried_out(direct: Installation) -> None:
    """RFC 6455 §7.1.7: nothing is processed after the connection has failed."""
    with await WebSocket.open(direct.port, ["other/**"]) as client:
        await client.connection.send(frames("demo/a", 3) + masked(TEXT, b"\xff") + frames("demo/b", 3))
        async with patience():
            rest = await client.connection.rest()
    assert b"\x03\xeftext that is not UTF-8" in rest
    assert direct.hub.stats.published == 3
    assert await stored(direct, "demo/a", 3) == [0, 1, 2]


async def test_a_close_in_the_middle_of_slow_commands_waits_for_them(served: Installation) -> None:
    """Nothing more is read meanwhile, and the connection ends with the last of them."""
    topic = f"demo/{uuid.uuid4().hex}"
    url = f"ws://127.0.0.1:{served.port}/v1/events?topic=other/a"
    gate = asyncio.Event()

    async def wait(*_: object) -> None:
        await gate.wait()

    served.hub.on_publish(wait)
    async with patience():
        client = await connect(url, compression=None, proxy=None)
        for number in range(3):
            await client.send(publish(topic, number))
        closing = asyncio.ensure_future(client.close())
        if served.path == "direct":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(closing), 0.2)
        gate.set()
        await closing
    assert await stored(served, topic, 3) == [0, 1, 2]


async def test_what_comes_before_a_close_is_not_carried_out_for_who_may_no_longer(
    direct: Installation,
) -> None:
    """A connection that the server ends carries out nothing more, and says so by its code."""
    async with patience():
        client = await connect(
            f"ws://127.0.0.1:{direct.port}/v1/events?topic=other/a", compression=None, proxy=None
        )
        await client.send("no json")
        for number in range(3):
            await client.send(publish("demo/a", number))
        with suppress(ConnectionClosed):
            async for _ in client:
                pass
    assert client.close_code == 4400
