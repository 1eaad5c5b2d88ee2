"""Putting a backup in the place of a log: what belongs to the old file must not be played onto it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.log.given import made, read_all, unit

from tricast.errors import Unavailable
from tricast.log.sqlite import SQLiteLog, inspect


def beside(path: Path) -> list[Path]:
    return [path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-shm")]


async def killed_with_a_backup(folder: Path) -> tuple[Path, Path]:
    """A log as `kill -9` leaves it, its write-ahead log beside it, and an older backup."""
    running, left, copy = folder / "running" / "log.db", folder / "log.db", folder / "copy.db"
    running.parent.mkdir()
    async with SQLiteLog(running) as log:
        for _ in range(3):
            await log.append(unit(made()))
        await log.backup(copy)
        for _ in range(4):
            await log.append(unit(made()))
        for file in (running, *beside(running)):
            shutil.copy(file, folder / file.name)
    return left, copy


async def test_a_backup_beside_the_write_ahead_log_of_another_file_is_not_opened(tmp_path: Path) -> None:
    path, copy = await killed_with_a_backup(tmp_path)
    shutil.copy(copy, path)
    with pytest.raises(Unavailable, match=r"is a backup.*remove .*log\.db-wal"):
        async with SQLiteLog(path):
            pass
    for file in beside(path):
        file.unlink(missing_ok=True)
    async with SQLiteLog(path) as log:
        assert len(await read_all(log)) == 3
        await log.append(unit(made()))
    async with SQLiteLog(path) as log:
        assert log.bounds().head == 4


async def test_a_restored_log_that_is_killed_starts_again_with_its_own_write_ahead_log(
    tmp_path: Path,
) -> None:
    _, copy = await killed_with_a_backup(tmp_path)
    restored = tmp_path / "restored.db"
    shutil.copy(copy, restored)
    killed = tmp_path / "killed.db"
    async with SQLiteLog(restored) as log:
        await log.append(unit(made()))
        shutil.copy(restored, killed)
        for mine, its in zip(beside(restored), beside(killed), strict=True):
            shutil.copy(mine, its)
    async with SQLiteLog(killed) as log:
        assert log.bounds().head == 4


async def test_a_backup_can_be_looked_into_where_it_is(tmp_path: Path) -> None:
    _, copy = await killed_with_a_backup(tmp_path)
    found = inspect(copy)
    assert (found.head, found.problems) == (3, ())
