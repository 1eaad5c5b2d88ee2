"""The tables of docs/runtimes.md speak of what is tested, and of nothing else."""

from __future__ import annotations

import json

from tests.browsers.launched import BROWSERS
from tests.runtimes.programs import MANIFEST
from tests.runtimes.seen import ANYWHERE, EXCEPT, IN_PAGES, NO, RUNTIMES
from tests.runtimes.table import GUIDE, block


def rows(name: str) -> dict[str, list[str]]:
    """The lines of a table, by their first cell."""
    found = block(name).search(GUIDE.read_text())
    assert found is not None
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in found[0].splitlines()]
    return {first: cells for first, *cells in lines if set(first) != {"-"}}


def test_every_runtime_that_is_tested_is_in_the_tables_and_no_other() -> None:
    for name, columns, runtimes in (("anywhere", ANYWHERE, RUNTIMES), ("pages", IN_PAGES, BROWSERS)):
        heading, *found = rows(name).items()
        assert heading == ("", list(columns))
        assert [row.split()[0] for row, _ in found] == list(runtimes)
        for row, cells in found:
            for column, cell in zip(columns, cells, strict=True):
                assert (cell == NO) == ((row.split()[0], column) in EXCEPT), (row, column)


def test_the_versions_that_the_tests_bring_along_are_those_of_the_tables() -> None:
    versions = dict(row.split() for row in rows("anywhere") if row)
    brought = json.loads(MANIFEST.read_text())["dependencies"]
    assert versions["Deno"] == brought["deno"]
    assert versions["Bun"] == brought["bun"]
