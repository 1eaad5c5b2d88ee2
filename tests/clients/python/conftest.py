"""A server in this process, and Python clients of it by a fault proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.api.served import Served, serve
from tests.clients.faultproxy import FaultProxy, proxying
from tests.clients.python.connected import Reach
from tests.harness.server import Installation

from tricast.client import TransportName
from tricast.client.options import TRANSPORTS
from tricast.hub.options import HubOptions


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """A server in a process of its own, open to everybody."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def guarded() -> Iterator[Served]:
    """A server in a process of its own that wants to be shown a key or a token."""
    with serve(dev=False) as running:
        yield running


@pytest.fixture
def beat_s() -> float:
    """How often the server says a heartbeat: so seldom that no load of the machine looks like silence."""
    return 5.0


@pytest.fixture
async def here(beat_s: float) -> AsyncIterator[Installation]:
    """A hub behind a port."""
    async with Installation("memory:", "direct", HubOptions(heartbeat_s=beat_s)) as installation:
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
