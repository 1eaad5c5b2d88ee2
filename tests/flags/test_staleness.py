"""A flag that was neither evaluated nor changed for long is stale, and says why."""

from __future__ import annotations

import pytest
from tests.flags.usage_given import DAY_S, NOON, Installation, flag, put, stored

pytestmark = pytest.mark.anyio


@pytest.fixture
def here() -> Installation:
    return Installation()


async def test_a_flag_never_evaluated_is_stale_after_thirty_days(here: Installation) -> None:
    async with here.running() as (_, usage):
        here.clock.now = NOON + 30 * DAY_S - 1
        assert usage.stale("shop", stored()) is None
        here.clock.now = NOON + 30 * DAY_S
        found = usage.stale("shop", stored())
        assert found is not None
        assert found.why == "never evaluated, last changed 2026-01-01T12:00:00.000Z"
        assert found.last_evaluated_at is None


async def test_an_evaluation_keeps_a_flag_from_being_stale(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        here.clock.now = NOON + 20 * DAY_S
        usage.count("shop", "production", "banner", "on")
        here.clock.now = NOON + 40 * DAY_S
        assert usage.stale("shop", stored()) is None
        here.clock.now = NOON + 50 * DAY_S
        found = usage.stale("shop", stored())
        assert found is not None
        assert found.to_json() == {
            "why": "last evaluated 2026-01-21T12:00:00Z, last changed 2026-01-01T12:00:00.000Z",
            "last_evaluated_at": "2026-01-21T12:00:00Z",
            "last_changed_at": "2026-01-01T12:00:00.000Z",
        }


async def test_a_change_keeps_a_flag_from_being_stale(here: Installation) -> None:
    async with here.running() as (_, usage):
        here.clock.now = NOON + 40 * DAY_S
        assert usage.stale("shop", stored()) is not None
        assert usage.stale("shop", stored(updated_at="2026-02-01T12:00:00.000Z")) is None


async def test_one_environment_may_need_a_flag_that_another_does_not(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        here.clock.now = NOON + 40 * DAY_S
        usage.count("shop", "development", "banner", "on")
        assert usage.stale("shop", stored(), "production") is not None
        assert usage.stale("shop", stored(), "development") is None
        assert usage.stale("shop", stored()) is None


async def test_the_days_can_be_given(here: Installation) -> None:
    async with here.running() as (_, usage):
        here.clock.now = NOON + 8 * DAY_S
        assert usage.stale("shop", stored()) is None
        assert usage.stale("shop", stored(), days=7) is not None


async def test_an_archived_flag_is_not_stale(here: Installation) -> None:
    async with here.running() as (_, usage):
        here.clock.now = NOON + 40 * DAY_S
        assert usage.stale("shop", stored(archived=True)) is None


async def test_a_flag_that_gave_one_variant_for_long_is_settled_on_it(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        usage.count("shop", "production", "banner", "off")
        for day in range(1, 36):
            here.clock.now = NOON + day * DAY_S
            usage.count("shop", "production", "banner", "on")
            settled = usage.settled_on("shop", stored(), "production")
            # The last `off` was on day 0; counting must cover 30 days without one.
            assert settled == ("on" if day > 30 else None), day
        assert usage.settled_on("shop", stored(state="DISABLED"), "production") is None
        assert usage.settled_on("shop", stored(updated_at="2026-02-01T12:00:00Z"), "production") is None
        assert usage.settled_on("shop", stored(), "development") is None
        usage.count("shop", "production", "banner", "off")
        assert usage.settled_on("shop", stored(), "production") is None


async def test_a_change_for_one_environment_is_none_for_another(here: Installation) -> None:
    async with here.running() as (_, usage):
        here.clock.now = NOON + 40 * DAY_S
        changed = stored(updated_at="2026-02-01T12:00:00Z", touched={"development": "2026-02-01T12:00:00Z"})
        untouched = stored(updated_at="2026-02-01T12:00:00Z", touched={"production": "2026-01-01T12:00:00Z"})
        assert usage.stale("shop", changed, "development") is None
        assert usage.stale("shop", untouched, "production") is not None
        assert usage.stale("shop", untouched) is None


async def test_a_flag_that_was_first_evaluated_lately_is_not_settled(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        here.clock.now = NOON + 39 * DAY_S
        usage.count("shop", "production", "banner", "on")
        here.clock.now = NOON + 40 * DAY_S
        assert usage.settled_on("shop", stored(), "production") is None
        assert usage.settled_on("shop", stored(), "production", days=1) == "on"
