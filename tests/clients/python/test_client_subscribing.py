"""Subscriptions of the Python client, against a real server."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from tests.clients.python.connected import ANN, Reach, active, numbers, take
from tests.clients.waiting import until
from tests.harness.sockets import patience

from tricast.client import BufferFull, Closed, Event, TransportName
from tricast.errors import BadRequest, Forbidden, TricastError, Unauthorized
from tricast.hub.gate import Grant


async def test_events_come_as_they_were_published(reach: Reach, transport: TransportName) -> None:
    async with reach.client(transport) as client:
        subscription = await active(client.subscribe("demo/**"))
        receipt = await client.publish("demo/a", {"n": 1}, type="order.paid", subject="order-17", id="one")
        [event] = await take(subscription, 1)
        assert (event.topic, event.type, event.subject, event.id) == (
            "demo/a",
            "order.paid",
            "order-17",
            "one",
        )
        assert (event.data, event.cursor) == ({"n": 1}, receipt.cursor)
        assert event.envelope["specversion"] == "1.0"
        assert client.transport == transport


async def test_bytes_come_as_bytes(reach: Reach, transport: TransportName) -> None:
    async with reach.client(transport) as client:
        subscription = await active(client.subscribe("demo/**"))
        await client.publish("demo/a", b"\xff\x00")
        [event] = await take(subscription, 1)
        assert event.data == b"\xff\x00"


async def test_it_begins_at_the_cursor_that_it_is_given(reach: Reach, transport: TransportName) -> None:
    await reach.here.publish("demo/a", 0, 1, 2)
    async with reach.client(transport, cursor="earliest") as client:
        subscription = client.subscribe("demo/**")
        assert await numbers(subscription, 2) == [0, 1]
        cursor = client.cursor
        assert cursor is not None
    async with reach.client(transport, cursor=cursor) as client:
        await reach.here.publish("demo/a", 3)
        assert (await numbers(client.subscribe("demo/a"), 1)) in ([2], [3])


async def test_a_thousand_and_more_events_that_wait_are_replayed(
    reach: Reach, transport: TransportName
) -> None:
    await reach.here.publish("demo/a", *range(2500))
    async with reach.client(transport, cursor="earliest") as client:
        assert await numbers(client.subscribe("demo/**"), 2500) == list(range(2500))


async def test_several_subscriptions_share_one_connection_and_get_their_own(
    reach: Reach, transport: TransportName
) -> None:
    async with reach.client(transport) as client:
        first, second = client.subscribe("demo/a"), client.subscribe("demo/b", "demo/a")
        await active(first)
        await active(second)
        await reach.here.publish("demo/a", 1)
        await reach.here.publish("demo/b", 2)
        assert await numbers(first, 1) == [1]
        assert await numbers(second, 2) == [1, 2]
        assert reach.here.hub.stats.websocket + reach.here.hub.stats.sse <= 1


async def test_a_topic_that_is_added_later_misses_nothing(reach: Reach, transport: TransportName) -> None:
    async with reach.client(transport) as client:
        first = await active(client.subscribe("demo/a"))
        for number in range(10):
            later = await active(client.subscribe(f"demo/later-{number}"))
            await reach.here.publish(f"demo/later-{number}", number)
            await reach.here.publish("demo/a", number)
            assert await numbers(later, 1) == [number]
        assert await numbers(first, 10) == list(range(10))


async def test_events_survive_cuts_at_any_time(reach: Reach, transport: TransportName) -> None:
    async with reach.client(transport) as client:
        subscription = await active(client.subscribe("demo/**"))
        for number in range(300):
            await reach.here.publish("demo/a", number)
            if number % 10 == 9:
                reach.proxy.cut()
        assert await numbers(subscription, 300) == list(range(300))


async def test_answers_that_are_cut_short_lose_nothing(reach: Reach, transport: TransportName) -> None:
    await reach.here.publish("demo/a", *range(500), pad=200)
    reach.proxy.faults.truncate_bytes = 20_000
    async with reach.client(transport, cursor="earliest", failures_before_next=100) as client:
        subscription = client.subscribe("demo/**")
        if transport == "poll":  # (what is cut is no answer: none gets through)
            await until(lambda: reach.proxy.seen["http"] >= 3)
            reach.proxy.faults.truncate_bytes = None
        assert await numbers(subscription, 500) == list(range(500))
        assert client.counts.resets == 0


async def test_answers_of_a_proxy_are_waited_out(reach: Reach, transport: TransportName) -> None:
    reach.proxy.faults.status = 502
    async with reach.client(transport) as client:
        subscription = client.subscribe("demo/**")
        await until(lambda: client.state == "reconnecting" and reach.proxy.seen.total() > 4)
        reach.proxy.faults.status = None
        await active(subscription)
        assert client.state in ("live", "replaying")


async def test_slow_answers_are_only_slow(reach: Reach, transport: TransportName) -> None:
    reach.proxy.faults.delay_s = 0.02
    async with reach.client(transport) as client:
        subscription = await active(client.subscribe("demo/**"))
        await reach.here.publish("demo/a", *range(100))
        assert await numbers(subscription, 100) == list(range(100))
        assert client.counts.reconnects == 0


@pytest.mark.parametrize("beat_s", [0.3])
async def test_a_connection_that_leads_nowhere_is_noticed(reach: Reach, transport: TransportName) -> None:
    async with reach.client(transport) as client:
        subscription = await active(client.subscribe("demo/**"))
        await reach.here.publish("demo/a", 1)
        assert await numbers(subscription, 1) == [1]
        reach.proxy.stall()
        await reach.here.publish("demo/a", 2)
        assert await numbers(subscription, 1) == [2]


async def test_iterating_ends_when_the_client_is_closed(reach: Reach) -> None:
    async with reach.client() as client:
        subscription = await active(client.subscribe("demo/**"))
        await client.close()
        assert [event async for event in subscription] == []
        assert client.state == "closed"
        with pytest.raises(Closed):
            client.subscribe("demo/a")


async def test_a_pattern_that_is_refused_is_an_error_of_that_subscription_alone(reach: Reach) -> None:
    token = reach.admit("ann")
    async with reach.client(token=token) as client:
        first = await active(client.subscribe("demo/a"))
        second = client.subscribe("secret/b")
        with pytest.raises(Forbidden, match="secret"):
            await active(second)
        with pytest.raises(Forbidden, match="secret"):
            await anext(second)
        await reach.here.publish("demo/a", 1)
        assert await numbers(first, 1) == [1]


async def test_what_is_refused_from_the_start_fails_the_client(
    reach: Reach, transport: TransportName
) -> None:
    async with reach.client(transport, token=reach.admit("ann")) as client:
        with pytest.raises(Forbidden, match="secret"):
            async with patience():
                await anext(client.subscribe("secret/b"))
        assert client.state == "failed"
        assert isinstance(client.error, Forbidden)
        with pytest.raises(Forbidden):
            client.subscribe("demo/a")


async def test_a_token_function_that_breaks_is_told(reach: Reach) -> None:
    def token() -> str:
        raise LookupError("no such user")

    async with reach.client(token=token) as client:
        with pytest.raises(Unauthorized, match="LookupError: no such user"):
            await anext(client.subscribe("demo/a"))


async def test_a_full_buffer_ends_in_an_error_and_not_in_a_silent_gap(reach: Reach) -> None:
    async with reach.client() as client:
        small = await active(client.subscribe("demo/**", buffer=3))
        other = await active(client.subscribe("demo/**"))
        await reach.here.publish("demo/a", *range(10))
        assert await numbers(other, 10) == list(range(10))
        assert await numbers(small, 3) == [0, 1, 2]
        with pytest.raises(BufferFull, match="larger") as caught:
            await anext(small)
        assert caught.value.code == "overflow"


@pytest.mark.parametrize(("overflow", "kept"), [("drop-oldest", [7, 8, 9]), ("drop-newest", [0, 1, 2])])
async def test_a_full_buffer_may_drop_what_one_chooses(reach: Reach, overflow: Any, kept: list[int]) -> None:
    async with reach.client() as client:
        small = await active(client.subscribe("demo/**", buffer=3, overflow=overflow))
        other = await active(client.subscribe("demo/**"))
        await reach.here.publish("demo/a", *range(10))
        await take(other, 10)
        assert await numbers(small, 3) == kept
        assert small.dropped == 7


async def test_a_subscription_that_nobody_holds_any_more_is_unsubscribed(reach: Reach) -> None:
    async with reach.client() as client:
        kept = await active(client.subscribe("demo/a"))
        await reach.here.publish("demo/a", 1)
        async for _ in client.subscribe("demo/**"):
            break
        gc.collect()
        await until(lambda: client._core.confirmed == {"demo/a"})
        assert await numbers(kept, 1) == [1]


async def test_listening_and_not_listening_any_more_leaves_nothing_behind(reach: Reach) -> None:
    async with reach.client() as client:
        await active(keep := client.subscribe("demo/a"))

        def rounds(count: int) -> int:
            for _ in range(count):
                client.on("event", print)()
                client.subscribe("demo/a").close()
            gc.collect()
            return len(gc.get_objects())

        rounds(100)
        async with patience():
            await client.publish("demo/a", {"n": 1})
            await anext(keep)
        before = rounds(1)
        grown = rounds(20_000) - before
        # (those that were closed last wait for the loop)
        await client.publish("demo/a", {"n": 1})
        await anext(keep)
        assert rounds(1) - before < 1000, grown


async def test_listeners_hear_of_states_transports_events_and_resets(reach: Reach) -> None:
    told: list[tuple[str, Any]] = []
    async with reach.client() as client:
        for kind in ("state", "transport", "event", "reset"):
            client.on(kind, lambda what, kind=kind: told.append((kind, what)))  # type: ignore[arg-type]
        stop = client.on("state", lambda _: told.append(("never", None)))
        stop()
        await active(subscription := client.subscribe("demo/**"))
        await until(lambda: client.state == "live")
        await reach.here.publish("demo/a", 1)
        [event] = await take(subscription, 1)
        reach.proxy.cut()
        await until(lambda: client.counts.reconnects == 1 and client.state == "live")
    states = [what for kind, what in told if kind == "state"]
    assert states[:2] == ["replaying", "live"]
    assert "reconnecting" in states
    assert ("event", event) in told
    assert ("transport", "websocket") in told
    assert "never" not in dict(told)


async def test_a_listener_that_raises_harms_nobody(reach: Reach, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Event) -> None:
        raise ValueError("mine")

    async with reach.client() as client:
        client.on("event", broken)
        subscription = await active(client.subscribe("demo/**"))
        await reach.here.publish("demo/a", 1, 2)
        assert await numbers(subscription, 2) == [1, 2]
    assert "a listener to 'event' failed" in caplog.text


@pytest.mark.parametrize("patterns", [(), ("",), ("demo/ x",), ("demo/**/x",)])
async def test_what_is_no_pattern_is_refused_at_once(reach: Reach, patterns: tuple[str, ...]) -> None:
    async with reach.client() as client:
        with pytest.raises(BadRequest) as caught:
            client.subscribe(*patterns)
        assert caught.value.field == "topic"


async def test_the_host_may_say_that_the_network_is_gone(reach: Reach) -> None:
    async with reach.client() as client:
        subscription = await active(client.subscribe("demo/**"))
        await reach.here.publish("demo/a", 1)
        client.offline()
        assert client.state == "offline"
        await reach.here.publish("demo/a", 2)
        client.online()
        assert await numbers(subscription, 2) == [1, 2]


async def test_rights_that_end_are_asked_for_anew(reach: Reach, transport: TransportName) -> None:
    tokens = iter(["one", "two"])
    reach.admit("one")
    reach.admit("two")
    async with reach.client(transport, token=lambda: next(tokens)) as client:
        subscription = await active(client.subscribe("demo/**"))
        del reach.here.server.tokens["one"]
        reach.here.server.gate = refusing(reach, "one")
        reach.here.hub.disconnect(
            lambda caller: True, Unauthorized("revoked", field="token"), reason="revoked"
        )
        await reach.here.publish("demo/a", 1)
        assert await numbers(subscription, 1) == [1]


def refusing(reach: Reach, token: str) -> Any:
    def gate(request: Any) -> Grant:
        header = dict(request.scope["headers"]).get(b"authorization", b"").decode()
        if header == f"Bearer {token}":
            raise Unauthorized("no longer good", field="token")
        return ANN

    return gate


async def test_a_client_can_not_be_started_twice(reach: Reach) -> None:
    client = reach.client()
    async with client:
        with pytest.raises(BadRequest, match="started"):
            await client.__aenter__()
    with pytest.raises(TricastError):
        client.subscribe("demo/a")
