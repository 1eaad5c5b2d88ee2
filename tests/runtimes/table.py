"""`python -m tests.runtimes.table` runs the tests of all runtimes, and writes docs/runtimes.md's tables."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.browsers.launched import BROWSERS
from tests.runtimes.seen import ANYWHERE, EXCEPT, IN_PAGES, NO, RUNTIMES, VARIABLE

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "runtimes.md"
Seen = dict[str, dict[str, str]]


def block(name: str) -> re.Pattern[str]:
    """What is between the marks of a table in the guide."""
    return re.compile(rf"(?s)(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)")


def lacking(seen: Seen) -> list[str]:
    """What a run should have seen, and hasn't."""
    wanted = {(runtime, column) for runtime in RUNTIMES for column in ANYWHERE}
    wanted |= {(runtime, column) for runtime in BROWSERS for column in IN_PAGES} - EXCEPT
    return sorted(f"{runtime}: {column}" for runtime, column in wanted if column not in seen.get(runtime, {}))


def table(seen: Seen, versions: dict[str, str], columns: tuple[str, ...]) -> str:
    """Of the runtimes that have anything in these columns."""
    rows = [["", *columns], ["---"] * (len(columns) + 1)]
    for runtime in RUNTIMES:
        cells = [seen[runtime].get(column, NO) for column in columns]
        if set(cells) != {NO}:
            rows.append([f"{runtime} {versions[runtime]}", *cells])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def run(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seen"
        tests = ["tests/runtimes/test_runtimes.py", "tests/browsers"]
        command = [sys.executable, "-m", "pytest", "-q", *tests, *arguments]
        if subprocess.run(command, cwd=ROOT, env=os.environ | {VARIABLE: str(path)}, check=False).returncode:
            sys.exit("the tests failed: the tables stay as they are")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    seen: Seen = {}
    for line in lines:
        seen.setdefault(line["runtime"], {}).update(line["cells"])
    if missing := lacking(seen):
        sys.exit(f"not everything could be tested, the tables stay as they are: {'; '.join(missing)}")
    versions = {line["runtime"]: line["version"] for line in lines}
    text = GUIDE.read_text()
    for name, columns in (("anywhere", ANYWHERE), ("pages", IN_PAGES)):
        written = table(seen, versions, columns)
        text = block(name).sub(lambda _, written=written: written, text)  # type: ignore[misc]
    GUIDE.write_text(text)


if __name__ == "__main__":
    run(sys.argv[1:])
