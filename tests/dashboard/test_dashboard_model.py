"""The dashboard's logic that needs no page: rules, shares, merging, drafts. In Node."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.npm import node, packages

HERE = Path(__file__).parent
SUITES = sorted((HERE / "js").glob("*.test.mjs"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name.partition(".")[0])
def test_the_logic_of_the_dashboard_does_what_it_says(suite: Path) -> None:
    said = node("--test", suite, folder=packages(HERE / "package.json"))
    assert "# fail 0" in said
    assert "# skipped 0" in said
