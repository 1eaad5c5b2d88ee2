"""A reader that stops costs the server next to nothing, nobody else notices, and it misses nothing."""

from __future__ import annotations

import asyncio
import mmap
import re
import statistics
import time
from pathlib import Path

import pytest
from faultserver import FaultServer
from faultwire import STREAMS, Sse, Stream, Wire, live, offset_of

STALLED = 5  # of each kind
STALL_S = 10.0
EVENT_BYTES = 250_000
EVENTS = 200
MIB = 2**20
PAUSE_S = 0.02


def kernel_bytes() -> int:
    """What the kernel holds for TCP, of all connections of the machine, both ends."""
    found = re.search(r"^TCP: .* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * mmap.PAGESIZE


class Pings:
    """Small events published all the while, and how long each took to a live reader (seconds)."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.delays: list[float] = []

    async def run(self) -> None:
        stream = await Sse.subscribe(self.server.port, "demo/ping")
        async with stream, await Wire.open(self.server.port) as wire:
            await live(stream)
            while True:
                began = time.perf_counter()
                answer, message = await asyncio.gather(
                    wire.publish({"topic": "demo/ping"}), self._event(stream)
                )
                assert message == answer.json()["cursor"]
                self.delays.append(time.perf_counter() - began)
                await asyncio.sleep(PAUSE_S)

    @staticmethod
    async def _event(stream: Stream) -> str | None:
        while not (message := await stream.next()).is_event:
            pass
        return message.cursor

    def p99(self) -> float:
        """Of what was measured since the last call."""
        delays, self.delays = self.delays, []
        assert len(delays) > 50
        return statistics.quantiles(delays, n=100)[98]


async def _flood(server: FaultServer, topic: str, events: int, within_s: float) -> list[str]:
    """Publish `events` large ones, spread over the time; their cursors."""
    text = "x" * EVENT_BYTES
    cursors = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with await Wire.open(server.port) as wire:
        for index in range(events):
            answer = await wire.publish({"topic": topic, "data": text})
            assert answer.status == 201, answer
            cursors.append(answer.json()["cursor"])
            await asyncio.sleep(began + within_s * (index + 1) / events - loop.time())
    return cursors


async def _read(stream: Stream, events: int) -> list[str | None]:
    """The cursors of the next `events` events."""
    found: list[str | None] = []
    while len(found) < events:
        message = await stream.next()
        assert message.type != "tricast.reset", message
        if message.is_event:
            found.append(message.cursor)
    return found


async def _memory(server: FaultServer) -> tuple[int, int]:
    """The process's memory and the kernel's; the least of some moments, to leave out what passes."""
    resident, kernel = [], []
    for _ in range(10):
        resident.append(server.resident_bytes())
        kernel.append(kernel_bytes())
        await asyncio.sleep(0.05)
    return min(resident), min(kernel)


@pytest.mark.timeout(180)
@pytest.mark.alone
async def test_a_reader_that_stops_costs_less_than_a_megabyte_and_gets_everything_later(
    server: FaultServer, record_property: pytest.RecordProperty
) -> None:
    server.start(recent_bytes="8MiB", publish_rate="off")
    pings = Pings(server)
    async with asyncio.TaskGroup() as group:
        pinging = group.create_task(pings.run())
        # Without readers that stop; fills what the server keeps in memory in any case.
        await _flood(server, "demo/large", EVENTS // 2, STALL_S / 2)
        async with await Sse.subscribe(server.port, "demo/large", "earliest") as reader:
            await _read(reader, EVENTS // 2)
        usual = pings.p99()
        resident, kernel = await _memory(server)

        stalled = [
            await kind.subscribe(server.port, "demo/large")
            for kind in STREAMS.values()
            for _ in range(STALLED)
        ]
        for stream in stalled:
            await live(stream)
        pings.delays.clear()
        cursors = await _flood(server, "demo/large", EVENTS, STALL_S)
        beside = pings.p99()
        resident_stalled, kernel_stalled = await _memory(server)
        for stream in stalled:
            assert not stream.buffer
        async with asyncio.timeout(60):
            got = await asyncio.gather(*(_read(stream, EVENTS) for stream in stalled))
        pinging.cancel()
    for stream in stalled:
        stream.close()

    assert all(each == cursors for each in got)
    assert [offset_of(cursor) for cursor in cursors] == sorted({offset_of(cursor) for cursor in cursors})
    per_reader = (resident_stalled - resident + kernel_stalled - kernel) / len(stalled)
    record_property("bytes per stalled reader", per_reader)
    figures = (
        f"per stalled reader: process {(resident_stalled - resident) / len(stalled) / 1024:.0f} KiB, kernel "
        f"{(kernel_stalled - kernel) / len(stalled) / 1024:.0f} KiB; "
        f"p99 of others {usual * 1000:.1f} -> {beside * 1000:.1f} ms"
    )
    print(figures)  # noqa: T201
    assert per_reader < MIB, figures
    assert beside < 5 * usual + 0.05, figures
