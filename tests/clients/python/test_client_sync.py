"""The client for scripts: no event loop of theirs, and no `await`."""

from __future__ import annotations

import os
import queue
import random
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from tests.api.served import Served
from tests.flags.ofrep.hosted import App

from tricast.client import BufferFull, Closed, Event, Options
from tricast.client.sync import Client
from tricast.client.thread import LoopThread
from tricast.errors import BadRequest, TooLarge, TricastError, Unavailable

APP = Path(__file__).parents[3] / "app"
OPTIONS = Options(trust_env=False)
WAIT_S = 60.0
FORKS = "ignore::DeprecationWarning"  # (newer Pythons advise against them)


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
    with pytest.raises(Closed):
        client.publish("demo/a", 1)
    with pytest.raises(BadRequest, match="started before"):
        client.__enter__()
    with pytest.raises(BadRequest, match="not started"):
        Client(served.url).publish("demo/a", 1)


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


def test_who_listens_may_close_the_client_but_not_wait_for_it(served: Served) -> None:
    caught: list[Exception] = []
    with Client(served.url, options=OPTIONS) as client:

        def answer(_: Event) -> None:
            try:
                client.publish("demo/answer", 1)
            except BadRequest as error:
                caught.append(error)
            client.close()

        client.on("event", answer)
        subscription = client.subscribe("demo/question")
        subscription.active(WAIT_S)
        served.publish("demo/question", 1)
        assert [event.data for event in subscription] == [1]
        assert "client's own thread" in str(caught)
    assert client.state == "closed"


def test_an_event_that_comes_when_patience_ends_is_not_lost(served: Served) -> None:
    with Client(served.url, options=OPTIONS) as client, client.subscribe("demo/race") as subscription:
        subscription.active(WAIT_S)
        publishing = threading.Thread(
            target=lambda: [client.publish("demo/race", number) for number in range(300)]
        )
        publishing.start()
        seen: list[object] = []
        dice = random.Random(1)
        while len(seen) < 300:
            with suppress(TimeoutError):
                event = subscription.next(timeout_s=dice.random() / 500)
                assert event is not None
                seen.append(event.data)
                assert seen[-1] == len(seen) - 1
        publishing.join()


def test_closing_it_ends_what_is_waited_for_in_other_threads() -> None:
    caught: list[Exception] = []
    with Client("http://127.0.0.1:9", options=OPTIONS) as client:
        begun = threading.Event()

        def publish() -> None:
            begun.set()
            try:
                client.publish("demo/a", 1, deadline_s=WAIT_S * 10)
            except TricastError as error:
                caught.append(error)

        thread = threading.Thread(target=publish)
        thread.start()
        begun.wait(WAIT_S)
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert isinstance(caught[0], Closed)


def test_closing_twice_and_closing_what_belonged_to_it_is_no_error(served: Served) -> None:
    with Client(served.url, options=OPTIONS) as client:
        subscription, room = client.subscribe("demo/a"), client.presence("demo/a")
        subscription.active(WAIT_S)
    client.close()
    subscription.close()
    room.close()


def test_who_is_present_is_told(guarded: Served) -> None:
    app = App(guarded, "shop")

    def client_of(subject: str) -> Client:
        token = app.token("presence", subject=subject, subscribe=["shop/room"])
        return Client(guarded.url, token=token, options=OPTIONS)

    told: queue.Queue[dict[str, object]] = queue.Queue()

    def told_of(members: dict[str, object]) -> None:
        while told.get(timeout=WAIT_S) != members:
            pass

    with client_of("ann") as ann, client_of("bob") as bob, ann.presence("shop/room") as seen:
        stop = seen.on_change(lambda members: told.put({member.subject: member.state for member in members}))
        assert seen.ready(WAIT_S) == []
        with bob.presence("shop/room") as room:
            room.set({"viewing": "a"})
            told_of({"bob": {"viewing": "a"}})
            room.set()
            told_of({"bob": None})
            room.leave()
            told_of({})
            with pytest.raises(BadRequest):
                room.set({"not": object()})
            with pytest.raises(TooLarge):
                room.set({"x": "y" * 2000})
            room.set({"viewing": "b"})
            told_of({"bob": {"viewing": "b"}})
            assert [member.subject for member in seen.members()] == ["bob"]
        told_of({})
        stop()
        with pytest.raises(BadRequest, match="pattern"):
            bob.presence("shop/*")


def test_flags_that_do_not_come_in_time_are_followed_no_more(served: Served) -> None:
    with Client(served.url, options=OPTIONS) as client:
        client.offline()
        with pytest.raises(TimeoutError):
            client.flags("shop", "production", timeout_s=0.05)
        client.online()
        flags = client.flags("shop", "production", timeout_s=WAIT_S)
        assert flags.get("nothing", "default") == "default"
        assert not flags.stale
        flags.close()


def test_what_can_not_be_started_says_why() -> None:
    class Broken:
        async def __aenter__(self) -> None:
            raise ValueError("mine")

        async def __aexit__(self, *error: object) -> None:
            raise AssertionError

    thread = LoopThread(Broken())
    with pytest.raises(ValueError, match="mine"):
        thread.start()
    thread.stop()


SCRIPT = """
import os, signal, sys, threading
from tricast.client import Options
from tricast.client.sync import Client
from tricast.errors import BadRequest

client = Client(sys.argv[1], options=Options(trust_env=False))
client.__enter__()
subscription = client.subscribe("demo/script")
subscription.active(20)
"""


def ran(served: Served, script: str) -> list[str]:
    """What a program says that goes on from there; it ends well, and without complaints."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            SCRIPT + script,
            served.url,
        ],
        env={**os.environ, "PYTHONPATH": str(APP)},
        capture_output=True,
        text=True,
        timeout=WAIT_S * 3,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_program_that_forgets_to_close_it_ends_all_the_same(served: Served) -> None:
    assert ran(served, "print('end')") == ["end"]


def test_an_interrupt_ends_waiting(served: Served) -> None:
    script = """
main = threading.main_thread().ident
threading.Timer(0.1, signal.pthread_kill, [main, signal.SIGINT]).start()
try:
    with subscription:
        next(subscription)
except KeyboardInterrupt:
    client.close()
    print("interrupted", client.state)
"""
    assert ran(served, script) == ["interrupted", "closed"]


def test_after_a_fork_the_child_is_told_and_the_parent_goes_on(served: Served) -> None:
    script = """
child = os.fork()
if not child:
    try:
        client.publish("demo/script", 1)
    except BadRequest:
        os._exit(7)
    os._exit(8)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
client.publish("demo/script", "parent")
print(next(subscription).data)
client.close()
"""
    assert ran(served, script) == ["7", "parent"]
