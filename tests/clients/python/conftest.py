"""A server in this process, and Python clients of it by a fault proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.clients.faultproxy import FaultProxy, proxying
from tests.clients.python.connected import Reach
from tests.harness.server import Installation

from tricast.client import TransportName
from tricast.client.options import TRANSPORTS
from tricast.hub.options import HubOptions


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The client is being built: its tests are run by `make scenarios`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.scenario)


@pytest.fixture
async def here() -> AsyncIterator[Installation]:
    """A hub behind a port, with heartbeats every 300 ms."""
    async with Installation("memory:", "direct", HubOptions(heartbeat_s=0.3)) as installation:
        yield installation


@pytest.fixture
async def proxy(here: Installation) -> AsyncIterator[FaultProxy]:
    """What lies between: nothing, until a test says otherwise."""
    async with proxying(here.port) as proxy:
        yield proxy


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> TransportName:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def reach(here: Installation, proxy: FaultProxy) -> Reach:
    """Makes clients that come by the proxy."""
    return Reach(here, proxy)
