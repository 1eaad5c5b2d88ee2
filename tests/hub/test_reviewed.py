"""Faults of the hub that a review found, each made to happen."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.harness.fakes import FakeOutlet
from tests.harness.sockets import patience

from tricast.cursor import Cursor
from tricast.errors import Draining
from tricast.event import Event, draft
from tricast.hub.caller import Caller
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub, HubOptions
from tricast.hub.poll import Answer
from tricast.hub.subscription import MAX_PATTERNS, Subscription
from tricast.log.base import Bounds, Epoch, RetentionClass
from tricast.pattern import Pattern, matcher
from tricast.wire.start import Start

pytestmark = pytest.mark.anyio
ANYONE = Grant(subject="anyone", subscribe=("**",), publish=("**",))


def parked(hub: Hub, topic: str = "demo/x", *, expires_at: float | None = None) -> asyncio.Future[Answer]:
    """A poll that waits."""
    waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    caller = Caller(Grant("anyone", ("**",), expires_at=expires_at), "poll")
    hub.poll(waiting.set_result, caller=caller, subscription=Subscription.of([topic]), timeout_s=30)
    return waiting


class Expiring(Hub):
    """A hub whose deadlines are looked at when the test says so, as when the timer is late."""

    def __init__(self) -> None:
        super().__init__(options=HubOptions(poll_pace_s=0))
        self.due = False
        self._connections.deadlines._arm = lambda: None  # type: ignore[method-assign]
        check = self.fanout.before_batch
        self.fanout.before_batch = lambda: check() if self.due else None


@pytest.mark.parametrize("when", ["as the batch comes", "as the answer is made"])
async def test_a_poll_that_expires_beside_an_event_is_told_a_cursor_before_it(when: str) -> None:
    async with Expiring() as hub:
        first = await hub.publish("demo/x", 1)
        now = time.time()
        waiting = parked(hub, expires_at=now + 0.05)
        while time.time() < now + 0.06:  # the loop is busy: the timer of the deadline is late
            pass
        hub.due = when == "as the batch comes"
        publishing = asyncio.ensure_future(hub.publish("demo/x", 2))
        while hub.bounds.head < 2:  # noqa: ASYNC110 (turn by turn: that is the point)
            await asyncio.sleep(0)
        hub.due = True
        async with patience():
            answer = await waiting
            await publishing
        told = Cursor.parse(answer.cursor).offset
        assert told == (first.offset or 0) + len(answer.events)


async def test_a_failure_of_fan_out_is_made_good_for_polls_and_publishers_too() -> None:
    async with Hub() as hub:
        waiting = parked(hub)
        match, hub.fanout._match = hub.fanout._match, lambda events: 1 / 0  # type: ignore[assignment, method-assign, return-value]
        await hub.publish("demo/x", 1)
        hub.fanout._match = match  # type: ignore[method-assign]
        async with patience():
            answer = await waiting
            assert [event.data for event in answer.events] == [1]
            await hub.publish("demo/x", 2)


class Unfinishable(FakeOutlet):
    def finish(self, last: object, *, code: int = 1000, reason: str = "") -> None:
        raise RuntimeError("the handle is closed")


async def test_one_who_can_not_be_told_goodbye_does_not_keep_the_others_from_it() -> None:
    async with Hub() as hub:
        outlets = [FakeOutlet(), Unfinishable(), FakeOutlet()]
        for outlet in outlets:
            hub.open(outlet, caller=Caller(ANYONE, "sse"), subscription=Subscription.of(["demo/**"]))
        await hub.drain(within_s=5)
        assert [outlet.finished is not None for outlet in outlets] == [True, False, True]
        assert outlets[1].aborted
        assert hub.connections == 0


def test_a_hub_that_was_left_in_the_middle_of_a_batch_fans_out_again_on_another_loop() -> None:
    hub = Hub(options=HubOptions(slice_writes=1))

    async def first_life() -> None:
        async with hub:
            for _ in range(300):
                outlet, wanted = FakeOutlet(), Subscription.of(["demo/**"])
                hub.open(outlet, caller=Caller(ANYONE, "sse"), subscription=wanted)
            await hub.publish("demo/x", 1)  # acknowledged when it has begun: most writes are still to come

    async def second_life() -> None:
        async with hub, patience():
            await hub.publish("demo/x", 2)

    asyncio.run(first_life())
    asyncio.run(second_life())


async def test_who_iterates_is_told_that_the_hub_stops() -> None:
    hub = Hub()

    async def iterate() -> None:
        async for _ in hub.subscribe("demo/**"):
            pass

    async with hub:
        iterating = asyncio.ensure_future(iterate())
        await asyncio.sleep(0)
    async with patience():
        with pytest.raises(Draining):
            await iterating


async def test_thousands_of_polls_are_answered_in_slices_and_all_of_them() -> None:
    async with Hub(options=HubOptions(poll_pace_s=0)) as hub:
        waiting = [parked(hub) for _ in range(1000)]
        await hub.publish("demo/x", 1)
        async with patience():
            await asyncio.sleep(0)
            assert 0 < sum(each.done() for each in waiting) < 1000
            late = parked(hub)
            answers = await asyncio.gather(*waiting)
            assert {tuple(e.data for e in answer.events) for answer in answers} == {(1,)}
            assert not late.done()
            await hub.publish("demo/x", 2)
            assert [event.data for event in (await late).events] == [2]


async def test_a_long_history_is_looked_through_without_holding_the_loop() -> None:
    async with Hub() as hub:
        for start in range(0, 30_000, 1000):
            await hub.append([draft(f"demo/{n}", n, source="/s") for n in range(start, start + 1000)])
        wanted = Subscription.of([f"*/{n}x/**" for n in range(MAX_PATTERNS)])
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        cursor = Start("cursor", Cursor.parse(hub.bounds.cursor(0)))
        caller = Caller(ANYONE, "poll")
        hub.poll(waiting.set_result, caller=caller, subscription=wanted, start=cursor, timeout_s=0)
        turns = 0
        while not waiting.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns >= 5, "other things had their turn in between"
        assert Cursor.parse(waiting.result().cursor).offset == 30_000


async def test_a_cursor_without_patterns_recovers_nothing_and_does_not_say_so() -> None:
    async with Hub() as hub:
        first = await hub.publish("demo/x", 1)
        await hub.publish("demo/x", 2)
        outlet = FakeOutlet()
        start = Start("cursor", Cursor.parse(first.cursor or ""))
        hub.open(outlet, caller=Caller(ANYONE, "websocket"), subscription=Subscription(()), start=start)
        assert b'"recovered":false' in b"".join(map(bytes, outlet.writes[0]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "texts", [["a/b", "a/*", "x/**", "*/y"], ["**"], ["*/b/c"], ["a/b"], ["tricast/keys"]]
)
@pytest.mark.parametrize(
    "topic", ["a", "a/b", "a/b/c", "x", "x/y", "x/y/z", "tricast/keys", "tricast", "tricastle/b"]
)
def test_many_patterns_at_once_match_as_each_alone(texts: list[str], topic: str) -> None:
    patterns = [Pattern.parse(text) for text in texts]
    assert matcher(patterns)(topic) == any(pattern.matches(topic) for pattern in patterns)


@pytest.mark.parametrize(
    ("types", "type", "let_through"),
    [
        ((), "any", True),
        (("order.*",), "order.made", True),
        (("order.*", "flag.?"), "flag.x", True),
        (("order.*", "flag.?"), "flag.xy", False),
        (("a*b*c", "[x]"), "[x]", True),
        (("[x]",), "x", False),
    ],
)
def test_many_globs_at_once_let_through_what_each_would(
    types: tuple[str, ...], type: str, let_through: bool
) -> None:
    subscription = Subscription.of(["demo/**"], types)
    assert subscription.filter()(Event(1, "demo/x", type, None, 0, b"")) is let_through


def test_marks_are_judged_for_the_apps_that_the_patterns_reach() -> None:
    marks = {
        RetentionClass("events", "a"): 3,
        RetentionClass("audit", "a"): 1,
        RetentionClass("events", "b"): 7,
    }
    bounds = Bounds(9, (Epoch("e", 0),), {**marks, RetentionClass("events", "tricast"): 8})
    for texts, floor, oldest in ((["a/x"], 3, 1), (["b/**"], 7, 7), (["**"], 7, 1), (["c/x"], 0, 0)):
        patterns = [Pattern.parse(text) for text in texts]
        assert (bounds.floor(patterns), bounds.oldest(patterns)) == (floor, oldest)
    everything = [Pattern.parse("**")]
    assert bounds.floor(everything, dict(bounds.marks(everything))) == 0
    assert bounds.floor([Pattern.parse("**"), Pattern.parse("tricast/keys")]) == 8
