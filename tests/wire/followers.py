"""Clients that are not ours, each a program of its own that says an envelope a line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.npm import ROOT, packages
from tests.wire.programs.follow_python import CLIENTS

HERE = Path(__file__).parent
MANIFEST = HERE / "package.json"
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


def jdk() -> list[str] | None:
    """The command that runs `Jdk.java`, or None where no JDK (11 or newer) is installed."""
    if shutil.which("javac") is None:
        return None
    # (little is compiled and little is kept: seconds less of a processor)
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", str(PROGRAMS / "Jdk.java")]


def commands(url: str) -> Mapping[str, tuple[list[str], dict[str, str], str]]:
    """By name: command, environment that it needs, transport."""
    node = ["node", str(PROGRAMS / "follow_node.mjs")]
    python = [sys.executable, "-W", "error"]
    lines = [*python, str(PROGRAMS / "follow_python.py")]
    websockets = [*python, str(PROGRAMS / "follow_websockets.py")]
    java = jdk()
    sse = url + "&transport=sse"
    return {
        **{
            f"npm {name}": ([*node, name, sse], {}, "sse")
            for name in json.loads(MANIFEST.read_text())["dependencies"]
        },
        **{name: ([*lines, name, url], {}, "sse") for name in CLIENTS},
        **({"JDK java.net.http": ([*java, "follow", url], {}, "sse")} if java else {}),
        "curl": (["bash", "-c", shell_loop(url)], {}, "sse"),
        "PyPI websockets, async for": ([*websockets, "idiom", url], BRISK, "websocket"),
        "PyPI websockets, a loop": ([*websockets, "loop", url], BRISK, "websocket"),
    }


@dataclass
class Follower:
    """A client, and the data of the events that it has reported."""

    name: str
    transport: str
    process: asyncio.subprocess.Process
    changed: asyncio.Condition
    reported: list[Any] = field(default_factory=list)
    errors: str = ""

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            try:
                data = json.loads(line)["data"]
            except ValueError:
                data = line  # (an envelope that was cut)
            async with self.changed:
                self.reported.append(data)
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
        return f"{self.name}: {runs}, {len(self.reported)} events, stderr {self.errors[-500:]!r}"


class Followers:
    """All of them."""

    def __init__(self, each: list[Follower], changed: asyncio.Condition) -> None:
        self.each = each
        self._changed = changed

    def count(self, transport: str) -> int:
        return sum(each.transport == transport for each in self.each)

    async def have(self, count: int) -> None:
        """Wait until everyone has reported so many events."""

        def arrived() -> bool:
            return all(len(each.reported) >= count or not each.runs for each in self.each)

        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(arrived)
        except TimeoutError:
            pass
        late = [str(each) for each in self.each if len(each.reported) < count]
        assert not late, "\n".join([f"not all have {count} events:", *late])


@asynccontextmanager
async def following(url: str, *names: str) -> AsyncIterator[Followers]:
    """Clients of `url` (which has its topic and nothing else in the query), until the block ends.

    Those of these names; without any, all.
    """
    changed = asyncio.Condition()
    npm = {"TRICAST_NPM": str(packages(MANIFEST))}
    async with AsyncExitStack() as stack:
        each = [
            await stack.enter_async_context(_started(name, command, npm | needed, transport, changed))
            for name, (command, needed, transport) in commands(url).items()
            if name in names or not names
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
