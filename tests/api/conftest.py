"""Two real servers: one that is open (`--dev`), one that asks for credentials."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.api.documents import Document
from tests.api.served import Served, serve

_QUICK = ("--set", "heartbeat_s=0.3")


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with serve(*_QUICK) as server:
        yield server


@pytest.fixture(scope="session")
def guarded() -> Iterator[Served]:
    with serve(*_QUICK, dev=False) as server:
        yield server


@pytest.fixture(scope="session")
def openapi(served: Served) -> Document:
    with served.http() as client:
        return Document(client.get("/openapi.json").json())


@pytest.fixture(scope="session")
def asyncapi(served: Served) -> Document:
    with served.http() as client:
        return Document(client.get("/asyncapi.json").json())
