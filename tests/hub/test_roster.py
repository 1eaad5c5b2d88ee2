"""Who is connected: what is told of each, in which order, and how one is ended."""

from __future__ import annotations

import time

import pytest
from tests.harness.fakes import HeldLog, answered, ask, connect

from tricast import Caller, Grant, Hub, HubOptions
from tricast.errors import Disconnected

pytestmark = pytest.mark.anyio
GONE = Disconnected("ended")


def everybody(caller: Caller) -> bool:
    return True


def grant(subject: str) -> Grant:
    return Grant(subject, subscribe=("**",), publish=("**",))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_each_state_is_told_with_its_lag_and_its_position() -> None:
    log = HeldLog()
    async with Hub(log, HubOptions(recent_bytes=0)) as hub:
        before = time.time()
        await connect(hub, "a/**", grant=grant("live"))
        _, slow = await connect(hub, "a/**", "b/x", grant=grant("lagging"))
        ask(hub, "a/**", grant=grant("waiting"))
        slow.stall()
        await hub.publish("c/x", 1)
        await hub.publish("c/x", 2)
        log.hold()
        await connect(hub, "**", cursor="earliest", grant=grant("replaying"))
        await log.held()
        found, total = await hub.roster.look(everybody, sort="lag")
        told = {each.caller.grant.subject: each for each in found}
        assert total == 4
        assert {name: (each.state, each.lag) for name, each in told.items()} == {
            "live": ("live", 0),
            "lagging": ("lagging", 2),
            "waiting": ("waiting", 0),
            "replaying": ("replaying", 2),
        }
        assert {each.caller.grant.subject for each in found[:2]} == {"lagging", "replaying"}
        assert told["live"].position == told["waiting"].position == hub.position
        assert told["lagging"].position == hub.bounds.cursor(0)
        assert told["lagging"].patterns == ("a/**", "b/x")
        assert all(before <= each.since <= time.time() for each in found)
        log.release()


async def test_the_newest_is_first_and_the_rest_is_counted() -> None:
    async with Hub() as hub:
        for index in range(30):
            await connect(hub, "a/**", grant=grant(f"n{index}"))
        found, total = await hub.roster.look(everybody, limit=5)
        assert total == 30
        assert len(found) == 5
        assert [each.since for each in found] == sorted((each.since for each in found), reverse=True)
        found, total = await hub.roster.look(lambda caller: caller.grant.subject == "n7")
        assert [each.caller.grant.subject for each in found] == ["n7"]
        assert total == 1


async def test_more_than_a_slice_are_all_looked_at() -> None:
    async with Hub() as hub:
        for _ in range(2100):
            await connect(hub, "a/**")
        found, total = await hub.roster.look(everybody, limit=1000)
        assert (len(found), total) == (1000, 2100)


async def test_a_session_has_neither_topics_nor_a_position() -> None:
    async with Hub() as hub, hub.session(Caller(grant("ann"), "sse")) as session:
        ((found,), _) = await hub.roster.look(everybody)
        assert (found.state, found.patterns, found.lag, found.position) == ("live", (), 0, None)
        assert hub.roster.end(session.caller.connection, GONE, reason="disconnected", reconnect_after_ms=9)
        ending = await session.ended
        assert (ending.reason, ending.reconnect_after_ms) == ("disconnected", 9)


async def test_one_is_ended_and_the_others_stay() -> None:
    async with Hub() as hub:
        one, ended = await connect(hub, "a/**")
        _, stays = await connect(hub, "a/**")
        poll, answer = ask(hub, "a/**")
        for caller in (one.caller, poll.caller):
            assert hub.roster.caller(caller.connection) is caller
            assert hub.roster.end(caller.connection, GONE, reason="disconnected", reconnect_after_ms=2000)
            assert not hub.roster.end(caller.connection, GONE, reason="disconnected", reconnect_after_ms=2000)
            assert hub.roster.caller(caller.connection) is None
        goodbye = ended.controls("goodbye")[0]["data"]
        assert goodbye == {"reason": "disconnected", "reconnect_after_ms": 2000}
        assert ended.finished == (4503, "ended")
        assert (await answer).problem is GONE
        await hub.publish("a/x", 1)
        await stays.received(1)
        assert hub.connections == 1
        await answered(ask(hub, "a/**", cursor="earliest")[1])


async def test_a_poll_that_is_about_to_be_answered_is_behind_by_what_it_waits_for() -> None:
    async with Hub(options=HubOptions(poll_pace_s=5.0)) as hub:
        _, first = ask(hub, "a/**")
        others = [ask(hub, "a/**")[1] for _ in range(600)]
        await hub.publish("a/x", 1)
        for answer in (first, *others):
            await answered(answer)
        ask(hub, "a/**")
        await hub.publish("a/x", 2)
        ((found,), _) = await hub.roster.look(everybody)
        assert (found.state, found.lag, found.position) == ("waiting", 1, hub.bounds.cursor(1))
