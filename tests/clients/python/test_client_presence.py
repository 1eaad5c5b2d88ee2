"""Presence through the Python client, on every transport."""

from __future__ import annotations

import pytest
from tests.clients.python.connected import ANN, Reach, active, take, until
from tests.harness.sockets import patience

from tricast.client import Client, TransportName
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
