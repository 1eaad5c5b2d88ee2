"""Presence through the Python client, on every transport."""

from __future__ import annotations

import asyncio

import pytest
from tests.clients.python.connected import ANN, Reach, active, take
from tests.clients.waiting import until
from tests.harness.sockets import patience

from tricast.client import Client, Closed, TransportName
from tricast.client.presence import Presence
from tricast.errors import BadRequest, Forbidden, TooLarge
from tricast.hub.gate import Grant

ROOM = "demo/room"


def grant(subject: str, *scopes: str) -> Grant:
    return Grant(subject=subject, subscribe=ANN.subscribe, publish=ANN.publish, scopes=frozenset(scopes))


def client_of(reach: Reach, subject: str, transport: TransportName, *scopes: str) -> Client:
    return reach.client(transport, token=reach.admit(subject, grant(subject, *scopes or ("presence",))))


async def ready(presence: Presence) -> Presence:
    async with patience():
        await presence.ready()
    return presence


def there(presence: Presence) -> dict[str, object]:
    return {member.subject: member.state for member in presence.members()}


async def test_who_joins_and_changes_and_leaves_is_seen(reach: Reach, transport: TransportName) -> None:
    async with client_of(reach, "ann", transport) as ann, client_of(reach, "bob", transport) as bob:
        seen = await ready(ann.presence(ROOM))
        assert seen.members() == []
        room = await ready(bob.presence(ROOM))
        await room.set({"viewing": "a"})
        await until(lambda: there(seen) == {"bob": {"viewing": "a"}})
        await room.set({"viewing": "b"})
        await until(lambda: there(seen) == {"bob": {"viewing": "b"}})
        await seen.set()
        await until(lambda: set(there(room)) == {"ann", "bob"})
        await room.leave()
        await until(lambda: set(there(seen)) == {"ann"})
        [member] = seen.members()
        assert (member.connections, member.state) == (1, None)


async def test_who_is_cut_off_is_there_again(reach: Reach, transport: TransportName) -> None:
    async with client_of(reach, "ann", transport) as ann, client_of(reach, "bob", transport) as bob:
        seen = await ready(ann.presence(ROOM))
        room = await ready(bob.presence(ROOM))
        await room.set({"n": 1})
        await until(lambda: there(seen) == {"bob": {"n": 1}})
        await reach.restart()
        for subject in ("ann", "bob"):
            reach.admit(subject, grant(subject, "presence"))
        reach.proxy.cut()
        await until(lambda: ann.counts.reconnects > 0 and ann.state == "live")
        await until(lambda: there(seen) == {"bob": {"n": 1}})


async def test_changes_are_told(reach: Reach) -> None:
    async with client_of(reach, "ann", "websocket") as ann:
        told: list[int] = []
        room = ann.presence(ROOM)
        stop = room.on_change(lambda members: told.append(len(members)))
        await ready(room)
        await room.set({"n": 1})
        await until(lambda: told == [0, 1])
        stop()
        await room.set({"n": 2})
        await until(lambda: there(room) == {"ann": {"n": 2}})
        assert told == [0, 1]


async def test_what_presence_says_is_no_event_of_the_topic(reach: Reach, transport: TransportName) -> None:
    async with client_of(reach, "ann", transport) as ann:
        room = await ready(ann.presence(ROOM))
        subscription = await active(ann.subscribe("demo/**"))
        await room.set({"n": 1})
        await until(lambda: there(room) == {"ann": {"n": 1}})
        await ann.publish(ROOM, "hello")
        [event] = await take(subscription, 1)
        assert event.data == "hello"


async def test_without_the_scope_it_is_refused_and_the_rest_goes_on(reach: Reach) -> None:
    async with client_of(reach, "eve", "websocket", "flags:read") as eve:
        subscription = await active(eve.subscribe("demo/a"))
        room = eve.presence(ROOM)
        with pytest.raises(Forbidden, match="presence"):
            await ready(room)
        await eve.publish("demo/a", 1)
        assert len(await take(subscription, 1)) == 1
        assert eve.state == "live"


async def test_a_state_that_is_too_large_is_refused(reach: Reach, transport: TransportName) -> None:
    async with client_of(reach, "ann", transport) as ann:
        room = await ready(ann.presence(ROOM))
        with pytest.raises(TooLarge):
            await room.set({"x": "y" * 2000})
        assert room.members() == []


async def test_closing_it_leaves(reach: Reach, transport: TransportName) -> None:
    async with client_of(reach, "ann", transport) as ann, client_of(reach, "bob", transport) as bob:
        seen = await ready(ann.presence(ROOM))
        room = await ready(bob.presence(ROOM))
        await room.set()
        await until(lambda: set(there(seen)) == {"bob"})
        await room.close()
        await until(lambda: there(seen) == {})


async def test_one_is_present_on_a_topic_and_on_no_pattern(reach: Reach) -> None:
    async with reach.client() as client:
        with pytest.raises(BadRequest, match="pattern"):
            client.presence("demo/*")


async def test_a_state_that_is_no_json_is_refused_here(reach: Reach, transport: TransportName) -> None:
    async with client_of(reach, "ann", transport) as ann:
        room = await ready(ann.presence(ROOM))
        for state in ({"x": object()}, {1: 2}, "text"):
            with pytest.raises(BadRequest) as caught:
                await room.set(state)  # type: ignore[arg-type]
            assert caught.value.field == "state"
        await room.set({"n": 1})
        await until(lambda: there(room) == {"ann": {"n": 1}})
        assert ann.state == "live"


async def test_what_was_set_before_a_refusal_holds_also_on_the_next_connection(reach: Reach) -> None:
    async with client_of(reach, "ann", "websocket") as ann:
        room = await ready(ann.presence(ROOM))
        await room.set({"n": 1})
        with pytest.raises(TooLarge):
            await room.set({"x": "y" * 2000})
        await until(lambda: there(room) == {"ann": {"n": 1}})
        reach.proxy.cut()
        await until(lambda: ann.counts.reconnects == 1 and ann.state == "live")
        await until(lambda: there(room) == {"ann": {"n": 1}})


@pytest.mark.parametrize("beat_s", [0.3])
async def test_a_leave_that_does_not_come_through_is_said_again(reach: Reach) -> None:
    async with client_of(reach, "ann", "sse") as ann, client_of(reach, "bob", "sse") as bob:
        seen = await ready(ann.presence(ROOM))
        room = await ready(bob.presence(ROOM))
        await room.set()
        await until(lambda: set(there(seen)) == {"bob"})
        reach.proxy.faults.status = 502  # (what is connected stays)
        await room.leave()
        reach.proxy.faults.status = None
        await until(lambda: there(seen) == {})
        assert bob.counts.reconnects == 0


@pytest.mark.parametrize("beat_s", [0.3])
async def test_a_set_that_is_cancelled_is_said_all_the_same(reach: Reach) -> None:
    async with client_of(reach, "ann", "websocket") as ann:
        room = await ready(ann.presence(ROOM))
        setting = asyncio.ensure_future(room.set({"n": 1}))
        await asyncio.sleep(0)
        setting.cancel()
        await asyncio.wait([setting])
        await until(lambda: there(room) == {"ann": {"n": 1}})


async def test_after_closing_it_one_is_told_so(reach: Reach) -> None:
    async with client_of(reach, "ann", "websocket") as ann:
        room = await ready(ann.presence(ROOM))
        await room.close()
        with pytest.raises(Closed, match="presence"):
            await room.set()
        never = ann.presence("demo/never")
        await ann.close()
        with pytest.raises(Closed):
            await ready(never)
