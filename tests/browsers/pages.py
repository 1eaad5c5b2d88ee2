"""What tests can do with a browser and its pages, whichever it is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.runtimes.places import FOLLOW, PATIENCE_S, Place

LOOK_S = 0.03
# A page of the server's origin that does nothing by itself, and forbids nothing (`/` lets no script run).
BLANK = "/client/index.js"


class Page(Place):
    """A tab. `errors`: what it wrote to its console as errors, or didn't catch."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.errors: list[str] = []
        self.processes: set[int] = set()

    @abstractmethod
    async def goto(self, url: str) -> None:
        """Open another address in it, and wait until that is loaded."""

    @abstractmethod
    async def reload(self) -> None:
        """As by F5."""

    @abstractmethod
    async def close(self) -> None:
        """As by its cross."""

    @abstractmethod
    async def screenshot(self, path: Path) -> None:
        """A PNG of what can be seen."""

    async def until(self, code: str) -> Any:
        """Wait until an expression is true; its value."""
        value = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (value := await self.evaluate(code)):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise AssertionError(f"{code} stays {value!r}; errors: {self.errors}") from None
        return value

    async def load_client(self) -> None:
        """Make it a place to follow at."""
        imported = "import('/client/index.js').then((client) => { globalThis.connect = client.connect; })"
        await self.evaluate(f"(0, eval)({json.dumps(FOLLOW)}), {imported}")

    async def end(self) -> None:
        await self.evaluate("closeAll()")
        await self.close()

    def kill(self) -> None:
        """Kill its process: no script of it runs any more, and none is told."""
        assert self.processes, "its process is not known: open it alone"
        for pid in self.processes:
            os.kill(pid, signal.SIGKILL)


class Browser(ABC):
    """A running browser. `page` opens tabs of one person; `clear` closes them and forgets that person."""

    name: str
    version: str
    # Its driver goes on when the process of a page is killed.
    outlives_pages = True
    pid: int

    @abstractmethod
    async def open(self, url: str) -> Page:
        """A tab at `url`, loaded."""

    @abstractmethod
    def clear(self) -> None:
        """Close all tabs."""

    @abstractmethod
    def stop(self) -> None:
        """End it."""

    async def page(self, url: str) -> Page:
        """A tab at `url`, loaded. (Open one at a time where they are to be killed.)"""
        before = renderers(self.pid)
        page = await self.open(url)
        page.processes = renderers(self.pid) - before
        return page

    async def place(self, origin: str) -> Page:
        """A tab where clients of a tricast server can follow."""
        page = await self.page(origin + BLANK)
        page.url = origin
        await page.load_client()
        return page


@dataclass
class _Process:
    parent: int
    command: str
    children: list[int] = field(default_factory=list)


def renderers(root: int) -> set[int]:
    """The processes of pages among the descendants of `root`."""
    found: dict[int, _Process] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        found[int(folder.name)] = _Process(parent, command)
    for pid, process in found.items():
        if process.parent in found:
            found[process.parent].children.append(pid)
    waiting, descendants = [root], set()
    while waiting:
        pid = waiting.pop()
        if pid in found and pid not in descendants:
            descendants.add(pid)
            waiting += found[pid].children
    return {pid for pid in descendants if _is_renderer(found[pid].command)}


def _is_renderer(command: str) -> bool:
    return "--type=renderer" in command or command.endswith(" tab ") or "WebKitWebProcess" in command
