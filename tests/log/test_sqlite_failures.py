"""What the SQLite log does when its file can't be written, and after."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.log.given import ALL, made, missing, read_all, unit

from tricast.errors import LogFull, TricastError, Unavailable
from tricast.event import draft
from tricast.log.base import Append, Appended, Batch, Retention, RetentionClass, Write
from tricast.log.sqlite import SQLiteLog

SHOP = RetentionClass("events", "shop")


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Every write beyond a file's first byte fails, as on a broken disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of root, to whom no file is read-only."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 8 MiB."""
    with TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            missing("the right to mount a tmpfs")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def allow(folder: Path, *, writing: bool) -> None:
    """What everybody may do with the files of `folder`."""
    folder.chmod(0o777)
    for file in folder.iterdir():
        file.chmod(0o666 if writing else 0o444)


def fill(path: Path) -> None:
    """Take all the room that there is."""
    with suppress(OSError), path.open("wb") as file:
        while True:
            file.write(b"x" * 65536)
            file.flush()


async def fails(log: SQLiteLog, append: Append) -> TricastError:
    with pytest.raises(TricastError) as caught:
        await log.append(append)
    return caught.value


async def test_a_disk_error_fails_all_that_share_the_commit_and_is_survived(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "log.db") as log:
        batches: list[Batch] = []
        log.tail(batches.append)
        await log.append(unit(made(1, id="1"), Write("k", "d", 1)))
        with no_file_grows():
            outcomes = await asyncio.gather(
                *(log.append(unit(made(2, id=f"2-{n}"), Write("k", "d", 2))) for n in range(5)),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes] == [Unavailable] * 5
            assert "disk I/O error" in str(outcomes[0])
            assert "with the same id" in str(outcomes[0])
            assert log.bounds().head == 1
            assert len(await read_all(log)) == 1
        (receipt,) = (await log.append(unit(made(2, id="2-0")))).receipts
        assert (receipt.offset, receipt.duplicate) == (2, False)
        assert [(batch.after, batch.upto) for batch in batches] == [(0, 1), (1, 2)]
        assert (await log.list("k"))[0].version == 1
    async with SQLiteLog(tmp_path / "log.db") as log:
        assert [event.data for event in await read_all(log)] == [1, 2]


async def test_a_failed_commit_begins_no_epoch(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "log.db") as log:
        before = log.bounds()
        with no_file_grows():
            await fails(log, unit(made()))
            assert log.bounds() == before
        await log.append(unit(made()))
        assert [epoch.began for epoch in log.bounds().epochs] == [0, 0]


async def test_an_empty_unit_tells_that_the_log_can_not_be_written(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "log.db") as log:
        await log.append(Append())
        with no_file_grows():
            assert isinstance(await fails(log, unit(made())), Unavailable)
            assert isinstance(await fails(log, Append()), Unavailable)
        await log.append(Append())


async def test_ephemeral_events_pass_while_the_disk_fails(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "log.db") as log:
        batches: list[Batch] = []
        log.tail(batches.append)
        with no_file_grows():
            await fails(log, unit(made()))
            await log.append(unit(draft("shop/typing", 1, source="/s", ephemeral=True)))
        assert len(batches[0].ephemeral) == 1


async def test_a_file_that_became_read_only_is_unavailable_until_it_is_not() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        async with SQLiteLog(path) as log:
            await log.append(unit(made(1)))
            allow(path.parent, writing=False)
            with nobody():
                with no_file_grows():
                    await fails(log, unit(made()))  # so that the file is closed, and opened again
                refused = await fails(log, unit(made()))
                assert isinstance(refused, Unavailable)
                assert "readonly" in str(refused)
                assert log.bounds().head == 1
                assert len(await read_all(log)) == 1
            allow(path.parent, writing=True)
            assert (await log.append(unit(made(2)))).receipts[0].offset == 2
            assert [event.data for event in await read_all(log)] == [1, 2]


async def test_another_program_that_writes_makes_it_unavailable_for_as_long(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(made()))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert "locked" in str(await fails(log, unit(made())))
        other.execute("ROLLBACK")
        other.close()
        assert (await log.append(unit(made()))).receipts[0].offset == 2


async def test_a_file_that_was_changed_by_something_else_is_not_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(made(), made()))
        with no_file_grows():
            await fails(log, unit(made()))
            other = sqlite3.connect(path, isolation_level=None)
        other.execute("DELETE FROM events WHERE offset = 2")
        other.close()
        with no_file_grows():
            await fails(log, unit(made()))
        assert "changed by something else" in str(await fails(log, unit(made())))


async def test_a_step_of_trimming_that_failed_is_done_the_next_time(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "log.db") as log:
        await log.append(unit(*(made(n) for n in range(10))))
        await read_all(log)
        with no_file_grows(), pytest.raises(Unavailable):
            await log.trim(SHOP, Retention(events=2))
        assert log.bounds().floors == {SHOP: 8}  # raised before, and kept: a reset too many, no gap
        assert len(await read_all(log)) == 10
        assert await log.trim(SHOP, Retention(events=5)) == 5
        assert log.bounds().floors == {SHOP: 8}
        assert await log.trim(SHOP, Retention(events=2)) == 3
        assert [event.data for event in await read_all(log)] == [8, 9]
    async with SQLiteLog(tmp_path / "log.db") as log:
        assert log.bounds().floors == {SHOP: 8}


async def test_what_waits_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(made()))
        large = made("x" * 250_000)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # the writer waits for it
        tasks = [asyncio.create_task(log.append(unit(large))) for _ in range(300)]
        await asyncio.sleep(0)
        refused = await fails(log, unit(large))
        assert isinstance(refused, Unavailable)
        assert refused.retry_after_s == 1
        other.execute("ROLLBACK")
        other.close()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        done = [outcome for outcome in outcomes if isinstance(outcome, Appended)]
        assert 200 < len(done) < 300
        assert log.bounds().head == 1 + len(done)
        await log.append(unit(large))


async def test_a_full_disk_is_told_and_left_behind_by_trimming(small_disk: Path) -> None:
    path = small_disk / "log.db"
    acknowledged: list[int] = []
    async with SQLiteLog(path) as log:
        for _ in range(5):  # full again and again
            full = None
            while full is None:
                try:
                    outcome = await log.append(unit(*(made("x" * 1000) for _ in range(20))))
                except TricastError as error:
                    full = error
                else:
                    acknowledged += [receipt.offset or 0 for receipt in outcome.receipts]
            assert isinstance(full, LogFull)
            assert "nothing was written" in str(full)
            assert log.bounds().head == max(acknowledged)
            assert isinstance(await fails(log, unit(made("x" * 100_000))), LogFull)
            floor = log.bounds().floors[SHOP]
            assert [event.offset for event in await read_all(log)] == acknowledged[floor:]
            while await log.trim(SHOP, Retention(events=500)):
                pass
            await log.append(unit(made("room again")))
            acknowledged.append(log.bounds().head)
            assert [event.offset for event in await read_all(log)] == acknowledged[-501:]
    async with SQLiteLog(path) as log:
        assert log.bounds().head == max(acknowledged)
        assert [event.offset for event in await read_all(log)] == acknowledged[-501:]


async def test_a_disk_filled_by_others_is_left_behind_when_there_is_room(small_disk: Path) -> None:
    async with SQLiteLog(small_disk / "log.db") as log:
        await log.append(unit(made(1)))
        others = small_disk / "others"
        fill(others)
        refused = await fails(log, unit(made("x" * 200_000)))
        assert isinstance(refused, LogFull)
        others.unlink()
        await log.append(Append())
        assert (await log.append(unit(made(2)))).receipts[0].offset == 2
        assert [event.data for event in await read_all(log)] == [1, 2]


async def test_a_long_read_holds_the_checkpoint_up_and_not_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    wal = tmp_path / "log.db-wal"
    async with SQLiteLog(path, synchronous="NORMAL") as log:
        large = unit(*(made("x" * 60_000) for _ in range(60)))
        await log.append(large)
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        while wal.stat().st_size < 80_000_000:
            await log.append(large)
        reader.execute("COMMIT")
        reader.close()
        for _ in range(8):
            await log.append(large)
        assert len((await log.read(0, ALL)).events) > 0
        high = wal.stat().st_size
        for _ in range(30):
            await log.append(large)
        assert wal.stat().st_size <= high
    assert not wal.exists()
