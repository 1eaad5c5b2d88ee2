"""Behind real nginx, HAProxy and Caddy with the files of `deploy/`: every transport, both clients."""

from __future__ import annotations

import asyncio

import orjson
from tests.clients.dialects import BRISK
from tests.harness.sockets import patience
from tests.proxies.crowd import Crowd, for_python
from tests.proxies.origin import Origin
from tests.proxies.proxies import Proxy
from tests.proxies.walkin import Walkin

from tricast.client import Client, Options
from tricast.client.presence import Presence

BEATS = 4
MEBIBYTE = 1024 * 1024
DOWN = (502, 503)


async def test_every_client_is_live_on_its_transport_and_given_everything(crowd: Crowd) -> None:
    await crowd.publish(200)
    await crowd.all_given()
    await crowd.all_live()


async def test_silence_is_no_reason_to_end_a_connection(crowd: Crowd, walkin: Walkin) -> None:
    before = crowd.reconnects()
    async with walkin.stream("demo/silence") as stream:
        for _ in range(BEATS):
            await stream.until("tricast.heartbeat")
    assert crowd.reconnects() == before
    await crowd.publish(1)
    await crowd.all_given()


async def test_a_proxy_that_is_reloaded_costs_no_event(crowd: Crowd, proxy: Proxy) -> None:
    await crowd.all_live()
    before = crowd.reconnects()
    async with crowd.publishing():
        proxy.reload()
        for who, client in crowd.members.items():
            if (crowd.best if who[1] == "free" else who[1]) in proxy.reload_ends:
                await client.until(lambda me, n=before[who]: me.states.count("reconnecting") > n)  # type: ignore[misc]
        await crowd.all_live()
    await crowd.all_given()


async def test_a_proxy_that_is_restarted_costs_no_event(crowd: Crowd, proxy: Proxy) -> None:
    async with crowd.publishing():
        proxy.stop()
        await crowd.all_lost()
        proxy.start()
        await crowd.all_live()
    await crowd.all_given()


async def test_a_server_that_was_killed_is_found_again(crowd: Crowd, origin: Origin, walkin: Walkin) -> None:
    async with crowd.publishing():
        async with origin.dead():
            answer = await walkin.poll("demo/any")
            assert answer.status_code in DOWN
            assert answer.headers.get("content-type") != "application/problem+json"
            await crowd.all_lost()
        await crowd.all_live()
    await crowd.all_given()


async def test_the_goodbye_of_a_server_that_stops_comes_through(
    crowd: Crowd, origin: Origin, walkin: Walkin
) -> None:
    async with crowd.publishing(), walkin.stream("demo/any") as stream:
        await stream.until("tricast.live")
        await origin.drain()
        goodbye = await stream.until("tricast.goodbye")
        assert goodbye["data"]["reconnect_after_ms"] > 0
        assert await stream.is_over()
        await origin.start()
        await crowd.all_live()
    await crowd.all_given()


async def test_a_batch_of_a_mebibyte_comes_through_and_more_is_refused(
    crowd: Crowd, proxy: Proxy, walkin: Walkin
) -> None:
    numbers = range(crowd.published, crowd.published + 5)
    batch = [{"topic": crowd.topic, "data": {"n": n, "text": "x" * 209_000}} for n in numbers]
    body = orjson.dumps(batch).ljust(MEBIBYTE)
    answer = await walkin.publish(body)
    assert answer.status_code == 201, answer.text
    crowd.published += len(batch)
    await crowd.all_given()
    answer = await walkin.publish(body + b" ")
    assert answer.status_code == 413
    if proxy.refuses_as_tricast:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "the limit is 1048576" in answer.json()["detail"]


async def test_both_clients_publish_through_it_on_every_transport(crowd: Crowd) -> None:
    for (language, name), client in crowd.members.items():
        if language == "js":
            client.tell(id="p", do="publish", topic=crowd.topic, data={"n": crowd.published}, options={})
        else:
            options = Options(**{**BRISK, "transports": (crowd.best if name == "free" else name,)})
            async with Client(for_python(crowd.url), token=crowd.origin.token, options=options) as publisher:
                subscription = publisher.subscribe(crowd.topic)
                await subscription.active()
                await publisher.publish(crowd.topic, {"n": crowd.published})
                assert (await anext(subscription)).data == {"n": crowd.published}
        crowd.published += 1
        await crowd.all_given()


async def test_who_is_there_is_seen_through_it_and_who_vanishes_too(crowd: Crowd, walkin: Walkin) -> None:
    """A member by each client on each transport; then one whose connection breaks."""
    room = f"{crowd.topic}/js"
    js = [client for (language, _), client in crowd.members.items() if language == "js"]
    for client in js:
        client.tell(id="j", do="presence", topic=room, state={"by": "js"})
    await walkin.counts(room, connections=len(js))
    room = f"{crowd.topic}/python"
    for transport in {client.transport for client in js}:
        options = Options(**{**BRISK, "transports": (transport,)})
        async with Client(for_python(crowd.url), token=crowd.origin.token, options=options) as client:
            await there(client.presence(room))
            await walkin.counts(room, connections=0)
    async with walkin.stream(room) as stream:
        connection = (await stream.until("tricast.hello"))["data"]["connection"]
        answer = await walkin.http.post("/v1/presence", json={"topic": room, "connection": connection})
        assert answer.status_code == 200, answer.text
        await walkin.counts(room, connections=1)
    await walkin.counts(room, connections=0)


async def there(presence: Presence) -> None:
    """Join, be told of it, and leave."""
    told: asyncio.Queue[list[str]] = asyncio.Queue()
    presence.on_change(lambda members: told.put_nowait([member.subject for member in members]))
    await presence.ready()
    await presence.set({"by": "python"})
    async with patience():
        while await told.get() != ["ann"]:
            pass
    await presence.close()
