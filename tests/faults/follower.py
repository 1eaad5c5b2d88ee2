"""A subscriber that comes back after every cut, on one transport or on changing ones, and remembers all."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

from faultserver import FaultServer
from faultwire import STREAMS, WAIT_S, Gone, Wire, offset_of


class Follower:
    """What it got (offset, id), in order, and each cursor that it was given."""

    def __init__(self, server: FaultServer, topic: str, transports: Iterable[str]) -> None:
        self.server = server
        self.topic = topic
        self.name = f"{topic} by {'/'.join(transports)}"
        self.cursor: str | None = None
        self.events: list[tuple[int, str]] = []
        self.cursors: dict[str, None] = {}
        self.connects = 0
        self._transports = itertools.cycle(transports)
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Follow, for ever."""
        while True:
            transport = next(self._transports)
            try:
                if transport == "poll":
                    await self._poll()
                else:
                    await self._stream(transport)
            except Gone:
                await asyncio.sleep(0.02)

    async def got(self, offset: int) -> None:
        """Wait until its position has reached `offset`."""
        async with asyncio.timeout(WAIT_S):
            while self.cursor is None or offset_of(self.cursor) < offset:
                self._changed.clear()
                await self._changed.wait()

    def _note(self, cursor: str) -> None:
        assert self.cursor is None or offset_of(cursor) >= offset_of(self.cursor), self.name
        self.cursor = cursor
        self.cursors[cursor] = None
        self._changed.set()

    async def _stream(self, transport: str) -> None:
        asked = self.cursor
        kind = STREAMS[transport]
        async with await kind.subscribe(self.server.port, self.topic, asked or "earliest") as stream:
            self.connects += 1
            hello = await stream.next()
            assert hello.type == "tricast.hello"
            assert hello.data["recovered"] is (asked is not None), (self.name, hello)
            if hello.cursor is not None:
                self._note(hello.cursor)
            while True:
                message = await stream.next()
                assert message.type != "tricast.reset", (self.name, message.data)
                if message.is_event:
                    assert message.cursor is not None
                    self.events.append((offset_of(message.cursor), message.envelope["id"]))
                if message.cursor is not None:
                    self._note(message.cursor)

    async def _poll(self) -> None:
        async with await Wire.open(self.server.port) as wire:
            self.connects += 1
            for _ in range(50):
                answer = await wire.poll(self.topic, self.cursor or "earliest", timeout=2)
                assert answer.status == 200, answer
                page = answer.json()
                assert page["reset"] is None, (self.name, page["reset"])
                assert answer.headers["tricast-cursor"] == page["cursor"]
                self.events += [(offset_of(e["cursor"]), e["id"]) for e in page["events"]]
                self._note(page["cursor"])
