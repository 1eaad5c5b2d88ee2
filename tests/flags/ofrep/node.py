"""Programs for Node in which the published JavaScript providers run, driven by JSON lines."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TIMEOUT_S = 30.0
_HERE = Path(__file__).parent
_BUILD = Path(__file__).parents[3] / "build" / "npm"


class Refused(Exception):
    """The program answered a command with an error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


def packages(program: str) -> Path:
    """The folder where the packages of `web` or `server` are, installed if they aren't yet.

    Where there is no Node the test is skipped, on the machines that must have it failed.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node and npm (20 or newer) are not installed")
    wanted = (_HERE / program / "package.json").read_bytes()
    folder = _BUILD / f"{program}-{hashlib.sha256(wanted).hexdigest()[:16]}"
    done = folder / ".installed"
    _BUILD.mkdir(parents=True, exist_ok=True)
    with open(_BUILD / f"{program}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(exist_ok=True)
            (folder / "package.json").write_bytes(wanted)
            _install(folder)
            done.touch()
    return folder


def _install(folder: Path) -> None:
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--no-update-notifier")
    found = subprocess.run(
        ["npm", "install", *quiet], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert found.returncode == 0, f"npm could not install {folder.name}:\n{found.stderr}"


class Program:
    """A running program. `events` and `requests` are what was taken of what it told by itself, in order."""

    def __init__(self, process: subprocess.Popen[str], stderr: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self._process = process
        self._stderr = stderr
        self._ids = iter(range(1, 1_000_000))
        self._replies: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._told: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._made: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "request" in message:
                self._made.put(message["request"])
            else:
                (self._told if "event" in message else self._replies).put(message)
        for waiting in (self._replies, self._told, self._made):
            waiting.put(None)

    def ask(self, command: str, **how: Any) -> Any:
        """The answer to a command. Raises Refused."""
        ask_id = self.send(command, **how)
        reply = self._take(self._replies, f"an answer to {command}")
        assert reply["id"] == ask_id
        if "error" in reply:
            raise Refused(**reply["error"])
        return reply["result"]

    def send(self, command: str, **how: Any) -> int:
        """Give a command and don't wait for its answer (which `answer` takes)."""
        assert self._process.stdin is not None
        ask_id = next(self._ids)
        self._process.stdin.write(json.dumps({"id": ask_id, "do": command, **how}) + "\n")
        self._process.stdin.flush()
        return ask_id

    def evaluate(self, type: str, key: str, default: Any, **how: Any) -> dict[str, Any]:
        """The details of an evaluation, as the SDK gives them."""
        found: dict[str, Any] = self.ask("evaluate", type=type, key=key, default=default, **how)
        return found

    def until(self, event: str, *, changed: str | None = None) -> dict[str, Any]:
        """The next event of that name (that says `changed` has changed); those before stay in `events`."""
        while True:
            told = self._take(self._told, f"the event {event}")
            self.events.append(told)
            if told["event"] == event and (changed is None or changed in told["flagsChanged"]):
                return told

    def until_request(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next request that is wanted, once it is answered; those before stay in `requests`."""
        while True:
            made = self._take(self._made, "that request")
            self.requests.append(made)
            if wanted(made):
                return made

    def _take(self, source: queue.Queue[dict[str, Any] | None], what: str) -> dict[str, Any]:
        try:
            found = source.get(timeout=TIMEOUT_S)
        except queue.Empty:
            raise AssertionError(
                f"{what} did not come; so far: {self.events} {self.requests}; {self.log}"
            ) from None
        assert found is not None, f"the program ended before {what} came: {self.log}"
        return found

    @property
    def log(self) -> str:
        """What it printed to stderr."""
        self._stderr.seek(0)
        return str(self._stderr.read())


@contextmanager
def running(program: str, *arguments: str) -> Iterator[Program]:
    """The program `web` or `server`, until the block ends."""
    folder = packages(program)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            ["node", str(_HERE / program / "client.mjs"), str(folder), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=environment,
        )
        try:
            yield Program(process, stderr)
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()
