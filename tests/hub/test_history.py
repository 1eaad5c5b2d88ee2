"""`hub.history`: what was, newest first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tricast import BadCursor, BadRequest, Event, Hub, HubOptions, NotStarted, Retention, draft
from tricast.log.base import Append
from tricast.log.memory import MemoryLog

pytestmark = pytest.mark.anyio

HOUR_MS = 3600 * 1000


async def whole(hub: Hub, *patterns: str, before: str | None = None, limit: int = 100) -> list[Event]:
    found: list[Event] = []
    while True:
        events, before = await hub.history(before, patterns, limit=limit)
        found += events
        if before is None:
            return found


def data(events: tuple[Event, ...] | list[Event]) -> list[object]:
    return [event.data for event in events]


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/log.db"


async def test_what_was_published_comes_newest_first_page_by_page(url: str) -> None:
    async with Hub(url) as hub:
        for n in range(5):
            await hub.publish("demo/a", n)
            await hub.publish("other/a", n)
        first = await hub.history(None, ["demo/**"], limit=2)
        assert data(first.events) == [4, 3]
        second = await hub.history(first.next, ["demo/**"], limit=2)
        assert data(second.events) == [2, 1]
        last = await hub.history(second.next, ["demo/**"], limit=2)
        assert (data(last.events), last.next) == ([0], None)
        assert data((await hub.history(None, "demo/**", limit=5)).events) == [4, 3, 2, 1, 0]
        assert await hub.history(None, ["none/**"]) == ((), None)


async def test_before_is_the_cursor_of_the_first_event_that_is_not_wanted(url: str) -> None:
    async with Hub(url) as hub:
        receipts = [await hub.publish("demo/a", n) for n in range(4)]
        assert data(await whole(hub, "demo/a", before=receipts[2].cursor)) == [1, 0]
        assert await hub.history(receipts[0].cursor, ["demo/a"]) == ((), None)
        assert await hub.history("earliest", ["demo/a"]) == ((), None)
        assert data(await whole(hub, "demo/a", before="latest")) == [3, 2, 1, 0]


async def test_cursors_of_an_earlier_life_are_good(tmp_path: Path) -> None:
    hub = Hub(f"sqlite:///{tmp_path}/log.db")
    async with hub:
        cursors = [(await hub.publish("demo/a", n)).cursor for n in range(3)]
    async with hub:
        await hub.publish("demo/a", 3)
        assert data(await whole(hub, "demo/a", before=cursors[2])) == [1, 0]
        assert [event.cursor for event in await whole(hub, "demo/a")][1:] == cursors[::-1]


async def test_before_may_be_a_time_or_a_duration() -> None:
    now = 1_800_000_000_000
    log = MemoryLog(clock=lambda: now)
    async with Hub(log) as hub:
        for n in range(4):
            await hub.publish("demo/a", n)
            now += HOUR_MS
        assert data(await whole(hub, "demo/a", before="2027-01-15T10:00:00.000Z")) == [1, 0]
        assert data(await whole(hub, "demo/a", before="2027-01-15T10:00:00.001Z")) == [2, 1, 0]
        assert await whole(hub, "demo/a", before="52w") == []


async def test_events_are_filtered_by_type_and_subject(url: str) -> None:
    async with Hub(url) as hub:
        for n in range(6):
            await hub.publish("demo/a", n, type="made" if n % 2 else "sold", subject=f"s{n}")
        assert data((await hub.history(None, ["demo/a"], type=["ma*"], limit=2)).events) == [5, 3]
        past = await hub.history(None, ["demo/a"], type=["made"], limit=3)
        assert (data(past.events), past.next is None) == ([5, 3, 1], False)
        assert await hub.history(past.next, ["demo/a"], type=["made"]) == ((), None)
        assert data((await hub.history(None, ["demo/a"], subject=["s1", "s2"])).events) == [2, 1]


async def test_a_call_looks_at_a_bounded_number_of_events_and_says_where_to_go_on(url: str) -> None:
    async with Hub(url) as hub:
        await hub.append([draft("demo/a", "old", source="/s", type="rare")])
        for _ in range(12):
            await hub.append([draft("demo/a", source="/s") for _ in range(1000)])
        past = await hub.history(None, ["demo/a"], type=["rare"])
        assert past.events == ()
        assert past.next is not None
        past = await hub.history(past.next, ["demo/a"], type=["rare"])
        assert (data(past.events), past.next) == (["old"], None)


async def test_large_events_come_in_smaller_pages(url: str) -> None:
    async with Hub(url) as hub:
        for n in range(7):
            await hub.publish("demo/a", [n, "x" * 250_000])
        past = await hub.history(None, ["demo/a"])
        assert [event.data[0] for event in past.events] == [6, 5, 4, 3]
        assert [event.data[0] for event in await whole(hub, "demo/a")] == list(range(6, -1, -1))


async def test_what_retention_took_is_the_end_and_no_error(url: str) -> None:
    async with Hub(url, HubOptions(retention=Retention(events=2))) as hub:
        receipts = [await hub.publish("demo/a", n) for n in range(5)]
        await hub.trim()
        assert data(await whole(hub, "demo/a", limit=1)) == [4, 3]
        assert await hub.history(receipts[1].cursor, ["demo/a"]) == ((), None)


async def test_the_audit_trail_is_found_among_many_events(url: str) -> None:
    async with Hub(url) as hub:
        for n in range(3):
            await hub.append([draft("tricast/audit/demo", n, source="/tricast")])
            await hub.append([draft("demo/a", source="/s") for _ in range(1500)])
        assert data(await whole(hub, "tricast/audit/**")) == [2, 1, 0]
        assert await whole(hub, "*/audit/**") == []


async def test_nothing_is_ahead_of_fan_out() -> None:
    log = MemoryLog()
    async with Hub(log) as hub:
        await hub.publish("demo/a", "told")
        log.tail(lambda batch: None)  # fan-out hears of nothing more
        drafts = tuple(draft("demo/a", "not yet", source="/s") for _ in range(2))
        receipts = (await log.append(Append(drafts))).receipts
        assert log.bounds().head == 3
        for before in (None, "latest", receipts[1].cursor, "2099-01-01T00:00:00Z"):
            assert data(await whole(hub, "demo/a", before=before)) == ["told"]


async def test_one_who_published_finds_the_event(url: str) -> None:
    async with Hub(url) as hub:

        async def publish(n: int) -> None:
            for _ in range(20):
                receipt = await hub.publish("demo/a", n)
                found = {event.cursor for event in await whole(hub, "demo/a")}
                assert receipt.cursor in found

        await asyncio.gather(*(publish(n) for n in range(5)))


async def test_a_before_that_this_log_can_not_know_is_refused_by_name(url: str) -> None:
    async with Hub(url) as hub:
        await hub.publish("demo/a", 1)
        epoch = hub.position.partition("-")[0]
        for before, match in (
            ("yesterday", "before 'yesterday' is not a cursor"),
            ("zzz-1", r"before 'zzz-1' is not a cursor of this log.*unknown.*leave it out"),
            (f"{epoch}-99", r"before '.*-99' is not.*ahead"),
        ):
            with pytest.raises(BadCursor, match=match) as refused:
                await hub.history(before, ["demo/a"])
            assert refused.value.field == "before"


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    async with Hub() as hub:
        with pytest.raises(BadRequest, match=f"limit {limit} must be from 1 to 1000"):
            await hub.history(None, ["demo/a"], limit=limit)


async def test_a_hub_that_was_not_started_has_no_history() -> None:
    with pytest.raises(NotStarted):
        await Hub().history(None, ["demo/a"])
