"""The three browsers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.browsers.launched import BROWSERS, launched
from tests.browsers.pages import Browser
from tests.runtimes.origins import KeptServer, Origin, a_server


@pytest.fixture(params=BROWSERS, scope="module")
def browser_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def browser(browser_name: str, pytestconfig: pytest.Config) -> Iterator[Browser]:
    """Each of them, with tabs of one person who has never been here."""
    running = launched(pytestconfig, browser_name)
    yield running
    running.clear()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptServer]:
    with a_server(tmp_path_factory.mktemp("origin")) as server:
        yield server


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptServer]:
    with a_server(tmp_path_factory.mktemp("guarded"), dev=False) as server:
        yield server


@pytest.fixture
def origin(server: KeptServer) -> Origin:
    return Origin(server)


@pytest.fixture
def guarded(guard: KeptServer) -> Origin:
    """It asks for a token."""
    return Origin(guard)
