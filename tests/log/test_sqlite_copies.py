"""Backups of the SQLite log, what becomes of an older copy, and looking into one."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from tests.log.given import killed_while_appending, made, read_all, unit

from tricast.cursor import Cursor
from tricast.errors import Conflict, Unavailable
from tricast.log.base import Retention, RetentionClass, Write
from tricast.log.sqlite import SQLiteLog, backup, inspect
from tricast.log.sqlite.schema import migrations

SHOP = RetentionClass("events", "shop")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_backup_is_made_while_the_log_is_written(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    target = copies / "copy.db"
    async with SQLiteLog(tmp_path / "log.db") as log:
        for _ in range(5):
            await log.append(unit(*(made("x" * 500) for _ in range(1000)), Write("k", "d", 1)))
        copying = asyncio.create_task(log.backup(target))
        while not copying.done():
            await log.append(unit(made()))
        await copying
        head = log.bounds().head
        epochs = log.bounds().epochs
    assert names(copies) == {"copy.db"}
    async with SQLiteLog(target) as copy:
        assert 5000 <= copy.bounds().head <= head
        assert copy.bounds().epochs == epochs
        assert len(await read_all(copy)) == copy.bounds().head
        assert (await copy.list("k"))[0].version == 5


async def test_a_backup_does_not_replace_what_is_there(tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    async with SQLiteLog(tmp_path / "log.db") as log:
        with pytest.raises(Conflict, match=r"copy\.db exists"):
            await log.backup(target)
    assert target.read_text() == "precious"


async def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(*(made("x" * 500) for _ in range(500))))
    before = names(tmp_path)
    with pytest.raises(Unavailable, match="could not be copied"):
        backup(path, tmp_path / "none" / "copy.db")
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(Unavailable, match="could not be copied"):
        backup(path, tmp_path / "copy.db")
    assert names(tmp_path) - {"log.db-wal", "log.db-shm"} == before


@pytest.mark.parametrize("left", ["clean", "killed"])
async def test_a_backup_is_made_of_a_log_that_nobody_has_open(tmp_path: Path, left: str) -> None:
    path, target = tmp_path / "log.db", tmp_path / "copy.db"
    with killed_while_appending(path, 20) as acknowledged:
        pass
    if left == "clean":
        async with SQLiteLog(path):
            pass
    backup(path, target)
    async with SQLiteLog(target) as copy:
        assert copy.bounds().head >= max(acknowledged)
    with pytest.raises(Unavailable, match="there is no log at"):
        backup(tmp_path / "none.db", tmp_path / "copy2.db")


async def test_no_cursor_of_a_lost_tail_survives_the_return_to_an_older_copy(tmp_path: Path) -> None:
    path, copy = tmp_path / "log.db", tmp_path / "copy.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(made(1), made(2)))
        kept = Cursor.parse(log.bounds().cursor(2))
        await log.backup(copy)
        await log.append(unit(made(3), made(4)))
        lost = Cursor.parse(log.bounds().cursor(4))
    shutil.copy(copy, path)
    async with SQLiteLog(path) as log:
        assert log.bounds().refuse(kept) is None
        assert log.bounds().refuse(lost) == "ahead"
        await log.append(unit(*(made(n) for n in range(5, 10))))
        assert log.bounds().head == 7
        assert log.bounds().refuse(kept) is None
        assert log.bounds().refuse(lost) == "epoch"


async def test_a_lost_tail_shows_in_the_cursors_that_it_gave(tmp_path: Path) -> None:
    path, copy = tmp_path / "log.db", tmp_path / "copy.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(made()))
        await log.backup(copy)
    async with SQLiteLog(path) as log:
        await log.append(unit(made()))  # in an epoch that the copy has never heard of
        lost = Cursor.parse(log.bounds().cursor(2))
    async with SQLiteLog(copy) as log:
        assert log.bounds().refuse(lost) == "unknown"
        await log.append(unit(made(), made()))
        assert log.bounds().refuse(lost) == "unknown"


async def test_a_log_is_looked_into_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        drafts = [made(topic="shop/a"), made(topic="shop/b"), made(topic="blog/a")]
        await log.append(unit(*drafts, Write("k", "d", 1)))
        await log.trim(SHOP, Retention(events=1))
        found = inspect(path, integrity=True)
        assert (found.schema, found.head, found.events) == (migrations()[-1][0], 3, 2)
        assert found.bytes == sum(len(draft.body) for draft in drafts[1:])
        assert found.epochs == log.bounds().epochs
        assert (found.topics, found.documents, found.problems) == (2, 1, ())
        assert [(c.cls.app, c.events, c.floor) for c in found.classes] == [("blog", 1, 0), ("shop", 1, 1)]
        assert found.file_bytes > 0
        assert found.wal_bytes > 0
        await log.append(unit(made()))
    assert inspect(path).head == 4


async def test_looking_into_a_log_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with killed_while_appending(path, 20) as acknowledged:
        before = (path.read_bytes(), path.with_name("log.db-wal").read_bytes())
    assert inspect(path).head >= max(acknowledged)
    assert (path.read_bytes(), path.with_name("log.db-wal").read_bytes()) == before


async def test_problems_are_told(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(*(made("x" * 500) for _ in range(500))))
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO epochs (id, began) VALUES ('late', 900)")
    db.close()
    assert inspect(path).problems == ("an epoch began at 900, after the last offset 500",)
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xff" * 4096)
    assert len(inspect(path, integrity=True).problems) > 1
    with pytest.raises(Unavailable, match="there is no log"):
        inspect(tmp_path / "none.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(Unavailable, match="holds no log yet"):
        inspect(tmp_path / "empty.db")
