"""Evaluations are counted by flag, environment, variant and minute, and none is lost on the way."""

from __future__ import annotations

import asyncio

import pytest
from tests.flags.usage_given import (
    CREATED,
    DAY_S,
    Installation,
    delete,
    flag,
    minutes,
    put,
    totals,
)

from tricast import Hub, LogFull, NotStarted
from tricast.flags.counting import Pairs
from tricast.flags.tally import MAX_VARIANTS, WINDOW_MINUTES, Tally
from tricast.flags.usage import Usage

pytestmark = pytest.mark.anyio


@pytest.fixture
def here() -> Installation:
    return Installation()


def pairs_of(*keys: str, variant: str | None = "on") -> Pairs:
    return tuple((key, variant) for key in keys)


async def test_single_and_bulk_evaluations_are_counted_together(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag(), flag("color"))
        usage.count("shop", "production", "banner", "on")
        answer = pairs_of("banner", "color")
        usage.count_all("shop", "production", answer)
        usage.count_all("shop", "production", answer, 5)
        usage.count_all("shop", "production", pairs_of("banner", variant="off"))
        assert totals(usage) == {"on": 7, "off": 1}
        assert totals(usage, "color") == {"on": 6}
        assert totals(usage, environment="development") == {}


async def test_an_evaluation_without_a_variant_counts_too(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        usage.count("shop", "production", "banner", None)
        usage.count_all("shop", "production", pairs_of("banner", variant=None))
        assert totals(usage) == {"": 2}


async def test_one_answer_shared_by_two_environments_counts_for_each(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        answer = pairs_of("banner")
        usage.count_all("shop", "production", answer)
        usage.count_all("shop", "development", answer, 2)
        assert totals(usage) == {"on": 1}
        assert totals(usage, environment="development") == {"on": 2}


async def test_very_many_different_answers_are_counted_right(here: Installation) -> None:
    async with here.running() as (hub, usage):
        keys = [f"flag-{n}" for n in range(500)]
        await put(hub, *(flag(key) for key in keys))
        for _ in range(1000):  # a new tuple each: half a million pairs, more than are kept waiting
            usage.count_all("shop", "production", pairs_of(*keys))
        assert {totals(usage, key)["on"] for key in keys} == {1000}


async def test_each_minute_has_its_own_count(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        answer = pairs_of("banner")
        usage.count_all("shop", "production", answer)
        here.clock.now += 59.9
        usage.count_all("shop", "production", answer)
        here.clock.now += 0.1
        usage.count_all("shop", "production", answer)
        usage.count("shop", "production", "banner", "on")
        assert minutes(usage) == [(0, 2), (1, 2)]


async def test_minutes_older_than_three_hours_are_only_in_the_total(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        for at in (0, 1, WINDOW_MINUTES, 3 * WINDOW_MINUTES, 3 * WINDOW_MINUTES + 5):
            here.clock.now = float(CREATED_S + at * 60)
            usage.count("shop", "production", "banner", "on")
            usage.tally("shop", "production", "banner")
        assert minutes(usage) == [(3 * WINDOW_MINUTES, 1), (3 * WINDOW_MINUTES + 5, 1)]
        assert totals(usage) == {"on": 5}


CREATED_S = 1_767_268_800


async def test_a_clock_that_goes_back_loses_no_count(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        for at in (0, -60, -60 * WINDOW_MINUTES, 0):
            here.clock.now = float(CREATED_S + at)
            usage.count("shop", "production", "banner", "on")
            usage.tally("shop", "production", "banner")
        assert totals(usage) == {"on": 4}
        assert minutes(usage) == [(-1, 1), (0, 2)]


async def test_counts_survive_restarts_and_go_on(here: Installation) -> None:
    for _ in range(3):
        async with here.running() as (hub, usage):
            await put(hub, flag())
            usage.count_all("shop", "production", pairs_of("banner"), 2)
            usage.count("shop", "production", "banner", "off")
        here.clock.now += 60
    async with here.running() as (_, usage):
        assert totals(usage) == {"on": 6, "off": 3}
        assert minutes(usage) == [(0, 2), (1, 2), (2, 2)]


async def test_a_flag_whose_key_has_slashes_is_found_again(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag("pay/now"))
        usage.count("shop", "production", "pay/now", "on")
    async with here.running() as (_, usage):
        assert totals(usage, "pay/now") == {"on": 1}


async def test_counting_makes_no_event_and_a_quiet_flush_writes_nothing(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag(), flag("color"))
        head = hub.position
        usage.count_all("shop", "production", pairs_of("banner", "color"))
        assert await usage.flush() == 2
        usage.count("shop", "production", "color", "on")
        assert await usage.flush() == 1
        before = here.log.appends
        assert await usage.flush() == 0
        assert here.log.appends == before
        assert hub.position == head


async def test_a_full_log_loses_no_counts(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag(), flag("color"))
        usage.count("shop", "production", "banner", "on")
        here.log.full = True
        for _ in range(3):
            usage.count("shop", "production", "color", "on")
            with pytest.raises(LogFull):
                await usage.flush()
        here.log.full = False
        assert await usage.flush() == 2
    async with here.running() as (_, usage):
        assert totals(usage) == {"on": 1}
        assert totals(usage, "color") == {"on": 3}


async def test_a_flush_that_is_cut_off_is_made_up_for(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        usage.count("shop", "production", "banner", "on")
        flushing = asyncio.create_task(usage.flush())
        await asyncio.sleep(0)
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
        assert await usage.flush() == 1


async def test_a_full_log_at_the_stop_is_logged_not_raised(
    here: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        usage.count("shop", "production", "banner", "on")
        here.log.full = True
    assert "the usage of 1 flags was not written" in caplog.text
    assert "disk is full" in caplog.text


async def test_flags_that_there_are_not_are_never_counted(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag(environments=("development",)))
        usage.count("shop", "production", "banner", "on")
        usage.count("shop", "development", "nonsense", "on")
        usage.count("nowhere", "development", "banner", "on")
        assert await usage.flush() == 0
        assert usage.tally("shop", "development", "nonsense") is None
        assert totals(usage) == {}


async def test_a_deleted_flags_usage_goes_away_also_from_the_log(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag(), flag("color"))
        usage.count_all("shop", "production", pairs_of("banner", "color"))
        usage.count("shop", "development", "banner", "on")
        assert await usage.flush() == 3
        await delete(hub)
        assert totals(usage) == {}
        await usage.flush()
        assert [document.key for document in await here.log.list("flag-usage")] == ["shop/production/color"]


async def test_a_flag_made_again_begins_at_none(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        usage.count_all("shop", "production", pairs_of("banner"))
        await delete(hub)  # before anything was read or written
        await put(hub, flag(created_at="2026-01-02T12:00:00.000Z"))
        assert totals(usage) == {}
        usage.count("shop", "production", "banner", "off")
        assert totals(usage) == {"off": 1}


async def test_what_a_crash_left_of_an_earlier_life_is_dropped_at_the_start(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag(), flag("color"))
        usage.count_all("shop", "production", pairs_of("banner", "color"))
        await usage.flush()
        here.log.full = True  # (so that the stop writes nothing: as a crash would)
        usage.count("shop", "production", "banner", "on")
    here.log.full = False
    async with Hub(here.log) as hub:  # changes that usage doesn't hear of
        await delete(hub, "color")
        await put(hub, flag(created_at="2026-01-02T12:00:00.000Z"))
    async with here.running() as (_, usage):
        assert totals(usage) == totals(usage, "color") == {}
        await usage.flush()
        assert await here.log.list("flag-usage") == []


async def test_usage_goes_where_a_flag_leaves_an_environment(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        for environment in ("development", "production"):
            usage.count("shop", environment, "banner", "on")
        assert totals(usage) == {"on": 1}
        await put(hub, flag(environments=("development",)))
        assert totals(usage) == {}
        assert totals(usage, environment="development") == {"on": 1}


async def test_a_flag_that_changes_keeps_its_usage(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        usage.count("shop", "production", "banner", "on")
        await put(hub, flag(state="DISABLED", updated_at="2026-01-03T12:00:00Z", archived=True))
        assert totals(usage) == {"on": 1}


async def test_many_flags_are_written_in_slices(here: Installation) -> None:
    async with here.running() as (hub, usage):
        keys = [f"flag-{n}" for n in range(1000)]
        await put(hub, *(flag(key) for key in keys))
        usage.count_all("shop", "production", pairs_of(*keys))
        before = here.log.appends
        assert await usage.flush() == 1000
        assert here.log.appends - before == 5


async def test_usage_that_was_not_entered_says_so_and_takes_counts_all_the_same() -> None:
    hub = Hub()
    usage = Usage(hub)
    usage.count("shop", "production", "banner", "on")
    with pytest.raises(NotStarted, match="async with hub, usage"):
        usage.tally("shop", "production", "banner")
    async with hub, usage:
        await put(hub, flag())
        assert totals(usage) == {"on": 1}


async def test_counts_are_written_again_and_again_whatever_failed_before(here: Installation) -> None:
    async with here.running(flush_every_s=0.01) as (hub, usage):
        await put(hub, flag())
        here.log.full = True
        here.log.tried.clear()
        usage.count("shop", "production", "banner", "on")
        async with asyncio.timeout(30):
            await here.log.tried.wait()
            here.log.full = False
            here.log.tried.clear()
            while not await here.log.list("flag-usage"):
                await here.log.tried.wait()
                here.log.tried.clear()


async def test_counts_outlive_hours_in_which_nobody_looked(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        for _ in range(100):
            usage.count("shop", "production", "banner", "on")
            usage.count_all("shop", "production", pairs_of("banner"))
            here.clock.now += 60
        assert totals(usage) == {"on": 200}
        assert minutes(usage) == [(minute, 2) for minute in range(100)]


async def test_a_flood_of_flags_that_there_are_not_drowns_no_count(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        for number in range(120_000):
            usage.count("shop", "production", f"nonsense-{number}", "on")
            if number % 10_000 == 0:
                usage.count("shop", "production", "banner", "on")
        assert totals(usage) == {"on": 12}


def test_a_flag_that_had_very_many_variants_keeps_the_latest() -> None:
    tally = Tally("life", 0)
    for number in range(MAX_VARIANTS + 10):
        tally.add(f"v{number}", number, 1)
    assert len(tally.variants) == MAX_VARIANTS
    assert "v9" not in tally.variants
    assert f"v{MAX_VARIANTS + 9}" in tally.variants


def test_a_tally_comes_back_from_its_document_as_it_was() -> None:
    tally = Tally(CREATED, 100)
    for minute, times in ((100, 1), (150, 2), (290, 2**40), (291, 3)):
        tally.add("on", minute, times)
    again = Tally.from_document(tally.document())
    assert again.document() == tally.document()
    assert again.variants["on"].total == 6 + 2**40
    assert list(again.variants["on"].minutes()) == [150, 290, 291]


async def test_a_flag_unseen_for_days_keeps_when_it_was_seen_last(here: Installation) -> None:
    async with here.running() as (hub, usage):
        await put(hub, flag())
        usage.count("shop", "production", "banner", "on")
    here.clock.now += 90 * DAY_S
    async with here.running() as (_, usage):
        tally = usage.tally("shop", "production", "banner")
        assert tally is not None
        assert tally.last * 60 == CREATED_S
