"""A server whose calendar can be set."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.api.served import Served

_ROOT = Path(__file__).parents[2]
_TOLD = re.compile(r"on (http://\S+:\d+)|(tck_\S+)|(http\S+/#/setup/\S+)")


@contextmanager
def clocked(behind_s: float, *arguments: str, dev: bool = False) -> Iterator[tuple[Served, Path]]:
    """`tricast serve`, in memory; its calendar is `behind_s` seconds behind until the file says another.

    (Times of a log never go back: it can only be set forward.)
    """
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as stderr:
        behind = Path(home) / "behind"
        behind.write_text(repr(behind_s))
        command = [sys.executable, "-m", "tests.dashboard.stage", str(behind), "serve", "--log", "memory:"]
        process = subprocess.Popen(
            [*command, *(["--dev"] if dev else []), *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=home,
            env={**os.environ, "PYTHONPATH": f"{_ROOT / 'app'}{os.pathsep}{_ROOT}"},
        )
        server = Served("", None, process, stderr)
        try:
            _read(server, dev=dev)
            yield server, behind
        finally:
            process.terminate()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()


def set_behind(behind: Path, seconds: float) -> None:
    new = behind.with_suffix(".new")
    new.write_text(repr(seconds))
    new.replace(behind)


def _read(server: Served, *, dev: bool) -> None:
    assert server.process.stdout is not None
    for line in server.process.stdout:
        if found := _TOLD.search(line):
            server.url, server.key, server.setup = (
                found[1] or server.url,
                found[2] or server.key,
                found[3] or server.setup,
            )
        if server.url and (dev or (server.key and server.setup)):
            return
    raise AssertionError(f"the server did not start: {server.log}")
