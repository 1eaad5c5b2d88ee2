"""One invocation: its servers, its load generator and everything it measured."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.cores import Cores
from bench.errors import PeerMissing
from bench.loadgen import LoadGenerator, LoadResult, ProbeResult, ReplayResult
from bench.servers.floor import floor
from bench.servers.nchan import nchan
from bench.servers.server import Name, Server
from bench.servers.tricast import tricast


@dataclass(frozen=True, slots=True)
class Run:
    """One run against one server, as it goes into the JSON file."""

    scenario: str
    server: Name
    what: str
    result: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Bench:
    """What a scenario gets: settings, `servers()`, `load` and `note()`."""

    load: LoadGenerator
    cores: Cores
    scratch: Path
    rounds: int
    duration_s: float
    quick: bool
    wanted: frozenset[Name]
    tricast_command: str | None
    say: Callable[[str], None]
    runs: list[Run] = field(default_factory=list)
    missing: dict[Name, str] = field(default_factory=dict)

    @contextmanager
    def servers(self, *names: Name) -> Iterator[dict[Name, Server]]:
        """Those of the named servers that are wanted and installed, running on one core side by side."""
        with ExitStack() as stack:
            started: dict[Name, Server] = {}
            for name in names:
                if name not in self.wanted or name in self.missing:
                    continue
                self.say(f"starting {name}")
                try:
                    started[name] = stack.enter_context(self._started(name, stack))
                except PeerMissing as missing:
                    self.missing[name] = str(missing)
                    self.say(f"[yellow]{missing}. Going on without it: ratios are not measured.[/]")
            yield started

    def note(
        self, scenario: str, server: Server, what: str, result: LoadResult | ProbeResult | ReplayResult
    ) -> None:
        self.runs.append(Run(scenario, server.name, what, asdict(result)))

    def _started(self, name: Name, stack: ExitStack) -> AbstractContextManager[Server]:
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if name == "tricast":
            return tricast(self.cores.server, folder, self.tricast_command)
        if name == "nchan":
            return nchan(self.cores.server, folder)
        return floor(self.cores.server, folder, self.load.binary)
