"""Real servers as processes of their own, real sockets, real files: what happens when things break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultServer]:
    """An open server over SQLite, not started yet, so that a test can choose its settings."""
    server = FaultServer(tmp_path / "data", tmp_path / "stderr")
    try:
        yield server
    finally:
        server.kill()
