"""The client in six runtimes: every event once and in order, and the right transport by itself."""

from __future__ import annotations

import json

from tests.clients.faultproxy import proxying
from tests.harness.sockets import settled
from tests.runtimes.conftest import Runtime
from tests.runtimes.origins import Origin
from tests.runtimes.places import FOLLOW, Follower
from tests.runtimes.seen import AROUND, BLOCKED, BUFFERED, FREE, PLAIN, TRANSPORTS, WORKER, YES

HALF = 500
HELLO_S = 10.0


async def test_every_event_comes_once_on_every_transport_though_the_server_is_killed(
    runtime: Runtime, origin: Origin
) -> None:
    await origin.create_flag()
    place = await runtime.place(origin.url)
    around = {"topic": origin.topic, "room": origin.room, "flag": origin.flag}
    forced = [await place.follow(transport, transports=[transport], **around) for transport in TRANSPORTS]
    free = await place.follow("free", **around)
    followers, others = [*forced, free], []
    if runtime.has_pages:
        await place.evaluate(f"watch('plain', '{origin.topic}')")
        await place.evaluate(f"followInWorker('worker', {{topic: '{origin.topic}'}}, {json.dumps(FOLLOW)})")
        others = [Follower(place, "plain"), Follower(place, "worker")]
    for follower in (*followers, *others):
        await follower.live()
    await origin.publish(HALF)
    for follower in (*followers, *others):
        await follower.has(HALF)
    await are_there(followers)

    await origin.restart()
    await origin.publish(HALF)
    for follower in (*followers, *others):
        await follower.has(2 * HALF)
    await origin.enable_flag()
    for transport, follower in zip(TRANSPORTS, forced, strict=True):
        report = await follower.live(transport)
        assert set(report.transports) == {transport}
    chosen = await free.live("websocket")
    for follower in followers:
        await follower.until(lambda it: it.flag is True)
    await are_there(followers)
    await place.end()
    runtime.see(
        **{TRANSPORTS[name]: YES for name in TRANSPORTS}, **{FREE: str(chosen.transport), AROUND: YES}
    )
    if others:
        runtime.see(**{PLAIN: YES, WORKER: YES})


async def are_there(followers: list[Follower]) -> None:
    """Each is told of one person, there with all of them (and for a minute with polls that are over)."""
    for follower in followers:
        await follower.until(
            lambda it: [member["connections"] >= len(followers) for member in it.members] == [True]
        )


async def test_what_the_network_lets_through_is_found_and_so_is_what_comes_back(
    runtime: Runtime, origin: Origin
) -> None:
    async with proxying(origin.port) as blocked, proxying(origin.port) as buffered:
        blocked.faults.upgrade = buffered.faults.upgrade = "refuse"
        first, second = await runtime.place(blocked.url), await runtime.place(buffered.url)
        buffered.faults.buffers = True
        streaming, polling = (
            await first.follow("streaming", topic=origin.topic),
            await second.follow("polling", topic=origin.topic),
        )
        await settled(lambda: buffered.seen["sse"] > 0)
        await polling.skip(HELLO_S)  # nothing came of the stream for so long
        assert (await streaming.live()).transport == "sse"
        assert (await polling.live()).transport == "poll"
        await origin.publish(HALF)
        for follower in (streaming, polling):
            await follower.has(HALF)
        runtime.see(**{BLOCKED: "sse", BUFFERED: "poll"})

        buffered.faults.buffers = False
        blocked.faults.upgrade = buffered.faults.upgrade = "pass"
        await origin.publish(HALF)
        for follower in (streaming, polling):
            await follower.live("websocket")
            await follower.has(2 * HALF)
        await first.end()
        await second.end()
