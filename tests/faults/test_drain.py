"""SIGTERM: goodbye to everybody, polls answered, what was acknowledged is durable, exit 0 within 5 s."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

import pytest
from faultserver import FaultServer
from faultwire import (
    STREAMS,
    WAIT_S,
    Answer,
    Gone,
    Message,
    Stream,
    WebSocket,
    Wire,
    connected,
    eventually,
    handshake,
    history,
    live,
    messages,
    offset_of,
    request,
    target,
)

STREAMS_OPEN = 1000
POLLS = 100
EXIT_S = 5.0
LATE = 12


async def _open(server: FaultServer, count: int, topic: str) -> list[Stream]:
    """`count` live streams, SSE and WebSocket by turns."""
    slots = asyncio.Semaphore(50)

    async def one(index: int) -> Stream:
        async with slots:
            stream = await list(STREAMS.values())[index % 2].subscribe(server.port, topic)
            await live(stream)
            return stream

    return list(await asyncio.gather(*(one(index) for index in range(count))))


async def _park(server: FaultServer, count: int, topic: str) -> list[asyncio.Task[Answer]]:
    """`count` polls that wait."""
    async with await Wire.open(server.port) as first:
        cursor = (await first.poll(topic, "latest", timeout=0)).json()["cursor"]

    async def poll() -> Answer:
        async with await Wire.open(server.port) as wire:
            return await wire.poll(topic, cursor, timeout=60)

    polls = [asyncio.create_task(poll()) for _ in range(count)]
    await connected(server.port, "poll", count)
    return polls


async def _farewell(stream: Stream) -> list[Message]:
    """What a stream brings up to its goodbye, after which it must end by itself."""
    found = [message async for message in messages(stream, "tricast.goodbye")]
    with pytest.raises(Gone):
        await stream.next()
    if isinstance(stream, WebSocket):
        assert stream.code == 4503
    else:
        assert not stream.buffer
    stream.close()
    return found


async def _publish(server: FaultServer, name: str, acknowledged: dict[str, int]) -> None:
    """Publish until the server refuses or is gone."""
    try:
        async with await Wire.open(server.port) as wire:
            for count in range(1_000_000):
                id = f"{name}-{count}"
                answer = await wire.publish({"topic": "demo/busy", "id": id})
                if answer.status != 201:
                    assert answer.status == 503, answer
                    return
                acknowledged[id] = offset_of(answer.json()["cursor"])
    except Gone:
        return


async def _late(wire: Wire, transport: str) -> str | None:
    """Ask on a connection that was there before; how it was refused (None: it was closed)."""
    try:
        if transport == "sse":
            await wire.send(request("GET", target("demo/late"), accept="text/event-stream"))
            answer = await wire.answer()
            assert answer.status == 200
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert b"event: tricast.goodbye\nretry: " in answer.body
            assert b"tricast.hello" not in answer.body
            return "goodbye"
        if transport == "poll":
            answer = await wire.poll("demo/late", timeout=60)
            assert answer.problem()["type"] == "/problems/draining"
            return str(answer.status)
        await wire.send(handshake(target("demo/late")))
        head = await wire.head()
        if head.status != 101:  # (in the middle of its handshake)
            return str(head.status)
        socket = WebSocket(wire.sock)
        socket.buffer = wire.buffer
        assert (await socket.next()).type == "tricast.error"
        with pytest.raises(Gone):
            await socket.next()
        return str(socket.code)
    except Gone:
        return None
    finally:
        wire.close()


async def _exit(server: FaultServer) -> int:
    return await asyncio.to_thread(server.wait, EXIT_S)


async def test_sigterm_says_goodbye_to_a_thousand_streams_and_exits_within_five_seconds(
    server: FaultServer,
) -> None:
    server.start()
    streams = await _open(server, STREAMS_OPEN, "demo/quiet")
    busy = await _open(server, 6, "demo/busy")
    polls = await _park(server, POLLS, "demo/quiet")
    idle = [(await Wire.open(server.port), kind) for kind in ("sse", "poll", "websocket") * (LATE // 3)]
    acknowledged: dict[str, int] = {}
    publishers = [asyncio.create_task(_publish(server, f"p{n}", acknowledged)) for n in range(4)]
    farewells = [asyncio.create_task(_farewell(stream)) for stream in (*streams, *busy)]
    await eventually(lambda: len(acknowledged) >= 200)

    began = time.monotonic()
    server.signal(signal.SIGTERM)
    exiting = asyncio.create_task(_exit(server))
    await asyncio.wait(farewells, return_when=asyncio.FIRST_COMPLETED, timeout=WAIT_S)
    late = await asyncio.gather(*(_late(wire, kind) for wire, kind in idle))
    said = await asyncio.gather(*farewells)
    answers = await asyncio.gather(*polls)
    await asyncio.gather(*publishers)
    assert await exiting == 0
    assert time.monotonic() - began < EXIT_S

    goodbyes = [each[-1] for each in said]
    assert {each.data["reason"] for each in goodbyes} == {"draining"}
    delays = [each.data["reconnect_after_ms"] for each in goodbyes]
    assert min(delays) > 0
    assert max(delays) - min(delays) > 1000
    assert len(set(delays)) > len(delays) // 3
    assert {answer.status for answer in answers} == {200}
    assert all(not answer.json()["events"] and answer.json()["reset"] is None for answer in answers)
    for kind, refused in zip((kind for _, kind in idle), late, strict=True):
        assert refused in (None, *{"sse": ("goodbye",), "poll": ("503",), "websocket": ("4503", "503")}[kind])

    server.start()
    log = [(event["id"], offset_of(event["cursor"])) for event in await history(server.port, "demo/busy")]
    assert {id: dict(log).get(id) for id in acknowledged} == acknowledged
    for each in said[STREAMS_OPEN:]:
        events = [(m.envelope["id"], offset_of(m.cursor)) for m in each if m.is_event and m.cursor]
        assert events == log[: len(events)]
    for answer in answers[:3]:
        assert await history(server.port, "demo/busy", answer.json()["cursor"]) is not None
    assert "Traceback" not in server.errors()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_small_server_at_once_with_zero(
    server: FaultServer, how: signal.Signals
) -> None:
    server.start()
    farewells = [asyncio.create_task(_farewell(stream)) for stream in await _open(server, 4, "demo/quiet")]
    polls = await _park(server, 2, "demo/quiet")
    server.signal(how)
    assert await _exit(server) == 0
    assert {(await each)[-1].data["reason"] for each in farewells} == {"draining"}
    answers = [await each for each in polls]
    assert {(answer.status, answer.headers.get("connection")) for answer in answers} == {(200, "close")}
    assert "Traceback" not in server.errors()


async def _stall(server: FaultServer) -> list[Stream]:
    """Two streams that lag: more was published than their sockets take."""
    stalled: list[Stream] = [
        await kind.subscribe(server.port, "demo/large", receive_buffer=4096) for kind in STREAMS.values()
    ]
    for stream in stalled:
        await live(stream)
    async with await Wire.open(server.port) as wire:
        for _ in range(10):
            assert (await wire.publish({"topic": "demo/large", "data": "x" * 200_000})).status == 201
    return stalled


Hurry = Callable[[FaultServer], Awaitable[None]]


async def _patiently(server: FaultServer) -> None:
    pass


async def _again(server: FaultServer) -> None:
    """The second signal, once the first was taken."""
    await eventually(lambda: "saying goodbye" in server.errors())
    server.signal(signal.SIGTERM)


@pytest.mark.parametrize("hurry", [_patiently, _again])
async def test_readers_that_take_nothing_do_not_hold_up_the_exit(server: FaultServer, hurry: Hurry) -> None:
    server.start()
    stalled = await _stall(server)
    server.signal(signal.SIGTERM)
    exiting = asyncio.create_task(_exit(server))
    await hurry(server)
    assert await exiting == 0
    for stream in stalled:
        stream.close()
    server.start()
    assert len(await history(server.port, "demo/large")) == 10


async def test_a_reader_that_is_a_little_slow_still_gets_its_goodbye(server: FaultServer) -> None:
    server.start()
    stalled = await _stall(server)
    server.signal(signal.SIGTERM)
    await eventually(lambda: "saying goodbye" in server.errors())
    for stream in stalled:
        found = [message async for message in messages(stream, "tricast.goodbye")]
        assert found[-1].data["reason"] == "draining"
        stream.close()
    assert await _exit(server) == 0
