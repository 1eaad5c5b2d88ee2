"""A hub that is called from another thread or event loop: refused with the remedy, before any effect."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.from_thread
import anyio.to_thread
import pytest
from tests.harness.server import ANYONE
from tests.harness.sockets import patience

from tricast import Caller, Grant, Hub, Unavailable, Write, draft
from tricast.hub.hub import Hub as HubClass
from tricast.hub.presence import HubPresence
from tricast.hub.roster import Roster
from tricast.hub.subscription import Subscription
from tricast.wire.start import LATEST

pytestmark = pytest.mark.anyio
CALLER = Caller(ANYONE, "sse")
SUBSCRIPTION = Subscription.of(["demo/**"])


async def first(hub: Hub) -> Any:
    async for event in hub.subscribe("demo/**", cursor="earliest"):
        return event
    return None


async def session(hub: Hub) -> None:
    async with hub.session(CALLER):
        raise AssertionError("it was let in")


# Every public method that does something, or reads what others may be changing.
REFUSED: dict[str, Callable[[Hub], Any]] = {
    "Hub.publish": lambda hub: hub.publish("demo/x", 2),
    "Hub.append": lambda hub: hub.append([draft("demo/x", 2, source="/demo")], [Write("thing", "1", {})]),
    "Hub.subscribe": first,
    "Hub.resolve": lambda hub: hub.resolve(LATEST, SUBSCRIPTION),
    "Hub.check_open": lambda hub: hub.check_open(),
    "Hub.connect": lambda hub: hub.connect(CALLER),
    "Hub.may_subscribe": lambda hub: hub.may_subscribe(CALLER, SUBSCRIPTION),
    "Hub.open": lambda hub: hub.open(None, caller=CALLER, subscription=SUBSCRIPTION),  # type: ignore[arg-type]
    "Hub.resubscribe": lambda hub: hub.resubscribe(None, SUBSCRIPTION, lambda _: None),  # type: ignore[arg-type]
    "Hub.poll": lambda hub: hub.poll(lambda _: None, caller=CALLER, subscription=SUBSCRIPTION),
    "Hub.renew": lambda hub: hub.renew(None, CALLER),  # type: ignore[arg-type]
    "Hub.session": session,
    "Hub.history": lambda hub: hub.history(None, "demo/**"),
    "Hub.ready": lambda hub: hub.ready(),
    "Hub.disconnect": lambda hub: hub.disconnect(lambda _: True, Unavailable("away")),
    "Hub.drain": lambda hub: hub.drain(),
    "Hub.trim": lambda hub: hub.trim(),
    "HubPresence.join": lambda hub: hub.presence.join("demo/room", {}, subject="ann"),
    "HubPresence.leave": lambda hub: hub.presence.leave("demo/room", subject="bob"),
    "HubPresence.members": lambda hub: hub.presence.members("demo/**"),
    "HubPresence.members_json": lambda hub: hub.presence.members_json(["demo/**"]),
    "HubPresence.count": lambda hub: hub.presence.count("demo/room"),
    "HubPresence.allow": lambda hub: hub.presence.allow(CALLER, ["demo/room"]),
    "HubPresence.check_owner": lambda hub: hub.presence.check_owner(CALLER, "x"),
    "Roster.look": lambda hub: hub.roster.look(lambda _: True),
    "Roster.end": lambda hub: hub.roster.end("x", Unavailable("away"), reason="x", reconnect_after_ms=0),
}
READ: dict[str, Callable[[Hub], Any]] = {
    "Hub.on_connect": lambda hub: hub.on_connect(lambda caller: None),
    "Hub.on_subscribe": lambda hub: hub.on_subscribe(lambda caller, patterns: None),
    "Hub.on_publish": lambda hub: hub.on_publish(lambda caller, draft: None),
    "Hub.on_disconnect": lambda hub: hub.on_disconnect(lambda caller: None),
    "Hub.has_hooks": lambda hub: hub.has_hooks,
    "Hub.is_resolved": lambda hub: hub.is_resolved(LATEST),
    "Hub.projection": lambda hub: hub.projection("thing").get("1"),
    "Hub.bounds": lambda hub: hub.bounds,
    "Hub.position": lambda hub: hub.position,
    "Hub.documents_at": lambda hub: hub.documents_at,
    "Hub.draining": lambda hub: hub.draining,
    "Hub.connections": lambda hub: hub.connections,
    "Hub.callers": lambda hub: hub.callers,
    "Hub.stats": lambda hub: hub.stats,
    "Hub.figures": lambda hub: (
        hub.figures.rates(), hub.figures.latency_ms(10), hub.figures.series(3), hub.figures.uptime_s
    ),
    "Roster.caller": lambda hub: hub.roster.caller("x"),
}  # fmt: skip
# What the hub itself calls, on its own loop.
INTERNAL = {
    "Hub.lifespan",
    "HubPresence.answering",
    "HubPresence.begin",
    "HubPresence.count_into",
    "HubPresence.end",
    "HubPresence.gone",
    "HubPresence.is_news",
    "HubPresence.polling",
    "HubPresence.renewed",
    "HubPresence.stop",
    "HubPresence.watch",
}


def test_every_public_method_of_the_hub_is_looked_at() -> None:
    named = {
        f"{kind.__name__}.{name}"
        for kind in (HubClass, HubPresence, Roster)
        for name, member in vars(kind).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    }
    assert named == {*REFUSED, *READ, *INTERNAL} - {"Hub.figures"}  # (an attribute)


def state(hub: Hub) -> Any:
    """Whatever a call might have changed."""
    things = hub.projection("thing").items()
    return (
        hub.bounds.head,
        hub.connections,
        hub.draining,
        dict(things),
        {topic: list(members) for topic, members in hub.presence.members("**").items()},
        hub.log.bounds().floors,
    )


async def started() -> Hub:
    hub = Hub()
    hub.projection("thing")
    await hub.__aenter__()
    await hub.publish("demo/x", 1)
    hub.presence.join("demo/room", {"typing": False}, subject="bob")
    return hub


async def finished(call: Callable[[Hub], Any], hub: Hub) -> Any:
    result = call(hub)
    return await result if inspect.isawaitable(result) else result


def on_another_loop(call: Callable[[Hub], Any], hub: Hub) -> Any:
    return asyncio.run(finished(call, hub))


def without_a_loop(call: Callable[[Hub], Any], hub: Hub) -> Any:
    """As a plain function of a thread: a coroutine can't be awaited there, but may be stepped."""
    result = call(hub)
    return result.send(None) if inspect.iscoroutine(result) else result


@pytest.mark.parametrize("elsewhere", [on_another_loop, without_a_loop])
@pytest.mark.parametrize("name", REFUSED)
async def test_what_changes_the_hub_is_refused_elsewhere_before_it_changes_anything(
    name: str, elsewhere: Callable[[Callable[[Hub], Any], Hub], Any]
) -> None:
    hub = await started()
    asked: list[str] = []
    hub.on_connect(lambda caller: asked.append("connect"))
    hub.on_publish(lambda caller, draft: asked.append("publish"))
    hub.on_subscribe(lambda caller, patterns: asked.append("subscribe"))
    before = state(hub)
    with pytest.raises(RuntimeError, match=r"event loop that started it.*from_thread\.run_sync"):
        await asyncio.to_thread(elsewhere, REFUSED[name], hub)
    assert state(hub) == before
    assert asked == []
    await hub.publish("demo/x", 3)  # and it goes on
    await hub.__aexit__(None, None, None)


@pytest.mark.parametrize("elsewhere", [on_another_loop, without_a_loop])
@pytest.mark.parametrize("name", READ)
async def test_what_only_reads_works_from_everywhere(
    name: str, elsewhere: Callable[[Callable[[Hub], Any], Hub], Any]
) -> None:
    hub = await started()
    await asyncio.to_thread(elsewhere, READ[name], hub)
    await hub.__aexit__(None, None, None)


async def test_a_hub_is_left_on_the_loop_that_entered_it() -> None:
    hub = await started()
    with pytest.raises(RuntimeError, match="event loop that started it"):
        await asyncio.to_thread(asyncio.run, hub.__aexit__(None, None, None))
    await hub.publish("demo/x", 2)
    await hub.__aexit__(None, None, None)
    async with hub:
        await hub.publish("demo/x", 3)


async def test_a_session_is_ended_on_its_own_loop() -> None:
    hub = await started()
    async with hub.session(Caller(Grant(subject="ann"), "sse")) as session:
        with pytest.raises(RuntimeError, match="event loop that started it"):
            await asyncio.to_thread(session.close, Unavailable("away"))
        assert not session.ended.done()
    await hub.__aexit__(None, None, None)


async def test_a_thread_reaches_the_hub_as_the_refusal_says() -> None:
    hub = await started()
    loop = asyncio.get_running_loop()

    def of_a_pool() -> None:
        anyio.from_thread.run(hub.publish, "demo/x", "by anyio")
        anyio.from_thread.run_sync(lambda: hub.presence.join("demo/room", {}, subject="ann"))

    def of_its_own() -> None:
        asyncio.run_coroutine_threadsafe(hub.publish("demo/x", "by asyncio"), loop).result()

    async with patience():
        await anyio.to_thread.run_sync(of_a_pool)
        thread = threading.Thread(target=of_its_own)
        thread.start()
        await asyncio.to_thread(thread.join)
    events, _ = await hub.history(None, "demo/**")
    assert [event.data for event in events] == ["by asyncio", "by anyio", 1]
    assert hub.presence.count("demo/room") == 2
    await hub.__aexit__(None, None, None)


async def test_reading_from_a_thread_meets_no_half_of_a_change() -> None:
    hub = await started()
    stop = threading.Event()
    failures: list[RuntimeError] = []

    def read() -> None:
        try:
            while not stop.is_set():
                hub.stats, hub.callers, hub.figures.rates(), hub.position
        except RuntimeError as failure:
            failures.append(failure)

    reader = threading.Thread(target=read)
    reader.start()

    async def come_and_go() -> None:
        async with hub.session(Caller(ANYONE, "sse")):
            await asyncio.sleep(0)

    coming: list[Awaitable[None]] = [come_and_go() for _ in range(2000)]
    await asyncio.gather(*coming)
    stop.set()
    await asyncio.to_thread(reader.join)
    assert failures == []
    await hub.__aexit__(None, None, None)
