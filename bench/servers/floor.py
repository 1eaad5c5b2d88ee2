"""The floor: the load generator's own loop around write(2)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.servers.server import Server, accepts, free_port, running


@contextmanager
def floor(core: int, scratch: Path, binary: Path) -> Iterator[Server]:
    port = free_port()
    command = [str(binary), "floor", "--port", str(port), "--limit", "600"]
    with running(command, name="floor", port=port, core=core, scratch=scratch, ready=accepts) as server:
        yield server
