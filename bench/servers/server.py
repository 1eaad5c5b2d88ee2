"""A server process under test."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.cores import pinned_to
from bench.errors import ServerFailed

Name = Literal["tricast", "nchan", "floor"]
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens and which processes do its work."""

    name: Name
    port: int
    pids: tuple[int, ...]
    log: Path

    def last_words(self) -> str:
        """The end of its log, for an error message; empty when it said nothing."""
        text = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
        return f"\n--- {self.name}'s log ends with:\n{text[-1500:]}" if text else ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    *,
    name: Name,
    port: int,
    core: int,
    scratch: Path,
    env: Mapping[str, str] | None = None,
    ready: Callable[[int], bool],
    workers: Callable[[int], tuple[int, ...]] = lambda pid: (pid,),
) -> Iterator[Server]:
    """Starts `command` on `core`, waits until `ready(port)`, and stops it whatever happens inside."""
    log = scratch / f"{name}.log"
    with log.open("wb") as out:
        child = subprocess.Popen(
            command, stdout=out, stderr=out, env=env, cwd=scratch, preexec_fn=pinned_to(core)
        )
    try:
        server = Server(name, port, (child.pid,), log)
        _wait_until_ready(child, server, ready)
        yield Server(name, port, workers(child.pid), log)
    finally:
        _stop(child)


def _wait_until_ready(child: subprocess.Popen[bytes], server: Server, ready: Callable[[int], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready(server.port):
        if child.poll() is not None:
            raise ServerFailed(
                f"{server.name} ended with status {child.returncode} while starting{server.last_words()}"
            )
        if time.monotonic() > deadline:
            raise ServerFailed(
                f"{server.name} did not answer within {START_TIMEOUT_S:.0f} s{server.last_words()}"
            )
        time.sleep(0.05)


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def accepts(port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
