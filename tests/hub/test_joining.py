"""Joining fan-out and leaving it: every interleaving here is chosen, none is waited for.

The numbers in the docstrings are those of the rules of delivery.
"""

from __future__ import annotations

import asyncio

import pytest
from tests.harness.fakes import FakeOutlet, HeldLog, connect
from tests.harness.sockets import settled

from tricast.event import draft
from tricast.hub.hub import Hub, HubOptions
from tricast.hub.subscriber import Subscriber
from tricast.hub.subscription import Subscription
from tricast.log.memory import MemoryLog

pytestmark = pytest.mark.anyio

ONE_AT_A_TIME = HubOptions(slice_writes=1)
FROM_THE_LOG = HubOptions(slice_writes=1, recent_bytes=0)


async def publish(hub: Hub, *numbers: int, topic: str = "a/x") -> None:
    for number in numbers:
        await hub.publish(topic, number)


async def test_what_is_published_while_the_last_page_is_read_is_not_lost() -> None:
    """Rule 1: the page was read up to a head that has moved since; full or empty, it proves nothing."""
    log = HeldLog()
    async with Hub(log, FROM_THE_LOG) as hub:
        await publish(hub, 1, 2, 3)
        log.hold()
        subscriber, outlet = await connect(hub, "a/**", cursor="earliest")
        await log.held()
        await publish(hub, 4, 5, 6)
        log.release()
        await outlet.received(1, 2, 3, 4, 5, 6)
        await publish(hub, 7)
        await outlet.received(1, 2, 3, 4, 5, 6, 7)
        assert subscriber.state == "live"


async def test_an_empty_page_does_not_prove_that_one_is_at_the_head() -> None:
    """Rule 1: nothing matched when the read looked; meanwhile something was appended and fanned out."""
    log = HeldLog()
    async with Hub(log, FROM_THE_LOG) as hub:
        await publish(hub, 1, 2, 3, topic="b/y")
        log.hold()
        _, outlet = await connect(hub, "a/**", cursor="earliest")
        await log.held()
        await publish(hub, 4)
        await publish(hub, 5, topic="b/y")
        log.release()
        await outlet.received(4)
        await publish(hub, 6)
        await outlet.received(4, 6)


async def test_one_who_joins_between_two_slices_gets_the_batch_once() -> None:
    """Rule 1: fan-out's position is advanced before the batch's first write."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        await publish(hub, 1)
        cursor = hub.position
        first = [(await connect(hub, "a/**"))[1] for _ in range(8)]
        await hub.publish("a/x", 2)
        assert (first[0].numbers, first[-1].numbers) == ([2], [])  # in the middle of the batch
        _, replayed = await connect(hub, "a/**", cursor=cursor)
        _, latest = await connect(hub, "a/**")
        assert hub.fanout.done < hub.fanout.position
        assert replayed.numbers == [2]
        await publish(hub, 3)
        for outlet in first:
            await outlet.received(2, 3)
        await replayed.received(2, 3)
        await latest.received(3)


async def test_nobody_reads_past_fan_out() -> None:
    """Rule 1: a batch that waits behind another is in memory and in the log, and not yet to be read."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        cursor = hub.position
        first = [(await connect(hub, "a/**"))[1] for _ in range(8)]
        await hub.publish("a/x", 1)
        behind = asyncio.ensure_future(hub.publish("a/x", 2))
        await settled(lambda: hub.log.bounds().head == 2)
        assert hub.fanout.position == 1
        subscriber, outlet = await connect(hub, "a/**", cursor=cursor)
        assert outlet.numbers == [1]
        assert subscriber.where() == 1
        await behind
        for each in (*first, outlet):
            await each.received(1, 2)


async def test_one_who_leaves_before_its_write_gets_the_batch_on_coming_back() -> None:
    """Rule 2: the position is its own or the last batch wholly fanned out, never fan-out's."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        pairs = [await connect(hub, "a/**") for _ in range(8)]
        await hub.publish("a/x", 1)
        subscriber, outlet = pairs[-1]
        assert outlet.numbers == []
        outlet.stall()
        assert subscriber.position == 0
        await publish(hub, 2)
        assert outlet.numbers == []
        outlet.drain()
        await outlet.received(1, 2)
        for _, each in pairs[:-1]:
            await each.received(1, 2)


async def test_a_socket_that_fills_inside_the_write_has_taken_the_batch() -> None:
    """Rule 2: the position is set before `write`, which may report from inside that the socket is full."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        pairs = [await connect(hub, "a/**") for _ in range(8)]
        subscriber, outlet = pairs[0]
        outlet.on_write = FakeOutlet.stall
        await hub.publish("a/x", 1)
        assert subscriber.state == "lagging"
        assert subscriber.position == 1
        assert hub.fanout.done == 0
        outlet.on_write = lambda _: None
        outlet.drain()
        await publish(hub, 2)
        for _, each in pairs:
            await each.received(1, 2)


async def test_one_to_whom_nothing_was_written_leaves_where_fan_out_has_wholly_got() -> None:
    """Rule 2: otherwise whoever matches little would be replayed from where it once joined."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        subscriber, outlet = await connect(hub, "b/**")
        await publish(hub, *range(10))
        await hub.fanout.probe()
        outlet.stall()
        assert subscriber.position == 10


async def test_stalls_at_any_write_lose_nothing_and_double_nothing() -> None:
    """Rules 1-2: full at each write in turn, drained at once or after the next batch."""
    async with Hub(MemoryLog(), FROM_THE_LOG) as hub:
        outlets = [FakeOutlet() for _ in range(12)]
        for index, outlet in enumerate(outlets):

            def full(outlet: FakeOutlet, index: int = index) -> None:
                if len(outlet.writes) % 6 == index % 6 and not outlet.is_stalled:
                    outlet.stall()
                    if index < 6:
                        asyncio.get_running_loop().call_soon(outlet.drain)

            outlet.on_write = full
            await connect(hub, "a/**", outlet=outlet)
        for number in range(40):
            await publish(hub, number)
            for outlet in outlets[6:]:
                if outlet.is_stalled:
                    outlet.drain()
        for outlet in outlets:
            outlet.on_write = lambda _: None
            if outlet.is_stalled:
                outlet.drain()
        await publish(hub, 40)
        for outlet in outlets:
            await outlet.received(*range(41))


async def test_a_live_write_is_at_most_64_kib_or_one_event() -> None:
    """Rule 3."""
    async with Hub(MemoryLog()) as hub:
        _, outlet = await connect(hub, "a/**")
        drafts = [draft("a/x", "y" * 9000, source="/a/s") for _ in range(50)]
        drafts.insert(20, draft("a/x", "z" * 200_000, source="/a/s"))
        await hub.append(drafts)
        await outlet.until(lambda: len(outlet.events) == 51)
        sizes = [sum(map(len, payload)) for payload in outlet.writes]
        assert all(
            size <= 64 * 1024 or len(payload) == 1 for size, payload in zip(sizes, outlet.writes, strict=True)
        )
        assert max(sizes) > 200_000
        assert len(sizes) < 15, "and not one write per event"


async def test_a_replaying_write_is_at_most_64_kib_or_one_event() -> None:
    """Rule 3, for what comes from the log and from memory."""
    for options in (FROM_THE_LOG, HubOptions()):
        async with Hub(MemoryLog(), options) as hub:
            drafts = [draft("a/x", "y" * 9000, source="/a/s") for _ in range(50)]
            drafts.insert(20, draft("a/x", "z" * 200_000, source="/a/s"))
            await hub.append(drafts)
            _, outlet = await connect(hub, "a/**", cursor="earliest")
            await outlet.until(lambda: len(outlet.events) == 51)  # noqa: B023
            for payload in outlet.writes:
                assert sum(map(len, payload)) <= 64 * 1024 or len(payload) == 1


async def test_a_lagging_socket_that_takes_nothing_is_aborted_and_a_slow_one_is_not() -> None:
    """Rule 3: 60 s without a byte, counted anew whenever some were taken."""
    async with Hub(MemoryLog()) as hub:
        (dead, dead_outlet), (slow, slow_outlet) = [await connect(hub, "a/**") for _ in range(2)]
        for outlet in (dead_outlet, slow_outlet):
            outlet.pending = 1000
            outlet.stall()
        began = dead.lagging_since
        for second in range(1, 61):
            slow_outlet.pending -= 1
            dead.check_lag(began + second, 60.0)
            slow.check_lag(began + second, 60.0)
            assert dead_outlet.aborted == (second == 60)
        assert (dead.state, slow.state) == ("closed", "lagging")
        assert len(hub.callers) == 1


async def test_one_who_fails_does_not_reach_the_next() -> None:
    """Rule 6: uvloop's write raises on a closed handle; the member is dropped, the others are served."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        pairs = [await connect(hub, "a/**") for _ in range(4)]

        def fail(_: FakeOutlet) -> None:
            raise RuntimeError("unable to perform operation; the handler is closed")

        pairs[1][1].on_write = fail
        await publish(hub, 1, 2)
        for index, (_, outlet) in enumerate(pairs):
            if index != 1:
                await outlet.received(1, 2)
        assert pairs[1][1].aborted
        assert pairs[1][0].state == "closed"
        assert len(hub.callers) == 3


async def test_fan_out_goes_over_a_snapshot_of_its_members() -> None:
    """Rule 6: a write may end other connections and begin new ones."""
    async with Hub(MemoryLog()) as hub:
        pairs = [await connect(hub, "a/**") for _ in range(5)]
        late = FakeOutlet()
        joining: list[asyncio.Future[object]] = []

        def disturb(outlet: FakeOutlet) -> None:
            outlet.on_write = lambda _: None
            pairs[0][1].lose()
            pairs[3][1].lose()
            joining.append(asyncio.ensure_future(connect(hub, "a/**", outlet=late)))

        pairs[1][1].on_write = disturb
        await publish(hub, 1)
        await late.until(lambda: len(late.writes) > 0)
        await publish(hub, 2)
        await late.received(2)
        assert [outlet.numbers for _, outlet in pairs] == [[1], [1, 2], [1, 2], [], [1, 2]]


async def test_a_heartbeat_never_overtakes_the_batch_that_its_cursor_includes() -> None:
    """Rule 8: written by the fan-out between batches, to a live member with fan-out's position."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        outlets = [(await connect(hub, "a/**"))[1] for _ in range(8)]
        await hub.publish("a/x", 1)
        hub.fanout.beat()
        await hub.fanout.probe()
        for outlet in outlets:
            await outlet.until(lambda: outlet.controls("heartbeat") != [])  # noqa: B023
            kinds = [message["type"] for message in outlet.messages[-2:]]
            assert kinds == ["message", "tricast.heartbeat"]
            assert outlet.controls("heartbeat")[0]["cursor"] == hub.position


async def test_a_replaying_subscribers_heartbeat_has_the_position_its_scan_has_reached() -> None:
    """Rule 8: a sparse replay makes progress across reconnects; one that lags is told nothing."""
    log = HeldLog()
    async with Hub(log, HubOptions(heartbeat_s=0.01, recent_bytes=0)) as hub:
        for _ in range(3):
            await hub.append([draft("a/x", 0, source="/a/s") for _ in range(1000)])
        await publish(hub, 1, topic="a/rare")
        log.hold()
        subscriber, outlet = await connect(hub, "a/rare", cursor="earliest")
        await log.held()
        await outlet.until(lambda: outlet.controls("heartbeat") != [])
        assert {m["cursor"] for m in outlet.controls("heartbeat")} == {hub.bounds.cursor(0)}
        log.release()
        log.hold()
        await outlet.until(lambda: outlet.controls("heartbeat")[-1]["cursor"] == hub.bounds.cursor(1000))
        assert subscriber.where() == 1000
        outlet.stall()
        before = len(outlet.messages)
        _, other = await connect(hub, "b/x")
        await other.until(lambda: len(other.controls("heartbeat")) >= 2)
        assert len(outlet.messages) == before
        log.release()
        outlet.drain()
        await outlet.received(1)


async def test_a_thousand_who_come_back_with_one_cursor_cost_one_read() -> None:
    """What lies before them is read once and joined once, whoever asks."""
    log = HeldLog()
    async with Hub(log, HubOptions(recent_bytes=0)) as hub:
        await publish(hub, *range(20))
        log.hold()
        outlets = [(await connect(hub, "a/**", cursor=hub.bounds.cursor(5)))[1] for _ in range(1000)]
        await log.held()
        log.release()
        for outlet in outlets:
            await outlet.until(lambda: outlet.controls("live") != [])  # noqa: B023
        assert hub.stats.reads == 1
        assert outlets[999].numbers == list(range(5, 20))
        assert outlets[0].writes[1] is outlets[999].writes[1]


async def test_a_failure_of_fan_out_itself_is_made_good_from_the_log() -> None:
    """Whatever happens in the loop, the live ones are replayed from their own positions."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        outlets = [(await connect(hub, "a/**"))[1] for _ in range(3)]
        calls = 0

        def fail() -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise RuntimeError("on purpose")

        hub.fanout.before_batch = fail
        await publish(hub, 1, 2, 3)
        for outlet in outlets:
            await outlet.received(1, 2, 3)


async def resubscribe(hub: Hub, subscriber: Subscriber, *patterns: str) -> int:
    """Change what it gets; the position that the announcement names."""
    told: list[str | None] = []
    hub.resubscribe(subscriber, Subscription.of(patterns), told.append)
    (cursor,) = told
    assert cursor is not None
    return int(cursor.rpartition("-")[2])


async def test_patterns_that_change_between_two_slices_change_before_the_batch() -> None:
    """Rule 11: at the subscriber's own position; fan-out's includes what it was not given yet."""
    async with Hub(MemoryLog(), ONE_AT_A_TIME) as hub:
        pairs = [await connect(hub, "a/**") for _ in range(8)]
        await hub.publish("a/x", 1)
        subscriber, outlet = pairs[-1]
        assert outlet.numbers == []
        assert await resubscribe(hub, subscriber, "a/**", "b/**") == 0
        await publish(hub, 2, topic="b/y")
        await outlet.received(1, 2)


async def test_patterns_that_change_during_a_replay_change_where_it_has_got() -> None:
    """Rule 11: what was being read for the old set is not written."""
    log = HeldLog()
    async with Hub(log, FROM_THE_LOG) as hub:
        await publish(hub, 1, 2)
        await publish(hub, 3, topic="b/y")
        await publish(hub, 4)
        log.hold()
        subscriber, outlet = await connect(hub, "a/**", cursor="earliest")
        await log.held()
        assert await resubscribe(hub, subscriber, "b/**") == 0
        log.release()
        await outlet.received(3)
        await publish(hub, 5)
        await publish(hub, 6, topic="b/y")
        await outlet.received(3, 6)
