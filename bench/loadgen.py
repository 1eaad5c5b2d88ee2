"""Runs the C load generator and reads what it found."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from bench.cores import pinned_to
from bench.errors import LoadFailed
from bench.servers.server import Server

Transport = Literal["websocket", "sse", "poll"]


class _FromJson:
    """Takes the fields a result declares out of the load generator's line."""

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Self:
        return cls(**{f.name: line[f.name] for f in fields(cls)})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class LoadResult(_FromJson):
    """Publishers and subscribers over a window; times in µs unless named otherwise."""

    window_s: float
    drain_s: float
    published: int
    acked: int
    refused: int
    acked_per_s: float
    expected: int
    delivered: int
    in_window: int
    delivered_per_s: float
    server_cpu_us: int
    server_cpu_share: float
    own_cpu_share: float
    p50_us: float
    p90_us: float
    p99_us: float
    max_us: float
    ack_p50_us: float
    ack_p99_us: float
    misordered: int
    closed: int
    resets: int
    why: str

    @property
    def cpu_us_per_delivery(self) -> float:
        return self.server_cpu_us / self.in_window if self.in_window else float("nan")

    @property
    def delivered_percent(self) -> float:
        return 100 * self.delivered / self.expected if self.expected else float("nan")


@dataclass(frozen=True, slots=True)
class ProbeResult(_FromJson):
    """Single events: until the last subscriber of a common topic, or the one of a private topic, has it."""

    ready_s: float
    reps: int
    last_p50_us: float
    last_p99_us: float
    last_max_us: float
    own_p50_us: float
    own_p99_us: float
    own_max_us: float


@dataclass(frozen=True, slots=True)
class ReplayResult(_FromJson):
    """Everybody reconnecting at once, from the first connect on."""

    subs: int
    complete: int
    live: int
    all_received_s: float
    all_live_s: float
    expected: int
    delivered: int
    delivered_per_s: float
    server_cpu_us: int
    own_cpu_share: float
    misordered: int
    resets: int
    why: str


@dataclass(frozen=True, slots=True)
class LoadGenerator:
    """The compiled program, pinned to its core."""

    binary: Path
    core: int

    def load(self, server: Server, **options: float | str) -> LoadResult:
        return LoadResult.read(self._run("load", server, options))

    def probe(self, server: Server, **options: float | str) -> ProbeResult:
        return ProbeResult.read(self._run("probe", server, options))

    def replay(self, server: Server, **options: float | str) -> ReplayResult:
        return ReplayResult.read(self._run("replay", server, options))

    @contextmanager
    def held(self, server: Server, **options: float | str) -> Iterator[None]:
        """Idle connections, all of them open inside the block."""
        child = subprocess.Popen(
            self._command("hold", server, options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=pinned_to(self.core),
        )
        try:
            assert child.stdout is not None
            _parse(child.stdout.readline(), "hold", server)
            yield
        finally:
            child.kill()
            child.communicate()

    def _run(self, mode: str, server: Server, options: Mapping[str, float | str]) -> Mapping[str, Any]:
        command = self._command(mode, server, options)
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=400,
                check=False,
                preexec_fn=pinned_to(self.core),
            )
        except subprocess.TimeoutExpired as late:
            raise LoadFailed(
                f"{mode} against {server.name} did not end within {late.timeout:.0f} s"
            ) from late
        return _parse(done.stdout, mode, server)

    def _command(self, mode: str, server: Server, options: Mapping[str, float | str]) -> list[str]:
        command = [str(self.binary), mode, "--port", str(server.port), "--dialect", server.name]
        command += ["--pids", ",".join(map(str, server.pids))]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        return command


def _parse(line: str, mode: str, server: Server) -> Mapping[str, Any]:
    try:
        result: Mapping[str, Any] = json.loads(line)
    except ValueError as bad:
        raise LoadFailed(
            f"{mode} against {server.name}: the load generator said {line[:200]!r}{server.last_words()}"
        ) from bad
    if "error" in result:
        raise LoadFailed(f"{mode} against {server.name}: {result['error']}{server.last_words()}")
    return result
