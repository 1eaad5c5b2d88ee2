"""Presence, one contract: {websocket, sse, poll} x {direct, portable}. Numbers: the rules of delivery."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from tests.harness.clients import Answer, Listener, Message, TransportName, WebSocket, http, listen, query_of
from tests.harness.server import Installation, Path_
from tests.harness.sockets import patience, settled

from tricast.hub.gate import Grant
from tricast.hub.hub import HubOptions

pytestmark = pytest.mark.anyio

ROOM = "shop/room"
STREAMS: tuple[TransportName, ...] = ("websocket", "sse")
LONG = HubOptions(presence_linger_s=3600.0)
SHORT = HubOptions(presence_linger_s=0.05)


def grant(subject: str, *scopes: str) -> Grant:
    return Grant(subject=subject, subscribe=("shop/**",), publish=("**",), scopes=frozenset(scopes))


@pytest.fixture(params=[LONG], ids=["long"])
async def hub(request: pytest.FixtureRequest, path: Path_) -> AsyncIterator[Installation]:
    async with Installation("memory:", path, request.param) as installation:
        for subject in ("ann", "bob", "eve"):
            installation.server.tokens[subject] = grant(subject, *([] if subject == "eve" else ["presence"]))
        yield installation


async def come(
    hub: Installation, transport: TransportName, name: str, topic: str = ROOM, **more: Any
) -> Listener:
    """A subscriber of `topic` with presence; a poller is the client `tab` of that name."""
    if transport == "poll":
        more.setdefault("client", "tab")
    return await listen(transport, hub.port, [topic], token=name, presence=1, **more)


async def change(hub: Installation, subject: str, **body: Any) -> Answer:
    return await http(
        hub.port,
        "POST",
        path="/v1/presence",
        headers=[("content-type", "application/json"), ("authorization", f"Bearer {subject}")],
        body=json.dumps(body).encode(),
    )


async def present(hub: Installation, listener: Listener, subject: str, **body: Any) -> Any:
    """Say it as a client of that transport does; what is answered."""
    if isinstance(listener, WebSocket):
        data = (await listener.command("presence", **body)).data
        assert data["ok"], data
        return {name: data[name] for name in ("topic", "member")}
    who = (
        {"client": "tab"}
        if listener.transport == "poll"
        else {"connection": listener.control("hello").data["connection"]}
    )
    answer = await change(hub, subject, **body, **who)
    assert answer.status == 200, answer.body
    said = answer.json()
    stays = listener.transport == "poll" and not body.get("leave")
    assert said.pop("expires_in_s") == (60 if stays else None)
    return said


async def who(hub: Installation, topic: str = ROOM) -> Any:
    answer = await http(hub.port, "GET", query_of([topic], token="ann"), path="/v1/presence")
    assert answer.status == 200, answer.body
    listed = answer.json()
    return {m["subject"]: (m["connections"], m["state"]) for m in listed["topics"].get(topic, [])}


async def news(listener: Listener, kind: str, subject: str) -> Message:
    """The event of presence of that kind and subject; that of anybody else before it is a fault."""
    message = await listener.until(lambda m: m.type.startswith("presence."))
    assert (message.type, message.envelope["subject"]) == (f"presence.{kind}", subject), message
    assert message.cursor is None
    assert message.envelope["topic"] == ROOM
    return message


def listed(message: Message) -> dict[str, list[str]]:
    assert message.type == "tricast.presence"
    return {topic: [m["subject"] for m in members] for topic, members in message.data["topics"].items()}


async def test_members_come_change_and_leave(hub: Installation, transport: TransportName) -> None:
    with await come(hub, "websocket", "bob") as watcher, await come(hub, transport, "ann") as ann:
        assert listed(await watcher.until("tricast.presence")) == {}
        joined = await present(hub, ann, "ann", topic=ROOM, state={"typing": True})
        assert joined["topic"] == ROOM
        assert joined["member"].pop("since").endswith("Z")
        assert joined["member"] == {"subject": "ann", "state": {"typing": True}, "connections": 1}
        told = await news(watcher, "joined", "ann")
        assert {**told.data, "since": None} == {**joined["member"], "since": None}
        assert await who(hub) == {"ann": (1, {"typing": True})}

        updated = await present(hub, ann, "ann", topic=ROOM, state={"typing": False})
        assert (await news(watcher, "updated", "ann")).data == updated["member"]
        assert updated["member"]["state"] == {"typing": False}
        again = await present(hub, ann, "ann", topic=ROOM)
        assert again["member"]["state"] == {"typing": False}, "what is left out stays"
        bare = await present(hub, ann, "ann", topic=ROOM, state=None)
        assert bare["member"]["state"] is None
        assert (await news(watcher, "updated", "ann")).data["state"] is None

        left = await present(hub, ann, "ann", topic=ROOM, leave=True)
        assert left == {"topic": ROOM, "member": None}
        assert (await news(watcher, "left", "ann")).data["connections"] == 0
        assert await who(hub) == {}
        assert await present(hub, ann, "ann", topic=ROOM, leave=True) == left, "once more is no error"


async def test_connections_of_one_subject_on_all_transports_are_one_member(hub: Installation) -> None:
    with (
        await come(hub, "websocket", "ann") as one,
        await come(hub, "sse", "ann") as two,
        await come(hub, "poll", "ann") as three,
    ):
        for count, listener in enumerate((one, two, three), 1):
            said = await present(hub, listener, "ann", topic=ROOM, state={"n": count})
            assert said["member"]["connections"] == count
        assert await who(hub) == {"ann": (3, {"n": 3})}
        left = await present(hub, three, "ann", topic=ROOM, leave=True)
        assert (left["member"]["connections"], left["member"]["state"]) == (2, {"n": 2})


async def test_the_full_list_follows_every_live(hub: Installation, transport: TransportName) -> None:
    """Rule 25: and it is in every answer to a poll."""
    with await come(hub, "websocket", "bob") as bob:
        await present(hub, bob, "bob", topic=ROOM, state={"at": 1})
        await news(bob, "joined", "bob")
        with await come(hub, transport, "ann", "shop/*") as ann:
            first = await ann.until("tricast.presence")
            assert listed(first) == {ROOM: ["bob"]}
            assert first.data["counts"] == {ROOM: 1}
            assert first.cursor is None
            types = [message.type for message in ann.seen]
            if transport != "poll":
                assert types == ["tricast.hello", "tricast.live", "tricast.presence"]
            if isinstance(ann, WebSocket):
                for op in ("subscribe", "unsubscribe"):
                    await ann.command(op, topics=["shop/other"])
                    assert (await ann.until(lambda _: True)).type == "tricast.live"
                    assert listed(await ann.until(lambda _: True)) == {ROOM: ["bob"]}


async def test_presence_is_told_only_to_who_asked_for_it(hub: Installation, transport: TransportName) -> None:
    with (
        await come(hub, "websocket", "bob") as bob,
        await listen(transport, hub.port, [ROOM], token="ann") as plain,
    ):
        await present(hub, bob, "bob", topic=ROOM)
        await news(bob, "joined", "bob")
        await hub.publish(ROOM, 1)
        assert await plain.numbers(1) == [1]
        assert not [m for m in plain.seen if "presence" in m.type]
        if isinstance(plain, WebSocket):
            await plain.command("subscribe", topics=[ROOM], presence=True)
            assert listed(await plain.until("tricast.presence")) == {ROOM: ["bob"]}
            await present(hub, bob, "bob", topic=ROOM, state={"n": 1})
            await news(plain, "updated", "bob")
            await plain.command("subscribe", topics=[ROOM], presence=False)
            await present(hub, bob, "bob", topic=ROOM, state={"n": 2})
            await news(bob, "updated", "bob")
            await hub.publish(ROOM, 2)
            plain.seen.clear()
            assert await plain.numbers(1) == [2]
            assert [m.type for m in plain.seen] == ["tricast.live", "message"]


async def test_globs_are_for_events_and_not_for_presence(hub: Installation) -> None:
    with (
        await come(hub, "websocket", "bob", type="order.*", subject="nobody") as bob,
        await come(hub, "sse", "ann", type="order.*") as ann,
    ):
        await present(hub, bob, "bob", topic=ROOM)
        await news(bob, "joined", "bob")
        await news(ann, "joined", "bob")


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_reload_is_no_leave(hub: Installation, stream: TransportName) -> None:
    with await come(hub, "websocket", "bob") as bob:
        with await come(hub, stream, "ann") as ann:
            await present(hub, ann, "ann", topic=ROOM, state={"at": 1})
            await news(bob, "joined", "ann")
        await settled(lambda: hub.hub.connections == 1)
        assert await who(hub) == {"ann": (1, {"at": 1})}
        with await come(hub, stream, "ann") as ann:
            assert listed(await ann.until("tricast.presence")) == {ROOM: ["ann"]}
            said = await present(hub, ann, "ann", topic=ROOM, state={"at": 1})
            assert said["member"]["connections"] == 1, "the new connection took the place of the lost one"
            # The next thing that is told is somebody else's: of the reload there was nothing to tell.
            await present(hub, bob, "bob", topic=ROOM)
            await news(bob, "joined", "bob")


@pytest.mark.parametrize("hub", [SHORT], indirect=True, ids=["short"])
@pytest.mark.parametrize("stream", STREAMS)
async def test_who_does_not_come_back_has_left(hub: Installation, stream: TransportName) -> None:
    with await come(hub, "websocket", "bob") as bob:
        with await come(hub, stream, "ann") as ann:
            await present(hub, ann, "ann", topic=ROOM)
            await news(bob, "joined", "ann")
        await news(bob, "left", "ann")
        assert await who(hub) == {}


@pytest.mark.parametrize("hub", [SHORT], indirect=True, ids=["short"])
async def test_a_poller_stays_between_its_polls(hub: Installation) -> None:
    """Rule 26: for a minute, whatever streams do."""
    with await come(hub, "websocket", "bob") as bob:
        with await come(hub, "poll", "ann") as ann:
            await present(hub, ann, "ann", topic=ROOM)
            await news(bob, "joined", "ann")
        with await come(hub, "sse", "ann") as stream:
            await present(hub, stream, "ann", topic=ROOM)
            await news(bob, "updated", "ann")
        assert (await news(bob, "updated", "ann")).data["connections"] == 1
        assert await who(hub) == {"ann": (1, None)}


async def test_a_waiting_poll_is_answered_when_somebody_comes(hub: Installation) -> None:
    with await come(hub, "poll", "ann") as ann, await come(hub, "websocket", "bob") as bob:
        assert listed(await ann.until("tricast.presence")) == {}
        async with patience():
            await ann.send()  # type: ignore[attr-defined]
            await settled(lambda: hub.hub.stats.poll == 1)
            await present(hub, bob, "bob", topic=ROOM)
            assert (await ann.answer()).status == 200  # type: ignore[attr-defined]
        assert listed(await ann.next()) == {ROOM: ["bob"]}


async def test_what_changed_between_two_polls_of_a_client_answers_the_second(hub: Installation) -> None:
    with await come(hub, "poll", "ann") as ann, await come(hub, "websocket", "bob") as bob:
        assert listed(await ann.until("tricast.presence")) == {}
        await present(hub, bob, "bob", topic=ROOM)
        await news(bob, "joined", "bob")
        assert listed(await ann.until("tricast.presence")) == {ROOM: ["bob"]}
        assert hub.hub.stats.published == 0


async def test_a_slow_reader_gets_the_list_when_it_is_live_again(hub: Installation, path: Path_) -> None:
    """Rule 25: what was told while it lagged was not told to it."""
    with (
        await come(hub, "sse", "ann", receive_bytes=4096) as ann,
        await come(hub, "websocket", "bob", type="none") as bob,
    ):
        await ann.until("tricast.presence")
        while not hub.hub.stats.lagging:
            await hub.publish(ROOM, 0, pad=100_000)
            for _ in range(5):
                await asyncio.sleep(0)
        await hub.publish(ROOM, *range(20), pad=100_000)
        await present(hub, bob, "bob", topic=ROOM)
        await news(bob, "joined", "bob")
        assert hub.hub.stats.lagging == 1
        lists = lambda m: m.type == "tricast.presence" and listed(m) == {ROOM: ["bob"]}  # noqa: E731
        await ann.until(lists)
        assert not [m for m in ann.seen if m.type.startswith("presence.")]


async def test_presence_asks_for_its_scope_and_for_the_right_to_subscribe(
    hub: Installation, transport: TransportName
) -> None:
    async def refused(subject: str, topics: Sequence[str]) -> str:
        query = query_of(topics, token=subject, presence=1)
        if transport == "websocket":
            with await WebSocket.open(hub.port, topics, token=subject, presence=1) as socket:
                error = await socket.until("tricast.error")
                await socket.end()
                assert socket.close_code == 4403
                return str(error.data["field"])
        accept = [("accept", "text/event-stream")] if transport == "sse" else []
        answer = await http(hub.port, "GET", query, headers=accept)
        assert answer.status == 403
        return str(answer.json()["field"])

    assert await refused("eve", [ROOM]) == "presence"
    assert await refused("ann", ["blog/room"]) == "topic"
    with await listen(transport, hub.port, [ROOM], token="eve") as eve:
        if isinstance(eve, WebSocket):
            for command in ({"topic": ROOM}, {"topic": "blog/room"}):
                error = (await eve.command("presence", **command)).data["error"]
                assert error["status"] == 403
            denied = (await eve.command("subscribe", topics=[ROOM], presence=True)).data["error"]
            assert (denied["status"], denied["field"]) == (403, "presence")
            assert (await eve.command("ping")).data["ok"]
    for topic, subject in ((ROOM, "eve"), ("blog/room", "ann")):
        assert (await change(hub, subject, topic=topic, client="tab")).status == 403
        answer = await http(hub.port, "GET", query_of([topic], token=subject), path="/v1/presence")
        assert answer.status == 403


async def test_nobody_moves_a_connection_of_somebody_else(hub: Installation) -> None:
    with await come(hub, "sse", "ann") as ann:
        await present(hub, ann, "ann", topic=ROOM)
        connection = ann.control("hello").data["connection"]
        for body in ({"state": {"is": "mine"}}, {"leave": True}):
            answer = await change(hub, "bob", topic=ROOM, connection=connection, **body)
            assert (answer.status, answer.json()["field"]) == (404, "connection")
        assert (await change(hub, "ann", topic=ROOM, client="tab", state={"n": 1})).status == 200
        assert (await change(hub, "bob", topic=ROOM, client="tab", leave=True)).status == 200
        assert await who(hub) == {"ann": (2, {"n": 1})}, "another's client of the same name is another"


async def test_a_renewed_token_that_reaches_less_leaves_what_it_does_not_reach(hub: Installation) -> None:
    with await listen("websocket", hub.port, ["shop/a"], token="ann") as ann:
        assert isinstance(ann, WebSocket)
        await present(hub, ann, "ann", topic=ROOM)
        await present(hub, ann, "ann", topic="shop/a")
        hub.server.tokens["less"] = Grant(
            subject="ann", subscribe=("shop/a",), scopes=frozenset({"presence"})
        )
        assert (await ann.command("auth", token="less")).data["ok"]
        assert await who(hub) == {}
        assert await who(hub, "shop/a") == {"ann": (1, None)}
        hub.server.tokens["none"] = Grant(subject="ann", subscribe=("shop/a",))
        await ann.command("subscribe", topics=["shop/a"], presence=True)
        denied = (await ann.command("auth", token="none")).data["error"]
        assert (denied["status"], denied["field"]) == (403, "presence")


@pytest.mark.parametrize("path", ["direct"])
async def test_a_websocket_that_vanished_is_gone_before_its_connection_is(path: Path_) -> None:
    """Rule 26, and 'gone within 2 heartbeats': the connection itself takes three, and would linger."""
    options = HubOptions(heartbeat_s=1.0, presence_linger_s=3600.0)
    async with Installation("memory:", path, options) as hub:
        for subject in ("ann", "bob"):
            hub.server.tokens[subject] = grant(subject, "presence")
        with await come(hub, "websocket", "bob") as bob, await come(hub, "websocket", "ann") as ann:
            assert isinstance(ann, WebSocket)
            await present(hub, ann, "ann", topic=ROOM, state={"at": 1})
            await news(bob, "joined", "ann")
            ann.pongs = False
            await news(bob, "left", "ann")
            assert hub.hub.connections == 2, "it is the member that is gone, not yet the connection"
            ann.pongs = True
            assert (await ann.command("ping")).data["ok"]
            reading = asyncio.ensure_future(ann.until("nothing"))  # (who doesn't read answers no ping)
            told = await news(bob, "joined", "ann")
            reading.cancel()
            assert told.data["state"] == {"at": 1}, "a sign of life, and it is there again as it was"


@pytest.mark.parametrize("path", ["direct"])
async def test_an_event_stream_owes_an_acknowledgement_of_what_it_does_not_take(hub: Installation) -> None:
    with await come(hub, "sse", "ann", receive_bytes=4096) as ann:
        await ann.until("tricast.presence")
        (connection,) = hub.server.connections
        await settled(lambda: not connection.is_silent(0.0))
        while not hub.hub.stats.lagging:
            await hub.publish(ROOM, 0, pad=100_000)
            for _ in range(5):
                await asyncio.sleep(0)
        await settled(lambda: connection.is_silent(0.0))
        assert not connection.is_silent(3600.0), "it has given a sign of life since"
