"""A real server that asks for credentials, apps on it, and programs in which the published providers run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from tests.api.served import Served, serve
from tests.flags.ofrep.hosted import FLAGS, App
from tests.flags.ofrep.interruption import Interruption, interruption
from tests.flags.ofrep.node import Program, running

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def flag_server() -> Iterator[Served]:
    with serve("--set", "heartbeat_s=0.3", dev=False) as server:
        yield server


@pytest.fixture(scope="session")
def shared_app(flag_server: Served) -> App:
    """An app with one flag of each kind, which nobody changes."""
    app = App(flag_server, "shared")
    app.load(FLAGS)
    return app


@pytest.fixture
def new_app(flag_server: Served) -> Callable[[], App]:
    return lambda: App(flag_server, f"app{next(_numbers)}")


@pytest.fixture
def app(new_app: Callable[[], App]) -> App:
    """An app of the test's own, with one flag of each kind."""
    made = new_app()
    made.load(FLAGS)
    return made


@pytest.fixture
def proxy(flag_server: Served) -> Iterator[Interruption]:
    with interruption(flag_server.address) as between:
        yield between


@pytest.fixture
def web() -> Iterator[Program]:
    """The client-side provider, not yet told where to ask. Waits of seconds are over in milliseconds."""
    with running("web", "20") as program:
        yield program
