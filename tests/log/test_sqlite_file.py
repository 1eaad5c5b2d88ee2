"""The SQLite log's file: its schema, whose it is, and how it is left."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tests.log.given import APPEND_FOR_EVER, killed_while_appending, made, python, read_all, unit

from tricast.errors import BadRequest, Unavailable
from tricast.log import open as open_log
from tricast.log.base import Write
from tricast.log.sqlite import SQLiteLog
from tricast.log.sqlite.schema import migrations
from tricast.pattern import Pattern


async def test_a_new_file_gets_the_newest_schema(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log.db"
    async with SQLiteLog(path):
        pass
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone()[0] == migrations()[-1][0]
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    db.close()


def test_migrations_are_numbered_without_gaps_or_repetitions() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


async def test_a_newer_schema_is_refused_with_both_numbers_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(Unavailable, match=rf"schema 99.*up to {migrations()[-1][0]}.*install a newer"):
        await SQLiteLog(path).__aenter__()


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path):
        pass
    with sqlite3.connect(path) as db:  # as if step 1 were still to come: its tables are in the way
        db.execute("PRAGMA user_version = 0")
    db.close()
    with pytest.raises(Unavailable, match=r"from schema 0 to 1.*nothing was changed"):
        await SQLiteLog(path).__aenter__()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 0
        db.execute(f"PRAGMA user_version = {migrations()[-1][0]}")
    db.close()
    async with SQLiteLog(path) as log:
        assert (await log.append(unit(made()))).receipts[0].offset == 1


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(Unavailable, match="something else"):
        await SQLiteLog(path).__aenter__()
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_text("hello, " * 1000)
    with pytest.raises(Unavailable, match=r"log\.db could not be opened: file is not a database"):
        await SQLiteLog(path).__aenter__()


async def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="could not be opened"):
        await SQLiteLog(tmp_path / "file" / "log.db").__aenter__()


async def test_only_one_log_may_have_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        with pytest.raises(Unavailable, match=r"log\.db is in use by another server"):
            await SQLiteLog(path).__aenter__()
        await log.append(unit(made()))
    async with SQLiteLog(path) as log:
        assert log.bounds().head == 1


async def test_another_process_that_has_the_file_keeps_it_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    process = python(APPEND_FOR_EVER, path)
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(Unavailable, match="in use"):
        await SQLiteLog(path).__aenter__()
    process.kill()
    process.communicate()
    async with SQLiteLog(path) as log:
        assert log.bounds().head > 0


async def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    for life in range(2):
        with killed_while_appending(path) as acknowledged:
            assert path.with_name("log.db-wal").stat().st_size > 0
        async with SQLiteLog(path) as log:
            head = log.bounds().head
            assert head >= max(acknowledged)
            assert [event.offset for event in await read_all(log)] == list(range(1, head + 1))
            assert len(log.bounds().epochs) == life + 2


async def test_a_file_that_is_left_clean_has_no_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(made(), Write("k", "d", 1)))
        assert path.with_name("log.db-wal").stat().st_size > 0
    assert not path.with_name("log.db-wal").exists()


async def test_damage_is_found_after_an_unclean_stop(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(*(made("x" * 500) for _ in range(500))))
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xff" * 4096)
    path.with_name("log.db-wal").write_bytes(b"left by a process that did not stop as it should")
    with pytest.raises(Unavailable, match=r"log\.db is damaged: .*restore a backup"):
        await SQLiteLog(path).__aenter__()


async def test_others_may_read_the_file_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(made("seen")))
        reader = python(
            "import sqlite3, sys; print(sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)"
            ".execute('SELECT count(*) FROM events').fetchone()[0])",
            path,
        )
        out, _ = reader.communicate()
        assert out == "1\n"
        await log.append(unit(made()))


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
async def test_the_log_is_opened_by_url(tmp_path: Path, synchronous: str) -> None:
    async with open_log(f"sqlite:///{tmp_path}/log.db", synchronous=synchronous) as log:
        await log.append(unit(made()))
    assert (tmp_path / "log.db").exists()


def test_other_settings_of_synchronous_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="'OFF' must be 'FULL' or 'NORMAL'"):
        SQLiteLog(tmp_path / "log.db", synchronous="OFF")


async def test_topics_and_counts_are_right_however_the_file_was_left(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with SQLiteLog(path) as log:
        await log.append(unit(*(made(topic=f"shop/{n % 700}") for n in range(900))))
        for _ in range(5):  # beyond what is counted only at the end
            await log.append(unit(*(made(topic=f"blog/{n % 90}") for n in range(1000))))
    with killed_while_appending(path, 50) as acknowledged:
        pass
    async with SQLiteLog(path) as log:
        head = log.bounds().head
        assert head >= max(acknowledged)
        for topic, count in (("shop/650", 1), ("blog/3", 60), ("shop/orders", head - 5900), ("x/y", 0)):
            found = [event for event in await read_all(log) if event.topic == topic]
            assert len(found) == count
        page = await log.read(2000, [Pattern.parse("shop/650")])
        assert page.scanned == head
