"""The dashboard in a real Chromium, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.api.served import Served, serve
from tests.clients.present import command
from tests.dashboard.browser import OPTIONS
from tests.dashboard.desk import Desk, desks
from tests.dashboard.house import House, a_house

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = command("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    """Open to this machine: nobody signs in. (Each test has an app of its own there.)"""
    with serve("--set", "heartbeat_s=1") as served:
        yield served


@pytest.fixture
def desk(chromium: Browser, server: Served) -> Iterator[Callable[..., Desk]]:
    """Somebody's browser, at the dashboard of `server`; several where it is called several times.

    At the end no page may have reported an error.
    """
    with desks(chromium, server) as opened:
        yield opened


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """A server that people sign in to."""
    with a_house() as house:
        yield house


@pytest.fixture
def sit(chromium: Browser, house: House) -> Iterator[Callable[..., Desk]]:
    """`sit("ann", path)`: Ann's browser, signed in. At the end no page may have reported an error."""
    with desks(chromium, house.server) as opened:
        yield lambda login, path: opened(path, house.cookie(login))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Apart from the others: Playwright's event loop runs as long as its process, so theirs could not."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("dashboard")
