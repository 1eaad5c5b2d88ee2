"""The command line as its users have it: real processes, against a real server."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tricast.cli.main import run

APP = Path(__file__).parents[2] / "app"
WAIT_S = 30


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that tricast would take for a setting."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("TRICAST_")}
    return kept | {"PYTHONPATH": str(APP), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"} | more


@dataclass
class Server:
    """A running `tricast serve`."""

    process: subprocess.Popen[str]
    url: str
    banner: str

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(WAIT_S)


@contextmanager
def serving(data: Path, *flags: str, port: int = 0) -> Iterator[Server]:
    """A server over `data`, until the end of the block."""
    words = [sys.executable, "-m", "tricast", "serve", "--data", str(data), "--port", str(port), *flags]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment(), cwd=data) as process:
        assert process.stdout is not None
        try:
            banner = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)", banner)
            assert found is not None, banner
            yield Server(process, found[0], banner)
        finally:
            process.kill()


@dataclass(frozen=True)
class Inside:
    """Runs `tricast …` as a call, with streams of its own. (Nothing in them is a terminal.)"""

    cwd: Path

    def __call__(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with patch("sys.stdin", given), redirect_stdout(out), redirect_stderr(err), chdir(self.cwd):
            code = run(list(words))
        told = []
        for stream in (out, err):
            stream.flush()
            stream.seek(0)
            told.append(stream.read())
        return subprocess.CompletedProcess(words, code, *told)


@dataclass(frozen=True)
class Command:
    """Runs `tricast …` against one server."""

    cwd: Path
    url: str | None = None
    key: str | None = None

    def environment(self) -> dict[str, str]:
        found = {"TRICAST_URL": self.url, "TRICAST_KEY": self.key}
        return environment(**{name: value for name, value in found.items() if value is not None})

    def __call__(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tricast", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            env=self.environment(),
            cwd=self.cwd,
        )

    def ok(self, *words: str, stdin: str = "") -> str:
        """stdout, of a command that must succeed without a word on stderr."""
        done = self(*words, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def fails(self, code: int, *words: str, stdin: str = "") -> str:
        """The one line on stderr, of a command that must fail with `code` and print nothing."""
        done = self(*words, stdin=stdin)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert done.stderr.startswith("tricast: "), done
        assert done.stderr.count("\n") == 1, done
        return done.stderr.removeprefix("tricast: ").rstrip()

    @contextmanager
    def inside(self) -> Iterator[Inside]:
        """The same command line in this process, for tests that run it often: no half a second to start."""
        with patch.dict(os.environ, self.environment(), clear=True):
            yield Inside(self.cwd)

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on until the end of the block."""
        with subprocess.Popen(
            [sys.executable, "-m", "tricast", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
            cwd=self.cwd,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
