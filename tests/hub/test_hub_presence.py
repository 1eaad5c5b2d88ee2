"""Presence as the hub keeps it: who is told what, how long a place outlives its connection, and bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.harness.fakes import FakeOutlet
from tests.harness.sockets import settled

from tricast import (
    BadRequest,
    Caller,
    Forbidden,
    Grant,
    Hub,
    HubOptions,
    Member,
    NotFound,
    NotStarted,
    TooMany,
    Unauthorized,
)
from tricast.hub.attendance import KEEP, MAX_CLIENTS, MAX_TOPICS, POLL_LINGER_S, Attendance, Client
from tricast.hub.caller import Transport
from tricast.hub.poll import Answer
from tricast.hub.roll import MAX_LIST_BYTES, MAX_LISTED, PACE_S
from tricast.hub.subscriber import Subscriber
from tricast.hub.subscription import Subscription
from tricast.presence.memory import MemoryPresence

pytestmark = pytest.mark.anyio

ROOM = "shop/room"
BEAT_S = 15.0


def somebody(name: str = "ann", transport: Transport = "sse") -> Caller:
    return Caller(Grant(name, subscribe=("**",), scopes=frozenset({"presence"})), transport)


@pytest.fixture(params=[3600.0])
async def hub(request: pytest.FixtureRequest) -> AsyncIterator[Hub]:
    async with Hub(options=HubOptions(presence_linger_s=request.param)) as hub:
        yield hub


class Watcher:
    """A subscriber with presence on a fake outlet."""

    def __init__(self, hub: Hub, *patterns: str, name: str = "watcher") -> None:
        self.hub = hub
        self.outlet = FakeOutlet()
        self.subscriber: Subscriber = hub.open(
            self.outlet,
            caller=somebody(name),
            subscription=Subscription.of(patterns or ("shop/**",), presence=True),
        )

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(e["type"].removeprefix("presence."), e["subject"]) for e in self.outlet.events]

    async def until(self, *told: tuple[str, str]) -> None:
        """Wait for so much news, and see that it is this."""
        await self.outlet.until(lambda: len(self.told) >= len(told))
        assert self.told == list(told)


class Peer:
    """A stream that is silent when it is told to be."""

    def __init__(self) -> None:
        self.silent = False

    def is_silent(self, now: float, beat_s: float) -> bool:
        return self.silent


class Seats:
    """An attendance and the port below it, without a hub: time is an argument."""

    def __init__(self, linger_s: float = 5.0) -> None:
        self.port = MemoryPresence()
        self.attendance = Attendance(self.port, linger_s=linger_s, heartbeat_s=BEAT_S)

    def stream(self, caller: Caller, peer: Peer | None = None, topic: str = ROOM) -> Member:
        key = caller.connection
        return self.attendance.join(topic, KEEP, key=key, kind="stream", caller=caller, peer=peer)

    def client(self, caller: Caller, id: str = "tab") -> Member:
        return self.attendance.join(
            ROOM, KEEP, key=Client(caller, id).key, kind="client", caller=caller, peer=None
        )

    def later(self, seconds: float) -> None:
        self.attendance.tick(asyncio.get_running_loop().time() + seconds)

    @property
    def count(self) -> int:
        member = self.port.member(ROOM, "ann")
        return 0 if member is None else member.connections


# The embedding application's side


async def test_an_application_puts_subjects_on_topics_and_takes_them_off(hub: Hub) -> None:
    watcher = Watcher(hub)
    member = hub.presence.join(ROOM, {"mood": "well"}, subject="bot")
    assert (member.subject, member.state, member.connections) == ("bot", {"mood": "well"}, 1)
    assert hub.presence.join(ROOM, subject="bot") == member
    assert hub.presence.members("shop/*") == {ROOM: [member]}
    assert hub.presence.members("blog/**") == {}
    assert hub.presence.count(ROOM) == 1
    await watcher.until(("joined", "bot"))
    assert hub.stats.presence_members == hub.stats.presence_topics == 1
    assert hub.presence.leave(ROOM, subject="bot") is None
    await watcher.until(("joined", "bot"), ("left", "bot"))
    assert hub.stats.presence_members == hub.stats.presence_topics == 0
    assert hub.stats.presence_changes == 2
    assert hub.stats.published == 0, "presence is no event of the log"


async def test_a_place_lives_as_long_as_the_session_it_was_taken_for() -> None:
    async with Hub(options=HubOptions(presence_linger_s=0.0)) as hub:
        caller = somebody()
        async with hub.session(caller):
            hub.presence.join(ROOM, {"in": "session"}, connection=caller.connection)
            assert hub.presence.count(ROOM) == 1
        assert hub.presence.count(ROOM) == 0
        with pytest.raises(NotFound, match="there is no stream"):
            hub.presence.join(ROOM, connection=caller.connection)


async def test_presence_begins_empty_with_each_start_of_the_hub() -> None:
    hub = Hub()
    with pytest.raises(NotStarted):
        hub.presence.join(ROOM, subject="bot")
    async with hub:
        hub.presence.join(ROOM, subject="bot")
    async with hub:
        assert hub.presence.members("**") == {}
        watcher = Watcher(hub)
        assert watcher.outlet.controls("presence")[0]["data"] == {"topics": {}, "counts": {}}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"topic": "a b", "subject": "bot"}, "topic"),
        ({"topic": "shop/*", "subject": "bot"}, "topic"),
        ({"topic": ROOM}, "connection"),
        ({"topic": ROOM, "subject": "a", "connection": "b"}, "connection"),
        ({"topic": ROOM, "subject": ""}, "subject"),
        ({"topic": ROOM, "subject": "two\nlines"}, "subject"),
        ({"topic": ROOM, "subject": "bot", "state": ["no object"]}, "state"),
        ({"topic": ROOM, "client": Client(somebody(), "no spaces")}, "client"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(hub: Hub, given: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        hub.presence.join(**given)
    assert refused.value.field == field
    assert hub.presence.members("**") == {}


async def test_the_hooks_of_subscribing_are_asked_too(hub: Hub) -> None:
    @hub.on_subscribe
    async def only_rooms(caller: Caller, patterns: list[str]) -> None:
        if patterns != [ROOM]:
            raise Forbidden(f"not {patterns}")

    await hub.presence.allow(somebody(), [ROOM])
    with pytest.raises(Forbidden, match="not"):
        await hub.presence.allow(somebody(), ["shop/office"])
    with pytest.raises(Forbidden, match="lacks the scope 'presence'"):
        await hub.presence.allow(Caller(Grant("eve", subscribe=("**",)), "sse"), [ROOM])


# What is told


async def test_of_many_changes_in_a_moment_the_last_is_told(hub: Hub) -> None:
    watcher = Watcher(hub)
    for number in range(100):
        hub.presence.join(ROOM, {"n": number}, subject="bot")
    await watcher.until(("joined", "bot"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(500):
        hub.presence.join(ROOM, {"n": number, "more": True}, subject="bot")
        await asyncio.sleep(0)
    await watcher.outlet.until(lambda: watcher.outlet.events[-1]["data"]["state"]["n"] == 499)
    assert len(watcher.told) - 1 <= (loop.time() - began) / PACE_S + 1


async def test_who_came_and_went_in_a_moment_was_not_there(hub: Hub) -> None:
    watcher = Watcher(hub)
    hub.presence.join(ROOM, subject="shy")
    between = Watcher(hub, ROOM)  # (another list than those that are kept)
    hub.presence.leave(ROOM, subject="shy")
    hub.presence.join(ROOM, subject="bot")
    await watcher.until(("joined", "bot"))
    assert between.outlet.controls("presence")[0]["data"]["topics"] == {}, "or it would wait for ever"
    await between.until(("joined", "bot"))


async def test_a_list_and_the_events_after_it_are_never_at_odds(hub: Hub) -> None:
    """Whoever becomes live at any moment ends with who is there."""
    watchers: list[Watcher] = []
    for number in range(60):
        subject = f"s{number % 7}"
        if number % 3:
            hub.presence.join(ROOM, {"n": number}, subject=subject)
        else:
            hub.presence.leave(ROOM, subject=subject)
        if number % 4 == 0:
            watchers.append(Watcher(hub))
        await asyncio.sleep(0.01 if number % 10 == 0 else 0)
    hub.presence.join(ROOM, subject="last")
    now = {m.subject: json.loads(m.json) for m in hub.presence.members(ROOM)[ROOM]}
    for watcher in watchers:
        await watcher.outlet.until(lambda w=watcher: w.told[-1:] == [("joined", "last")])
        listed = watcher.outlet.controls("presence")[0]["data"]["topics"].get(ROOM, [])
        seen = {member["subject"]: member for member in listed}
        for event in watcher.outlet.events:
            seen[event["subject"]] = event["data"]
            if event["type"] == "presence.left":
                del seen[event["subject"]]
        assert seen == now


async def test_a_thousand_who_come_at_once_are_told_in_few_writes(hub: Hub) -> None:
    watcher = Watcher(hub)
    writes = len(watcher.outlet.writes)
    for number in range(1000):
        hub.presence.join(ROOM, subject=f"s{number}")
    await watcher.outlet.until(lambda: len(watcher.told) == 1000)
    assert len(watcher.outlet.writes) - writes < 20


async def test_a_list_is_bounded_and_counts_them_all(hub: Hub) -> None:
    for number in range(MAX_LISTED + 200):
        hub.presence.join("shop/crowd", subject=f"s{number}")
        hub.presence.join(f"shop/rooms/{number}", subject="bot")
        hub.presence.join("shop/large", {"text": "x" * 1000}, subject=f"s{number}")
    crowd = json.loads(hub.presence.members_json(["shop/crowd"]))
    assert len(crowd["topics"]["shop/crowd"]) == MAX_LISTED
    assert crowd["counts"] == {"shop/crowd": MAX_LISTED + 200}
    assert "more" not in crowd
    rooms = json.loads(hub.presence.members_json(["shop/rooms/*"]))
    assert len(rooms["topics"]) == len(rooms["counts"]) == MAX_LISTED
    assert rooms["more"] is True
    large = hub.presence.members_json(["shop/large"])
    assert len(large) < MAX_LIST_BYTES + 1000
    assert 500 < len(json.loads(large)["topics"]["shop/large"]) < MAX_LISTED


async def test_those_who_ask_for_the_same_share_a_list(hub: Hub) -> None:
    one, two = Watcher(hub), Watcher(hub)
    assert one.outlet.controls("presence") == two.outlet.controls("presence")


async def test_events_of_the_log_reach_who_asked_for_presence_as_they_reach_others(hub: Hub) -> None:
    watcher = Watcher(hub, ROOM)
    await hub.publish(ROOM, 1)
    await hub.publish(ROOM, 2, ephemeral=True)
    await hub.publish("shop/office", 3)
    await watcher.outlet.received(1, 2)


# How long a place outlives its connection


async def test_a_lost_stream_lingers_and_a_new_one_takes_its_place() -> None:
    seats = Seats()
    first, second = somebody(), somebody()
    seats.stream(first)
    seats.stream(second)
    seats.attendance.gone(first.connection)
    seats.attendance.gone(second.connection)
    seats.later(4.9)
    assert seats.count == 2, "both may be reloading"
    for _ in range(2):
        seats.stream(somebody())
        assert seats.count == 2
    assert seats.stream(somebody()).connections == 3
    seats.later(5.1)
    assert seats.count == 3, "nothing lingers any more"


async def test_a_lost_stream_that_nobody_follows_is_gone_after_its_time() -> None:
    seats = Seats()
    caller = somebody()
    seats.stream(caller)
    seats.stream(caller, topic="shop/other")
    seats.attendance.gone(caller.connection)
    seats.later(5.1)
    assert seats.port.topics() == []
    assert seats.attendance.seat(caller.connection) is None


async def test_a_goodbye_of_a_lost_stream_is_at_once() -> None:
    seats = Seats()
    caller = somebody()
    seats.stream(caller)
    seats.attendance.gone(caller.connection)
    seats.attendance.leave(caller.connection, ROOM)
    assert seats.count == 0
    seats.later(5.1)


async def test_a_client_that_polls_stays_a_minute_after_its_last_poll() -> None:
    seats = Seats()
    caller = somebody()
    seats.client(caller)
    seats.later(POLL_LINGER_S - 1)
    assert seats.count == 1
    poll = somebody(transport="poll")
    seats.attendance.polling(Client(poll, "tab"))
    seats.later(POLL_LINGER_S + 1)
    assert seats.count == 1, "a poll of its waits"
    another = somebody(transport="poll")
    seats.attendance.polling(Client(another, "tab"))
    seats.attendance.gone(poll.connection)
    seats.later(POLL_LINGER_S + 1)
    assert seats.count == 1, "another still does"
    seats.attendance.gone(another.connection)
    seats.later(POLL_LINGER_S - 1)
    assert seats.count == 1
    seats.later(POLL_LINGER_S + 1)
    assert seats.count == 0


async def test_a_silent_stream_is_gone_within_two_beats_and_comes_back_with_its_first_sign() -> None:
    """A beat is asked for within one; half of one more, and a look, is what an answer may take."""
    seats = Seats()
    caller, peer = somebody(), Peer()
    seats.stream(caller, peer)
    peer.silent = True  # from the next beat on, so one beat after it vanished at the latest
    look_s = BEAT_S / 4
    now = look_s  # the first look after that beat may come as late
    while seats.count:
        seats.attendance.look(seats.attendance.seats(), now)
        now += look_s
    assert BEAT_S + (now - look_s) < 2 * BEAT_S
    seats.stream(caller, peer, topic="shop/other")
    assert seats.count == 1, "who speaks is there"
    seats.attendance.look(seats.attendance.seats(), now)
    seats.attendance.look(seats.attendance.seats(), now + BEAT_S)
    assert seats.count == 0
    peer.silent = False
    seats.attendance.look(seats.attendance.seats(), now + BEAT_S)
    assert seats.count == 1


async def test_an_answer_that_takes_a_moment_is_no_silence() -> None:
    seats = Seats()
    caller, peer = somebody(), Peer()
    seats.stream(caller, peer)
    for look in range(20):
        peer.silent = look % 3 == 0
        seats.attendance.look(seats.attendance.seats(), look * BEAT_S / 4)
        assert seats.count == 1


async def test_who_was_silent_has_lingered_enough() -> None:
    seats = Seats(linger_s=3600.0)
    caller, peer = somebody(), Peer()
    seats.stream(caller, peer)
    peer.silent = True
    for now in (0.0, BEAT_S):
        seats.attendance.look(seats.attendance.seats(), now)
    seats.attendance.gone(caller.connection)
    assert seats.count == 0
    assert seats.attendance.seat(caller.connection) is None


async def test_a_stream_that_takes_no_byte_for_a_beat_is_silent(hub: Hub) -> None:
    watcher = Watcher(hub)
    loop = asyncio.get_running_loop()
    assert not watcher.subscriber.is_silent(loop.time(), BEAT_S)
    watcher.outlet.silent = True
    assert watcher.subscriber.is_silent(loop.time(), BEAT_S)
    watcher.outlet.stall()
    assert not watcher.subscriber.is_silent(loop.time(), BEAT_S)
    assert watcher.subscriber.is_silent(loop.time() + BEAT_S, BEAT_S)


async def test_who_is_shown_out_is_gone_at_once(hub: Hub) -> None:
    watcher = Watcher(hub)
    guest = Watcher(hub, name="guest")
    hub.presence.join(ROOM, connection=guest.subscriber.caller.connection)
    hub.presence.join("shop/other", client=Client(somebody("guest"), "tab"))
    hub.presence.join(ROOM, subject="bot")
    hub.disconnect(lambda caller: caller.grant.subject == "guest", Unauthorized("revoked"))
    assert [m.subject for ms in hub.presence.members("**").values() for m in ms] == ["bot"]
    await watcher.outlet.until(lambda: bool(watcher.told))


@pytest.mark.parametrize("hub", [0.05], indirect=True)
async def test_the_ticker_gives_up_what_is_due(hub: Hub) -> None:
    watcher = Watcher(hub)
    guest = Watcher(hub, name="guest")
    hub.presence.join(ROOM, connection=guest.subscriber.caller.connection)
    await watcher.until(("joined", "guest"))
    guest.outlet.lose()
    await watcher.until(("joined", "guest"), ("left", "guest"))


async def test_the_ticker_looks_who_is_silent() -> None:
    async with Hub(options=HubOptions(heartbeat_s=0.2, presence_linger_s=3600.0)) as hub:
        watcher, guest = Watcher(hub), Watcher(hub, name="guest")
        hub.presence.join(ROOM, {"as": "before"}, connection=guest.subscriber.caller.connection)
        await watcher.until(("joined", "guest"))
        guest.outlet.silent = True
        await watcher.until(("joined", "guest"), ("left", "guest"))
        guest.outlet.silent = False
        await watcher.until(("joined", "guest"), ("left", "guest"), ("joined", "guest"))
        assert watcher.outlet.events[-1]["data"]["state"] == {"as": "before"}


# Bounds


async def test_a_connection_is_on_a_bounded_number_of_topics(hub: Hub) -> None:
    tab = Client(somebody(), "tab")
    for number in range(MAX_TOPICS):
        hub.presence.join(f"shop/{number}", client=tab)
    hub.presence.join("shop/0", {"again": True}, client=tab)
    with pytest.raises(BadRequest, match="on 16 topics"):
        hub.presence.join("shop/more", client=tab)
    hub.presence.leave("shop/0", client=tab)
    hub.presence.join("shop/more", client=tab)


async def test_a_subject_has_a_bounded_number_of_clients_that_poll(hub: Hub) -> None:
    for number in range(MAX_CLIENTS):
        hub.presence.join(ROOM, client=Client(somebody(), f"tab-{number}"))
    with pytest.raises(TooMany, match="1000 clients"):
        hub.presence.join(ROOM, client=Client(somebody(), "tab-more"))
    hub.presence.join(ROOM, client=Client(somebody("bob"), "tab-more"))
    hub.presence.leave(ROOM, client=Client(somebody(), "tab-0"))
    hub.presence.join(ROOM, client=Client(somebody(), "tab-more"))


async def test_nothing_is_kept_of_who_has_gone() -> None:
    seats = Seats()
    for _ in range(50):
        stream, poll = somebody(), somebody(transport="poll")
        seats.stream(stream)
        seats.client(somebody(), "tab")
        seats.attendance.polling(Client(poll, "tab"))
        seats.attendance.gone(poll.connection)
        seats.attendance.gone(stream.connection)
        seats.later(POLL_LINGER_S + 1)
    kept = [vars(seats.attendance)[name] for name in vars(seats.attendance)]
    assert not [each for each in kept if isinstance(each, dict) and each]
    assert seats.port.topics() == []


# Polls


async def test_every_answer_to_a_poll_has_the_list(hub: Hub) -> None:
    hub.presence.join(ROOM, subject="bot")
    await Watcher(hub).until(("joined", "bot"))
    answers: list[Answer] = []

    def ask(*patterns: str, presence: bool, timeout_s: float | None = None) -> None:
        hub.poll(
            answers.append,
            caller=somebody(transport="poll"),
            subscription=Subscription.of(patterns, presence=presence),
            timeout_s=timeout_s,
        )

    ask(ROOM, presence=True, timeout_s=0)
    ask(ROOM, presence=False, timeout_s=0)
    ask(ROOM, presence=True)
    await hub.publish(ROOM, 1)
    await settled(lambda: len(answers) == 3)
    bodies = [json.loads(answer.body) for answer in answers]
    assert [[e["data"] for e in body["events"]] for body in bodies] == [[], [], [1]]
    assert [body.get("presence", {}).get("counts") for body in bodies] == [{ROOM: 1}, None, {ROOM: 1}]
