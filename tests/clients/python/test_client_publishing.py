"""Publishing by the Python client, against a real server."""

from __future__ import annotations

import asyncio

import pytest
from tests.clients.python.connected import Reach, active, numbers
from tests.clients.waiting import until
from tests.harness.sockets import patience

from tricast.client import Client, Options
from tricast.errors import BadRequest, Conflict, Forbidden, Unauthorized, Unavailable


async def test_publishing_needs_no_subscription(reach: Reach) -> None:
    async with reach.client() as client:
        receipt = await client.publish("demo/a", {"n": 1}, id="one")
        assert (receipt.id, receipt.duplicate) == ("one", False)
        again = await client.publish("demo/a", {"n": 1}, id="one")
        assert (again.cursor, again.duplicate) == (receipt.cursor, True)
        assert reach.proxy.seen == {"http": 2}


async def test_on_a_living_websocket_it_is_a_command(reach: Reach) -> None:
    async with reach.client() as client:
        subscription = await active(client.subscribe("demo/**"))
        await client.publish("demo/a", {"n": 1})
        assert await numbers(subscription, 1) == [1]
        assert reach.proxy.seen == {"websocket": 1}
        assert client.latency_ms is not None


async def test_an_answer_that_is_lost_makes_no_second_event(reach: Reach) -> None:
    """The request went through, the answer didn't: the same again is answered as a duplicate."""
    async with reach.client() as client:
        reach.proxy.faults.truncate_bytes = 0
        publishing = asyncio.ensure_future(client.publish("demo/a", {"n": 1}))
        await until(lambda: reach.proxy.seen["http"] >= 2)
        reach.proxy.faults.truncate_bytes = None
        async with patience():
            receipt = await publishing
        assert receipt.duplicate
        assert reach.here.hub.stats.head == 1


async def test_a_connection_that_is_cut_at_the_command_makes_no_second_event(reach: Reach) -> None:
    async with reach.client() as client:
        subscription = await active(client.subscribe("demo/**"))
        for number in range(50):
            publishing = asyncio.ensure_future(client.publish("demo/a", {"n": number}))
            await asyncio.sleep(0)
            reach.proxy.cut()
            async with patience():
                await publishing
        assert await numbers(subscription, 50) == list(range(50))
        assert reach.here.hub.stats.head == 50


async def test_it_is_tried_until_the_server_is_back(reach: Reach) -> None:
    async with reach.client() as client:
        await reach.here.stop()
        publishing = asyncio.ensure_future(client.publish("demo/a", {"n": 1}))
        await until(lambda: reach.proxy.seen["http"] >= 3)
        await reach.here.start()
        reach.proxy.upstream = reach.here.port
        async with patience():
            await publishing


async def test_after_the_deadline_it_says_so(reach: Reach) -> None:
    reach.proxy.faults.status = 502
    async with reach.client() as client:
        with pytest.raises(Unavailable, match=r"'one' .* is safe.* within 0\.1 s .*502"):
            await client.publish("demo/a", 1, id="one", deadline_s=0.1)


async def test_a_server_that_says_nothing_is_given_up(reach: Reach) -> None:
    reach.proxy.faults.silent = True
    async with reach.client(publish_timeout_s=0.05) as client:
        with pytest.raises(Unavailable, match="no answer within"):
            await client.publish("demo/a", 1, deadline_s=0.1)


async def test_refusals_are_errors_and_nothing_is_tried_again(reach: Reach) -> None:
    token = reach.admit("ann")
    async with reach.client(token=token) as client:
        with pytest.raises(Forbidden, match="secret"):
            await client.publish("secret/a", 1)
        with pytest.raises(Forbidden) as caught:
            await client.publish("demo/a", 1, type="tricast.hello")
        assert caught.value.field == "type"
        await client.publish("demo/a", 1, id="one")
        with pytest.raises(Conflict):
            await client.publish("demo/a", 2, id="one")
        assert reach.proxy.seen == {"http": 4}


async def test_refusals_of_a_command_are_the_same_errors(reach: Reach) -> None:
    async with reach.client(token=reach.admit("ann")) as client:
        subscription = await active(client.subscribe("demo/**"))
        with pytest.raises(Forbidden, match="secret"):
            await client.publish("secret/a", 1)
        await client.publish("demo/a", {"n": 1})
        assert await numbers(subscription, 1) == [1]


@pytest.mark.parametrize(
    ("topic", "data", "field"), [("demo/*", 1, "topic"), ("", 1, "topic"), ("demo/a", object(), "data")]
)
async def test_what_can_not_be_published_is_refused_here(
    reach: Reach, topic: str, data: object, field: str
) -> None:
    async with reach.client() as client:
        with pytest.raises(BadRequest) as caught:
            await client.publish(topic, data)
        assert caught.value.field == field
        assert reach.proxy.seen.total() == 0


async def test_a_token_is_asked_for_and_asked_for_once_more_where_it_is_refused(reach: Reach) -> None:
    asked = []

    async def token() -> str:
        asked.append(1)
        return ("stale", "ann")[len(asked) - 1]

    def gate(request: object) -> object:
        header = dict(request.scope["headers"]).get(b"authorization", b"")  # type: ignore[attr-defined]
        if header != b"Bearer ann":
            raise Unauthorized("no longer good", field="token")
        return reach.here.server.tokens["ann"]

    reach.admit("ann")
    reach.here.server.gate = gate  # type: ignore[assignment]
    async with reach.client(token=token) as client:
        await client.publish("demo/a", 1)
        await client.publish("demo/a", 2)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("url", "options", "field"),
    [
        ("ftp://host", {}, "url"),
        ("http://", {}, "url"),
        ("http://user:password@host", {}, "url"),
        ("http://host", {"transports": ()}, "transports"),
        ("http://host", {"transports": ("carrier-pigeon",)}, "transports"),
        ("http://host", {"buffer": 0}, "buffer"),
        ("http://host", {"overflow": "panic"}, "overflow"),
        ("http://host", {"poll_timeout_s": 61}, "poll_timeout_s"),
        ("http://host", {"renew_at": 1.0}, "renew_at"),
        ("http://host", {"hello_timeout_s": -1}, "hello_timeout_s"),
    ],
)
def test_what_can_not_be_right_is_said_before_anything_is_tried(
    url: str, options: dict[str, object], field: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        Client(url, options=Options(**options))  # type: ignore[arg-type]
    assert caught.value.field == field
    assert "password" not in str(caught.value)


def test_a_token_or_cursor_that_is_none_is_said_before_anything_is_tried() -> None:
    with pytest.raises(Unauthorized):
        Client("http://host", token="ab\ncd")
    with pytest.raises(BadRequest) as caught:
        Client("http://host", cursor="yesterday")
    assert caught.value.field == "cursor"
