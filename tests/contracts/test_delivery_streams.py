"""What holds on one connection: its end, its commands, its rights, its refusals. On both paths.

The numbers in the docstrings are those of the rules of delivery.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.harness.clients import (
    LongPoll,
    Sse,
    TransportName,
    WebSocket,
    http,
    listen,
    offset_of,
    query_of,
    read_answer,
    read_chunk,
    request_bytes,
)
from tests.harness.server import ANYONE, Installation, Path_
from tests.harness.sockets import Connection, patience, settled

from tricast.errors import Forbidden, TooMany, Unauthorized, Unavailable
from tricast.hub.gate import Grant
from tricast.hub.hub import HubOptions

pytestmark = pytest.mark.anyio
STREAMS: tuple[TransportName, ...] = ("websocket", "sse")


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> TransportName:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def direct() -> AsyncIterator[Installation]:
    async with Installation("memory:", "direct") as installation:
        yield installation


async def lagging(here: Installation, topic: str = "demo/a") -> int:
    """Publish large events until some subscriber lags; how many it took."""
    count = 0
    async with patience():
        while not here.hub.stats.lagging:
            await here.publish(topic, count, pad=100_000)
            count += 1
            for _ in range(5):
                await asyncio.sleep(0)
    return count


# 3, 4, 6: the socket


async def test_a_slow_reader_is_replayed_and_not_disconnected(
    served: Installation, stream: TransportName
) -> None:
    """Rules 2, 3: it leaves the live set; what it missed comes from the log, once; others go on."""
    with (
        await listen(stream, served.port, ["demo/**"], receive_bytes=4096) as slow,
        await listen(stream, served.port, ["demo/**"]) as other,
    ):
        count = await lagging(served)
        await served.publish("demo/a", *range(count, count + 20), pad=100_000)
        assert await other.numbers(count + 20) == list(range(count + 20))
        assert served.hub.stats.lagging == 1
        assert await slow.numbers(count + 20) == list(range(count + 20))
        await served.publish("demo/a", -1)
        assert (await slow.numbers(1), await other.numbers(1)) == ([-1], [-1])


async def test_a_reader_that_never_reads_is_bounded_in_memory(
    direct: Installation, stream: TransportName
) -> None:
    """Rule 3: what the kernel takes for it is bounded by the socket's options; the outlet keeps no queue."""
    with await listen(stream, direct.port, ["demo/**"], receive_bytes=4096):
        (connection,) = direct.server.connections
        sock = connection._transport.get_extra_info("socket")
        assert 0 < sock.getsockopt(socket.IPPROTO_TCP, 25) <= 128 * 1024  # TCP_NOTSENT_LOWAT
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        await lagging(direct)
        before = connection.pending
        await direct.publish("demo/a", *range(100), pad=100_000)
        assert connection.pending <= before < 300_000


async def test_a_lagging_connection_is_aborted_after_its_time(path: Path_, stream: TransportName) -> None:
    """Rule 3: on both paths it is gone from the hub, and its client can come back with its cursor."""
    async with Installation("memory:", path, HubOptions(lag_limit_s=0.0)) as here:
        with await listen(stream, here.port, ["demo/**"], receive_bytes=4096) as slow:
            count = await lagging(here)
            await settled(lambda: not here.hub.callers)
            if path == "direct":
                await settled(lambda: not here.server.connections)
            await settled(lambda: not here.server.tasks)
            rest = [m for m in await slow.end() if not m.is_control]
            assert [m.data["n"] for m in rest] == list(range(len(rest)))
        with await listen("poll", here.port, ["demo/**"], slow.cursor) as again:
            left = count - len(rest)
            assert await again.numbers(left) == list(range(len(rest), count))


async def test_nothing_follows_the_last_chunk(direct: Installation, stream: TransportName) -> None:
    """Rule 4: detached before the goodbye; a write to a closing transport would still be sent."""
    with await listen(stream, direct.port, ["demo/**"], receive_bytes=4096) as listener:
        count = await lagging(direct)
        (connection,) = direct.server.connections
        direct.hub.disconnect(lambda _: True, Unavailable("that is it"))
        connection.write(b"AFTER THE END")
        await direct.publish("demo/a", -1)
        connection.finish(b"TWICE")
        rest = await listener.end()
        assert rest[-1].type == "tricast.goodbye"
        assert all(m.is_control or m.data["n"] < count for m in rest)
        assert not listener.connection.buffer
        if isinstance(listener, Sse):
            assert not listener.unread
        if isinstance(listener, WebSocket):
            assert listener.close_code == 4503


async def test_nothing_is_written_once_the_client_has_ended_its_side(direct: Installation) -> None:
    """Rule 4: the transport is closing then, with bytes still to be sent; more would follow them."""
    with await listen("sse", direct.port, ["demo/**"], receive_bytes=4096) as listener:
        await lagging(direct)
        (connection,) = direct.server.connections
        listener.connection.end_writing()
        await settled(lambda: connection._transport is None or connection._transport.is_closing())
        before = connection.pending
        connection.write(b"x" * 1000)
        assert connection.pending == before


async def test_an_event_stream_is_the_last_answer_of_its_connection(served: Installation) -> None:
    """Rule 4."""
    with await listen("sse", served.port, ["demo/**"]) as listener:
        assert isinstance(listener, Sse)
        if served.path == "direct":
            assert listener.head.headers["connection"] == "close"
        assert listener.head.headers["content-type"].startswith("text/event-stream")
        assert listener.head.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("is_cut", [False, True])
async def test_an_event_stream_is_chunked_and_only_a_whole_one_has_a_last_chunk(
    served: Installation, is_cut: bool
) -> None:
    """Who reads in blocks (Python's requests) gets an event when it comes, and knows an end from a cut."""
    with await listen("sse", served.port, ["demo/**"]) as listener:
        assert isinstance(listener, Sse)
        assert listener.head.headers["transfer-encoding"] == "chunked"
        await listener.until("tricast.live")
        await served.publish("demo/a", 1)
        async with patience():
            chunk = await read_chunk(listener.connection)
        assert (chunk.count(b"data: "), chunk[-2:]) == (1, b"\n\n")
        if is_cut:
            await served.stop()
        else:
            served.hub.disconnect(lambda _: True, Unavailable("bye"))
        async with patience():
            rest = await listener.connection.rest()
        assert rest.endswith(b"0\r\n\r\n") is not is_cut


@pytest.mark.parametrize("sent", [b"x", request_bytes("GET", "/v1/events?topic=demo/a&timeout=0")])
@pytest.mark.parametrize("together", [True, False])
async def test_any_byte_from_the_client_ends_an_event_stream(
    direct: Installation, sent: bytes, together: bool
) -> None:
    """Rule 6: a request pipelined behind a stream would leak it."""
    head = request_bytes("GET", "/v1/events?topic=demo/a", [("accept", "text/event-stream")])
    with await Connection.open(direct.port) as connection:
        if together and len(sent) > 1:
            await connection.send(head + sent)
        else:
            await connection.send(head)
            await connection.until(b"tricast.live")
            await connection.send(sent)
        async with patience():
            rest = await connection.rest()
        assert rest.count(b"HTTP/1.1") <= 1
        await settled(lambda: not direct.hub.callers and not direct.server.connections)


async def test_http_1_0_gets_a_stream_without_chunks(direct: Installation) -> None:
    """nginx speaks 1.0 upstream by default. (Where `send` is uvicorn's own it sends chunks all the same.)"""
    with await Sse.open(direct.port, ["demo/**"], version="1.0") as listener:
        assert "transfer-encoding" not in listener.head.headers
        await listener.until("tricast.live")
        await direct.publish("demo/a", 1)
        assert await listener.numbers(1) == [1]


# 5, 11: commands


async def test_replies_stand_in_order_with_the_events(served: Installation) -> None:
    """Rules 5, 11: the set changes at the position that the reply names; an event once."""
    with await WebSocket.open(served.port) as socket:
        await socket.until("tricast.live")
        reply = await socket.command("subscribe", topics=["demo/a"])
        assert reply.data["topics"] == ["demo/a"]
        await served.publish("demo/a", 1)
        await served.publish("demo/b", 2)
        reply = await socket.command("subscribe", topics=["demo/*", "demo/b"])
        assert offset_of(reply.cursor or "") == 2
        await served.publish("demo/b", 3)
        await served.publish("demo/a", 4)
        reply = await socket.command("unsubscribe", topics=["demo/a", "demo/*"])
        assert offset_of(reply.cursor or "") == 4
        assert [m.data["n"] for m in socket.seen if not m.is_control] == [1, 3, 4]
        await served.publish("demo/a", 5)
        await served.publish("demo/b", 6)
        assert await socket.numbers(1) == [6]


async def test_commands_race_with_events_and_the_reply_says_which_set_holds(served: Installation) -> None:
    """Rule 11: before the reply by the old set up to its cursor, after it by the new one from there."""
    with await WebSocket.open(served.port, ["demo/a"]) as socket:
        await socket.until("tricast.live")

        async def stream() -> None:
            for n in range(300):
                await served.publish("demo/a" if n % 3 else "demo/b", n)

        publishing = asyncio.ensure_future(stream())
        changes: list[int] = []
        for number in range(10):
            op = "unsubscribe" if number % 2 else "subscribe"
            reply = await socket.command(op, topics=["demo/b"])
            changes.append(offset_of(reply.cursor or ""))
        await publishing
        await served.publish("demo/a", 300)
        await socket.until(lambda m: not m.is_control and m.data["n"] == 300)

        def wanted(n: int) -> bool:
            held = sum(change <= n for change in changes) % 2 == 1  # (offset n + 1 comes after `change`)
            return n == 300 or bool(n % 3) or held

        numbers = [m.data["n"] for m in socket.seen if not m.is_control]
        assert numbers == [n for n in range(301) if wanted(n)]


async def test_only_the_first_subscription_takes_a_cursor(served: Installation) -> None:
    """Rule 11."""
    await served.publish("demo/a", 0, 1, 2)
    with await WebSocket.open(served.port) as socket:
        reply = await socket.command("subscribe", topics=["demo/a"], cursor=served.hub.bounds.cursor(1))
        assert offset_of(reply.cursor or "") == 1
        assert await socket.numbers(2) == [1, 2]
        refused = await socket.command("subscribe", topics=["demo/b"], cursor="earliest")
        assert refused.data["ok"] is False
        await served.publish("demo/b", 3)
        await served.publish("demo/a", 4)
        assert await socket.numbers(1) == [4]


async def test_a_reply_has_no_cursor_if_a_reset_follows_it(served: Installation) -> None:
    """Rules 5, 7: cut between the two, a client would come back from there and never see the reset."""
    await served.publish("demo/a", 0)
    with await WebSocket.open(served.port) as socket:
        reply = await socket.command("subscribe", topics=["demo/a"], cursor="zzzz-1")
        assert reply.data["ok"] is True
        assert reply.cursor is None
        reset = await socket.until("tricast.reset")
        assert (reset.cursor, reset.data["reason"]) == (served.hub.position, "unknown")


async def test_the_commands_of_one_who_lags_are_not_read(served: Installation) -> None:
    """Rule 5: or its replies would pile up in memory."""
    with await WebSocket.open(served.port, ["demo/a"], receive_bytes=4096) as socket:
        await socket.until("tricast.live")
        count = await lagging(served)
        head = served.hub.log.bounds().head
        await socket.say(json.dumps({"op": "publish", "topic": "demo/a", "data": {"n": -1}}))
        for _ in range(20):
            await http(served.port, "GET", query_of(["demo/b"], timeout=0))
        # (a message that the server was already waiting for may still be taken, not the next)
        await socket.say(json.dumps({"op": "publish", "topic": "demo/a", "data": {"n": -2}}))
        for _ in range(20):
            await http(served.port, "GET", query_of(["demo/b"], timeout=0))
        assert served.hub.log.bounds().head <= head + (served.path == "portable")
        assert await socket.numbers(count + 2) == [*range(count), -1, -2]


async def test_many_commands_at_once_do_not_fill_memory_with_replies(direct: Installation) -> None:
    """Rule 5: they came in before it lagged; they wait until it reads."""
    with await WebSocket.open(direct.port, ["demo/a"], receive_bytes=4096) as socket:
        await socket.until("tricast.live")
        (connection,) = direct.server.connections
        number = 8_000
        for ref in range(number):
            socket.protocol.send_text(json.dumps({"op": "ping", "ref": ref}).encode())
        sending = asyncio.ensure_future(socket._flush())
        await settled(lambda: direct.hub.stats.lagging == 1)
        highest = 0
        for _ in range(200):
            await asyncio.sleep(0)
            highest = max(highest, connection.pending)
        assert highest < 300_000
        for ref in range(number):
            assert (await socket.until("tricast.reply")).data["ref"] == ref
        await sending


# 21, 22: rights


def token(
    here: Installation, name: str = "t", *, subscribe: tuple[str, ...] = ("demo/**",), **more: Any
) -> str:
    here.server.tokens[name] = Grant("ann", subscribe, ("demo/**",), app="demo", **more)
    return name


async def test_a_refusal_names_the_first_pattern_that_no_grant_contains(
    served: Installation, transport: TransportName
) -> None:
    """Rule 21: no partial grants, no unions."""
    shown = token(served, subscribe=("demo/a", "demo/b", "demo/x/*"))
    for patterns, named in (
        (["demo/a", "demo/c"], "demo/c"),
        (["demo/*"], "demo/*"),
        (["demo/x/**"], "demo/x/**"),
        (["*/a"], "*/a"),
    ):
        if transport == "websocket":
            with await WebSocket.open(served.port, patterns, token=shown) as socket:
                (error,) = await socket.end()
                assert (error.type, socket.close_code) == ("tricast.error", 4403)
                assert repr(named) in error.data["detail"]
        else:
            query = query_of(patterns, token=shown, transport=transport)
            answer = await http(served.port, "GET", query)
            assert answer.status == 403
            assert repr(named) in answer.json()["detail"]
    assert not served.hub.callers


async def test_auth_on_a_live_connection_keeps_what_it_was(served: Installation) -> None:
    """Rule 22: same app, same subject, and it must contain the present patterns; else nothing changes."""
    first = token(served, "first", subscribe=("demo/a", "demo/b"), expires_at=time.time() + 3600)
    tokens = served.server.tokens
    tokens["other-subject"] = Grant("bob", ("demo/**",), app="demo")
    tokens["other-app"] = Grant("ann", ("demo/**",), app="shop")
    tokens["too-narrow"] = Grant("ann", ("demo/b",), app="demo")
    tokens["longer"] = Grant("ann", ("demo/a",), app="demo", expires_at=time.time() + 7200)
    with await WebSocket.open(served.port, ["demo/a"], token=first) as socket:
        hello = await socket.until("tricast.hello")
        assert 3590 < hello.data["expires_in_s"] <= 3600
        for name in ("other-subject", "other-app", "too-narrow"):
            reply = await socket.command("auth", token=name)
            assert reply.data["ok"] is False
            assert reply.data["error"]["status"] == 403
        assert (await socket.command("subscribe", topics=["demo/b"])).data["ok"] is True
        await socket.command("unsubscribe", topics=["demo/b"])
        reply = await socket.command("auth", token="longer")
        assert 7190 < reply.data["expires_in_s"] <= 7200
        assert (await socket.command("subscribe", topics=["demo/b"])).data["ok"] is False
        await served.publish("demo/a", 1)
        assert await socket.numbers(1) == [1]


async def test_a_renewed_grant_outlives_the_first(served: Installation) -> None:
    """Rule 22: the old deadline does not end it."""
    soon = token(served, "soon", expires_at=time.time() + 0.3)
    served.server.tokens["later"] = Grant("ann", ("demo/**",), app="demo", expires_at=time.time() + 3600)
    with (
        await WebSocket.open(served.port, ["demo/a"], token=soon) as renewed,
        await WebSocket.open(served.port, ["demo/a"], token=soon) as other,
    ):
        assert (await renewed.command("auth", token="later")).data["ok"] is True
        assert (await other.end())[-1].data["reason"] == "expired"
        await served.publish("demo/a", 1)
        assert await renewed.numbers(1) == [1]


async def test_a_connection_ends_with_its_grant(served: Installation, transport: TransportName) -> None:
    """Rule 22: 4401, a goodbye that says so, an empty answer with its cursor."""
    shown = token(served, expires_at=time.time() + 0.2)
    if transport == "poll":
        with await LongPoll.open(served.port, ["demo/a"], served.hub.position, token=shown) as poll:
            async with patience():
                answer = await poll.poll()
            assert answer.json() == {"cursor": served.hub.position, "events": [], "reset": None}
            return
    with await listen(transport, served.port, ["demo/a"], token=shown) as listener:
        rest = await listener.end()
        assert rest[-1].type == "tricast.goodbye"
        assert rest[-1].data["reason"] == "expired"
        if isinstance(listener, WebSocket):
            assert listener.close_code == 4401
    await settled(lambda: not served.hub.callers)


# 23, 24: refusals


async def test_a_temporary_refusal_of_a_stream_is_one_that_eventsource_survives(path: Path_) -> None:
    """Rule 23: 200, `retry:`, goodbye and the end; for others it is a status with Retry-After."""
    refusals: list[Exception] = []

    def admit(_: object) -> None:
        raise refusals[0]

    async with Installation("memory:", path, admit=admit) as here:
        for refusal, status, code in (
            (TooMany("slow down", retry_after_s=7), 429, 4529),
            (Unavailable("not now", retry_after_s=7), 503, 4503),
        ):
            refusals[:] = [refusal]
            with await Sse.open(here.port, ["demo/a"]) as listener:
                assert listener.head.status == 200
            answer = await http(
                here.port, "GET", query_of(["demo/a"]), headers=[("accept", "text/event-stream")]
            )
            assert answer.body.startswith(b"event: tricast.goodbye\nretry: 7000\ndata: ")
            assert answer.body.count(b"\n\n") == 1
            answer = await http(here.port, "GET", query_of(["demo/a"]))
            assert (answer.status, answer.headers["retry-after"]) == (status, "7")
            with await WebSocket.open(here.port, ["demo/a"]) as socket:
                assert [m.type for m in await socket.end()] == ["tricast.error"]
                assert socket.close_code == code


async def test_a_failure_of_ours_does_not_stop_an_eventsource_for_ever(path: Path_) -> None:
    """Rule 23: only 400, 401 and 403 are statuses of a stream."""

    def admit(_: object) -> None:
        raise RuntimeError("on purpose")

    async with Installation("memory:", path, admit=admit) as here:
        answer = await http(here.port, "GET", query_of(["demo/a"]), headers=[("accept", "text/event-stream")])
        assert answer.status == 200
        assert answer.body.startswith(b"event: tricast.goodbye\nretry: ")


async def test_lasting_refusals_are_statuses_and_close_codes(path: Path_) -> None:
    """Rules 23-24: 400, 401, 403; a WebSocket hears why before it is closed."""
    refusal: list[Exception] = []

    def gate(_: object) -> Grant:
        if refusal:
            raise refusal[0]
        return ANYONE

    async with Installation("memory:", path) as here:
        here.server.gate = gate
        for problem, query, status in (
            (Unauthorized("who are you?"), query_of(["demo/a"]), 401),
            (Forbidden("not you"), query_of(["demo/a"]), 403),
            (None, query_of([f"t/{n}" for n in range(129)]), 400),
            (None, query_of(["demo/a"], limit="x"), 400),
            (None, query_of(["demo//a"]), 400),
        ):
            refusal[:] = [problem] if problem else []
            for accept in ("text/event-stream", "*/*"):
                answer = await http(here.port, "GET", query, headers=[("accept", accept)])
                assert answer.status == status
            topics = [] if status == 400 else ["demo/a"]
            more = {"limit": "x"} if status == 400 else {}
            with await WebSocket.open(here.port, topics, **more) as socket:
                (error,) = await socket.end()
                assert (error.type, socket.close_code) == ("tricast.error", 4000 + status)
                assert error.data["status"] == status


async def test_a_message_beyond_our_limit_is_4413_and_not_the_librarys_1009(path: Path_) -> None:
    """Rule 24: its own limit lies above ours."""
    async with Installation("memory:", path, max_body_bytes=1024 * 1024) as here:
        with await WebSocket.open(here.port) as socket:
            await socket.until("tricast.live")
            await socket.say("x" * (1024 * 1024 + 1))
            rest = await socket.end()
            assert [m.type for m in rest] == ["tricast.error"]
            assert socket.close_code == 4413


async def test_a_message_that_is_no_command_is_4400(served: Installation) -> None:
    """Rule 24: while a command that is understood to be wrong is a reply."""
    with await WebSocket.open(served.port) as socket:
        assert (await socket.command("dance")).data["ok"] is False
        assert (await socket.command("subscribe", topics=["a//b"])).data["error"]["status"] == 400
        assert (await socket.command("ping")).data["ok"] is True
    for message in (b"{}", "{", "[]"):
        with await WebSocket.open(served.port) as socket:
            await socket.say(message)
            assert (await socket.end())[-1].type == "tricast.error"
            assert socket.close_code == 4400


# 8, 25, 26: what comes by itself


async def test_an_idle_client_is_told_its_position(path: Path_, stream: TransportName) -> None:
    """Rule 8: so that an idle client's cursor does not fall out of retention."""
    async with Installation("memory:", path, HubOptions(heartbeat_s=0.02)) as here:
        with await listen(stream, here.port, ["demo/**"]) as listener:
            await here.publish("other/x", 1, 2, 3)
            beat = await listener.until(
                lambda m: m.type == "tricast.heartbeat" and m.cursor == here.hub.position
            )
            if stream == "sse":
                assert beat.id == here.hub.position


async def test_a_websocket_that_owes_two_pongs_is_ended(path: Path_) -> None:
    """Rule 26: where pings are ours; elsewhere the server's own do this."""
    if path == "portable":
        return
    async with Installation("memory:", path, HubOptions(heartbeat_s=0.02)) as here:
        with (
            await WebSocket.open(here.port, ["demo/a"]) as dumb,
            await WebSocket.open(here.port, ["demo/a"]) as fit,
        ):
            dumb.pongs = False
            rest, _ = await asyncio.gather(dumb.end(), fit.until(lambda _: fit.pings > 4))
            assert dumb.pings == 2
            assert dumb.close_code is None
            assert all(m.is_control for m in rest)
            await here.publish("demo/a", 1)
            assert await fit.numbers(1) == [1]


async def test_draining_says_goodbye_to_streams_and_answers_polls(served: Installation) -> None:
    """Each stream with a time of its own to come back at, as `retry:` too; new ones are turned away.

    Not before a usual restart is over: behind a proxy that answers 502 meanwhile, EventSource would give up.
    """
    with (
        await listen("sse", served.port, ["demo/**"]) as sse,
        await listen("websocket", served.port, ["demo/**"]) as socket,
        await LongPoll.open(served.port, ["demo/**"]) as poll,
    ):
        await poll.send()
        await settled(lambda: served.hub.stats.poll == 1)
        await served.hub.drain(1.0)
        for listener in (sse, socket):
            goodbye = (await listener.end())[-1]
            assert goodbye.data["reason"] == "draining"
            assert goodbye.data["reconnect_after_ms"] >= 2000
        assert goodbye.retry is None
        assert sse.seen[-1].retry == sse.seen[-1].data["reconnect_after_ms"]
        assert socket.close_code == 4503
        assert (await poll.answer()).json()["events"] == []
    answer = await http(served.port, "GET", query_of(["demo/a"]), headers=[("accept", "text/event-stream")])
    assert (answer.status, b"retry: 2000\n" in answer.body) == (200, True)


async def test_requests_behind_a_waiting_poll_get_their_turn(served: Installation) -> None:
    """A pipelined request waits for the answer before it, and is answered after it."""
    with await Connection.open(served.port) as connection:
        await connection.send(3 * request_bytes("GET", f"/v1/events?{query_of(['demo/**'])}"))
        for n in range(3):
            await settled(lambda: served.hub.stats.poll >= 1)
            await served.publish("demo/a", n)
            async with patience():
                answer = await read_answer(connection)
            assert [e["data"]["n"] for e in answer.json()["events"]] == [n]


async def test_every_transport_is_gone_from_the_hub_with_its_client(
    served: Installation, transport: TransportName
) -> None:
    """However it goes: closed, reset."""
    for leave in (Connection.close, Connection.reset):
        listeners = [await listen(transport, served.port, ["demo/**"]) for _ in range(5)]
        if transport == "poll":
            for listener in listeners:
                assert isinstance(listener, LongPoll)
                await listener.send()
        await settled(lambda: len(served.hub.callers) == 5)
        for listener in listeners:
            leave(listener.connection)
        await settled(lambda: not served.hub.callers and not served.server.connections)
        assert served.hub.fanout.live == 0
