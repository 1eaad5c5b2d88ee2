"""What the tests of the SQLite log share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tricast.event import Draft, Event, draft
from tricast.log.base import Append, Log, Write
from tricast.pattern import Pattern

ALL = (Pattern.parse("**"),)


def made(data: Any = None, *, topic: str = "shop/orders", id: str | None = None) -> Draft:
    return draft(topic, data, source="/shop/web", id=id)


def unit(*parts: Draft | Write) -> Append:
    return Append(
        tuple(p for p in parts if isinstance(p, Draft)), tuple(p for p in parts if isinstance(p, Write))
    )


async def read_all(log: Log) -> list[Event]:
    found: list[Event] = []
    position, head = 0, log.bounds().head
    while position < head:
        page = await log.read(position, ALL)
        found += page.events
        position = page.scanned
    return found


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process, with its standard output piped."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


APPEND_FOR_EVER = """
import asyncio, sys
from tricast.event import draft
from tricast.log.base import Append
from tricast.log.sqlite import SQLiteLog

async def publish(log, n):
    while True:
        appended = await log.append(Append((draft("shop/orders", n, source="/s"),)))
        print(appended.receipts[0].offset, flush=True)

async def main():
    async with SQLiteLog(sys.argv[1]) as log:
        await asyncio.gather(*(publish(log, n) for n in range(8)))

asyncio.run(main())
"""


@contextmanager
def killed_while_appending(path: Path, acknowledged: int = 200) -> Iterator[list[int]]:
    """The offsets that a process got acknowledged before it was killed with SIGKILL."""
    process = python(APPEND_FOR_EVER, path)
    assert process.stdout is not None
    offsets = [int(process.stdout.readline()) for _ in range(acknowledged)]
    process.kill()
    rest = process.stdout.read().split("\n")[:-1]  # the last line may be cut
    process.stdout.close()
    process.wait()
    yield offsets + [int(line) for line in rest]


def missing(what: str) -> None:
    """Skip; as root under CI it must be there."""
    if os.environ.get("CI") and os.geteuid() == 0:
        pytest.fail(f"{what} is missing")
    pytest.skip(what)
