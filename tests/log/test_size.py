"""How much a log says it holds: on disk and in memory, before and after trimming."""

from __future__ import annotations

from pathlib import Path

import pytest

from tricast.event import draft
from tricast.log import open as open_log
from tricast.log.base import Append, Log, Retention, RetentionClass
from tricast.log.size import Copyable, Sized

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    return open_log("memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/tricast.db")


async def append(log: Log, *topics: str) -> None:
    await log.append(Append(tuple(draft(topic, "x" * 100, source="/s") for topic in topics)))


async def test_it_counts_events_and_names_the_oldest_beside_the_audit_trail(log: Log) -> None:
    async with log:
        assert isinstance(log, Sized)
        empty = await log.size()
        assert (empty.events, empty.first) == (0, None)
        await append(log, "tricast/audit", "tricast/audit")
        assert (await log.size()).first is None
        await append(log, "a/x", "b/x", "a/x", "b/x")
        size = await log.size()
        assert size.events == 6
        assert size.bytes > 600
        assert size.first is not None
        assert size.first.offset == 3


async def test_after_trimming_the_oldest_is_the_one_that_is_left_also_of_an_app_never_trimmed(
    log: Log,
) -> None:
    async with log:
        assert isinstance(log, Sized)
        await append(log, "tricast/audit", *["a/x"] * 10, "b/x")
        while await log.trim(RetentionClass("events", "a"), Retention(events=0)):
            pass
        size = await log.size()
        assert size.events == 2
        assert size.first is not None
        assert size.first.offset == log.bounds().head == 12


async def test_only_a_log_with_a_file_can_be_copied(log: Log, tmp_path: Path) -> None:
    async with log:
        assert isinstance(log, Copyable) is (tmp_path / "tricast.db").exists()
