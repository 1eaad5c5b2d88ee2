"""Peers that are only half there: they answer no ping, or take no byte, or vanish."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from faultserver import FaultServer
from faultwire import STREAMS, WAIT_S, Gone, Stream, WebSocket, Wire, connected, counted, live, offset_of

from tricast.server.streams import tune

HEARTBEAT_S = 0.3


async def _beats(socket: WebSocket, most: int) -> int:
    """How many heartbeats come until the end, up to `most`."""
    for count in range(most):
        try:
            message = await asyncio.wait_for(socket.next(), WAIT_S)
        except Gone:
            return count
        assert message.type == "tricast.heartbeat"
        assert message.cursor is not None
    return most


async def test_a_websocket_that_answers_no_ping_is_gone_after_two_beats(server: FaultServer) -> None:
    server.start(heartbeat_s=f"{HEARTBEAT_S}s")
    dead = await WebSocket.subscribe(server.port, "demo/pings")
    alive = await WebSocket.subscribe(server.port, "demo/pings")
    await live(dead)
    await live(alive)
    dead.answers = False
    began = time.monotonic()
    # The one that answers outlives several more beats.
    outliving = asyncio.create_task(_beats(alive, 7))
    assert 2 <= await _beats(dead, 8) <= 3
    assert dead.code is None
    assert time.monotonic() - began > HEARTBEAT_S
    assert await outliving == 7
    await connected(server.port, "websocket", 1)
    for stream in (dead, alive):
        stream.close()


async def test_a_socket_that_takes_no_byte_is_dropped_after_the_limit_and_its_cursor_is_good(
    server: FaultServer,
) -> None:
    server.start(shortened="lag=1.5", heartbeat_s=f"{HEARTBEAT_S}s")
    streams: list[Stream] = [
        await kind.subscribe(server.port, "demo/large", receive_buffer=4096) for kind in STREAMS.values()
    ]
    cursors = [(await live(stream))[-1].cursor for stream in streams]
    async with await Wire.open(server.port) as wire:
        for _ in range(8):
            assert (await wire.publish({"topic": "demo/large", "data": "x" * 200_000})).status == 201
        await counted(server.port, "tricast_subscribers", "lagging", len(streams))
        await counted(server.port, "tricast_subscribers", "lagging", 0)
        await connected(server.port, "sse", 0)
        await connected(server.port, "websocket", 0)
    for stream in streams:
        assert len(await stream.ended()) < 400_000
        stream.close()
    for kind, cursor in zip(STREAMS.values(), cursors, strict=True):
        assert cursor is not None
        async with await kind.subscribe(server.port, "demo/large", cursor) as again:
            got = await live(again)
            assert got[0].data["recovered"] is True
            assert len([m for m in got if m.is_event]) == 8


async def test_a_slow_socket_that_takes_a_little_now_and_then_is_kept(server: FaultServer) -> None:
    server.start(shortened="lag=1.5", heartbeat_s=f"{HEARTBEAT_S}s")
    streams: list[Stream] = [
        await kind.subscribe(server.port, "demo/large", receive_buffer=4096) for kind in STREAMS.values()
    ]
    for stream in streams:
        await live(stream)
    async with await Wire.open(server.port) as wire:
        for _ in range(8):
            assert (await wire.publish({"topic": "demo/large", "data": "x" * 200_000})).status == 201
        await counted(server.port, "tricast_subscribers", "lagging", len(streams))
        # For longer than the limit: as much as a slow line takes in that time.
        ends = time.monotonic() + 4.0
        while time.monotonic() < ends:
            for stream in streams:
                await stream.more()
            await asyncio.sleep(0.05)
        await connected(server.port, "sse", 1)
    for stream in streams:
        got: list[int] = []
        while len(got) < 8:
            message = await asyncio.wait_for(stream.next(), WAIT_S)
            if message.is_event and message.cursor is not None:
                got.append(offset_of(message.cursor))
        assert got == list(range(got[0], got[0] + 8))
        stream.close()


@pytest.mark.parametrize("transport", STREAMS)
async def test_a_client_that_vanishes_is_forgotten(server: FaultServer, transport: str) -> None:
    server.start()
    stream = await STREAMS[transport].subscribe(server.port, "demo/a")
    await live(stream)
    await connected(server.port, transport, 1)
    stream.reset()
    await connected(server.port, transport, 0)
    async with await Wire.open(server.port) as wire:
        assert (await wire.publish({"topic": "demo/a"})).status == 201
    assert "Traceback" not in server.errors()


async def test_the_socket_of_a_stream_is_bounded_in_memory_and_in_silence() -> None:
    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tune(writer.transport)
        sock = writer.get_extra_info("socket")
        asked = (socket.TCP_USER_TIMEOUT, getattr(socket, "TCP_NOTSENT_LOWAT", 25))
        found.set_result([sock.getsockopt(socket.IPPROTO_TCP, option) for option in asked])
        writer.close()

    found: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
    listening = await asyncio.start_server(accepted, "127.0.0.1", 0)
    async with listening, await Wire.open(listening.sockets[0].getsockname()[1]):
        silence_ms, unsent_bytes = await asyncio.wait_for(found, WAIT_S)
    assert silence_ms == 60_000
    assert 64 * 1024 <= unsent_bytes <= 128 * 1024
