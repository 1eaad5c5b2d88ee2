"""The audit trail in a SQLite file: few entries among many events, found by an index of their own."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.log.given import made, read_all, unit

from tricast.event import AUDIT_SHELF, EVENTS_SHELF, Draft, draft, plain
from tricast.log.base import Append, RetentionClass
from tricast.log.sqlite import SQLiteLog, inspect
from tricast.log.sqlite.reader import Reader
from tricast.log.sqlite.schema import migrations
from tricast.pattern import Pattern

AUDIT = (Pattern.parse("tricast/audit/**"), Pattern.parse("tricast/keys"))
FIRST_SCHEMA = migrations()[0][1]


def entry(n: int = 0, topic: str = "tricast/audit/shop") -> Draft:
    return draft(topic, n, source="/tricast", type="flag.updated")


async def fill(log: SQLiteLog) -> None:
    """12,000 events, and entries at 1, 6002 and 12003."""
    await log.append(unit(entry(1)))
    for n in (2, 3):
        await log.append(unit(*[made() for _ in range(6000)], entry(n)))


def old_file(path: Path, shelf: str) -> None:
    """A file as the first schema had it: 2,500 events, and after each 500 one on `tricast/keys`."""
    with sqlite3.connect(path) as db:
        db.executescript(f"PRAGMA journal_mode = WAL; {FIRST_SCHEMA}")
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO epochs (id, began) VALUES ('abcdefgh', 0)")
        rows = []
        for offset in range(1, 2501):
            topic, on = ("tricast/keys", shelf) if offset % 500 == 0 else ("shop/orders", EVENTS_SHELF)
            each = plain(topic, offset, source="/s")
            rows.append((offset, 1_800_000_000_000, on, topic, each.type, None, each.body))
        db.executemany("INSERT INTO events VALUES (?,?,?,?,?,?,?)", rows)
    db.close()


async def test_a_call_passes_over_any_number_of_events_in_both_directions(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "log.db") as log:
        await fill(log)
        head = log.bounds().head
        back = await log.look_back(head + 1, AUDIT)
        assert ([event.offset for event in back.events], back.scanned) == ([12003, 6002, 1], 0)
        page = await log.read(0, AUDIT)
        assert ([event.offset for event in page.events], page.scanned) == ([1, 6002, 12003], head)
        assert (await log.look_back(12003, AUDIT, 1)).scanned == 6001
        assert (await log.read(1, AUDIT, 1)).scanned == 6002
        assert (await log.read(1, AUDIT, upto=7000)).scanned == 7000


async def test_patterns_that_reach_other_apps_as_well_are_read_in_steps(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "log.db") as log:
        await fill(log)
        both = (*AUDIT, Pattern.parse("shop/*/none"))
        assert (await log.look_back(12004, both)).scanned == 11003
        page = await log.read(0, both)
        assert ([event.offset for event in page.events], page.scanned) == ([1], 1000)


async def test_the_audit_trail_is_read_by_its_index_and_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.db"
    asked: list[tuple[str, Sequence[Any]]] = []
    whole = Reader._all

    async def noted(self: Reader, sql: str, values: Iterable[Any]) -> Sequence[sqlite3.Row]:
        asked.append((sql, list(values)))
        return await whole(self, sql, values)

    async with SQLiteLog(path) as log:
        await fill(log)
        monkeypatch.setattr(Reader, "_all", noted)
        for texts in (("tricast/audit/**",), ("tricast/audit/shop",), ("tricast/*/shop",), ("shop/**",)):
            patterns = [Pattern.parse(text) for text in texts]
            await log.read(0, patterns)
            await log.look_back(12004, patterns)
        with sqlite3.connect(path) as db:
            plans = ["; ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {s}", v)) for s, v in asked]
        db.close()
    assert len(plans) == 8
    for plan in plans[:6]:
        assert re.fullmatch(r"SEARCH events USING (COVERING )?INDEX events_audit \(offset>\? AND .*\)", plan)
    assert not any("events_audit" in plan or "TEMP B-TREE" in plan for plan in plans[6:])


async def test_an_event_of_the_app_tricast_is_on_the_audit_shelf_whoever_made_it(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "log.db") as log:
        drafts = (
            draft("tricast/x", source="/s"),
            draft("tricast", source="/s", shelf=EVENTS_SHELF),
            plain("tricast/x", 1, source="/s"),
            entry(topic="tricastle/audit"),
        )
        await log.append(Append(drafts))
        assert log.bounds().floors.keys() == {
            RetentionClass(AUDIT_SHELF, "tricast"),
            RetentionClass(EVENTS_SHELF, "tricastle"),
        }


async def test_a_file_of_the_first_schema_is_brought_up_to_date_at_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.db"
    old_file(path, AUDIT_SHELF)
    assert inspect(path).schema == 1
    with caplog.at_level(logging.INFO):
        async with SQLiteLog(path) as log:
            keys = (Pattern.parse("tricast/keys"),)
            back = await log.look_back(2501, keys)
            assert ([event.data for event in back.events], back.scanned) == (
                [2500, 2000, 1500, 1000, 500],
                0,
            )
            assert (await log.append(unit(entry()))).receipts[0].offset == 2501
            assert len(await read_all(log)) == 2495
    assert inspect(path, integrity=True).problems == ()
    assert inspect(path).schema == migrations()[-1][0]
    assert [record.getMessage() for record in caplog.records if "schema" in record.getMessage()] == [
        f"bringing {path} from schema 1 to 2; a large log takes seconds"
    ]


async def test_a_new_file_and_one_that_is_up_to_date_say_nothing_of_schemas(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            async with SQLiteLog(tmp_path / "log.db") as log:
                await log.append(unit(made()))
    assert "schema" not in caplog.text


async def test_what_an_old_file_has_on_another_shelf_is_found_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    old_file(path, EVENTS_SHELF)
    keys = (Pattern.parse("tricast/keys"),)
    async with SQLiteLog(path) as log:
        await log.append(unit(entry(topic="tricast/keys")))
        found: list[int | None] = []
        before = log.bounds().head + 1
        while before > 1:
            page = await log.look_back(before, keys)
            found += [event.offset for event in page.events]
            before = page.scanned + 1
        assert found == [2501, 2500, 2000, 1500, 1000, 500]
        assert [event.offset for event in (await log.read(0, keys)).events] == [500, 1000]
