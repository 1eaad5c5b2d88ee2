"""An application of an embedder's, under a server in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.harness.sockets import PATIENCE_S

COMMANDS: Mapping[str, Sequence[str]] = {
    "uvicorn": ("uvicorn", "--port", "{port}", "app:app"),
    "granian": ("granian", "--interface", "asgi", "--port", "{port}", "app:app"),
    "hypercorn": ("hypercorn", "--bind", "127.0.0.1:{port}", "app:app"),
    "gunicorn": ("gunicorn", "-k", "uvicorn_worker.UvicornWorker", "-b", "127.0.0.1:{port}", "app:app"),
}


class Process:
    """A server that runs `app:app` in `folder`."""

    def __init__(self, popen: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self._popen = popen
        self._folder = folder
        self.port = port

    @property
    def output(self) -> str:
        """What it has written so far."""
        return (self._folder / "out").read_text()

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def wait(self) -> int:
        """Wait until it ends by itself; its exit status."""
        return self._popen.wait(PATIENCE_S)

    def terminate(self) -> None:
        """Ask it to stop, and wait until it has."""
        self._popen.terminate()
        self._popen.wait(PATIENCE_S)

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until it has written `text`, `count` times."""
        deadline = time.monotonic() + PATIENCE_S
        while self.output.count(text) < count:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.output}"
            time.sleep(0.05)

    def wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            assert self.is_running, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)


@contextmanager
def process_of(
    server: str, app: str, folder: Path, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """`app` as `app.py` in `folder`, started by `server`; all of its processes are killed at the end."""
    (folder / "app.py").write_text(app)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    words = [word.format(port=port) for word in COMMANDS[server]]
    paths = os.pathsep.join([str(folder), *sys.path])
    with (folder / "out").open("wb") as out:
        popen = subprocess.Popen(
            [sys.executable, "-m", *words, *options],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"} | dict(env or {}),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield Process(popen, port, folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait(PATIENCE_S)
