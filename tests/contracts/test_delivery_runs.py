"""Long and random runs of the contract, against a model: everything once, in order, or a true reset."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.harness.clients import TRANSPORTS, TransportName, listen, offset_of
from tests.harness.follower import Follower, Published
from tests.harness.repetitions import often
from tests.harness.server import Installation, Path_, url_of
from tests.harness.sockets import patience

from tricast.event import draft
from tricast.hub.hub import HubOptions
from tricast.log.base import Retention, RetentionClass

pytestmark = pytest.mark.anyio

EVENTS = often(3000, 10_000)
DISCONNECTS = often(60, 200)
TOPICS = [f"{app}/{kind}/{n}" for app in ("shop", "demo") for kind in ("orders", "rare") for n in range(3)]


async def append(here: Installation, published: Published, topics: Sequence[str], pad: int = 0) -> None:
    """One atomic batch, an event per topic; each says its own offset."""
    start = len(published.topics) + 1
    published.topics += topics
    drafts = [
        draft(topic, {"n": start + index, "pad": "x" * pad}, source="/model")
        for index, topic in enumerate(topics)
    ]
    appended = await here.hub.append(drafts)
    assert appended.receipts[-1].offset == len(published.topics)


@pytest.mark.repeated
@pytest.mark.timeout(120)
async def test_thousands_of_events_with_disconnects_between_them(
    log: str, path: Path_, tmp_path: Path
) -> None:
    """No gap and no duplicate, whatever transport each comes back on, from memory or from the log."""
    rng = random.Random(f"{log} {path}")
    options = HubOptions(recent_bytes=5_000, slice_writes=2)
    async with Installation(url_of(log, tmp_path), path, options) as here:
        published = Published()
        patterns = [
            ["**"],
            ["shop/**"],
            ["*/rare/*"],
            ["demo/orders/1", "shop/rare/2"],
            ["demo/*/0", "demo/**"],
        ]
        followers = [Follower(each, here.hub.position, published) for each in patterns]
        left = DISCONNECTS

        async def publish() -> None:
            while len(published.topics) < EVENTS:
                count = min(rng.choice((1, 1, 2, 5, 50)), EVENTS - len(published.topics))
                await append(here, published, rng.choices(TOPICS, k=count), pad=rng.choice((0, 0, 0, 300)))
                while len(published.topics) - min(f.position for f in followers[:2]) > 3000:
                    await asyncio.sleep(0.002)  # (nobody is slower than this for long)
                    await append(here, published, ["shop/rare/2", "demo/rare/0"])

        def owed(follower: Follower) -> list[int]:
            return published.matching(follower.patterns, follower.position, EVENTS)

        async def follow(follower: Follower, mine: random.Random) -> None:
            nonlocal left
            while left > 0 or len(published.topics) < EVENTS or owed(follower):
                await follower.connect(mine.choice(TRANSPORTS), here.port)
                for _ in range(mine.choice((1, 3, 30, 100, 300))):
                    if follower.position >= len(published.topics) >= EVENTS or not await follower.step(
                        here.hub.bounds
                    ):
                        break
                left -= 1
                follower.drop(rudely=mine.random() < 0.5)

        async def keep_on() -> None:
            while True:  # (so that nobody waits for an event that never comes)
                await asyncio.sleep(0.02)
                await append(here, published, TOPICS)

        async with asyncio.timeout(100), asyncio.TaskGroup() as following:
            publishing = asyncio.create_task(publish())
            for index, follower in enumerate(followers):
                following.create_task(follow(follower, random.Random(f"{log} {path} {index}")))
            await publishing
            keeping = asyncio.create_task(keep_on())
        keeping.cancel()
        for follower in followers:
            assert follower.taken == len(published.matching(follower.patterns, 0, follower.position))
            assert follower.taken >= len(published.matching(follower.patterns, 0, EVENTS))
            assert not follower.resets
        assert sum(follower.connects for follower in followers) >= DISCONNECTS
        assert here.hub.stats.reads > 0


# Random interleavings

FOLLOWERS = (("**",), ("shop/**",), ("demo/rare/*", "shop/orders/0"))
WHO = st.integers(0, len(FOLLOWERS) - 1)
OP = st.one_of(
    st.tuples(
        st.just("publish"),
        st.integers(0, len(TOPICS) - 1),
        st.sampled_from([1, 1, 3, 40]),
        st.sampled_from([0, 0, 100, 30_000]),
    ),
    st.tuples(st.just("connect"), WHO, st.sampled_from(TRANSPORTS), st.booleans()),
    st.tuples(st.just("read"), WHO, st.sampled_from([1, 2, 10])),
    st.tuples(st.just("drop"), WHO, st.booleans()),
    st.tuples(st.just("trim"), st.sampled_from(["shop", "demo"]), st.sampled_from([0, 1, 5, 20])),
    st.tuples(st.just("restart")),
    st.tuples(st.just("turn"), st.integers(1, 10)),
)


async def interleave(here: Installation, ops: Sequence[tuple[Any, ...]]) -> None:
    """Carry out `ops`; then all come back, read to the end, and nothing may be missing."""
    published = Published()
    followers = [Follower(patterns, here.hub.position, published) for patterns in FOLLOWERS]
    for op in ops:
        match op:
            case ("publish", topic, count, pad):
                topics = [TOPICS[(topic + index) % len(TOPICS)] for index in range(count)]
                await append(here, published, topics, pad)
            case ("connect", who, transport, small):
                followers[who].drop()
                await followers[who].connect(transport, here.port, receive_bytes=4096 if small else None)
            case ("read", who, count):
                await read(here, followers[who], count)
            case ("drop", who, rudely):
                followers[who].drop(rudely=rudely)
            case ("trim", app, keep):
                await here.hub.log.trim(RetentionClass("events", app), Retention(events=keep))
            case ("restart",):
                await here.restart()
                for follower in followers:
                    follower.drop()
            case ("turn", turns):
                for _ in range(turns):
                    await asyncio.sleep(0)
    await append(here, published, TOPICS)
    for follower in followers:
        if not follower.connected:
            await follower.connect(TRANSPORTS[follower.connects % 3], here.port)
    for _ in range(2):
        head = len(published.topics)
        for follower in followers:
            await follower.catch_up(head, here.hub.bounds)
        await append(here, published, TOPICS)
    for follower in followers:
        follower.drop()


async def read(here: Installation, follower: Follower, count: int) -> None:
    """Take up to `count` messages that must come: never wait for what isn't owed."""
    for _ in range(count):
        head = here.hub.log.bounds().head
        if not follower.connected or not follower.published.matching(
            follower.patterns, follower.position, head
        ):
            return
        await follower.step(here.hub.bounds)


@pytest.mark.timeout(120)
@given(
    ops=st.lists(OP, min_size=5, max_size=40),
    slices=st.sampled_from([1, 256]),
    recent=st.sampled_from([0, 2000, 1 << 20]),
)
@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck), derandomize=False)
async def test_any_interleaving_gives_each_event_once_or_a_true_reset(
    log: str, path: Path_, ops: list[tuple[Any, ...]], slices: int, recent: int
) -> None:
    """Rules 1, 2, 7-11, 14-16: publish, connect, stall (not reading), drop, trim, restart, at random."""
    folder = Path(tempfile.mkdtemp())
    try:
        options = HubOptions(slice_writes=slices, recent_bytes=recent)
        async with asyncio.timeout(30), Installation(url_of(log, folder), path, options) as here:
            await interleave(here, ops)
    finally:
        shutil.rmtree(folder)


# A restored backup


def save(folder: Path) -> None:
    """Copy the file, with its write-ahead log if there is one."""
    for each in folder.glob("copy.db*"):
        each.unlink()
    for each in folder.glob("events.db*"):
        shutil.copy(each, folder / each.name.replace("events", "copy"))


def restore(folder: Path) -> None:
    """Put the copy in the place of the file."""
    for each in folder.glob("events.db*"):
        each.unlink()
    for each in folder.glob("copy.db*"):
        shutil.copy(each, folder / each.name.replace("copy", "events"))


@pytest.mark.parametrize("appended_since", [0, 1, 5])
@pytest.mark.parametrize("another_life", [False, True])
async def test_cursors_of_a_tail_that_a_restored_copy_does_not_have_are_reset(
    path: Path_, transport: TransportName, tmp_path: Path, appended_since: int, another_life: bool
) -> None:
    """Rule 14: whatever was appended since the restoration: never silence, never another tail for theirs."""
    async with Installation(url_of("sqlite", tmp_path), path) as here:
        await here.publish("demo/a", 0, 1, 2)
        shared = here.hub.position
        await here.stop()
        save(tmp_path)
        await here.start()
        if not another_life:
            # The tail is lost from the very epoch that the copy ends with: copy it while it is open.
            await here.publish("demo/a", 3)
            await here.stop()
            save(tmp_path)
            shared = here.hub.position
            await here.start()
        lost = []
        for n in range(4):
            await here.publish("demo/a", 100 + n)
            lost.append(here.hub.position)
        await here.stop()
        restore(tmp_path)
        await here.start()
        kept = offset_of(shared)
        for n in range(appended_since):
            await here.publish("demo/a", 200 + n)
        for cursor in lost:
            with await listen(transport, here.port, ["demo/**"], cursor) as listener:
                reset = await listener.until("tricast.reset")
                assert reset.data["reason"] in ("epoch", "ahead", "unknown")
                assert not [m for m in listener.seen if not m.is_control]
        with await listen(transport, here.port, ["demo/**"], shared) as listener:
            await here.publish("demo/a", 300)
            expected = [*(200 + n for n in range(appended_since)), 300]
            assert await listener.numbers(len(expected)) == expected
            assert not [m for m in listener.seen if m.type == "tricast.reset"]
        assert kept in (3, 4)


async def test_a_tail_lost_from_the_epoch_that_goes_on_is_epoch_or_ahead(path: Path_, tmp_path: Path) -> None:
    """Rule 14: a copy made while the server was writing, restored after it wrote more in the same life."""
    async with Installation(url_of("sqlite", tmp_path), path) as here:
        await here.publish("demo/a", 0, 1)
        save(tmp_path)
        await here.publish("demo/a", 2, 3)
        lost = here.hub.position
        await here.stop()
        restore(tmp_path)
        await here.start()
        assert here.hub.log.bounds().head == 2
        for reason in ("ahead", "epoch", "epoch", "epoch"):
            for transport in TRANSPORTS:
                with await listen(transport, here.port, ["demo/**"], lost) as listener:
                    async with patience():
                        assert (await listener.until("tricast.reset")).data["reason"] == reason
            await here.publish("demo/a", 9)
