"""How long publishes take: what is counted, when, and how well."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.harness.fakes import FakeOutlet, connect

from tricast import BadRequest, Draft, Hub, HubOptions
from tricast.hub.latency import KEPT_S, Latency, bucket_of, middle_of, quantiles

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@given(st.floats(0, 3600))
def test_a_duration_is_counted_where_it_belongs_but_for_a_sixteenth(seconds: float) -> None:
    assert middle_of(bucket_of(seconds)) == pytest.approx(seconds, rel=1 / 16, abs=1e-6)


@given(st.floats(0, 3600), st.floats(0, 3600))
def test_longer_durations_are_never_in_lower_buckets(one: float, other: float) -> None:
    assert bucket_of(min(one, other)) <= bucket_of(max(one, other))


def test_quantiles_are_those_of_all_that_was_counted() -> None:
    first, second = Counter({bucket_of(0.001): 98}), Counter({bucket_of(0.1): 1, bucket_of(2.0): 1})
    p50, p99, p100 = quantiles((first, second), 0.5, 0.99, 1.0)
    assert p50 == pytest.approx(0.001, rel=0.07)
    assert p99 == pytest.approx(0.1, rel=0.07)
    assert p100 == pytest.approx(2.0, rel=0.07)
    assert quantiles((Counter[int](),), 0.5, 0.99) == [None, None]


def test_the_time_ends_with_the_last_write_whichever_is_told_first() -> None:
    clock = Clock()
    latency = Latency(clock)
    clock.now += 0.5  # the append took so long; fan-out was done with it before it was answered
    latency.delivered(1)
    clock.now += 5.0
    latency.delivered(2)
    latency.accepted(1, 100.0)
    latency.turn()
    assert latency.quantiles(1, 1.0) == [pytest.approx(0.5, rel=0.07)]
    latency.accepted(3, 105.5)  # and here it goes on for longer
    clock.now += 2.0
    latency.turn()
    assert latency.quantiles(1, 1.0) == [None]
    latency.delivered(3)
    latency.turn()
    assert latency.quantiles(1, 1.0) == [pytest.approx(2.0, rel=0.07)]


def test_a_repeated_publish_is_not_counted_as_if_it_had_just_been_delivered() -> None:
    clock = Clock()
    latency = Latency(clock)
    latency.delivered(7)
    clock.now += 60
    latency.accepted(7, clock.now - 0.001)
    latency.turn()
    assert latency.quantiles(1, 1.0) == [None]


def test_no_more_than_a_minute_is_remembered() -> None:
    clock = Clock()
    latency = Latency(clock)
    latency.accepted(1, clock.now)
    latency.delivered(1)
    latency.turn()
    for _ in range(KEPT_S - 1):
        latency.turn()
    assert latency.quantiles(KEPT_S, 0.5) != [None]
    assert latency.quantiles(10, 0.5) == [None]
    latency.turn()
    assert latency.quantiles(KEPT_S, 0.5) == [None]


async def test_a_batch_counts_as_delivered_once_the_last_live_subscriber_has_it() -> None:
    async with Hub(options=HubOptions(slice_writes=1)) as hub:
        told: list[str] = []
        delivered = hub.fanout.after_batch

        def after(upto: int) -> None:
            told.append(f"done {upto}")
            delivered(upto)

        hub.fanout.after_batch = after
        outlets = [(await connect(hub, "a/**"))[1] for _ in range(3)]
        for outlet in outlets:
            outlet.on_write = lambda _: told.append("written")
        await hub.publish("a/x", 1)
        await outlets[-1].until(lambda: told[-1:] == ["done 1"] or len(told) == 4)
        await hub.fanout.probe()
        assert told == ["written", "written", "written", "done 1"]
        hub.figures.tick()
        p50, p99 = hub.figures.latency_ms(10)
        assert p50 == p99
        assert p50 is not None


async def test_a_failed_append_and_one_without_events_count_for_nothing() -> None:
    async with Hub() as hub:

        def refuse(drafts: object) -> None:
            raise BadRequest("not this one")

        await hub.append(())
        await hub.publish("a/x", 1, ephemeral=True)
        hub.vet = refuse
        with pytest.raises(BadRequest):
            await hub.publish("a/x", 1)
        hub.figures.tick()
        assert hub.figures.latency_ms(60) == (None, None)


async def test_the_vet_sees_the_drafts_of_every_append_before_the_log_does() -> None:
    seen: list[Draft] = []
    async with Hub() as hub:
        hub.vet = seen.extend
        await hub.publish("a/x", 1)
        assert [draft.topic for draft in seen] == ["a/x"]
        _, outlet = await connect(hub, "a/**", outlet=FakeOutlet())
        hub.vet = None
        await hub.publish("a/x", 2)
        await outlet.received(2)
    assert len(seen) == 1
