"""One real server for all that is sent to it; after each test it is up, serves, and logged no trace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.api.served import Served, serve


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    with serve() as server:
        yield server


@pytest.fixture
def served(server: Served) -> Iterator[Served]:
    yield server
    server.check()
    assert "Traceback" not in server.log
