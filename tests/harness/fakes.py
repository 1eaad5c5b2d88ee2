"""An outlet in memory and a log whose reads can be held: for interleavings that are chosen, not met."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.harness.server import ANYONE
from tests.harness.sockets import patience

from tricast.hub.caller import Caller, Transport
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub
from tricast.hub.outlet import Sink
from tricast.hub.poll import Answer, Poll
from tricast.hub.subscriber import Subscriber
from tricast.hub.subscription import Subscription
from tricast.log.base import MAX_SCAN, Page
from tricast.log.memory import MemoryLog
from tricast.pattern import Pattern
from tricast.wire.frames import Format, Payload
from tricast.wire.start import Start


class FakeOutlet:
    """An outlet that keeps what it is given. It stalls, drains and breaks when told to.

    `on_write` is called inside each write, as a socket's `pause_writing` is.
    """

    def __init__(self, format: Format = "texts") -> None:
        self.format: Format = format
        self.writes: list[Payload] = []
        self.finished: tuple[int, str] | None = None
        self.aborted = False
        self.beats = 0
        self.pending = 0
        self.is_stalled = False
        self.silent = False
        self.on_write: Callable[[FakeOutlet], None] = lambda _: None
        self._sink: Sink | None = None
        self._changed = asyncio.Event()

    def attach(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: Payload, /) -> None:
        if self.finished is not None or self.aborted:
            return
        self.writes.append(data)
        self._changed.set()
        self.on_write(self)

    def finish(self, last: Payload, *, code: int = 1000, reason: str = "") -> None:
        self.writes.append(last)
        self.finished = (code, reason)
        self._changed.set()

    def abort(self) -> None:
        self.aborted = True
        self._changed.set()

    def is_silent(self, for_s: float) -> bool:
        return self.silent

    def beat(self) -> None:
        self.beats += 1

    # What the socket does

    def stall(self) -> None:
        self.is_stalled = True
        assert self._sink is not None
        self._sink.stalled()

    def drain(self) -> None:
        self.is_stalled = False
        assert self._sink is not None
        self._sink.drained()

    def lose(self) -> None:
        assert self._sink is not None
        self._sink.lost()

    # What came

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Everything, parsed (only for the format `texts`)."""
        return [json.loads(text) for payload in self.writes for text in payload]  # type: ignore[arg-type]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [message for message in self.messages if not message["type"].startswith("tricast.")]

    @property
    def numbers(self) -> list[int]:
        return [event["data"] for event in self.events]

    def controls(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == f"tricast.{name}"]

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for what must come."""
        async with patience():
            while not wanted():
                self._changed.clear()
                await self._changed.wait()

    async def received(self, *numbers: int) -> None:
        """Wait for as many events, and see that it is these, once, in this order."""
        await self.until(lambda: len(self.numbers) >= len(numbers))
        assert self.numbers == list(numbers)


class HeldLog(MemoryLog):
    """A log whose reads can be kept from returning, after they have looked."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.reading = 0  # how many are being kept
        self._gate: asyncio.Event | None = None
        self._changed = asyncio.Event()

    def hold(self) -> None:
        """From now on reads don't return."""
        self._gate = self._gate or asyncio.Event()

    def release(self) -> None:
        """Let those that are kept return, and all that follow."""
        if self._gate is not None:
            self._gate.set()
        self._gate = None
        self.reading = 0

    async def held(self, readers: int = 1) -> None:
        """Wait until so many reads are being kept."""
        async with patience():
            while self.reading < readers:
                self._changed.clear()
                await self._changed.wait()

    async def read(
        self, after: int, patterns: Sequence[Pattern], limit: int = MAX_SCAN, upto: int | None = None
    ) -> Page:
        page = await super().read(after, patterns, limit, upto)
        if self._gate is not None:
            self.reading += 1
            self._changed.set()
            await self._gate.wait()
        return page


async def connect(
    hub: Hub,
    *patterns: str,
    cursor: str = "latest",
    outlet: FakeOutlet | None = None,
    transport: Transport = "sse",
    grant: Grant = ANYONE,
) -> tuple[Subscriber, FakeOutlet]:
    """A push subscriber on a fake outlet."""
    outlet = outlet or FakeOutlet()
    subscription = Subscription.of(patterns)
    start = await hub.resolve(Start.parse(cursor), subscription)
    subscriber = hub.open(outlet, caller=Caller(grant, transport), subscription=subscription, start=start)
    return subscriber, outlet


def ask(
    hub: Hub,
    *patterns: str,
    cursor: str = "latest",
    limit: int = 1000,
    timeout_s: float | None = None,
    grant: Grant = ANYONE,
) -> tuple[Poll, asyncio.Future[Answer]]:
    """A poll, and what its answer will be."""
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    poll = hub.poll(
        lambda found: None if answer.done() else answer.set_result(found),
        caller=Caller(grant, "poll"),
        subscription=Subscription.of(patterns),
        start=Start.parse(cursor),
        limit=limit,
        timeout_s=timeout_s,
    )
    return poll, answer


async def answered(answer: asyncio.Future[Answer]) -> tuple[int, list[Any]]:
    """The position and the events' data of an answer that must come."""
    async with patience():
        found = await answer
    return found.position, [event.data for event in found.events]
