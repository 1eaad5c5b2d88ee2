"""The six runtimes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.browsers.launched import BROWSERS, launched
from tests.runtimes import programs
from tests.runtimes.origins import KeptServer, Origin, a_server
from tests.runtimes.places import Place
from tests.runtimes.seen import RUNTIMES, see


@dataclass
class Runtime:
    """One that runs on this machine. `place(url)`: somewhere in it where clients of `url` can be."""

    name: str
    version: str
    place: Callable[[str], Awaitable[Place]]

    @property
    def has_pages(self) -> bool:
        return self.name in BROWSERS

    def see(self, **cells: str) -> None:
        see(self.name, self.version, **cells)


@pytest.fixture(params=RUNTIMES, scope="module")
def runtime_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def runtime(runtime_name: str, pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Runtime]:
    if runtime_name in BROWSERS:
        browser = launched(pytestconfig, runtime_name)
        yield Runtime(runtime_name, browser.version, browser.place)
        browser.clear()
        return
    with ExitStack() as stack:

        async def place(url: str) -> Place:
            return stack.enter_context(programs.running(runtime_name, url, tmp_path))

        yield Runtime(runtime_name, programs.version(runtime_name), place)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptServer]:
    with a_server(tmp_path_factory.mktemp("origin")) as server:
        yield server


@pytest.fixture
def origin(server: KeptServer) -> Origin:
    return Origin(server)
