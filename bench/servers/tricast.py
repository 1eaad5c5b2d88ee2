"""Tricast as its users start it: a process of its own, SQLite on disk, every commit synced."""

import os
import shlex
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.servers.server import Server, free_port, running

APP = Path(__file__).resolve().parents[2] / "app"


@contextmanager
def tricast(core: int, scratch: Path, command: str | None) -> Iterator[Server]:
    """`command` replaces the usual one; `{port}` and `{data}` in it are filled in."""
    port, data = free_port(), scratch / "data"
    data.mkdir(exist_ok=True)
    words = shlex.split(command.format(port=port, data=data)) if command else _usual(port, data)
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(APP), os.environ.get("PYTHONPATH", "")]))
    }
    with running(
        words, name="tricast", port=port, core=core, scratch=scratch, env=env, ready=_answers
    ) as server:
        yield server


def _usual(port: int, data: Path) -> list[str]:
    return [sys.executable, "-m", "tricast", "serve", "--dev", "--port", str(port), "--data", str(data)]


def _answers(port: int) -> bool:
    url = f"http://127.0.0.1:{port}/v1/events?topic=bench/fanout&cursor=latest&timeout=0"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
