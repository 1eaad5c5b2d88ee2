"""A real server, for what is claimed of HTTP; and flags on a hub of their own, for the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.api.documents import Document
from tests.api.served import Served, serve

from tricast import Hub
from tricast.flags.store import Flags


@pytest.fixture(scope="session")
def flags_server() -> Iterator[Served]:
    with serve() as server:
        yield server


@pytest.fixture(scope="session")
def guarded_server() -> Iterator[Served]:
    with serve(dev=False) as server:
        yield server


@pytest.fixture(scope="session")
def described(flags_server: Served) -> Document:
    with flags_server.http() as client:
        return Document(client.get("/openapi.json").json())


@pytest.fixture
def hub() -> Hub:
    return Hub("memory:")


@pytest.fixture
async def flags(hub: Hub) -> AsyncIterator[Flags]:
    made = Flags(hub)
    async with hub:
        await made.load()
        yield made
