"""What others do wrong harms a client as little as possible: bounds, half answers, strangers, secrets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any

import orjson
import pytest
from tests.clients.python.connected import Reach, active, numbers, take
from tests.clients.python.playing import Play
from tests.clients.waiting import until
from tests.harness.sockets import patience

from tricast.client import Client, Closed, Options, TransportName
from tricast.client.ends import Dropped
from tricast.client.link import Link, Open, Say
from tricast.client.members import Members
from tricast.client.message import parse
from tricast.client.problems import retry_after_s
from tricast.client.transports import sse
from tricast.client.transports.longpoll import answer_of
from tricast.errors import BadRequest, NotFound, TooLarge


async def test_a_strangers_refusal_is_waited_out_by_who_was_connected(
    reach: Reach, transport: TransportName
) -> None:
    """As while a server is replaced, and what stands before it says that there is nothing."""
    async with reach.client(transport) as client:
        subscription = await active(client.subscribe("demo/**"))
        before = reach.proxy.seen.total()
        reach.proxy.faults.status = 404
        reach.proxy.cut()
        await until(lambda: reach.proxy.seen.total() >= before + 3)
        assert client.state == "reconnecting"
        reach.proxy.faults.status = None
        await reach.here.publish("demo/a", 1)
        assert await numbers(subscription, 1) == [1]


async def test_who_never_was_connected_is_told_by_a_stranger_that_nothing_is_there(reach: Reach) -> None:
    reach.proxy.faults.status = 404
    async with reach.client() as client:
        with pytest.raises(NotFound, match="not tricast's own"):
            await take(client.subscribe("demo/**"), 1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", 0), ("7", 7), ("1.5", 1.5), ("-3", 0), ("inf", None), ("nan", None), ("soon", None), (None, None)],
)
def test_retry_after_is_a_number_of_seconds(value: str | None, expected: float | None) -> None:
    assert retry_after_s(value) == expected


def test_retry_after_may_be_a_date_which_may_have_passed_or_be_none() -> None:
    soon = retry_after_s(formatdate(time.time() + 1000, usegmt=True))
    assert soon is not None
    assert 0 < soon <= 1000
    assert retry_after_s("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert retry_after_s("Thu, 01 Jan 99999 00:00:00 GMT") is None


@pytest.mark.parametrize("said", [Dropped("", after_s=1e12), Dropped("", at_least_s=1e12)])
def test_nobody_stays_away_for_longer_than_an_hour(said: Dropped) -> None:
    play = Play()
    play.live()
    play.end(said)
    for _ in range(300):  # (a beat is 15 s, and the time of day is looked at each)
        if len(play.of(Open)) == 2:
            break
        play.wait(play.due_in_s())
    assert 3600 <= play.now - 1000 <= 3600 + 30


def test_a_delay_below_zero_is_none() -> None:
    play = Play()
    play.live()
    play.end(Dropped("", at_least_s=-50, is_ours=True))
    assert play.reconnected_after_s() == 1


@pytest.mark.parametrize("beat_s", [0, -1, None, "soon"])
def test_a_heartbeat_that_is_none_is_no_reason_to_hurry(beat_s: Any) -> None:
    play = Play()
    play.say("hello", "e-1", heartbeat_s=beat_s, connection="c")
    play.say("live", "e-1")
    assert play.due_in_s() == 15
    assert play.core.state == "live"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"type": "tricast.live", "source": "/tricast", "cursor": "abc"}',
        '{"type": "tricast.live", "source": "/tricast", "cursor": 7}',
        '{"id": "1", "type": "t", "source": "/s", "topic": "a/b", "cursor": "e-x"}',
        '{"id": "1", "type": "t", "source": "/s"}',
    ],
)
def test_what_is_no_message_is_the_end_of_a_connection_and_not_of_the_client(text: str) -> None:
    with pytest.raises(Dropped):
        parse(text)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"cursor": "e-1"},
        {"cursor": "e-1", "events": {}, "reset": None},
        {"cursor": "x", "events": [], "reset": None},
        {"cursor": "e-1", "events": [], "reset": {"reason": "trimmed"}},
        {"cursor": "e-1", "events": [], "reset": {"reason": "trimmed", "cursor": "?"}},
    ],
)
def test_half_an_answer_to_a_poll_is_none(answer: dict[str, Any]) -> None:
    with pytest.raises(Dropped):
        answer_of(orjson.dumps(answer))


def test_members_that_are_none_are_passed_over() -> None:
    members = Members()
    ann = {"subject": "ann", "state": None, "connections": 1, "since": "now"}
    assert members.listed([ann, None, {}, {"subject": 7}])
    assert [member.subject for member in members.all] == ["ann"]
    assert not members.told("presence.joined", None)
    assert members.told("presence.joined", {"subject": "bob", "state": "?", "connections": "?"})
    assert [(member.subject, member.state, member.connections) for member in members.all] == [
        ("bob", None, 1),
        ("ann", None, 1),
    ]


async def test_an_event_that_is_too_large_is_refused_and_the_connection_stays(reach: Reach) -> None:
    async with reach.client() as client:
        subscription = await active(client.subscribe("demo/**"))
        with pytest.raises(TooLarge):
            await client.publish("demo/a", "x" * (2 << 20))
        await client.publish("demo/a", {"n": 1, "pad": "x" * 100_000})
        assert await numbers(subscription, 1) == [1]
        assert client.counts.reconnects == 0


async def test_an_event_stream_without_end_of_an_event_is_given_up(
    reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MAX_MESSAGE_BYTES", 10_000)
    async with reach.client("sse") as client:
        subscription = await active(client.subscribe("demo/**"))
        await reach.here.publish("demo/a", 1, pad=50_000)
        await until(lambda: client.counts.reconnects > 0)
        monkeypatch.undo()
        assert await numbers(subscription, 1) == [1]


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that gives everybody the same JSON at once; what was asked for."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        asked.append(head.split(b" ")[1].decode())
        lines = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n"
        writer.write(f"{lines}connection: close\r\n\r\n".encode() + answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_polls_that_nobody_keeps_waiting_are_not_repeated_as_fast_as_one_can() -> None:
    """As where a cache answers. (A machine that is busy asks less often still.)"""
    async with answering(b'{"cursor": "e-1", "events": [], "reset": null}') as (url, asked):
        options = Options(transports=("poll",), trust_env=False)
        async with Client(url, options=options) as client:
            with client.subscribe("demo/**") as subscription:
                await active(subscription)
                await until(lambda: len(asked) >= 2)
                await asyncio.sleep(0.3)
                assert len(asked) <= 3


async def test_what_a_token_is_stands_in_no_log_and_no_repr(
    reach: Reach, caplog: pytest.LogCaptureFixture, transport: TransportName
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = ["first-secret", "second-secret"]
    for token in tokens:
        reach.admit(token)
    given = iter(tokens)
    async with reach.client(transport, token=lambda: next(given)) as client:
        subscription = await active(client.subscribe("demo/**"))
        client._core.token_given(next(given), 0.0)
        client._exchange.engine.step()
        await client.publish("demo/a", {"n": 1})
        assert await numbers(subscription, 1) == [1]
        shown = repr([client, *vars(client).values(), client._core.link])
    said = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    assert "secret" not in str(said)
    assert "secret" not in shown
    assert "secret" not in repr(
        [
            Open(1, "sse", (), "latest", "secret", presence=False, known=False),
            Link(1, "sse", "connect", frozenset(), False, "secret", 0.0, 0.0),
            Say(1, {"op": "auth", "token": "secret"}),
        ]
    )


async def test_closing_ends_publishing_that_is_tried_again(reach: Reach) -> None:
    reach.proxy.faults.status = 502
    async with reach.client(backoff_first_s=1000.0, backoff_most_s=1000.0) as client:
        publishing = asyncio.ensure_future(client.publish("demo/a", 1, deadline_s=5000))
        await until(lambda: reach.proxy.seen["http"] == 1)
        await client.close()
        async with patience():
            with pytest.raises(Closed):
                await publishing


async def test_closing_ends_publishing_that_waits_for_a_token(reach: Reach) -> None:
    never = asyncio.Event()
    asked = asyncio.Event()

    async def token() -> str:
        asked.set()
        await never.wait()
        return "never"

    async with reach.client(token=token) as client:
        publishing = asyncio.ensure_future(client.publish("demo/a", 1))
        async with patience():
            await asked.wait()
            await client.close()
            with pytest.raises(Closed):
                await publishing


async def test_closing_while_it_connects_leaves_nothing_behind(
    reach: Reach, transport: TransportName
) -> None:
    reach.proxy.faults.silent = True
    before = asyncio.all_tasks()
    async with reach.client(transport) as client:
        subscription = client.subscribe("demo/**")
        waiting = asyncio.ensure_future(subscription.next())
        await until(lambda: reach.proxy.seen.total() == 1)
    async with patience():
        assert await waiting is None
    reach.proxy.give_up()
    await until(lambda: asyncio.all_tasks() <= before)


async def test_a_close_that_is_cancelled_closes_all_the_same(reach: Reach) -> None:
    async with reach.client() as client:
        subscription = await active(client.subscribe("demo/**"))
        assert client._endpoint is not None
        closing = asyncio.ensure_future(client.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        assert client._endpoint.http.is_closed
        assert client.state == "closed"
        assert await subscription.next() is None


async def test_a_listener_that_nobody_would_await_or_call_is_refused(reach: Reach) -> None:
    async def listener(_: object) -> None:
        raise AssertionError

    async with reach.client() as client:
        with pytest.raises(BadRequest, match="async"):
            client.on("event", listener)
        with pytest.raises(BadRequest, match="kind"):
            client.on("stat", print)  # type: ignore[arg-type]


async def test_in_another_thread_it_says_what_to_use_and_goes_on(reach: Reach) -> None:
    async with reach.client() as client:
        with pytest.raises(BadRequest, match=r"tricast\.client\.sync"):
            await asyncio.to_thread(client.subscribe, "demo/a")
        await active(client.subscribe("demo/a"))


async def test_a_subscription_that_goes_after_its_loop_says_nothing(reach: Reach) -> None:
    def run() -> Any:
        async def follow() -> Any:
            async with Client(reach.proxy.url, options=Options(trust_env=False)) as client:
                return client.subscribe("demo/a")

        return asyncio.run(follow())

    subscription = await asyncio.to_thread(run)
    subscription.close()
