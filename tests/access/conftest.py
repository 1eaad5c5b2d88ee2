"""A real hub in memory, access beside it, and a clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.access.given import Clock

from tricast.access.access import Access, AccessOptions
from tricast.hub.hub import Hub


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub() -> Hub:
    """Not started yet: `access` starts it."""
    return Hub("memory:")


@pytest.fixture
async def access(hub: Hub, clock: Clock) -> AsyncIterator[Access]:
    access = Access(hub, AccessOptions(), clock=clock)
    async with hub, access:
        yield access
