"""The client for scripts: no event loop of theirs, and no `await`."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.api.served import Served, serve

from tricast.client import BufferFull, Options
from tricast.client.sync import Client
from tricast.errors import BadRequest, Unavailable

OPTIONS = Options(trust_env=False)
WAIT_S = 20.0


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve() as running:
        yield running


def test_it_publishes_and_iterates(served: Served) -> None:
    with Client(served.url, options=OPTIONS) as client, client.subscribe("demo/**") as subscription:
        subscription.active(WAIT_S)
        receipts = [client.publish("demo/a", number) for number in range(10)]
        seen = []
        for event in subscription:
            seen.append((event.data, event.cursor))
            if len(seen) == 10:
                break
        assert seen == [(number, receipts[number].cursor) for number in range(10)]
        assert client.state == "live"
        assert client.counts.events == 10
        assert client.cursor == receipts[-1].cursor
        assert subscription.patterns == {"demo/**"}
    assert client.state == "closed"


def test_who_waits_may_say_how_long(served: Served) -> None:
    with Client(served.url, options=OPTIONS) as client:
        subscription = client.subscribe("demo/quiet")
        with pytest.raises(TimeoutError):
            subscription.next(timeout_s=0.05)
        subscription.active(WAIT_S)
        client.publish("demo/quiet", "now")
        event = subscription.next(timeout_s=WAIT_S)
        assert event is not None
        assert event.data == "now"


def test_closing_it_ends_an_iteration_in_another_thread(served: Served) -> None:
    seen: list[object] = []
    with Client(served.url, options=OPTIONS) as client:
        subscription = client.subscribe("demo/b")
        subscription.active(WAIT_S)
        thread = threading.Thread(target=lambda: seen.extend(subscription))
        thread.start()
        client.publish("demo/b", 1)
        while not seen:
            thread.join(0.01)
    thread.join(WAIT_S)
    assert not thread.is_alive()


def test_errors_come_to_who_asked(served: Served) -> None:
    with Client(served.url, options=OPTIONS) as client:
        with pytest.raises(BadRequest):
            client.publish("demo/*", 1)
        with client.subscribe("demo/c", buffer=1) as subscription:
            subscription.active(WAIT_S)
            for number in range(3):
                client.publish("demo/c", number)
            other = client.subscribe("demo/d")
            other.active(WAIT_S)
            with pytest.raises(BufferFull):
                list(subscription)
    with pytest.raises(BadRequest, match="not started"):
        client.publish("demo/a", 1)
    with pytest.raises(BadRequest, match="started before"):
        client.__enter__()


def test_listeners_are_called(served: Served) -> None:
    states: list[str] = []
    live = threading.Event()
    with Client(served.url, options=OPTIONS) as client:
        client.on("state", states.append)
        client.on("state", lambda state: live.set() if state == "live" else None)
        subscription = client.subscribe("demo/a")
        assert live.wait(WAIT_S)
        assert subscription.dropped == 0
        assert client.transport == "websocket"
        assert client.error is None
    assert states[:2] == ["replaying", "live"]


def test_without_a_server_it_says_so_at_the_deadline() -> None:
    with (
        Client("http://127.0.0.1:9", options=OPTIONS) as client,
        pytest.raises(Unavailable, match="could not publish"),
    ):
        client.publish("demo/a", 1, deadline_s=0.05)
