"""Streams of an application's own: counted, bounded and ended like the hub's."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.harness.sockets import patience

from tricast import Caller, Draining, Forbidden, Grant, Hub, NotStarted, TooMany, Unauthorized, Write, draft

pytestmark = pytest.mark.anyio


def a_caller(expires_at: float | None = None) -> Caller:
    return Caller(Grant("ann", credential="key:1", expires_at=expires_at), "sse", "192.0.2.1")


async def test_a_session_is_seen_by_hooks_and_counted_while_it_lasts() -> None:
    hub = Hub()
    told: list[tuple[str, str]] = []
    hub.on_connect(lambda caller: told.append(("connected", caller.grant.subject)))
    hub.on_disconnect(lambda caller: told.append(("gone", caller.grant.subject)))
    caller = a_caller()
    async with hub:
        async with hub.session(caller) as session:
            assert hub.connections == hub.stats.sse == 1
            assert hub.callers[caller.connection] is caller
            assert not session.ended.done()
        assert hub.connections == 0
    assert told == [("connected", "ann"), ("gone", "ann")]


async def test_a_session_that_a_hook_refuses_does_not_begin() -> None:
    hub = Hub()

    @hub.on_connect
    def refuse(caller: Caller) -> None:
        raise Forbidden("not today")

    async with hub:
        with pytest.raises(Forbidden, match="not today"):
            async with hub.session(a_caller()):
                pytest.fail("it began")
        assert hub.connections == 0


async def test_a_session_that_is_not_admitted_is_not_told_of_as_gone() -> None:
    hub = Hub()
    gone: list[Caller] = []
    hub.on_disconnect(gone.append)

    def admit(caller: Caller) -> None:
        raise TooMany("there are enough")

    async with hub:
        with pytest.raises(TooMany):
            async with hub.session(a_caller(), admit=admit):
                pytest.fail("it began")
        assert (hub.connections, gone) == (0, [])


async def test_a_session_ends_with_its_grant() -> None:
    async with Hub() as hub, patience(), hub.session(a_caller(time.time() + 0.05)) as session:
        ending = await session.ended
    assert (ending.reason, ending.reconnect_after_ms) == ("expired", 0)
    assert isinstance(ending.problem, Unauthorized)


async def test_a_session_ends_when_its_caller_is_disconnected() -> None:
    async with Hub() as hub, patience(), hub.session(a_caller()) as session:
        other = a_caller()
        async with hub.session(other) as beside:
            problem = Unauthorized("revoked")
            assert hub.disconnect(lambda caller: caller is not other, problem, reason="revoked") == 1
            assert (await session.ended).problem is problem
            assert not beside.ended.done()


async def test_sessions_are_told_to_come_back_when_the_hub_drains() -> None:
    async with Hub() as hub, patience():

        async def stream() -> int:
            async with hub.session(a_caller()) as session:
                ending = await session.ended
                assert ending.reason == "draining"
                return ending.reconnect_after_ms

        streams = [asyncio.ensure_future(stream()) for _ in range(20)]
        while hub.connections < 20:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await hub.drain()
        after_ms = await asyncio.gather(*streams)
        assert min(after_ms) >= 2000
        assert len(set(after_ms)) > 1, "each has a time of its own"
        with pytest.raises(Draining):
            async with hub.session(a_caller()):
                pytest.fail("it began")


async def test_a_session_of_a_hub_that_was_not_started_says_so() -> None:
    with pytest.raises(NotStarted):
        async with Hub().session(a_caller()):
            pytest.fail("it began")


async def test_projections_are_true_at_the_cursor_that_is_told_even_before_fan_out_has_got_there() -> None:
    hub = Hub()
    things = hub.projection("thing")
    async with hub, patience():
        for number in range(50):
            event = draft("demo/things", number, source="/demo/x")
            appending = asyncio.ensure_future(hub.append((event,), (Write("thing", "a", number),)))
            while (found := things.get("a")) is None or found.value != number:  # noqa: ASYNC110
                await asyncio.sleep(0)
            at = hub.documents_at
            await appending
            await hub.publish("demo/things", "next")
            async for following in hub.subscribe("demo/**", cursor=at):
                assert following.data == "next", "what the projection has is not told again"
                break
