"""Clients that are not ours, each a program of its own that says an envelope a line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.clients.npm import ROOT, packages

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
PATIENCE_S = 45.0
README_URL = "'localhost:8080/v1/events?topic=demo/**"
# As short as the library lets us: what is seconds for people is moments here.
BRISK = {
    "WEBSOCKETS_BACKOFF_INITIAL_DELAY": "0.2",
    "WEBSOCKETS_BACKOFF_MIN_DELAY": "0.1",
    "WEBSOCKETS_BACKOFF_MAX_DELAY": "0.5",
}


def shell_loop(url: str) -> str:
    """The loop of the README, for `url`."""
    section = (ROOT / "README.md").read_text().partition("## A shell that never misses an event\n")[2]
    found = re.search(r"^```(?:sh|bash)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    assert found[1].count(README_URL) == 1, found[1]
    return found[1].replace(README_URL, f"'{url}")


def commands(url: str, folder: Path) -> Mapping[str, tuple[list[str], dict[str, str], str]]:
    """By name: command, environment that it needs, transport. `folder` has the npm packages."""
    python = [sys.executable, "-W", "error"]
    node = ["node", str(PROGRAMS / "follow_eventsource.mjs"), url + "&transport=sse"]
    websockets = [*python, str(PROGRAMS / "follow_websockets.py")]
    return {
        "npm eventsource": (node, {"TRICAST_NPM": str(folder)}, "sse"),
        "httpx-sse": ([*python, str(PROGRAMS / "follow_httpx_sse.py"), url], {}, "sse"),
        "httpx2": ([*python, str(PROGRAMS / "follow_httpx2.py"), url], {}, "sse"),
        "the shell loop": (["bash", "-c", shell_loop(url)], {}, "sse"),
        "websockets, async for": ([*websockets, "idiom", url], BRISK, "websocket"),
        "websockets, a loop": ([*websockets, "loop", url], BRISK, "websocket"),
    }


@dataclass
class Follower:
    """What a client has said: the `n` of its events' data."""

    name: str
    transport: str
    process: asyncio.subprocess.Process
    changed: asyncio.Condition
    numbers: list[int] = field(default_factory=list)
    errors: str = ""

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            async with self.changed:
                self.numbers.append(json.loads(line)["data"]["n"])
                self.changed.notify_all()
        async with self.changed:
            self.changed.notify_all()

    async def complain(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.errors += line.decode(errors="replace")

    @property
    def runs(self) -> bool:
        return self.process.returncode is None

    def __str__(self) -> str:
        runs = "runs" if self.runs else f"ended with {self.process.returncode}"
        return f"{self.name}: {runs}, {len(self.numbers)} events, stderr {self.errors[-500:]!r}"


class Followers:
    """All of them."""

    def __init__(self, each: list[Follower], changed: asyncio.Condition) -> None:
        self.each = each
        self._changed = changed

    def count(self, transport: str) -> int:
        return sum(each.transport == transport for each in self.each)

    @property
    def least(self) -> int:
        """So many events has the one that has the fewest."""
        return min(len(each.numbers) for each in self.each)

    async def have(self, count: int) -> None:
        """Wait until everyone has so many events."""

        def arrived() -> bool:
            return self.least >= count or not all(each.runs for each in self.each)

        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(arrived)
        except TimeoutError:
            pass
        assert self.least >= count, "\n".join([f"not all have {count} events", *map(str, self.each)])


@asynccontextmanager
async def following(url: str) -> AsyncIterator[Followers]:
    """All clients, of `url` (which has its topic and nothing else in the query), until the block ends."""
    changed = asyncio.Condition()
    folder = packages(HERE / "package.json")
    async with AsyncExitStack() as stack:
        each = [
            await stack.enter_async_context(_started(name, *how, changed))
            for name, how in commands(url, folder).items()
        ]
        yield Followers(each, changed)


@asynccontextmanager
async def _started(
    name: str, command: list[str], needed: dict[str, str], transport: str, changed: asyncio.Condition
) -> AsyncIterator[Follower]:
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=kept | needed,
        start_new_session=True,
        limit=1 << 20,
    )
    follower = Follower(name, transport, process, changed)
    readers = [asyncio.ensure_future(follower.read()), asyncio.ensure_future(follower.complain())]
    try:
        yield follower
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # (the shell's curl, too)
        await process.wait()
        await asyncio.wait(readers)
