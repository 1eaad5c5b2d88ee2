"""The recent past of a hub in figures, by a clock of our own."""

from __future__ import annotations

import pytest
from tests.harness.fakes import answered, ask, connect

from tricast import Hub, Stats
from tricast.hub.figures import STEP_S, STEPS, Figures
from tricast.hub.latency import Latency

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Life:
    """A hub's figures, a clock, and what the hub would have counted."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.stats = Stats()
        self.counts = (0, 0)
        self.latency = Latency(lambda: self.now)
        self.figures = Figures(lambda: self.stats, lambda: self.counts, self.latency, clock=lambda: self.now)
        self.figures.begin()

    def seconds(self, count: int, *, published: int = 0, delivered: int = 0) -> None:
        for _ in range(count):
            self.now += 1.0
            self.counts = (self.counts[0] + published, self.counts[1] + delivered)
            self.figures.tick()


def test_rates_are_those_of_the_last_ten_seconds() -> None:
    life = Life()
    assert life.figures.rates().publishes_per_s == 0
    life.seconds(2, published=3, delivered=30)
    assert life.figures.rates().publishes_per_s == 3
    life.seconds(10, published=1, delivered=7)
    rates = life.figures.rates()
    assert (rates.publishes_per_s, rates.deliveries_per_s) == (1, 7)
    life.seconds(10)
    assert life.figures.rates().deliveries_per_s == 0


def test_an_hour_has_360_steps_and_null_where_there_was_no_server() -> None:
    life = Life()
    life.stats.websocket = 4
    life.seconds(STEP_S, published=2)
    life.stats.websocket = 5
    life.seconds(STEP_S + 3)
    steps, ago_s = life.figures.series(STEPS)
    assert ago_s == 3
    assert len(steps) == STEPS
    assert steps[:-2] == [None] * (STEPS - 2)
    first, second = steps[-2:]
    assert first is not None
    assert second is not None
    assert (first.websocket, first.publishes_per_s) == (4, 2)
    assert (second.websocket, second.publishes_per_s) == (5, 0)
    assert second.p99_ms is None
    assert [step is None for step in life.figures.series(3)[0]] == [True, False, False]


def test_steps_that_a_busy_loop_missed_are_null_and_no_others_take_their_place() -> None:
    life = Life()
    life.seconds(STEP_S)
    life.now += 2 * STEP_S
    life.figures.tick()
    steps, _ = life.figures.series(3)
    assert [step is None for step in steps] == [False, True, False]


def test_no_more_than_an_hour_is_kept() -> None:
    life = Life()
    life.seconds((STEPS + 20) * STEP_S)
    steps, _ = life.figures.series(STEPS)
    assert None not in steps
    assert len(life.figures._steps) == STEPS


def test_each_step_has_the_latency_of_its_own_ten_seconds() -> None:
    life = Life()
    life.latency.accepted(1, life.now - 0.25)
    life.latency.delivered(1)
    life.seconds(2 * STEP_S)
    (first, second), _ = life.figures.series(2)
    assert first is not None
    assert first.p99_ms == pytest.approx(250, rel=0.07)
    assert second is not None
    assert second.p99_ms is None


async def test_deliveries_are_counted_on_every_transport() -> None:
    async with Hub() as hub:
        _, outlet = await connect(hub, "a/**")
        _, answer = ask(hub, "a/**")
        await hub.publish("a/x", 1)
        await outlet.received(1)
        await answered(answer)
        await answered(ask(hub, "a/**", cursor="earliest", timeout_s=0)[1])
        assert hub.stats.deliveries == 1
        assert hub.stats.answered == 2
        hub.figures.tick()
        rates = hub.figures.rates()
        assert rates.deliveries_per_s == pytest.approx(3 * rates.publishes_per_s, abs=0.002)  # (thousandths)
        assert rates.publishes_per_s > 0


async def test_a_hub_that_is_entered_again_begins_with_nothing() -> None:
    hub = Hub()
    async with hub:
        await hub.publish("a/x", 1)
        hub.figures.tick()
    async with hub:
        assert hub.figures.rates().publishes_per_s == 0
        assert set(hub.figures.series(STEPS)[0]) == {None}
        assert hub.figures.uptime_s < 60
