"""The log's contract (`tricast.log.base`), over every implementation."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tricast.cursor import Cursor
from tricast.errors import BadRequest, Conflict, NotStarted
from tricast.event import AUDIT_SHELF, Draft, Event, draft
from tricast.log.base import (
    ANY_VERSION,
    IDEMPOTENCY_WINDOW_MS,
    Append,
    Appended,
    Batch,
    Document,
    Log,
    Receipt,
    Retention,
    RetentionClass,
    Write,
)
from tricast.log.memory import MemoryLog
from tricast.log.sqlite import SQLiteLog
from tricast.pattern import SYSTEM_APP, Pattern

HOUR_MS = 3600 * 1000
EVERYTHING = ("**", "tricast/**")
SHOP = RetentionClass("events", "shop")


def class_named(app: str) -> RetentionClass:
    return RetentionClass(AUDIT_SHELF if app == SYSTEM_APP else "events", app)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, ms: int = 1_800_000_000_000) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


class Shelf:
    """Where a log is kept: it can be left, and entered again as by the next process."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.clock = Clock()
        self._memory = MemoryLog(clock=self.clock) if kind == "memory" else None
        self._path = folder / "log.db"

    def log(self) -> Log:
        return self._memory or SQLiteLog(self._path, clock=self.clock)


KINDS = ("memory", "sqlite")


@pytest.fixture(params=KINDS)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    return Shelf(request.param, tmp_path)


def made(
    topic: str = "shop/orders",
    data: Any = None,
    *,
    id: str | None = None,
    source: str = "/shop/web",
    shelf: str = "events",
    ephemeral: bool = False,
) -> Draft:
    return draft(topic, data, source=source, id=id, shelf=shelf, ephemeral=ephemeral)


def unit(*parts: Draft | Write) -> Append:
    return Append(
        tuple(p for p in parts if isinstance(p, Draft)), tuple(p for p in parts if isinstance(p, Write))
    )


def patterns(*texts: str) -> tuple[Pattern, ...]:
    return tuple(Pattern.parse(text) for text in texts)


async def appended(log: Log, units: Sequence[Append]) -> list[Appended | BaseException]:
    """All at once, so that they share commits; the outcome of each."""
    return await asyncio.gather(*(log.append(each) for each in units), return_exceptions=True)


async def read_all(log: Log, *texts: str, after: int = 0, limit: int = 1000) -> list[Event]:
    found: list[Event] = []
    head = log.bounds().head
    while after < head:
        page = await log.read(after, patterns(*texts or EVERYTHING), limit, upto=head)
        assert after < page.scanned <= head
        assert all(after < (event.offset or 0) <= page.scanned for event in page.events)
        found += page.events
        after = page.scanned
    return found


async def look_back_all(log: Log, *texts: str, before: int | None = None, limit: int = 1000) -> list[Event]:
    found: list[Event] = []
    before = log.bounds().head + 1 if before is None else before
    ended = False
    while not ended:
        page = await log.look_back(before, patterns(*texts or EVERYTHING), limit)
        assert page.before == before
        assert page.scanned < max(before - 1, 1)
        assert len(page.events) <= limit
        assert all(page.scanned < (event.offset or 0) < before for event in page.events)
        found += page.events
        before, ended = page.scanned + 1, page.scanned == 0
    return found


def offsets(events: Iterable[Event]) -> list[int]:
    return [event.offset or 0 for event in events]


# Order and what a receipt says


async def test_offsets_are_one_order_for_all_topics_without_gaps(shelf: Shelf) -> None:
    async with shelf.log() as log:
        outcomes = await appended(log, [unit(made(f"app{n % 3}/t", n), made("shop/x")) for n in range(50)])
        receipts = [r for outcome in outcomes if isinstance(outcome, Appended) for r in outcome.receipts]
        assert [receipt.offset for receipt in receipts] == list(range(1, 101))
        assert offsets(await read_all(log)) == list(range(1, 101))


async def test_a_receipt_per_draft_in_order_names_id_offset_and_cursor(shelf: Shelf) -> None:
    async with shelf.log() as log:
        drafts = (made(id="a"), made(), made(ephemeral=True))
        receipts = (await log.append(Append(drafts))).receipts
        assert [receipt.id for receipt in receipts] == [each.id for each in drafts]
        assert [receipt.offset for receipt in receipts] == [1, 2, None]
        assert [receipt.cursor for receipt in receipts] == [
            log.bounds().cursor(1),
            log.bounds().cursor(2),
            None,
        ]
        assert not any(receipt.duplicate for receipt in receipts)


async def test_what_is_read_is_what_was_appended(shelf: Shelf) -> None:
    async with shelf.log() as log:
        each = draft(
            'shop/"a"\\b/ö', {"x": [1, "ü\x00\n", None]}, source="/s", type="order.made", subject="nr 'é"
        )
        (receipt,) = (await log.append(unit(each))).receipts
        (event,) = (await log.read(0, patterns(each.topic))).events
        assert (event.offset, event.cursor, event.id) == (1, receipt.cursor, each.id)
        assert (event.topic, event.type, event.subject) == (each.topic, each.type, each.subject)
        assert event.time_ms == shelf.clock.ms
        assert event.data == {"x": [1, "ü\x00\n", None]}


async def test_what_was_appended_is_there_after_entering_again(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made("shop/a", 1), made("blog/b", 2), Write("flag", "f", {"on": True})))
        before = await read_all(log)
    async with shelf.log() as log:
        assert log.bounds().head == 2
        assert await read_all(log) == before
        assert await log.list("flag") == [Document("flag", "f", 1, {"on": True})]
        assert [r.offset for r in (await log.append(unit(made()))).receipts] == [3]


# The tail


async def test_the_tail_gets_every_event_once_in_order_before_its_append_returns(shelf: Shelf) -> None:
    async with shelf.log() as log:
        batches: list[Batch] = []
        log.tail(batches.append)

        async def one(n: int) -> None:
            (receipt,) = (await log.append(unit(made(data=n)))).receipts
            assert batches
            assert batches[-1].upto >= (receipt.offset or 0)

        await asyncio.gather(*(one(n) for n in range(500)))
        assert batches[0].after == 0
        assert all(a.upto == b.after for a, b in itertools.pairwise(batches))
        assert all(offsets(batch.events) == list(range(batch.after + 1, batch.upto + 1)) for batch in batches)
        assert [e for batch in batches for e in batch.events] == await read_all(log)


async def test_one_reads_ones_own_writes_from_inside_the_tail(shelf: Shelf) -> None:
    async with shelf.log() as log:
        heads: list[tuple[int, int]] = []
        log.tail(lambda batch: heads.append((batch.upto, log.bounds().head)))
        await appended(log, [unit(made()) for _ in range(20)])
        assert heads
        assert all(upto == head for upto, head in heads)


async def test_ephemeral_drafts_reach_the_tail_once_and_get_no_offset(shelf: Shelf) -> None:
    async with shelf.log() as log:
        batches: list[Batch] = []
        log.tail(batches.append)
        alone = await log.append(unit(made("shop/typing", "x", ephemeral=True)))
        mixed = await log.append(unit(made("shop/typing", "y", id="1", ephemeral=True), made("shop/a")))
        assert [r.offset for r in (*alone.receipts, *mixed.receipts)] == [None, None, 1]
        passing = [event for batch in batches for event in batch.ephemeral]
        assert [(event.offset, event.cursor, event.data) for event in passing] == [
            (None, None, "x"),
            (None, None, "y"),
        ]
        assert offsets(await read_all(log)) == [1]
        assert (batches[0].after, batches[0].upto, batches[0].events) == (0, 0, ())


async def test_documents_reach_the_tail_as_written(shelf: Shelf) -> None:
    async with shelf.log() as log:
        batches: list[Batch] = []
        log.tail(batches.append)
        await log.append(unit(Write("flag", "f", {"on": True}), made()))
        await log.append(unit(Write("flag", "f", None)))
        await log.append(unit(Write("flag", "absent", None)))
        assert [batch.documents for batch in batches] == [
            (Document("flag", "f", 1, {"on": True}),),
            (Document("flag", "f", 2, None),),
        ]


async def test_a_tail_that_raises_holds_nobody_up(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    def broken(batch: Batch) -> None:
        raise RuntimeError("broken")

    async with shelf.log() as log:
        log.tail(broken)
        assert (await log.append(unit(made()))).receipts[0].offset == 1
        assert (await log.append(unit(made()))).receipts[0].offset == 2
    assert "must not" in caplog.text


# Group commit: each unit fails alone


async def test_units_that_share_a_commit_have_their_own_outcomes(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made(data="first", id="known"), Write("flag", "f", 1)))
        outcomes = await appended(
            log,
            [
                unit(made(data="a")),
                unit(made(data="not this"), Write("flag", "f", 2, expected=7)),
                unit(made(data="first", id="known")),
                unit(made(data="nor this"), made(data="other", id="known")),
                unit(made(data="b"), Write("flag", "f", 2, expected=1)),
                unit(made(data="too late"), Write("flag", "f", 3, expected=1)),
                unit(made(data="c"), Write("flag", "f", 3, expected=2)),
            ],
        )
        assert [type(outcome) for outcome in outcomes] == [
            Appended,
            Conflict,
            Appended,
            Conflict,
            Appended,
            Conflict,
            Appended,
        ]
        assert [event.data for event in await read_all(log)] == ["first", "a", "b", "c"]
        assert await log.list("flag") == [Document("flag", "f", 3, 3)]


async def test_a_unit_that_fails_leaves_no_hole(shelf: Shelf) -> None:
    async with shelf.log() as log:
        units = [
            unit(made(), made(), Write("k", "d", n, expected=ANY_VERSION if n % 3 else 99)) for n in range(60)
        ]
        outcomes = await appended(log, units)
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 20
        assert offsets(await read_all(log)) == list(range(1, 81))
        assert log.bounds().head == 80


async def test_a_unit_is_larger_than_a_commit(shelf: Shelf) -> None:
    async with shelf.log() as log:
        batches: list[Batch] = []
        log.tail(batches.append)
        await appended(log, [unit(*(made(data=n) for n in range(1500))), unit(made())])
        assert batches[0].upto >= 1500
        assert log.bounds().head == 1501
        assert len(await read_all(log)) == 1501


async def test_an_append_whose_waiter_is_cancelled_happens_all_the_same(shelf: Shelf) -> None:
    async with shelf.log() as log:
        tasks = [asyncio.create_task(log.append(unit(made(data=n)))) for n in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await log.append(Append())
        assert [event.data for event in await read_all(log)] == list(range(10))


async def test_an_empty_unit_goes_through_and_changes_nothing(shelf: Shelf) -> None:
    async with shelf.log() as log:
        batches: list[Batch] = []
        log.tail(batches.append)
        before = log.bounds()
        assert await log.append(Append()) == Appended()
        assert log.bounds() == before
        assert batches == []


async def test_leaving_waits_for_what_was_appended_and_then_refuses(shelf: Shelf) -> None:
    log = shelf.log()
    async with log:
        tasks = [asyncio.create_task(log.append(unit(made(data=n)))) for n in range(10)]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks)
    assert [outcome.receipts[0].offset for outcome in outcomes] == list(range(1, 11))
    with pytest.raises(NotStarted):
        await log.append(unit(made()))
    async with shelf.log() as again:
        assert again.bounds().head == 10


# Ids


async def test_a_repeated_id_gets_the_first_receipt_and_no_second_event(shelf: Shelf) -> None:
    async with shelf.log() as log:
        first = (await log.append(unit(made(data=1, id="a")))).receipts[0]
        again = (await log.append(unit(made(data=1, id="a")))).receipts[0]
        assert again == Receipt("a", first.offset, first.cursor, duplicate=True)
    async with shelf.log() as log:
        assert (await log.append(unit(made(data=1, id="a")))).receipts[0] == again
        assert len(await read_all(log)) == 1


async def test_a_repeated_id_is_known_within_one_commit_and_one_unit(shelf: Shelf) -> None:
    async with shelf.log() as log:
        one, two = await appended(
            log, [unit(made(data=1, id="a"), made(data=1, id="a")), unit(made(data=1, id="a"))]
        )
        assert isinstance(one, Appended)
        assert isinstance(two, Appended)
        assert [(r.offset, r.duplicate) for r in (*one.receipts, *two.receipts)] == [
            (1, False),
            (1, True),
            (1, True),
        ]
        assert len({r.cursor for r in (*one.receipts, *two.receipts)}) == 1
        assert log.bounds().head == 1


async def test_an_id_with_other_content_is_a_conflict_and_nothing_of_the_unit_happens(
    shelf: Shelf,
) -> None:
    async with shelf.log() as log:
        await log.append(unit(made(data=1, id="a")))
        for clash in (
            unit(made(data="new", id="b"), made(data=2, id="a"), Write("k", "d", 1)),
            unit(made(data=1, id="c"), made(data=2, id="c"), Write("k", "d", 1)),
        ):
            with pytest.raises(Conflict, match="other content"):
                await log.append(clash)
        assert log.bounds().head == 1
        assert await log.list("k") == []
        assert not (await log.append(unit(made(data="new", id="b")))).receipts[0].duplicate


async def test_an_id_belongs_to_its_app_and_source(shelf: Shelf) -> None:
    async with shelf.log() as log:
        for each in (
            made("shop/a", id="1", source="/x"),
            made("blog/a", id="1", source="/x"),
            made("shop/a", id="1", source="/y"),
            made("shop/a", id='1"', source="/x"),
        ):
            assert not (await log.append(unit(each))).receipts[0].duplicate
        assert log.bounds().head == 4


async def test_ids_that_publishers_did_not_give_are_not_compared(shelf: Shelf) -> None:
    async with shelf.log() as log:
        each = made(data=1)
        assert each.digest is None
        await appended(log, [unit(each), unit(each)])
        assert log.bounds().head == 2


async def test_only_success_is_remembered(shelf: Shelf) -> None:
    async with shelf.log() as log:
        with pytest.raises(Conflict):
            await log.append(unit(made(data=1, id="a"), Write("k", "d", 1, expected=3)))
        (receipt,) = (await log.append(unit(made(data=2, id="a")))).receipts
        assert receipt.duplicate is False


async def test_the_new_ones_of_a_unit_are_appended_beside_the_repeated(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made(data=1, id="a")))
        receipts = (await log.append(unit(made(data=0), made(data=1, id="a"), made(data=2, id="b")))).receipts
        assert [(r.offset, r.duplicate) for r in receipts] == [(2, False), (1, True), (3, False)]


async def test_a_repeated_unit_with_writes_does_nothing_before_comparing(shelf: Shelf) -> None:
    async with shelf.log() as log:
        batches: list[Batch] = []
        log.tail(batches.append)
        change = unit(
            made("shop/flags/x", 1, id="a"),
            made("shop/flags/x", "who", shelf=AUDIT_SHELF),
            Write("flag", "f", {"on": True}, expected=0),
        )
        first = await log.append(change)
        again = await log.append(change)
        assert [(r.offset, r.duplicate) for r in again.receipts] == [(1, True), (None, True)]
        assert again.receipts[0].cursor == first.receipts[0].cursor
        assert again.documents == ()
        assert len(batches) == 1
        assert log.bounds().head == 2


async def test_an_id_is_forgotten_after_24_hours_and_not_before(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made(data=1, id="a")))
        shelf.clock.ms += IDEMPOTENCY_WINDOW_MS - 1
        assert (await log.append(unit(made(data=1, id="a")))).receipts[0].duplicate
        shelf.clock.ms += 1
        (receipt,) = (await log.append(unit(made(data="other", id="a")))).receipts
        assert (receipt.offset, receipt.duplicate) == (2, False)
        assert (await log.append(unit(made(data="other", id="a")))).receipts[0].duplicate


async def test_an_id_is_known_though_its_event_was_trimmed(shelf: Shelf) -> None:
    async with shelf.log() as log:
        first = (await log.append(unit(made(data=1, id="a")))).receipts[0]
        assert await log.trim(SHOP, Retention(events=0)) == 1
        again = (await log.append(unit(made(data=1, id="a")))).receipts[0]
        assert (again.offset, again.cursor, again.duplicate) == (1, first.cursor, True)


async def test_old_ids_are_forgotten_while_new_ones_come(shelf: Shelf) -> None:
    async with shelf.log() as log:
        for day in range(4):
            await log.append(unit(*(made(data=n, id=f"{day}-{n}") for n in range(600))))
            shelf.clock.ms += IDEMPOTENCY_WINDOW_MS + 1
        assert not (await log.append(unit(made(data=1, id="0-0")))).receipts[0].duplicate


# Documents


async def test_versions_begin_at_1_and_rise_by_one(shelf: Shelf) -> None:
    async with shelf.log() as log:
        for version in (1, 2, 3):
            (document,) = (await log.append(unit(Write("flag", "f", {"v": version})))).documents
            assert document == Document("flag", "f", version, {"v": version})
        assert await log.list("flag", "f") == [document]


async def test_compare_and_set_refuses_any_other_version(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(Write("flag", "f", 1, expected=0)))
        for expected in (0, 2):
            with pytest.raises(Conflict, match="version 1"):
                await log.append(unit(Write("flag", "f", 2, expected=expected), made()))
        with pytest.raises(Conflict, match="version 0"):
            await log.append(unit(Write("flag", "g", 2, expected=1)))
        with pytest.raises(Conflict):
            await log.append(unit(Write("flag", "f", None, expected=2)))
        await log.append(unit(Write("flag", "f", 2, expected=1)))
        assert log.bounds().head == 0


async def test_all_writes_of_a_unit_happen_or_none(shelf: Shelf) -> None:
    async with shelf.log() as log:
        with pytest.raises(Conflict):
            await log.append(unit(Write("k", "a", 1), Write("k", "b", 1, expected=5), Write("k", "c", 1)))
        assert await log.list("k") == []


async def test_a_deleted_document_begins_at_1_again(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(Write("flag", "f", 1)))
        await log.append(unit(Write("flag", "f", 2)))
        assert (await log.append(unit(Write("flag", "f", None)))).documents[0].value is None
        assert await log.list("flag") == []
        (document,) = (await log.append(unit(Write("flag", "f", 3, expected=0)))).documents
        assert document.version == 1
    async with shelf.log() as log:
        assert await log.list("flag") == [document]


async def test_deleting_what_is_not_there_is_no_error(shelf: Shelf) -> None:
    async with shelf.log() as log:
        assert len((await log.append(unit(Write("flag", "f", None, expected=0)))).documents) == 1
        assert await log.list("flag") == []


async def test_writes_of_one_unit_follow_each_other(shelf: Shelf) -> None:
    async with shelf.log() as log:
        written = await log.append(
            unit(
                Write("k", "a", 1, expected=0),
                Write("k", "a", 2, expected=1),
                Write("k", "a", None, expected=2),
                Write("k", "a", 3, expected=0),
            )
        )
        assert [d.version for d in written.documents] == [1, 2, 3, 1]
        assert await log.list("k") == [Document("k", "a", 1, 3)]


async def test_documents_are_listed_by_kind_in_the_order_of_their_keys(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(*(Write("flag", key, key) for key in ("b", "ä", "a")), Write("other", "c", 1)))
        assert [document.key for document in await log.list("flag")] == ["a", "b", "ä"]
        assert [document.key for document in await log.list("flag", "b")] == ["b"]
        assert await log.list("flag", "c") == []
        assert await log.list("none") == []


async def test_all_documents_are_listed_however_large_they_are_together(shelf: Shelf) -> None:
    keys = ["", *(f"{number:02}" for number in range(10))]
    async with shelf.log() as log:
        await log.append(unit(*(Write("flag", key, "x" * 1_000_000) for key in keys)))
        assert [document.key for document in await log.list("flag")] == keys


async def test_a_document_does_not_change_with_the_value_that_was_handed_in(shelf: Shelf) -> None:
    async with shelf.log() as log:
        value = {"list": [1]}
        await log.append(unit(Write("k", "a", value)))
        value["list"].append(2)
        (listed,) = await log.list("k")
        assert listed.value == {"list": [1]}
        listed.value["list"].append(3)
        assert (await log.list("k"))[0].value == {"list": [1]}


@pytest.mark.parametrize("write", [Write("k", "a", object()), Write("k", "\ud800", 1)])
async def test_a_write_that_is_not_json_is_refused_alone(shelf: Shelf, write: Write) -> None:
    async with shelf.log() as log:
        bad, good = await appended(log, [unit(write), unit(made())])
        assert isinstance(bad, BadRequest)
        assert isinstance(good, Appended)


# Epochs


async def test_an_empty_log_is_born_with_an_epoch(shelf: Shelf) -> None:
    async with shelf.log() as log:
        (epoch,) = log.bounds().epochs
        assert epoch.began == 0
        assert Cursor.parse(log.bounds().cursor(0)) == Cursor(epoch.id, 0)
        assert log.bounds().head == 0


async def test_the_first_append_after_entering_begins_an_epoch_at_the_head(shelf: Shelf) -> None:
    ids: list[str] = []
    for life in range(3):
        async with shelf.log() as log:
            assert len(log.bounds().epochs) == life + 1
            await log.append(unit(made(), made()))
            await log.append(unit(made()))
            epochs = log.bounds().epochs
            assert [epoch.began for epoch in epochs] == [0, *(3 * n for n in range(life + 1))]
            ids = [epoch.id for epoch in epochs]
    assert len(set(ids)) == 4


@pytest.mark.parametrize("wrote", ["nothing", "conflict", "duplicate", "ephemeral", "absent document"])
async def test_an_append_that_writes_nothing_begins_no_epoch(shelf: Shelf, wrote: str) -> None:
    async with shelf.log() as log:
        await log.append(unit(made(data=1, id="a")))
    async with shelf.log() as log:
        before = log.bounds()
        await appended(
            log,
            [
                {
                    "nothing": Append(),
                    "conflict": unit(made(data=2, id="a")),
                    "duplicate": unit(made(data=1, id="a")),
                    "ephemeral": unit(made(ephemeral=True)),
                    "absent document": unit(Write("k", "a", None)),
                }[wrote]
            ],
        )
        assert log.bounds() == before


async def test_a_document_alone_begins_an_epoch(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(Write("k", "a", 1)))
        assert len(log.bounds().epochs) == 2


async def test_each_event_carries_the_epoch_that_it_was_written_in(shelf: Shelf) -> None:
    cursors: list[str | None] = []
    for _ in range(3):
        async with shelf.log() as log:
            appends = await appended(log, [unit(made()) for _ in range(3)])
            cursors += [r.cursor for each in appends if isinstance(each, Appended) for r in each.receipts]
    async with shelf.log() as log:
        assert [event.cursor for event in await read_all(log)] == cursors
        assert [log.bounds().cursor(offset) for offset in range(1, 10)] == cursors
        assert len({cursor.partition("-")[0] for cursor in cursors if cursor}) == 3


async def test_cursors_survive_a_restart(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made(), made()))
        old = [Cursor.parse(log.bounds().cursor(offset)) for offset in range(3)]
    async with shelf.log() as log:
        assert [log.bounds().refuse(cursor) for cursor in old] == [None] * 3
        await log.append(unit(made()))
        assert [log.bounds().refuse(cursor) for cursor in old] == [None] * 3
        assert log.bounds().refuse(Cursor(old[0].epoch, 3)) == "epoch"
        assert log.bounds().refuse(Cursor(log.bounds().epochs[-1].id, 4)) == "ahead"
        assert log.bounds().refuse(Cursor("zzz", 1)) == "unknown"


# Reading


async def test_only_matching_events_are_read_each_once(shelf: Shelf) -> None:
    async with shelf.log() as log:
        topics = ["shop/a", "shop/a/b", "shop/b", "shopper/a", "blog/a", "tricast/x", "shop", "tricastle/a"]
        await log.append(unit(*(made(topic, topic) for topic in topics)))
        for texts, expected in (
            (("shop/a",), ["shop/a"]),
            (("shop/*",), ["shop/a", "shop/b"]),
            (("shop/**",), ["shop/a", "shop/a/b", "shop/b"]),
            (
                ("shop/**", "shop/a", "*/a"),
                ["shop/a", "shop/a/b", "shop/b", "shopper/a", "blog/a", "tricastle/a"],
            ),
            (("shop", "blog/a"), ["blog/a", "shop"]),
            (("**",), [topic for topic in topics if topic != "tricast/x"]),
            (("tricast/*",), ["tricast/x"]),
            (("*",), ["shop"]),
            (("*/a/b", "shop/*/b"), ["shop/a/b"]),
            (("none/**",), []),
            (("shop/c",), []),
        ):
            assert [event.topic for event in await read_all(log, *texts)] == expected, texts


async def test_a_page_holds_at_most_limit_events_and_says_how_far_it_looked(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(*(made("shop/a" if n % 2 else "shop/b") for n in range(20))))
        for texts in (("shop/a",), ("shop/**",), ("*/a",), ("shop/*",)):
            for limit in (1, 3, 7, 100):
                whole = offsets(await read_all(log, *texts))
                page = await log.read(2, patterns(*texts), limit)
                assert offsets(page.events) == [o for o in whole if o > 2][:limit]
                assert offsets(await read_all(log, *texts, limit=limit)) == whole


async def test_a_page_looks_at_no_more_than_1000_offsets(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(
            unit(made("shop/rare"), *(made("shop/common") for _ in range(2998)), made("shop/rare"))
        )
        page = await log.read(0, patterns("shop/rare"))
        assert (page.scanned, offsets(page.events)) == (1000, [1])
        page = await log.read(1000, patterns("*/rare"))
        assert (page.scanned, offsets(page.events)) == (2000, [])
        assert offsets(await read_all(log, "shop/rare")) == [1, 3000]


async def test_what_is_known_to_have_nothing_new_is_answered_at_the_head(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made("shop/rare"), made("blog/a"), *(made("shop/common") for _ in range(2998))))
        assert (await log.read(1, patterns("shop/rare"))).scanned == 3000
        assert (await log.read(0, patterns("shop/never"))).scanned == 3000
        assert (await log.read(2, patterns("blog/**", "shop/rare"))).scanned == 3000
        assert (await log.read(1, patterns("shop/rare"), upto=2500)).scanned == 2500
        await log.append(unit(made("shop/rare")))
        assert offsets((await log.read(2999, patterns("shop/rare"))).events) == [3001]
    async with shelf.log() as log:
        assert (await log.read(2, patterns("blog/a"))).scanned == 3001
        assert offsets((await log.read(2999, patterns("shop/rare"))).events) == [3001]


async def test_a_page_never_goes_past_upto_or_the_head(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(*(made() for _ in range(10))))
        for text in ("shop/orders", "**", "shop/*", "none/x"):
            assert (await log.read(0, patterns(text), upto=4)).scanned == 4
            assert (await log.read(4, patterns(text), upto=4)).scanned == 4
            assert (await log.read(0, patterns(text), upto=99)).scanned == 10
            assert (await log.read(10, patterns(text))).scanned == 10
            assert (await log.read(10, patterns(text))).events == ()


async def test_reads_beside_appends_see_all_up_to_where_the_tail_has_got(shelf: Shelf) -> None:
    async with shelf.log() as log:
        delivered: list[Event] = []
        log.tail(lambda batch: delivered.extend(batch.events))

        async def publish() -> None:
            for n in range(60):
                await log.append(unit(made(f"shop/{n % 5}", n), made("blog/x")))

        async def follow(*texts: str) -> list[Event]:
            found: list[Event] = []
            position = 0
            while position < 480:
                page = await log.read(position, patterns(*texts), limit=7)
                assert page.scanned <= page.bounds.head == log.bounds().head == len(delivered)
                found += page.events
                position = page.scanned
                await asyncio.sleep(0)
            return found

        publishers = asyncio.gather(*(publish() for _ in range(4)))
        texts = (("shop/3",), ("shop/**",), ("*/x", "shop/1"))
        read = await asyncio.gather(*(follow(*each) for each in texts))
        await publishers
        for each, found in zip(texts, read, strict=True):
            matching = [e for e in delivered if any(p.matches(e.topic) for p in patterns(*each))]
            assert found == matching


async def test_large_events_are_read_whole_if_in_smaller_pages(shelf: Shelf) -> None:
    async with shelf.log() as log:
        large = "x" * 200_000
        for n in range(30):
            await log.append(unit(made(data=[n, large])))
        assert [event.data for event in await read_all(log, "shop/*")] == [[n, large] for n in range(30)]


# Looking back


async def test_looking_back_gives_what_reading_gives_newest_first(shelf: Shelf) -> None:
    async with shelf.log() as log:
        topics = [
            "shop/a",
            "tricast/audit/shop",
            "shop/a/b",
            "blog/a",
            "tricast/audit",
            "shop",
            "tricastle/a",
        ]
        await log.append(unit(*(made(topic, n) for n, topic in enumerate(topics * 3))))
        for texts in (
            EVERYTHING,
            ("**",),
            ("shop/**",),
            ("shop/a",),
            ("*/a", "shop"),
            ("tricast/audit/**",),
            ("tricast/audit", "tricast/*/a"),
            ("tricast/audit/a", "shop/a"),
            ("none/**",),
        ):
            forward = await read_all(log, *texts)
            for limit in (1, 2, 1000):
                assert await look_back_all(log, *texts, limit=limit) == forward[::-1], (texts, limit)
    async with shelf.log() as log:
        assert (
            await look_back_all(log, "shop/**", "tricast/**")
            == (await read_all(log, "shop/**", "tricast/**"))[::-1]
        )


async def test_looking_back_begins_below_the_offset_that_is_named(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(*(made() for _ in range(10))))
        assert offsets((await log.look_back(6, patterns("shop/*"), 3)).events) == [5, 4, 3]
        assert offsets(await look_back_all(log, before=4)) == [3, 2, 1]
        assert offsets(await look_back_all(log, before=99)) == list(range(10, 0, -1))
        for before in (1, 0, -5):
            page = await log.look_back(before, patterns("**"))
            assert (page.scanned, page.events) == (0, ())


async def test_the_end_is_known_with_the_last_event_and_no_call_more(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(*(made() for _ in range(4))))
        assert (await log.look_back(5, patterns("**"), 2)).scanned == 2
        assert (await log.look_back(3, patterns("**"), 2)).scanned == 0


async def test_looking_back_looks_at_no_more_than_1000_offsets(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(
            unit(made("shop/rare"), *(made("shop/common") for _ in range(2998)), made("shop/rare"))
        )
        page = await log.look_back(3001, patterns("shop/rare"))
        assert (page.scanned, offsets(page.events)) == (2000, [3000])
        page = await log.look_back(2001, patterns("*/rare"))
        assert (page.scanned, offsets(page.events)) == (1000, [])
        assert offsets(await look_back_all(log, "shop/rare")) == [3000, 1]


async def test_looking_back_begins_at_the_last_event_that_is_known(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made("shop/rare"), made("blog/a"), *(made("shop/common") for _ in range(2998))))
        for texts, found in ((("shop/rare",), [1]), (("blog/**",), [2]), (("shop/never", "none/*"), [])):
            page = await log.look_back(3001, patterns(*texts))
            assert (page.scanned, offsets(page.events)) == (0, found)


async def test_looking_back_ends_where_trimming_has_got_to(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(*(made("shop/a" if n % 2 else "blog/a") for n in range(3000))))
        await trim_all(log, SHOP, Retention(events=5))
        page = await log.look_back(3001, patterns("shop/**"))
        assert (page.scanned, offsets(page.events)) == (0, [3000, 2998, 2996, 2994, 2992])
        page = await log.look_back(2000, patterns("shop/**"))
        assert (page.scanned, page.events) == (0, ())
        assert len(await look_back_all(log, "blog/*", "shop/*")) == 1505
        await trim_all(log, RetentionClass("events", "blog"), Retention(events=0))
        assert offsets(await look_back_all(log)) == [3000, 2998, 2996, 2994, 2992]
    async with shelf.log() as log:
        assert offsets(await look_back_all(log)) == [3000, 2998, 2996, 2994, 2992]


async def test_what_is_being_trimmed_is_not_looked_back_at(shelf: Shelf) -> None:
    async with shelf.log() as log:
        for _ in range(4):
            await log.append(unit(*(made(f"{app}/a") for app in ("shop", "blog") for _ in range(250))))

        async def check() -> None:
            while log.bounds().floors[SHOP] < 1700:
                for before in range(2001, 1, -400):
                    page = await log.look_back(before, patterns("**"))
                    floor = page.bounds.floors[SHOP]
                    there = [event.offset or 0 for event in page.events if event.topic == "shop/a"]
                    looked_at = range(page.scanned + 1, before)
                    assert there == [o for o in looked_at if o > floor and (o - 1) % 500 < 250][::-1]
                await asyncio.sleep(0)

        async def trim() -> None:
            for keep in range(950, 0, -70):
                await log.trim(SHOP, Retention(events=keep))
                await asyncio.sleep(0)
            await trim_all(log, SHOP, Retention(events=20))

        await asyncio.gather(check(), trim())


async def test_large_events_are_looked_back_at_whole_if_in_smaller_pages(shelf: Shelf) -> None:
    async with shelf.log() as log:
        large = "x" * 200_000
        for n in range(30):
            await log.append(unit(made(data=[n, large])))
        assert [event.data for event in await look_back_all(log, "shop/*")] == [
            [n, large] for n in range(29, -1, -1)
        ]


LOOKED_AT = (
    EVERYTHING,
    ("shop/a",),
    ("shop/**", "tricast/audit"),
    ("*/a",),
    ("tricast/**",),
    ("tricast/*/a",),
)
runs = st.lists(
    st.tuples(
        st.sampled_from(("shop/a", "shop/b", "blog/a", "tricast/audit", "tricast/audit/a")),
        st.sampled_from((1, 3, 400, 1200)),
    ),
    max_size=6,
)
keeps = st.dictionaries(st.sampled_from(("shop", "blog", "tricast")), st.sampled_from((0, 1, 300, 1000)))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs=runs, keeps=keeps, limit=st.sampled_from((1, 7, 500, 1000)), before=st.integers(-1, 5000))
def test_looking_back_is_reading_backwards_however_the_log_was_trimmed(
    kind: str, runs: list[tuple[str, int]], keeps: dict[str, int], limit: int, before: int
) -> None:
    async def run(shelf: Shelf) -> None:
        async with shelf.log() as log:
            for topic, count in runs:
                await log.append(unit(*(made(topic) for _ in range(count))))
            for app, keep in keeps.items():
                await trim_all(log, class_named(app), Retention(events=keep))
            for texts in LOOKED_AT:
                forward = await read_all(log, *texts)
                most = max(limit, len(forward) // 20)  # (so that few calls do)
                assert await look_back_all(log, *texts, limit=most) == forward[::-1]
                older = [event for event in forward if (event.offset or 0) < before]
                assert await look_back_all(log, *texts, before=before, limit=most) == older[::-1]

    with TemporaryDirectory() as folder:
        asyncio.run(run(Shelf(kind, Path(folder))))


# Time


async def test_append_times_never_decrease(shelf: Shelf) -> None:
    start = shelf.clock.ms
    async with shelf.log() as log:
        for ms in (start, start + 50, start - HOUR_MS, start + 60):
            shelf.clock.ms = ms
            await log.append(unit(made()))
        assert [event.time_ms - start for event in await read_all(log)] == [0, 50, 50, 60]
    shelf.clock.ms = start - HOUR_MS
    async with shelf.log() as log:
        await log.append(unit(made()))
        assert [event.time_ms - start for event in await read_all(log)] == [0, 50, 50, 60, 60]
        await log.trim(SHOP, Retention(events=0))
    async with shelf.log() as log:
        await log.append(unit(made()))
        assert [event.time_ms - start for event in await read_all(log)] == [60]


async def test_seek_finds_the_last_offset_before_a_time(shelf: Shelf) -> None:
    async with shelf.log() as log:
        start = shelf.clock.ms
        assert await log.seek(start) == 0
        for _ in range(40):
            await log.append(unit(made(), made(), made()))
            shelf.clock.ms += 10
        assert await log.seek(0) == 0
        assert await log.seek(start) == 0
        assert await log.seek(start + 1) == 3
        assert await log.seek(start + 10) == 3
        assert await log.seek(start + 195) == 60
        assert await log.seek(start + HOUR_MS) == 120


async def test_seek_is_right_where_events_were_trimmed(shelf: Shelf) -> None:
    async with shelf.log() as log:
        start = shelf.clock.ms
        for n in range(100):
            await log.append(unit(made("shop/a" if 20 <= n < 60 else "blog/a")))
            shelf.clock.ms += 10
        await log.trim(SHOP, Retention(events=0))
        await log.trim(RetentionClass("events", "blog"), Retention(events=50))
        kept = await read_all(log)
        assert len(kept) == 50
        for ms in range(start - 10, start + 1020, 5):
            offset = await log.seek(ms)
            assert all(e.time_ms < ms for e in kept if (e.offset or 0) <= offset)
            assert all(e.time_ms >= ms for e in kept if (e.offset or 0) > offset)


# Retention


async def trim_all(log: Log, cls: RetentionClass, keep: Retention) -> list[int]:
    steps: list[int] = []
    while step := await log.trim(cls, keep):
        steps.append(step)
    return steps


async def test_trimming_keeps_the_newest_of_a_class_by_number(shelf: Shelf) -> None:
    async with shelf.log() as log:
        for n in range(10):
            await log.append(unit(made("shop/a", n), made("blog/a", n), made("shop/a", n, shelf=AUDIT_SHELF)))
        assert await trim_all(log, SHOP, Retention(events=4)) == [6]
        assert await log.trim(SHOP, Retention(events=4)) == 0
        assert await log.trim(SHOP, Retention()) == 0
        kept = await read_all(log)
        assert len(kept) == 24
        assert log.bounds().floors == {
            SHOP: 16,
            RetentionClass("events", "blog"): 0,
            RetentionClass("audit", "shop"): 0,
        }
        assert log.bounds().head == 30


async def test_trimming_by_size_counts_the_bytes_that_are_stored(shelf: Shelf) -> None:
    async with shelf.log() as log:
        drafts = [made(data="x" * n) for n in (10, 500, 20, 30)]
        await log.append(unit(*drafts))
        sizes = [len(each.body) for each in drafts]
        assert await trim_all(log, SHOP, Retention(bytes=sum(sizes))) == []
        assert await trim_all(log, SHOP, Retention(bytes=sum(sizes[2:]) + 1)) == [2]
        assert offsets(await read_all(log)) == [3, 4]


async def test_trimming_by_age_goes_by_the_append_time(shelf: Shelf) -> None:
    async with shelf.log() as log:
        for _ in range(6):
            await log.append(unit(made("shop/a"), made("blog/a")))
            shelf.clock.ms += 10_000
        assert await trim_all(log, SHOP, Retention(age_s=60)) == []
        assert await trim_all(log, SHOP, Retention(age_s=30)) == [3]
        assert offsets(await read_all(log, "shop/**")) == [7, 9, 11]
        assert await trim_all(log, SHOP, Retention(age_s=25, events=2)) == [1]
        assert await trim_all(log, SHOP, Retention(age_s=0.001)) == [2]
        assert len(await read_all(log)) == 6


async def test_trimming_goes_in_steps_of_at_most_1000(shelf: Shelf) -> None:
    async with shelf.log() as log:
        for _ in range(3):
            await log.append(unit(*(made() for _ in range(1000))))
        steps = await trim_all(log, SHOP, Retention(events=250))
        assert sum(steps) == 2750
        assert max(steps) <= 1000
        assert offsets(await read_all(log)) == list(range(2751, 3001))


async def test_a_class_is_found_behind_many_events_of_others(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made("shop/a")))
        for _ in range(12):
            await log.append(unit(*(made("blog/a") for _ in range(1000))))
        await log.append(unit(made("shop/a"), made("shop/b")))
        assert await trim_all(log, SHOP, Retention(events=2)) == [1]
        assert await trim_all(log, SHOP, Retention(events=1)) == [1]
        assert log.bounds().floors[SHOP] == 12_002


async def test_an_app_whose_name_begins_like_another_is_not_trimmed_with_it(shelf: Shelf) -> None:
    async with shelf.log() as log:
        topics = ["shop", "shop/a", "shopper", "shop0/a", "shop-x/a", "sho/p"]
        await log.append(unit(*(made(topic) for topic in topics)))
        assert await trim_all(log, SHOP, Retention(events=0)) == [2]
        assert [event.topic for event in await read_all(log)] == topics[2:]


async def test_marks_and_the_head_outlive_what_they_are_about(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(made("shop/a"), made("shop/b")))
        await trim_all(log, SHOP, Retention(events=0))
    async with shelf.log() as log:
        assert log.bounds().head == 2
        assert log.bounds().floors == {SHOP: 2}
        assert log.bounds().floor(patterns("shop/a")) == 2
        assert (await log.read(0, patterns("shop/a"))).scanned == 2
        assert (await log.append(unit(made("shop/c")))).receipts[0].offset == 3
        assert offsets(await read_all(log)) == [3]
        assert await trim_all(log, SHOP, Retention(events=1)) == []


async def test_counts_are_right_after_entering_again(shelf: Shelf) -> None:
    for _ in range(3):
        async with shelf.log() as log:
            await log.append(unit(*(made() for _ in range(5))))
            await log.trim(SHOP, Retention(events=7))
    async with shelf.log() as log:
        assert len(await read_all(log)) == 7
        assert await log.trim(SHOP, Retention(events=7)) == 0
        assert await log.trim(SHOP, Retention(events=6)) == 1


async def test_a_row_that_was_trimmed_shows_in_the_bounds_of_its_page(shelf: Shelf) -> None:
    async with shelf.log() as log:
        for _ in range(8):
            await log.append(unit(*(made(f"shop/{n % 7}") for n in range(500))))

        async def check(text: str) -> None:
            while log.bounds().floor(patterns("shop/*")) < 3900:
                for after in range(0, 4000, 500):
                    page = await log.read(after, patterns(text))
                    there = set(offsets(page.events))
                    floor = page.bounds.floor(patterns(text))
                    wanted = [o for o in range(after + 1, page.scanned + 1) if o > floor]
                    matching = [o for o in wanted if text == "shop/**" or (o - 1) % 500 % 7 == 3]
                    assert there >= set(matching)
                await asyncio.sleep(0)

        async def trim() -> None:
            for keep in range(3900, 0, -130):
                await log.trim(SHOP, Retention(events=keep))
                await asyncio.sleep(0)
            await trim_all(log, SHOP, Retention(events=50))

        await asyncio.gather(check("shop/**"), check("shop/3"), trim())


async def test_leaving_waits_for_the_step_of_trimming(shelf: Shelf) -> None:
    async with shelf.log() as log:
        await log.append(unit(*(made() for _ in range(500))))
        trimming = asyncio.create_task(log.trim(SHOP, Retention(events=100)))
        await asyncio.sleep(0)
    assert await trimming == 400
    async with shelf.log() as log:
        assert len(await read_all(log)) == 100


async def test_trimming_beside_appends_loses_nothing_that_is_kept(shelf: Shelf) -> None:
    async with shelf.log() as log:

        async def publish() -> None:
            for _ in range(40):
                await log.append(unit(*(made() for _ in range(20))))

        async def trim() -> None:
            for _ in range(40):
                await log.trim(SHOP, Retention(events=100))
                await asyncio.sleep(0)

        await asyncio.gather(publish(), publish(), trim(), trim())
        await trim_all(log, SHOP, Retention(events=100))
        assert offsets(await read_all(log)) == list(range(1501, 1601))


# All of it at once, against a model


@dataclass
class Model:
    """What the log is to do, in the plainest way."""

    events: dict[int, tuple[str, Any]] = field(default_factory=dict)
    classes: dict[int, RetentionClass] = field(default_factory=dict)
    ids: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    documents: dict[str, tuple[int, Any]] = field(default_factory=dict)
    head: int = 0

    def append(self, given: Given) -> list[int | None] | None:
        """The offsets of the unit's drafts; None: a conflict."""
        ids, documents = dict(self.ids), dict(self.documents)
        repeated = [self.ids.get((topic.split("/")[0], id)) for topic, id, _, _ in given.drafts if id]
        new = {}
        for topic, id, data, _ in given.drafts:
            if id:
                key = (topic.split("/")[0], id)
                known = self.ids.get(key) or new.setdefault(key, (0, (topic, data)))
                if known[1] != (topic, data):
                    return None
        if given.writes and repeated and all(repeated):
            return [self._known(topic, id) for topic, id, _, _ in given.drafts]
        for key, value, expected in given.writes:
            version = documents.get(key, (0, None))[0]
            if expected not in (ANY_VERSION, version):
                return None
            if value is None:
                documents.pop(key, None)
            else:
                documents[key] = (version + 1, value)
        result: list[int | None] = []
        for topic, id, data, ephemeral in given.drafts:
            app = topic.split("/")[0]
            if ephemeral:
                result.append(None)
            elif id and (app, id) in ids:
                result.append(ids[app, id][0])
            else:
                self.head += 1
                self.events[self.head] = (topic, data)
                self.classes[self.head] = class_named(app)
                if id:
                    ids[app, id] = (self.head, (topic, data))
                result.append(self.head)
        self.ids, self.documents = ids, documents
        return result

    def _known(self, topic: str, id: str | None) -> int | None:
        return self.ids[topic.split("/")[0], id][0] if id else None

    def trim(self, cls: RetentionClass, keep: int) -> None:
        mine = [offset for offset in self.events if self.classes[offset] == cls]
        for offset in mine[: max(0, len(mine) - keep)]:
            del self.events[offset]


@dataclass(frozen=True)
class Given:
    drafts: tuple[tuple[str, str | None, Any, bool], ...]
    writes: tuple[tuple[str, Any, int], ...]

    def unit(self) -> Append:
        return Append(
            tuple(
                made(topic, data, id=None if ephemeral else id, ephemeral=ephemeral)
                for topic, id, data, ephemeral in self.drafts
            ),
            tuple(Write("k", key, value, expected) for key, value, expected in self.writes),
        )


TOPICS = ("shop/a", "shop/b", "shop/a/b", "blog/a", 'odd"/\\', "shop", "tricast/audit/a")
drafted = st.tuples(
    st.sampled_from(TOPICS), st.none() | st.sampled_from("xyz"), st.integers(0, 2), st.just(False)
) | st.tuples(st.sampled_from(TOPICS), st.none(), st.integers(0, 2), st.just(True))
written = st.tuples(st.sampled_from("pq"), st.none() | st.integers(0, 9), st.sampled_from((-1, -1, 0, 1, 2)))
units = st.builds(
    Given,
    st.lists(drafted, max_size=4).map(tuple),
    st.lists(written, max_size=2).map(tuple),
)
steps = st.lists(
    st.lists(units, min_size=1, max_size=6)
    | st.just("again")
    | st.tuples(st.sampled_from(("shop", "blog", "tricast")), st.integers(0, 5)),
    max_size=12,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_whatever_is_done_the_log_does_what_the_model_does(kind: str, steps: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(follow_model(Shelf(kind, Path(folder)), steps))


async def follow_model(shelf: Shelf, steps: list[Any]) -> None:
    model, delivered = Model(), dict[int, Event]()
    remaining = iter(steps)
    again = True
    while again:
        again = False
        async with shelf.log() as log:
            log.tail(lambda batch: delivered.update((e.offset or 0, e) for e in batch.events))
            for step in remaining:
                if step == "again":
                    again = True
                    break
                if isinstance(step, tuple):
                    cls = class_named(step[0])
                    await trim_all(log, cls, Retention(events=step[1]))
                    model.trim(cls, step[1])
                else:
                    await compare_appends(log, model, step)
                await compare(log, model, delivered)
            await compare(log, model, delivered)


async def compare_appends(log: Log, model: Model, given: list[Given]) -> None:
    outcomes = await appended(log, [each.unit() for each in given])
    for each, outcome in zip(given, outcomes, strict=True):
        expected = model.append(each)
        if expected is None:
            assert isinstance(outcome, Conflict)
        else:
            assert isinstance(outcome, Appended)
            assert [receipt.offset for receipt in outcome.receipts] == expected


async def compare(log: Log, model: Model, delivered: dict[int, Event]) -> None:
    bounds = log.bounds()
    assert bounds.head == model.head
    kept = await read_all(log)
    assert [(e.offset, (e.topic, e.data)) for e in kept] == list(model.events.items())
    assert [delivered[e.offset or 0] for e in kept] == kept
    assert sorted(delivered) == list(range(1, model.head + 1))
    assert await look_back_all(log) == kept[::-1]
    for text in (*TOPICS, "shop/**", "*/a", "tricast/**"):
        (pattern,) = patterns(text)
        found = [offset for offset, (topic, _) in model.events.items() if pattern.matches(topic)]
        assert offsets(await read_all(log, text, limit=2)) == found
        assert offsets(await look_back_all(log, text, limit=2)) == found[::-1]
    listed = {document.key: (document.version, document.value) for document in await log.list("k")}
    assert listed == model.documents
    for offset in range(1, model.head + 1):
        if offset not in model.events:
            assert offset <= max(bounds.floors.values())
