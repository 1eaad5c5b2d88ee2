"""Polls: the events and the cursor of an answer are one, whatever races for it.

The numbers in the docstrings are those of the rules of delivery.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.harness.fakes import HeldLog, answered, ask, connect
from tests.harness.server import ANYONE

from tricast.event import draft
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub, HubOptions
from tricast.log.memory import MemoryLog

pytestmark = pytest.mark.anyio

FROM_THE_LOG = HubOptions(recent_bytes=0, poll_pace_s=0.0)


async def publish(hub: Hub, *numbers: int, topic: str = "a/x") -> None:
    for number in numbers:
        await hub.publish(topic, number)


async def three_pages(hub: Hub) -> None:
    """900 events on `a/x`, 300 on each page that a read of the log looks at."""
    for start in range(0, 900, 300):
        drafts = [draft("a/x", start + n, source="/a/s") for n in range(300)]
        await hub.append([*drafts, *(draft("b/y", None, source="/b/s") for _ in range(700))])


async def quiet(hub: Hub) -> None:
    """From here on an answer to `a/**` waits for the pace, as it does under load."""
    answers = [ask(hub, "a/**")[1] for _ in range(2000)]
    await publish(hub, 0)
    for answer in answers:
        assert await answered(answer) == (1, [0])


async def follow(hub: Hub, *patterns: str, position: int, count: int) -> list[int]:
    """Poll from `position` until so many events have come."""
    found: list[int] = []
    while len(found) < count:
        position, numbers = await answered(ask(hub, *patterns, cursor=hub.bounds.cursor(position))[1])
        found += numbers
    return found


async def test_a_parked_poll_is_answered_with_the_event_and_the_position_after_it() -> None:
    """Rule 10."""
    async with Hub() as hub:
        _, answer = ask(hub, "a/**")
        await publish(hub, 7, topic="b/y")
        await publish(hub, 1)
        assert await answered(answer) == (2, [1])
        assert len(hub.callers) == 0


async def test_a_time_out_between_the_event_and_its_answer_takes_the_event() -> None:
    """Rule 10: time-out and event race for one step; an empty answer at the new position would lose it."""
    async with Hub(options=HubOptions(poll_pace_s=0.2)) as hub:
        await quiet(hub)
        poll, answer = ask(hub, "a/**")
        await publish(hub, 1)
        assert not answer.done(), "it waits for the pace"
        hub._desks.time_out(poll)
        assert await answered(answer) == (2, [1])


async def test_a_poll_that_ends_in_the_pause_before_its_answer_loses_nothing() -> None:
    """Rules 10, 22: expired while events for it wait to be sent: empty, at a position before them."""
    async with Hub(options=HubOptions(poll_pace_s=0.2)) as hub:
        await quiet(hub)
        poll, answer = ask(hub, "a/**", grant=Grant("s", ("a/**",), expires_at=time.time() + 60))
        await publish(hub, 1)
        hub._desks.expire(poll)
        position, numbers = await answered(answer)
        assert (position, numbers) == (1, [])


async def test_an_answer_says_how_far_it_looked_even_if_nothing_matched() -> None:
    """Rule 10: or an idle client's cursor would fall out of retention."""
    for options in (HubOptions(), FROM_THE_LOG):
        async with Hub(options=options) as hub:
            await publish(hub, *range(10), topic="b/y")
            assert await answered(ask(hub, "a/**", cursor="earliest", timeout_s=0)[1]) == (10, [])


@pytest.mark.parametrize("recent_bytes", [0, 1 << 20])
async def test_an_answer_has_at_most_limit_events_or_a_megabyte(recent_bytes: int) -> None:
    """Rule 10."""
    async with Hub(options=HubOptions(recent_bytes=recent_bytes)) as hub:
        await hub.append([draft("a/x", n, source="/a/s") for n in range(1000)])
        await hub.append([draft("a/x", n, source="/a/s") for n in range(1000, 1500)])
        assert await answered(ask(hub, "a/x", cursor="earliest", limit=7)[1]) == (7, list(range(7)))
        assert await answered(ask(hub, "a/x", cursor="earliest")[1]) == (1000, list(range(1000)))
        after = hub.bounds.cursor(1000)
        assert await answered(ask(hub, "a/x", cursor=after)[1]) == (1500, list(range(1000, 1500)))
        for start in range(0, 30, 10):
            await hub.append(
                [draft("a/big", [n, "x" * 100_000], source="/a/s") for n in range(start, start + 10)]
            )
        position, data = await answered(ask(hub, "a/big", cursor="earliest")[1])
        assert [n for n, _ in data] == list(range(10))
        position, data = await answered(ask(hub, "a/big", cursor=hub.bounds.cursor(position))[1])
        assert [n for n, _ in data] == list(range(10, 20))
        assert position == 1520


async def test_events_that_come_while_the_log_is_read_are_answered_once() -> None:
    """Rules 1, 10: the poll reads history, batches are fanned out, and its time-out passes."""
    log = HeldLog()
    async with Hub(log, FROM_THE_LOG) as hub:
        await publish(hub, 1, 2, 3)
        log.hold()
        poll, answer = ask(hub, "a/**", cursor="earliest", timeout_s=30)
        await log.held()
        await publish(hub, 4, 5)
        hub._desks.time_out(poll)
        log.release()
        position, numbers = await answered(answer)
        numbers += await follow(hub, "a/**", position=position, count=5 - len(numbers))
        assert numbers == [1, 2, 3, 4, 5]


async def test_a_parked_poll_that_must_read_the_log_is_not_answered_from_its_middle() -> None:
    """Rule 10: while it collects what memory no longer has, later batches and its time-out leave it alone."""
    log = HeldLog()
    async with Hub(log, FROM_THE_LOG) as hub:
        poll, answer = ask(hub, "a/**", timeout_s=30)
        log.hold()
        await three_pages(hub)
        await log.held()
        hub._desks.time_out(poll)
        log.release()
        log.hold()
        await log.held()  # the second page is being read; the first is in hand
        assert not answer.done()
        await publish(hub, 900)
        await asyncio.sleep(0)
        hub._desks.time_out(poll)
        log.release()
        position, numbers = await answered(answer)
        numbers += await follow(hub, "a/**", position=position, count=901 - len(numbers))
        assert numbers == list(range(901))


@pytest.mark.parametrize("parked", [False, True])
@pytest.mark.parametrize("ending", ["expire", "drain"])
async def test_a_poll_that_ends_while_it_collects_keeps_a_position_before_what_it_held(
    ending: str, parked: bool
) -> None:
    """Rules 10, 22: it has read a page that it is not going to send."""
    log = HeldLog()
    async with Hub(log, FROM_THE_LOG) as hub:
        if not parked:
            await three_pages(hub)
        log.hold()
        poll, answer = ask(hub, "a/**", cursor="earliest", timeout_s=30)
        if parked:
            await three_pages(hub)
        await log.held()
        log.release()
        log.hold()
        await log.held()
        if ending == "expire":
            hub._desks.expire(poll)
        else:
            hub._desks.time_out(poll)
        log.release()
        position, numbers = await answered(answer)
        numbers += await follow(hub, "a/**", position=position, count=900 - len(numbers))
        assert numbers == list(range(900))


async def test_polls_at_one_position_share_one_answer() -> None:
    async with Hub() as hub:
        answers = [ask(hub, "a/**")[1] for _ in range(50)]
        await publish(hub, 1)
        found = [await answer for answer in answers]
        assert len({id(answer) for answer in found}) == 1


async def test_a_parked_poll_stays_parked_through_what_it_did_not_ask_for() -> None:
    """And its position at the end is fan-out's: nothing lies between."""
    async with Hub() as hub:
        poll, answer = ask(hub, "a/**")
        await publish(hub, *range(5), topic="b/y")
        await hub.fanout.probe()
        assert not answer.done()
        hub._desks.time_out(poll)
        assert await answered(answer) == (5, [])


async def test_a_failing_log_ends_a_poll_with_a_problem_and_not_with_silence() -> None:
    """Whatever goes wrong while it reads, a poll is answered."""

    class Broken(MemoryLog):
        async def read(self, *given: object, **more: object) -> None:  # type: ignore[override]
            raise RuntimeError("on purpose")

    async with Hub(Broken(), FROM_THE_LOG) as hub:
        await publish(hub, 1, 2)
        _, answer = ask(hub, "a/**", cursor="earliest", timeout_s=0.01)
        async with asyncio.timeout(10):
            assert (await answer).problem is not None


async def test_hub_subscribe_is_a_poll_and_misses_nothing() -> None:
    """The pull path in Python: `latest`, a cursor, and a reset that stands in the stream."""
    async with Hub(options=FROM_THE_LOG) as hub:
        await publish(hub, *range(3))
        found = []
        async for event in hub.subscribe("a/**", cursor="earliest"):
            found.append(event.data)
            if len(found) < 10:
                await publish(hub, 2 + len(found))
            else:
                break
        assert found == list(range(10))
        async for event in hub.subscribe("a/**", cursor="zzz-1"):
            assert event.type == "tricast.reset"
            assert event.data["reason"] == "unknown"
            break


async def test_a_publisher_reads_its_own_writes() -> None:
    """Rule 17: acknowledged means that every read from then on includes it, also while fan-out is busy."""
    async with Hub(options=HubOptions(slice_writes=1)) as hub:
        for _ in range(30):
            await connect(hub, "a/**")

        async def write(number: int) -> None:
            receipt = await hub.publish(f"a/{number}", number)
            assert receipt.offset is not None
            before = hub.bounds.cursor(receipt.offset - 1)
            _, numbers = await answered(ask(hub, f"a/{number}", cursor=before, timeout_s=0)[1])
            assert numbers == [number]

        for number in range(5):
            await asyncio.gather(*(write(number * 10 + n) for n in range(10)))


async def test_a_poll_whose_client_is_gone_is_gone() -> None:
    async with Hub() as hub:
        poll, answer = ask(hub, "a/**", grant=ANYONE)
        poll.lost()
        await publish(hub, 1)
        await hub.fanout.probe()
        assert not answer.done()
        assert len(hub.callers) == 0
