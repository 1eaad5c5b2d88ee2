"""Node, Deno and Bun, each running `program.mjs`."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.clients.npm import packages
from tests.runtimes.lines import Lines
from tests.runtimes.places import PATIENCE_S, Place

HERE = Path(__file__).parent
MANIFEST = HERE / "package.json"
PROGRAMS = ("Node", "Deno", "Bun")
_BINARIES = {"Deno": "@deno/linux-{}-glibc/deno", "Bun": "@oven/bun-linux-{}/bin/bun"}
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
_ARGUMENTS = {
    "Node": [],
    "Deno": ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read"],
    "Bun": ["run"],
}


def binary(name: str) -> str:
    """Where it is. Skips (under CI: fails) where npm has none for this machine."""
    folder = packages(MANIFEST) / "node_modules"
    if name == "Node":
        return "node"
    # (the packages `deno` and `bun` would copy it from here, by scripts that aren't run)
    found = folder / _BINARIES[name].format(_MACHINES.get(platform.machine(), platform.machine()))
    if not found.is_file():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"npm has no {name} for {platform.platform()}")
    return str(found)


def version(name: str) -> str:
    """As it says itself."""
    said = subprocess.run([binary(name), "--version"], capture_output=True, text=True, check=True).stdout
    return said.removeprefix("deno ").split()[0].removeprefix("v")


class Program(Place):
    """A running one."""

    def __init__(self, url: str, lines: Lines) -> None:
        self.url = url
        self._lines = lines

    async def evaluate(self, code: str) -> Any:
        return await self._lines.ask(code=code)

    async def end(self) -> None:
        """(It ends by itself when its clients are closed, without a complaint.)"""
        status = await asyncio.to_thread(self._lines.end, PATIENCE_S)
        assert (status, self._lines.errors) == (0, "")


@contextmanager
def running(name: str, url: str, folder: Path) -> Iterator[Program]:
    """A program whose clients connect to `url`; what its runtime keeps goes to `folder`."""
    lines = Lines(
        [binary(name), *_ARGUMENTS[name], str(HERE / "program.mjs")],
        TRICAST_NPM=str(packages(MANIFEST)),
        DENO_DIR=str(folder),
        DENO_NO_UPDATE_CHECK="1",
    )
    try:
        yield Program(url, lines)
    finally:
        lines.kill()
