"""A server that the tests of the command line share, and the command line pointed at it."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import Command, Server, serving


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An open server that all tests of this folder share: let each use topics of its own."""
    with serving(tmp_path_factory.mktemp("dev"), "--dev") as server:
        yield server


@pytest.fixture(scope="session")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for credentials, shared as well."""
    with serving(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="session")
def root_key(guarded_server: Server) -> str:
    """The key that the first start prints."""
    assert guarded_server.process.stdout is not None
    for line in guarded_server.process.stdout:
        if found := re.search(r"tck_\w+", line):
            return found[0]
    raise AssertionError("the first start printed no key")


@pytest.fixture
def tricast(dev_server: Server, tmp_path: Path) -> Command:
    """The command line, pointed at the shared server, in an empty directory."""
    return Command(tmp_path, dev_server.url)


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic that no other test uses."""
    return "demo/" + re.sub(r"\W+", "-", request.node.name)[:80].strip("-")


@pytest.fixture
def nobody(tmp_path: Path, unused_port: int) -> Command:
    """The command line, pointed at a port where nobody listens."""
    return Command(tmp_path, f"http://127.0.0.1:{unused_port}")


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
