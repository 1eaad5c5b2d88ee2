"""Limits: rates and connections, by a clock that only the test moves."""

from __future__ import annotations

import pytest
from tests.access.given import Clock

from tricast.access.limits import Buckets, LimitOptions, Limits, address_key
from tricast.errors import TooMany
from tricast.hub.gate import Grant

KEY = Grant(subject="web-1", app="shop", credential="key:k1")
NOBODY = Grant(subject="anonymous")


def buckets(clock: Clock, rate: float = 10, burst: int = 5, capacity: int = 100) -> Buckets:
    return Buckets(rate, burst, what="publishes", clock=clock, capacity=capacity)


def test_a_burst_passes_and_the_next_is_told_how_long_to_wait(clock: Clock) -> None:
    bucket = buckets(clock)
    for _ in range(5):
        bucket.take("a")
    with pytest.raises(TooMany, match="more than 10 publishes a second for 'a'") as caught:
        bucket.take("a")
    assert caught.value.retry_after_s == pytest.approx(0.1, abs=0.002)
    bucket.take("b")
    clock.now += 0.11
    bucket.take("a")
    with pytest.raises(TooMany):
        bucket.take("a")


def test_a_refusal_costs_nothing(clock: Clock) -> None:
    bucket = buckets(clock)
    bucket.take("a", 5)
    for _ in range(100):
        with pytest.raises(TooMany):
            bucket.take("a")
    clock.now += 0.11
    bucket.take("a")


def test_more_than_a_burst_at_once_passes_a_full_bucket_and_is_waited_for(clock: Clock) -> None:
    bucket = buckets(clock)
    bucket.take("a", 20)
    clock.now += 1.4
    with pytest.raises(TooMany) as caught:
        bucket.take("a", 20)
    assert caught.value.retry_after_s == pytest.approx(0.6, abs=0.002)
    clock.now += 0.61
    bucket.take("a", 20)


def test_waiting_as_long_as_told_is_enough(clock: Clock) -> None:
    bucket = buckets(clock, rate=7, burst=3)
    for count in (3, 2, 3, 1, 9, 2):
        for _ in range(2):
            try:
                bucket.take("a", count)
                break
            except TooMany as refused:
                clock.now += (refused.retry_after_s or 0) + 0.001
        else:
            pytest.fail("refused after having waited")


def test_the_number_of_buckets_is_bounded(clock: Clock) -> None:
    bucket = buckets(clock, capacity=3)
    for key in "abcabd":
        bucket.take(key)
    assert len(bucket) == 3


def test_zero_is_off(clock: Clock) -> None:
    off = Limits(LimitOptions(publishes_per_s=0, connects_per_s=0, connections_per_subject=0), clock=clock)
    for _ in range(1000):
        off.publish(KEY, "192.0.2.1", 1000)
        off.connect("192.0.2.1")
        off.opened(KEY, "192.0.2.1")


def test_publishes_count_by_credential_and_the_anonymous_by_address(clock: Clock) -> None:
    limits = Limits(LimitOptions(publishes_per_s=1, publishes_burst=1), clock=clock)
    limits.publish(KEY, "192.0.2.1")
    limits.publish(NOBODY, "192.0.2.1")
    limits.publish(NOBODY, "192.0.2.2")
    for grant, address in ((KEY, "192.0.2.9"), (NOBODY, "192.0.2.1")):
        with pytest.raises(TooMany):
            limits.publish(grant, address)


def test_connections_of_a_subject_are_counted_in_and_out(clock: Clock) -> None:
    limits = Limits(LimitOptions(connections_per_subject=2), clock=clock)
    limits.opened(KEY, "a")
    limits.opened(KEY, "b")
    with pytest.raises(TooMany, match="2 connections open") as caught:
        limits.opened(KEY, "c")
    assert caught.value.close_code == 4529
    limits.closed(KEY, "a")
    limits.opened(KEY, "c")
    for _ in range(5):
        limits.closed(KEY, "b")
    limits.opened(KEY, "a")


def test_whoever_has_an_ipv6_network_counts_as_one() -> None:
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff:1") != address_key("2001:db8:0:1::1")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1") == "192.0.2.1"
    assert address_key("unix") == "unix"
