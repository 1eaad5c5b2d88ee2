"""Many clients at once: after a server was killed they come back, and not all at the same moment."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from tests.clients.python.connected import Reach, numbers

from tricast.client import Client, Options

_log = logging.getLogger(__name__)
CLIENTS = 500
BUCKETS = 10
WAIT_S = 90.0
pytestmark = pytest.mark.timeout(300)


async def until(wanted: Callable[[], bool]) -> None:
    """Wait until it is so, looking seldom: five hundred clients need the processor."""
    async with asyncio.timeout(WAIT_S):
        while not wanted():  # noqa: ASYNC110 (nobody announces it)
            await asyncio.sleep(0.05)


class Herd:
    """Clients, and the part of the longest delay that each chose first after the kill."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.chosen: dict[int, float] = {}
        self.killed = False

    def dice(self, number: int) -> Callable[[], float]:
        """A client's own randomness; what it gives first once the server is dead is kept."""
        numbers = random.Random(number)

        def roll() -> float:
            rolled = numbers.random()
            if self.killed:
                self.chosen.setdefault(number, rolled)
            return rolled

        return roll

    def histogram(self) -> list[int]:
        """How many chose each tenth of the time."""
        found = Counter(int(part * BUCKETS) for part in self.chosen.values())
        return [found[bucket] for bucket in range(BUCKETS)]


@pytest.mark.parametrize("beat_s", [60.0])
async def test_after_a_kill_five_hundred_clients_come_back_spread(reach: Reach) -> None:
    herd = Herd()
    # As for people, but that a second is a fifth of one; and with patience for a machine that is busy.
    options = Options(
        trust_env=False,
        backoff_first_s=0.2,
        backoff_most_s=6.0,
        hello_timeout_s=WAIT_S,
        transports=("websocket",),
    )
    async with AsyncExitStack() as stack:
        for number in range(CLIENTS):
            client = Client(reach.proxy.url, options=options, memory={}, random=herd.dice(number))
            herd.clients.append(await stack.enter_async_context(client))
        held = [client.subscribe("demo/**") for client in herd.clients]
        await until(lambda: all(client.state == "live" for client in herd.clients))
        herd.killed = True
        await reach.here.stop()
        reach.proxy.cut()
        await until(lambda: len(herd.chosen) == CLIENTS)
        await reach.here.start()
        reach.proxy.upstream = reach.here.port
        await until(lambda: all(client.state == "live" for client in herd.clients))
        await reach.here.publish("demo/a", 1)
        assert [await numbers(subscription, 1) for subscription in held] == [[1]] * CLIENTS
    histogram = herd.histogram()
    _log.info("500 clients chose, by tenths of the first delay: %s", histogram)
    # 50 of each are expected; no tenth of the time gets twice as many, or less than two fifths.
    assert sum(histogram) == CLIENTS
    assert max(histogram) < 100, histogram
    assert min(histogram) > 20, histogram
