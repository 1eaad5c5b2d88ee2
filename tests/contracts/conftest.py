"""The product that the delivery contract runs over: {memory, sqlite} x {direct, portable}."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.harness.clients import TRANSPORTS, TransportName
from tests.harness.server import Installation, Path_, url_of


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["direct", "portable"])
def path(request: pytest.FixtureRequest) -> Path_:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> TransportName:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def here(log: str, path: Path_, tmp_path: Path) -> AsyncIterator[Installation]:
    """A server of that kind on a log of that kind."""
    async with Installation(url_of(log, tmp_path), path) as installation:
        yield installation


@pytest.fixture
async def served(path: Path_) -> AsyncIterator[Installation]:
    """A server of that kind, where the kind of log is of no account."""
    async with Installation("memory:", path) as installation:
        yield installation


@pytest.fixture
async def direct() -> AsyncIterator[Installation]:
    """A server of ours, where the kind of log is of no account."""
    async with Installation("memory:", "direct") as installation:
        yield installation
