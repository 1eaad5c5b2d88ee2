"""Delivery, one contract: {websocket, sse, poll} x {direct, portable} x {memory, sqlite}.

The numbers in the docstrings are those of the rules of delivery.
"""

from __future__ import annotations

import asyncio

import pytest
from tests.harness.clients import (
    TRANSPORTS,
    LongPoll,
    TransportName,
    WebSocket,
    http,
    listen,
    offset_of,
    publish,
    query_of,
)
from tests.harness.server import Installation
from tests.harness.sockets import Connection, patience

from tricast.event import Draft, Event, draft, rfc3339
from tricast.log.base import Retention, RetentionClass

pytestmark = pytest.mark.anyio


async def test_what_is_published_arrives_as_one_envelope(
    here: Installation, transport: TransportName
) -> None:
    with await listen(transport, here.port, ["demo/*"]) as listener:
        answer = await publish(
            here.port, {"topic": "demo/a", "type": "made", "subject": "s", "data": {"n": 1}}
        )
        assert answer.status == 201
        (event,) = await listener.take(1)
    assert event.envelope.pop("time").endswith("Z")
    assert event.envelope == {
        "specversion": "1.0",
        "id": answer.json()["events"][0]["id"],
        "source": "/demo/anyone",
        "type": "made",
        "topic": "demo/a",
        "subject": "s",
        "cursor": answer.json()["cursor"],
        "datacontenttype": "application/json",
        "data": {"n": 1},
    }


async def test_events_come_in_order_once_however_many_patterns_match(
    here: Installation, transport: TransportName
) -> None:
    """Rule 11: one subscriber, an event once."""
    with await listen(transport, here.port, ["demo/a", "demo/*", "demo/**", "*/a"]) as listener:
        for n in range(30):
            await here.publish("demo/a", n)
            await here.publish("other/b", -1)
        assert await listener.numbers(30) == list(range(30))


async def test_a_cursor_got_on_one_transport_is_good_on_the_others(
    here: Installation, transport: TransportName
) -> None:
    with await listen(transport, here.port, ["demo/**"]) as first:
        await here.publish("demo/a", *range(5))
        assert await first.numbers(3) == [0, 1, 2]
        cursor = first.seen[-1].cursor
    for other in TRANSPORTS:
        with await listen(other, here.port, ["demo/**"], cursor) as second:
            assert await second.numbers(2) == [3, 4]


STREAMS: tuple[TransportName, ...] = ("websocket", "sse")


@pytest.mark.parametrize("stream", STREAMS)
async def test_hello_has_a_cursor_only_if_nothing_is_owed(here: Installation, stream: TransportName) -> None:
    """Rules 7, 9: cut between hello and what is owed, a browser would come back too far on."""
    old = here.hub.position
    await here.publish("demo/a", 1)
    now = here.hub.position
    for cursor, has, recovered in (
        (None, now, False),
        ("latest", now, False),
        (now, now, True),
        (old, None, True),
        ("earliest", None, False),
        ("10m", None, False),
        ("zzzz-1", None, False),
    ):
        with await listen(stream, here.port, ["demo/**"], cursor) as listener:
            hello = listener.seen[0]
            assert hello.cursor == has, cursor
            assert hello.data.get("cursor") == has
            assert hello.data["recovered"] is recovered, cursor
            assert hello.data["expires_in_s"] is None
            live = await listener.until("tricast.live")
            assert live.cursor == now
            assert [m.type for m in listener.seen[1:-1]] == (
                ["tricast.reset"] if cursor == "zzzz-1" else [] if has else ["message"]
            )


async def test_a_cursor_that_can_not_be_served_is_reset_with_the_reason(
    here: Installation, transport: TransportName
) -> None:
    """Rules 7, 14, 16: in-band, with the cursor to go on from, and never a partial replay."""
    await here.publish("demo/a", 0, 1)
    for reason in ("unknown", "ahead"):
        now = here.hub.position
        epoch, _, offset = now.partition("-")
        cursor = "zzzz-1" if reason == "unknown" else f"{epoch}-{int(offset) + 1}"
        with await listen(transport, here.port, ["demo/**"], cursor) as listener:
            reset = await listener.until("tricast.reset")
            assert reset.data["reason"] == reason
            assert reset.cursor == reset.data["cursor"] == now
            assert offset_of(reset.data["oldest"]) == 0
            await here.publish("demo/a", 7)
            assert await listener.numbers(1) == [7]


async def test_anything_in_last_event_id_is_reset_and_never_refused(
    here: Installation, transport: TransportName
) -> None:
    """Rule 16: a browser can't change it; and it wins over `cursor=`."""
    await here.publish("demo/a", 1)
    for text in ("nonsense", "a-01", "-5", "k3v9q2-999999999999999999999", "latest"):
        given = [("last-event-id", text)]
        with await listen(transport, here.port, ["demo/**"], "earliest", headers=given) as listener:
            assert (await listener.until("tricast.reset")).data["reason"] == "unknown", text
    given = [("last-event-id", here.hub.bounds.cursor(0))]
    with await listen(transport, here.port, ["demo/**"], "zzzz-1", headers=given) as listener:
        assert await listener.numbers(1) == [1]


async def test_a_cursor_that_is_none_is_refused(here: Installation) -> None:
    """Rule 16: in `cursor=` it is 400, or 4400 where a status can't be read."""
    for text in ("nonsense", "a-01", "-5", "5", "A-5", "2026-01-01T00:00:00", "10y"):
        query = query_of(["demo/**"], text)
        for accept in ("text/event-stream", "*/*"):
            answer = await http(here.port, "GET", query, headers=[("accept", accept)])
            assert answer.status == 400
            assert answer.json()["type"] == "/problems/bad-cursor" or answer.json()["field"] == "cursor"
        with await WebSocket.open(here.port, ["demo/**"], text) as listener:
            rest = await listener.end()
            assert [m.type for m in rest] == ["tricast.error"]
            assert listener.close_code == 4400


async def test_times_and_durations_begin_by_append_time(here: Installation, transport: TransportName) -> None:
    """Rule 13: resolved at connect, from the append time; no reset if they reach back too far."""
    await here.publish("demo/a", *range(5))
    seen = await _first(here, 5)
    middle = seen[2].time_ms
    expected = [event.data["n"] for event in seen if event.time_ms >= middle]
    for cursor, numbers in (
        (rfc3339(middle), expected),
        ("1h", list(range(5))),
        ("2020-01-01T00:00:00Z", list(range(5))),
    ):
        with await listen(transport, here.port, ["demo/**"], cursor) as listener:
            assert await listener.numbers(len(numbers)) == numbers
            assert not [m for m in listener.seen if m.type == "tricast.reset"]


async def _first(here: Installation, count: int) -> list[Event]:
    found: list[Event] = []
    async for event in here.hub.subscribe("**", cursor="earliest"):
        found.append(event)
        if len(found) == count:
            break
    return found


async def test_trimming_is_judged_by_the_classes_that_the_patterns_reach(
    here: Installation, transport: TransportName
) -> None:
    """Rule 15: a mark per class; what goes from one app resets nobody who listens to another."""
    await here.publish("demo/first", -1)  # (so that the log still has its oldest event)
    old = here.hub.position
    await here.publish("shop/a", *range(10))
    await here.publish("demo/a", *range(10))
    await here.hub.log.trim(RetentionClass("events", "shop"), Retention(events=3))
    await _forget(here)
    for patterns in (["shop/**"], ["shop/a", "demo/a"], ["**"], ["*/a"]):
        with await listen(transport, here.port, patterns, old) as listener:
            reset = await listener.until("tricast.reset")
            assert reset.data["reason"] == "trimmed"
            assert listener.seen[0].data.get("recovered") in (False, None)
    with await listen(transport, here.port, ["demo/**"], old) as listener:
        assert await listener.numbers(10) == list(range(10))
    for start in ("earliest", "1h", here.hub.bounds.cursor(8)):
        with await listen(transport, here.port, ["shop/**"], start) as listener:
            assert await listener.numbers(3) == [7, 8, 9], start
            assert not [m for m in listener.seen if m.type == "tricast.reset"]


async def _forget(here: Installation) -> None:
    """Have memory hold nothing but the very last event."""
    here.hub.fanout.history._recent_bytes = 0
    await here.publish("elsewhere/a", 0, 1)


async def test_what_is_trimmed_during_a_replay_is_a_reset_and_not_a_gap(
    here: Installation, transport: TransportName
) -> None:
    """Rule 15: each read checks, not only the first."""
    await here.hub.append(_many(0, 1000))
    await here.hub.append(_many(1000, 1000))
    await _forget(here)
    with await listen(transport, here.port, ["demo/**"], "earliest", receive_bytes=4096) as listener:
        assert await listener.numbers(10) == list(range(10))
        gone = 0
        while step := await here.hub.log.trim(RetentionClass("events", "demo"), Retention(events=10)):
            gone += step
        assert gone == 1990
        numbers = list(range(10))
        while numbers[-1] < 1999:
            message = await listener.until(lambda m: not m.is_control or m.type == "tricast.reset")
            if message.type == "tricast.reset":
                assert message.data["reason"] == "trimmed"
                break
            numbers.append(message.data["n"])
        assert numbers == list(range(len(numbers)))
        await here.publish("demo/a", 5000)
        assert (await listener.numbers(1)) == [5000]


def _many(start: int, count: int) -> list[Draft]:
    return [draft("demo/a", {"n": start + n, "pad": "x" * 2000}, source="/s") for n in range(count)]


async def test_cursors_survive_a_restart_and_rise_over_the_epochs(
    here: Installation, transport: TransportName
) -> None:
    """Rules 12, 14: good up to where the next epoch began, whatever was appended since."""
    with await listen(transport, here.port, ["demo/**"]) as listener:
        await here.publish("demo/a", 0, 1, 2)
        assert await listener.numbers(2) == [0, 1]
    cursors = [listener.cursor]
    assert cursors[0] is not None
    for n in range(3, 6):
        await here.restart()
        await here.publish("demo/a", n)
        for cursor in cursors:
            with await listen(transport, here.port, ["demo/**"], cursor) as listener:
                expected = list(range(offset_of(cursor or ""), n + 1))
                assert await listener.numbers(len(expected)) == expected
                assert not [m for m in listener.seen if m.type == "tricast.reset"]
        cursors.append(listener.cursor)
    assert len({(cursor or "").partition("-")[0] for cursor in cursors}) == 4
    assert [offset_of(cursor or "") for cursor in cursors] == [2, 4, 5, 6]


async def test_a_cursor_beyond_where_its_epoch_ended_is_reset(
    here: Installation, transport: TransportName
) -> None:
    """Rule 14: its tail was lost; what stands at that offset now is something else."""
    await here.publish("demo/a", 0, 1)
    lost = here.hub.position.replace("-2", "-3")
    await here.restart()
    await here.publish("demo/a", 2, 3)
    with await listen(transport, here.port, ["demo/**"], lost) as listener:
        assert (await listener.until("tricast.reset")).data["reason"] == "epoch"
        await here.publish("demo/a", 4)
        assert await listener.numbers(1) == [4]


async def test_ephemeral_events_go_to_who_is_live_and_have_no_cursor(
    here: Installation, transport: TransportName
) -> None:
    """Rule 25: no offset, no replay; the position doesn't move."""
    if transport == "poll":
        with await listen("poll", here.port, ["demo/**"]) as listener:
            await here.hub.publish("demo/a", {"n": 9}, ephemeral=True)
            await here.publish("demo/a", 1)
            assert await listener.numbers(1) == [1]
        return
    with await listen(transport, here.port, ["demo/**"]) as listener:
        await listener.until("tricast.live")
        cursor = listener.cursor
        await here.hub.publish("demo/a", {"n": 9}, ephemeral=True)
        (event,) = await listener.take(1)
        assert (event.data["n"], event.cursor, listener.cursor) == (9, None, cursor)
        assert "cursor" not in event.envelope
    with await listen(transport, here.port, ["demo/**"], cursor) as listener:
        await here.publish("demo/a", 1)
        assert await listener.numbers(1) == [1]


async def test_repeating_a_publish_gives_its_first_cursor_and_no_second_event(here: Installation) -> None:
    """Rule 18: on every way in; other content under the same id is 409; in a batch each says so itself."""
    first = {"topic": "demo/a", "id": "once", "data": {"n": 1}}
    with await listen("sse", here.port, ["demo/**"]) as listener:
        one = await publish(here.port, first)
        again = await publish(here.port, first)
        assert (one.status, again.status) == (201, 201)
        assert again.json()["cursor"] == one.json()["cursor"]
        assert again.json()["events"][0]["duplicate"] is True
        other = await publish(here.port, first | {"data": {"n": 2}})
        assert other.status == 409
        elsewhere = await publish(here.port, first | {"source": "/elsewhere", "data": {"n": 2}})
        assert elsewhere.status == 201
        batch = await publish(here.port, [{"topic": "demo/a", "data": {"n": 3}}, first])
        assert [e.get("duplicate", False) for e in batch.json()["events"]] == [False, True]
        assert batch.json()["events"][1]["cursor"] == one.json()["cursor"]
        for _ in range(2):
            keyed = await publish(here.port, {"topic": "demo/a", "data": {"n": 4}}, idempotency_key="k")
            assert keyed.status == 201
        with await WebSocket.open(here.port, ["none/x"]) as socket:
            reply = await socket.command("publish", **first)
            assert reply.data["events"][0]["duplicate"] is True
        await here.publish("demo/a", 5)
        assert await listener.numbers(5) == [1, 2, 3, 4, 5]
    await here.restart()
    assert (await publish(here.port, first)).json()["events"][0]["duplicate"] is True


async def test_an_atomic_batch_is_all_or_nothing(here: Installation) -> None:
    """Rule 17: each append fails alone, and as a whole; its neighbours in the commit are not touched."""
    await publish(here.port, {"topic": "demo/a", "id": "taken", "data": {"n": 0}})
    good = [publish(here.port, {"topic": "demo/a", "data": {"n": n}}) for n in range(1, 11)]
    bad = publish(
        here.port,
        [{"topic": "demo/a", "data": {"n": 98}}, {"topic": "demo/a", "id": "taken", "data": {"n": 99}}],
    )
    *answers, refused = await asyncio.gather(*good, bad)
    assert refused.status == 409
    assert {answer.status for answer in answers} == {201}
    await here.publish("demo/a", 500)
    with await listen("poll", here.port, ["demo/**"], "earliest") as listener:
        assert sorted(await listener.numbers(12)) == [*range(11), 500]
    offsets = sorted(offset_of(answer.json()["cursor"]) for answer in answers)
    assert offsets == list(range(2, 12))


async def test_acknowledged_means_that_every_read_has_it(here: Installation) -> None:
    """Rule 17: a publisher reads its own write at once, from the cursor before it."""
    with await LongPoll.open(here.port, ["demo/a"]) as reader:
        for n in range(20):
            await publish(here.port, {"topic": "demo/a", "data": {"n": n}})
            reader.target = f"/v1/events?{query_of(['demo/a'], reader.cursor, timeout=0)}"
            assert await reader.poll()
            assert (await reader.next()).data["n"] == n


async def test_a_poll_answers_history_at_once_and_links_to_the_next(here: Installation) -> None:
    """Rule 10: `timeout=0` is history; limit; the headers that a browser may read."""
    await here.publish("demo/a", *range(5))
    answer = await http(
        here.port,
        "GET",
        query_of(["demo/**"], "earliest", limit=2, timeout=0),
        headers=[("origin", "http://localhost")],
    )
    assert [e["data"]["n"] for e in answer.json()["events"]] == [0, 1]
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {"tricast-cursor", "link", "retry-after"} <= set(exposed)
    assert answer.headers["cache-control"] == "no-store"
    assert offset_of(answer.headers["tricast-cursor"]) == 2
    empty = await http(here.port, "GET", query_of(["demo/other"], "earliest", timeout=0))
    assert empty.json() == {"cursor": here.hub.position, "events": [], "reset": None}


async def test_bodies_of_every_kind_become_what_they_are(here: Installation) -> None:
    """Rule 19."""
    cases = [
        (b'{"a":1}', "application/json", {"data": {"a": 1}, "datacontenttype": "application/json"}),
        (b"[1]", "application/vnd.x+json", {"data": [1], "datacontenttype": "application/vnd.x+json"}),
        (
            "héllo".encode(),
            "application/x-www-form-urlencoded",
            {"data": "héllo", "datacontenttype": "text/plain"},
        ),
        (b"\xff\x00", "", {"data_base64": "/wA=", "datacontenttype": "application/octet-stream"}),
    ]
    with await listen("sse", here.port, ["demo/**"]) as listener:
        for body, kind, expected in cases:
            given = [("content-type", kind)] if kind else []
            answer = await http(here.port, "POST", "topic=demo/a", headers=given, body=body)
            assert answer.status == 201, answer
            (event,) = await listener.take(1)
            assert expected.items() <= event.envelope.items()
        sent = {"topic": "demo/a", "cursor": "forged-99", "traceid": "t1", "level": 3, "data": {"n": 1}}
        assert (await publish(here.port, sent)).status == 201
        (event,) = await listener.take(1)
        assert event.envelope["cursor"] == here.hub.position
        assert (event.envelope["traceid"], event.envelope["level"]) == ("t1", 3)
    for unknown in ({"Trace": "x"}, {"trace_id": "x"}, {"nested": {"a": 1}}, {"pi": 3.5}):
        answer = await publish(here.port, {"topic": "demo/a", "data": 1, **unknown})
        assert answer.status == 400, unknown


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_behind_an_upgrade_offer_is_stored_as_sent_or_refused(
    here: Installation, chunked: bool
) -> None:
    """Rule 28. (uvicorn itself loses it: then it must not be acknowledged.)"""
    body = b"5\r\nhello\r\n0\r\n\r\n" if chunked else b"hello"
    framing = b"transfer-encoding: chunked" if chunked else b"content-length: 5"
    async with patience():
        with await Connection.open(here.port) as connection:
            await connection.send(
                b"POST /v1/events?topic=demo/a HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\n"
                b"upgrade: h2c\r\n" + framing + b"\r\n\r\n" + body
            )
            head = await connection.until(b"\r\n\r\n")
    read = await http(here.port, "GET", query_of(["demo/**"], "earliest", timeout=0))
    stored = [event["data"] for event in read.json()["events"]]
    if here.path == "direct":
        assert (head[9:12], stored) == (b"201", ["hello"])
    else:
        assert (head[9:12], stored) == (b"400", [])


async def test_what_is_the_servers_own_is_not_published_from_outside(here: Installation) -> None:
    """Rule 20: types, flags' topics and the app `tricast`; a wildcard in front never reaches that."""
    for event in (
        {"topic": "demo/a", "type": "tricast.hello"},
        {"topic": "demo/a", "type": "presence.join"},
        {"topic": "demo/flags/production"},
        {"topic": "demo/flags"},
        {"topic": "tricast/audit"},
        {"topic": "tricast"},
    ):
        assert (await publish(here.port, event)).status == 403, event
        assert (await publish(here.port, [{"topic": "demo/ok"}, event])).status == 403, event
        with await WebSocket.open(here.port) as socket:
            assert (await socket.command("publish", **event)).data["ok"] is False
        given = [(f"ce-{name}", value) for name, value in event.items()]
        binary = [*given, ("ce-id", "1"), ("ce-source", "/s"), ("ce-specversion", "1.0")]
        assert (await http(here.port, "POST", headers=binary, body=b"x")).status == 403, event
    assert here.hub.bounds.head == 0
    for transport in TRANSPORTS:
        before = here.hub.position
        await here.hub.append([draft("tricast/audit", {"n": 0}, source="/tricast", shelf="audit")])
        await here.publish("demo/flags/production", 1)
        for patterns in (["**"], ["*/**"], ["*/audit", "demo/**"]):
            with await listen(transport, here.port, patterns, before) as listener:
                await here.hub.append([draft("tricast/audit", {"n": 2}, source="/tricast", shelf="audit")])
                await here.publish("demo/a", 3)
                assert [m.envelope["topic"] for m in await listener.take(2)] == [
                    "demo/flags/production",
                    "demo/a",
                ]
            await here.hub.append([draft("demo/none", 0, source="/s")])
            before = here.hub.position
            await here.publish("demo/flags/production", 1)
