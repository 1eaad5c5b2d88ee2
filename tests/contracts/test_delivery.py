"""Delivery, one contract: {websocket, sse, poll} x {direct, portable} x {memory, sqlite}.

The numbers in the docstrings are those of the rules of delivery.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.harness.clients import TRANSPORTS, TransportName, http, listen, offset_of, publish, query_of
from tests.harness.server import Installation, Path_, url_of

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["direct", "portable"])
def path(request: pytest.FixtureRequest) -> Path_:
    return request.param


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> TransportName:
    return request.param


@pytest.fixture
async def here(log: str, path: Path_, tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(url_of(log, tmp_path), path) as installation:
        yield installation


async def test_what_is_published_arrives_as_one_envelope(here: Installation, transport: TransportName) -> None:
    with await listen(transport, here.port, ["demo/*"]) as listener:
        answer = await publish(here.port, {"topic": "demo/a", "type": "made", "subject": "s", "data": {"n": 1}})
        assert answer.status == 201
        (event,) = await listener.take(1)
    assert event.envelope.pop("time").endswith("Z")
    assert event.envelope == {
        "specversion": "1.0",
        "id": answer.json()["events"][0]["id"],
        "source": "/demo/anyone",
        "type": "made",
        "topic": "demo/a",
        "subject": "s",
        "cursor": answer.json()["cursor"],
        "datacontenttype": "application/json",
        "data": {"n": 1},
    }


async def test_events_come_in_order_once_however_many_patterns_match(
    here: Installation, transport: TransportName
) -> None:
    """Rule 11: one subscriber, an event once."""
    with await listen(transport, here.port, ["demo/a", "demo/*", "demo/**", "*/a"]) as listener:
        for n in range(30):
            await here.publish("demo/a", n)
            await here.publish("other/b", -1)
        assert await listener.numbers(30) == list(range(30))


async def test_a_cursor_got_on_one_transport_is_good_on_the_others(
    here: Installation, transport: TransportName
) -> None:
    with await listen(transport, here.port, ["demo/**"]) as first:
        await here.publish("demo/a", *range(5))
        assert await first.numbers(3) == [0, 1, 2]
        cursor = first.seen[-1].cursor
    for other in TRANSPORTS:
        with await listen(other, here.port, ["demo/**"], cursor) as second:
            assert await second.numbers(2) == [3, 4]
