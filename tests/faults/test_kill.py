"""kill -9 at any moment: the next start serves every acknowledged event, and every cursor handed out."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from operator import eq
from typing import Any

import pytest
from faultserver import FaultServer
from faultwire import STREAMS, Gone, WebSocket, Wire, eventually, history, offset_of
from follower import Follower
from tests.harness.repetitions import often

KILLS = often(5, 20)
ROOMS = ("red", "green", "blue")


class Publisher:
    """Publishes without pause; `acknowledged`: the offset it was told, by id of the event."""

    def __init__(self, server: FaultServer, name: str, batch: int) -> None:
        self.server = server
        self.name = name
        self.batch = batch
        self.acknowledged: dict[str, int] = {}
        self.repeated = 0
        self._count = 0

    def _events(self) -> list[dict[str, Any]]:
        self._count += 1
        return [
            {
                "topic": f"demo/{ROOMS[self._count % len(ROOMS)]}",
                "id": f"{self.name}.{self._count}.{index}",
                "data": {"text": "x" * (self._count * 37 % 700)},
            }
            for index in range(self.batch)
        ]

    async def run(self) -> None:
        """An event is repeated with its id until it is acknowledged; then the next."""
        while True:
            events = self._events()
            while not await self._connected(events):
                self.repeated += 1
                await asyncio.sleep(0.02)

    async def _connected(self, events: list[dict[str, Any]]) -> bool:
        try:
            async with await Wire.open(self.server.port) as wire:
                while True:
                    answer = await wire.publish(events)
                    assert answer.status == 201, answer
                    self.note(events, answer.json())
                    events[:] = self._events()
        except Gone:
            return False

    def note(self, events: list[dict[str, Any]], answer: dict[str, Any]) -> None:
        assert [event["id"] for event in events] == [event["id"] for event in answer["events"]]
        for event in answer["events"]:
            self.acknowledged[event["id"]] = offset_of(event["cursor"])


class WebSocketPublisher(Publisher):
    """The same by WebSocket commands, several on their way at once."""

    async def _connected(self, events: list[dict[str, Any]]) -> bool:
        try:
            async with await WebSocket.subscribe(self.server.port, "demo/nothing") as socket:
                while True:
                    more = [events, self._events(), self._events()]
                    for ref, each in enumerate(more):
                        await socket.say(op="publish", ref=ref, events=each)
                    for ref, each in enumerate(more):
                        reply = await socket.next()
                        while reply.type != "tricast.reply":
                            reply = await socket.next()
                        assert reply.data["ok"], reply
                        assert reply.data["ref"] == ref
                        self.note(each, reply.data)
                    events[:] = self._events()
        except Gone:
            return False


async def _following(server: FaultServer, transport: str, cursor: str) -> tuple[int, str] | None:
    """The first event after `cursor`, which must be served without a reset; None: there is none yet."""
    if transport == "poll":
        async with await Wire.open(server.port) as wire:
            page = (await wire.poll("demo/**", cursor, timeout=0, limit=1)).json()
            assert page["reset"] is None, page
            return next(((offset_of(e["cursor"]), e["id"]) for e in page["events"]), None)
    async with await STREAMS[transport].subscribe(server.port, "demo/**", cursor) as stream:
        hello = await stream.next()
        assert hello.data["recovered"] is True, hello
        while (following := await stream.next()).type == "tricast.heartbeat":
            pass
        assert following.type in ("message", "tricast.live"), following
        if following.cursor is None or not following.is_event:
            return None
        return offset_of(following.cursor), following.envelope["id"]


async def _check_cursors(
    server: FaultServer, cursors: dict[str, list[str]], log: list[tuple[int, str]]
) -> None:
    """Each of `cursors` is good, and what follows it is what follows it in `log` (which may have grown)."""
    slots = asyncio.Semaphore(16)

    async def check(transport: str, cursor: str) -> None:
        async with slots:
            found = await _following(server, transport, cursor)
        at = bisect_right(log, offset_of(cursor), key=lambda entry: entry[0])
        if at < len(log):
            assert found == log[at], (transport, cursor)
        else:
            assert found is None or found[0] > log[-1][0], (transport, cursor)

    async with asyncio.TaskGroup() as group:
        for transport, asked in cursors.items():
            for cursor in asked:
                group.create_task(check(transport, cursor))


def _matching(kept: list[dict[str, Any]], follower: Follower) -> list[tuple[int, str]]:
    """What a follower must have got: each event on its topic, up to its position."""
    assert follower.cursor is not None
    position = offset_of(follower.cursor)
    topic = follower.topic
    found = [(offset_of(e["cursor"]), e["id"]) for e in kept if "*" in topic or e["topic"] == topic]
    return [(offset, id) for offset, id in found if offset <= position]


@pytest.mark.repeated
@pytest.mark.timeout(180)
async def test_kills_under_load_lose_nothing_that_was_acknowledged(server: FaultServer) -> None:
    dice = random.Random(20)
    server.start(heartbeat_s="100ms")
    publishers = [
        Publisher(server, "p1", 1),
        Publisher(server, "p2", 1),
        Publisher(server, "p3", 7),
        WebSocketPublisher(server, "p4", 2),
    ]
    followers = [
        Follower(server, "demo/**", ["sse"]),
        Follower(server, "demo/**", ["websocket"]),
        Follower(server, "demo/**", ["poll"]),
        Follower(server, "demo/red", ["poll", "websocket", "sse"]),
        Follower(server, "demo/*", ["sse", "poll", "websocket"]),
        Follower(server, "demo/never", ["websocket", "sse"]),
    ]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run()) for each in (*publishers, *followers)]
        for _ in range(KILLS):
            before = [len(p.acknowledged) for p in publishers]
            # Under load: each publisher was acknowledged in this life of the server.
            await eventually(
                lambda before=before: all(  # type: ignore[misc]
                    len(p.acknowledged) > n for p, n in zip(publishers, before, strict=True)
                )
            )
            await asyncio.sleep(dice.random() * 0.25)
            server.kill()
            told = dict(told for p in publishers for told in p.acknowledged.items())
            given = {c for f in followers for c in list(f.cursors)[-3:]}
            await asyncio.to_thread(server.start, heartbeat_s="100ms")
            log = [(offset_of(e["cursor"]), e["id"]) for e in await history(server.port, "demo/**")]
            found = {id: offset for offset, id in log}
            assert {id: found.get(id) for id in told} == told
            await _check_cursors(server, {transport: sorted(given) for transport in ("poll", *STREAMS)}, log)
        for task in tasks[: len(publishers)]:
            task.cancel()
        await asyncio.wait(tasks[: len(publishers)])
        head = offset_of((await history(server.port, "demo/**"))[-1]["cursor"])
        await asyncio.gather(*(f.got(head) for f in followers))
        for task in tasks:
            task.cancel()

    # Read last: what was on its way when the publishers stopped may have been taken since.
    kept = await history(server.port, "demo/**")
    log = [(offset_of(event["cursor"]), event["id"]) for event in kept]
    assert len({offset for offset, _ in log}) == len({id for _, id in log}) == len(log)
    offsets = {id: offset for offset, id in log}
    for publisher in publishers:
        assert publisher.repeated > 0
        wrong = {id for id, offset in publisher.acknowledged.items() if offsets.get(id) != offset}
        assert not wrong, publisher.name
    for follower in followers:
        wanted = _matching(kept, follower)
        assert follower.connects > KILLS // 2, follower.name
        assert len(follower.events) == len(wanted), follower.name
        assert all(map(eq, follower.events, wanted)), follower.name
    every = {c for f in followers for c in f.cursors}
    some = dice.sample(sorted(every), min(len(every), 60))
    await _check_cursors(
        server,
        {"poll": dice.sample(sorted(every), min(len(every), 1000)), "sse": some, "websocket": some},
        log,
    )
