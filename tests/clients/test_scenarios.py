"""What happens to clients out there, in both languages: they end live on the right transport.

Nothing is missing and nothing is doubled of 5,000 events, whatever the network did meanwhile.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.clients.dialects import DIALECTS, Language
from tests.clients.following import Following, following
from tests.clients.hub import EVENTS, Hub, a_hub, a_server, at
from tests.clients.waiting import until
from tests.faults.faultserver import FaultServer

pytestmark = pytest.mark.timeout(300)
CUTS = 20
TOKEN_S = 10.0  # renewed after two seconds, so that no load of the machine lets it expire (dialects.py)
SHORT_TOKEN_S = 3.0


@pytest.fixture(params=DIALECTS)
def language(request: pytest.FixtureRequest) -> Language:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with a_server(tmp_path_factory.mktemp("open"), dev=True) as server:
        yield server


@pytest.fixture(scope="module")
def closed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with a_server(tmp_path_factory.mktemp("closed"), dev=False) as server:
        yield server


@pytest.fixture
async def hub(open_server: FaultServer) -> AsyncIterator[Hub]:
    """A hub that anybody may use, whose server stays as it is."""
    async with at(open_server) as hub:
        yield hub


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub with a server of its own, which may be killed; its heart beats often."""
    async with a_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
async def closed(closed_server: FaultServer) -> AsyncIterator[Hub]:
    """A hub that wants to be shown a token."""
    async with at(closed_server) as hub:
        yield hub


async def has_all(client: Following, hub: Hub) -> None:
    """It was given every event once, in order, and told of no gap."""
    await hub.rest()
    await client.has(EVENTS)
    assert client.numbers == list(range(EVENTS)), client
    assert client.resets == [], client
    assert client.problem is None, client


async def one_connection(hub: Hub) -> None:
    """What was left behind is closed (while nothing better is being tried)."""
    await until(lambda: sum(hub.proxy.open.values()) <= 1)


@asynccontextmanager
async def publishing(hub: Hub, count: int) -> AsyncIterator[None]:
    """Publish while the block runs, and to the end of it."""
    task = asyncio.ensure_future(hub.publish(count))
    try:
        yield
    finally:
        await task


@pytest.mark.parametrize("how", ["refuse", "close"])
async def test_where_websockets_are_blocked_event_streams_take_over(
    hub: Hub, language: Language, how: Any
) -> None:
    hub.proxy.faults.upgrade = how
    async with following(language, hub.url, hub.topic) as client:
        await client.live("sse")
        await has_all(client, hub)
        await client.live("sse")
        assert hub.proxy.seen["websocket"] >= 3


async def test_where_event_streams_are_buffered_websockets_go_on(hub: Hub, language: Language) -> None:
    hub.proxy.faults.buffers = True
    async with following(language, hub.url, hub.topic) as client:
        await client.live("websocket")
        await has_all(client, hub)
        await client.live("websocket")
        assert hub.proxy.seen == {"websocket": 1}


async def test_where_both_are_blocked_polls_get_through(hub: Hub, language: Language) -> None:
    hub.proxy.faults.upgrade = "refuse"
    hub.proxy.faults.buffers = True
    async with following(language, hub.url, hub.topic) as client:
        await client.live("poll")
        await has_all(client, hub)
        await client.live("poll")
        assert hub.proxy.seen["sse"] >= 1


async def test_a_better_transport_is_taken_over_without_a_gap(hub: Hub, language: Language) -> None:
    hub.proxy.faults.upgrade = "refuse"
    hub.proxy.faults.buffers = True
    async with following(language, hub.url, hub.topic) as client:
        await client.live("poll")
        await hub.publish(1000)
        hub.proxy.faults.buffers = False
        async with publishing(hub, 1500):
            await client.live("sse")
        hub.proxy.faults.upgrade = "pass"
        async with publishing(hub, 1500):
            await client.live("websocket")
        await has_all(client, hub)
        await one_connection(hub)


async def test_a_network_that_flaps_loses_nothing(hub: Hub, language: Language) -> None:
    async with following(language, hub.url, hub.topic) as client:
        await client.live("websocket")
        async with hub.proxy.flapping(0.2):
            for _ in range(CUTS):
                seen = hub.proxy.cuts
                await hub.publish(EVENTS // CUTS - 10)
                await until(lambda seen=seen: hub.proxy.cuts > seen)  # type: ignore[misc]
        await has_all(client, hub)
        await client.live("websocket")
        assert client.states.count("reconnecting") >= 3, client
        await one_connection(hub)


async def test_a_proxy_that_breaks_the_protocol_towards_the_server_costs_no_event(
    hub: Hub, language: Language
) -> None:
    """The server answers 1002, which the proxy passes on; nobody could do anything about it but come back."""
    async with following(language, hub.url, hub.topic) as client:
        await client.live("websocket")
        async with publishing(hub, EVENTS):
            for ends in range(1, 4):
                hub.proxy.end_unmasked()
                await client.until(lambda me, n=ends: me.states.count("reconnecting") == n)  # type: ignore[misc]
                await client.live("websocket")
        await has_all(client, hub)
        assert hub.proxy.seen == {"websocket": 4}


async def test_a_server_that_is_killed_and_started_again_is_found_again(
    mortal: Hub, language: Language
) -> None:
    hub = mortal
    async with following(language, hub.url, hub.topic) as client:
        await client.live("websocket")
        await hub.publish(2000)
        hub.server.kill()
        await client.until(lambda me: me.state == "reconnecting")
        await hub.start()
        await hub.publish(1000)
        await has_all(client, hub)
        await client.live("websocket")
        await one_connection(hub)


async def test_a_server_that_is_drained_is_found_again(mortal: Hub, language: Language) -> None:
    hub = mortal
    async with following(language, hub.url, hub.topic) as client:
        await client.live("websocket")
        await hub.publish(2000)
        await hub.drain()
        await client.until(lambda me: me.state == "reconnecting")
        await hub.start()
        await has_all(client, hub)
        await client.live("websocket")


async def test_a_laptop_that_slept_goes_on_where_it_was(mortal: Hub, language: Language) -> None:
    hub = mortal
    async with following(language, hub.url, hub.topic) as client:
        await client.live("websocket")
        await hub.publish(1000)
        await client.has(1000)
        client.signal(signal.SIGSTOP)
        hub.proxy.stall()  # its old connections lead nowhere, and nobody has told it
        await hub.publish(3000)
        await asyncio.sleep(2)  # (the sleep itself: four beats)
        client.signal(signal.SIGCONT)
        await has_all(client, hub)
        await client.live("websocket")
        hub.proxy.give_up()


async def test_who_slept_longer_than_events_are_kept_is_told_so(tmp_path: Path, language: Language) -> None:
    async with (
        a_hub(tmp_path, retention_events="500", recent_bytes="64KiB", shortened="trim=0.3") as hub,
        following(language, hub.url, hub.topic) as client,
    ):
        await client.live("websocket")
        cursor = await hub.publish(1000)
        await client.has(1000)
        client.signal(signal.SIGSTOP)
        hub.proxy.stall()
        await hub.publish(3000)
        await hub.trimmed(cursor)
        client.signal(signal.SIGCONT)
        await client.until(lambda me: bool(me.resets))
        await client.live("websocket")
        await hub.rest()
        await client.until(lambda me: bool(me.numbers) and me.numbers[-1] == EVENTS - 1)
        [reset] = client.resets
        assert reset["reason"] == "trimmed"
        # What was read before the gap, and everything from where it ends: nothing twice.
        after = int(reset["cursor"].rpartition("-")[2])
        assert client.numbers == [*range(1000), *range(after, EVENTS)], client
        hub.proxy.give_up()


async def test_a_token_that_expires_is_renewed_without_a_gap(closed: Hub, language: Language) -> None:
    hub = closed
    async with following(language, hub.url, hub.topic, give_token=lambda _: hub.mint(TOKEN_S)) as client:
        await client.live("websocket")
        for _ in range(2):  # the first one, and one that was itself a renewal
            await hub.publish(1500)
            asked = client.asked
            await client.until(lambda me, asked=asked: me.asked > asked)  # type: ignore[misc]
        await has_all(client, hub)
        await client.live("websocket")
        assert client.states.count("reconnecting") == 0, client


async def test_a_token_that_was_let_expire_is_asked_for_once_more(closed: Hub, language: Language) -> None:
    hub = closed

    # What it is given for the renewal is none: the first one expires on the living connection.
    def give(question: int) -> str:
        return "nonsense" if question == 2 else hub.mint(SHORT_TOKEN_S)

    async with following(language, hub.url, hub.topic, give_token=give) as client:
        await client.live("websocket")
        await hub.publish(1000)
        await client.until(lambda me: me.asked >= 3)
        await has_all(client, hub)
        await client.live("websocket")


async def test_a_token_that_is_refused_ends_in_a_state_that_says_so(closed: Hub, language: Language) -> None:
    async with following(language, closed.url, closed.topic, give_token=lambda _: "nonsense") as client:
        await client.until(lambda me: me.state == "failed" and me.problem is not None)
        assert client.asked == 2
        assert client.problem is not None
        assert client.problem["status"] == 401
