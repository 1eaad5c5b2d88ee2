"""`tricast tail` against a real server, over each transport."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commandline import WAIT_S, Command, Server, serving
from proxy import proxying

TRANSPORTS = ("websocket", "sse", "poll")
over_each = pytest.mark.parametrize("transport", TRANSPORTS)


def next_data(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())["data"]


def next_note(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@over_each
def test_what_was_and_what_comes_is_shown_in_order(tricast: Command, topic: str, transport: str) -> None:
    tricast.ok("publish", topic, "-", "--lines", stdin="1\n2\n3\n")
    with tricast.running("tail", topic, "--since", "earliest", "--transport", transport) as tail:
        assert [next_data(tail) for _ in range(3)] == [1, 2, 3]
        tricast.ok("publish", topic, "4")
        assert next_data(tail) == 4


@over_each
def test_it_goes_on_where_it_was_after_a_restart(tmp_path: Path, unused_port: int, transport: str) -> None:
    with serving(tmp_path, "--dev", port=unused_port) as server:
        command = Command(tmp_path, server.url)
        command.ok("publish", "demo/x", "1")
        with command.running("tail", "demo/*", "--since", "1h", "--transport", transport) as tail:
            assert next_data(tail) == 1
            assert server.stop() == 0
            with serving(tmp_path, "--dev", port=unused_port):
                command.ok("publish", "demo/x", "-", "--lines", stdin="2\n3\n")
                assert [next_data(tail) for _ in range(2)] == [2, 3]
                assert " again in " in next_note(tail)


@over_each
def test_ctrl_c_ends_it_with_130_and_without_a_word(tricast: Command, topic: str, transport: str) -> None:
    tricast.ok("publish", topic, "1")
    with tricast.running("tail", topic, "--since", "earliest", "--transport", transport) as tail:
        assert next_data(tail) == 1
        tail.send_signal(signal.SIGINT)
        assert tail.communicate(timeout=WAIT_S) == ("", "")
        assert tail.returncode == 130


@over_each
def test_a_reset_is_told_and_it_goes_on(tricast: Command, topic: str, transport: str) -> None:
    with tricast.running("tail", topic, "--since", "nobody-7", "--transport", transport) as tail:
        assert next_note(tail).startswith("tricast: reset (unknown): ")
        tricast.ok("publish", topic, "1")
        assert next_data(tail) == 1


@over_each
def test_a_refusal_ends_it(tricast: Command, topic: str, transport: str) -> None:
    assert "is not a cursor" in tricast.fails(
        1, "tail", topic, "--since", "yesterday", "--transport", transport
    )


@pytest.mark.parametrize("follow", ["--follow", "--no-follow"])
def test_nobody_there_is_exit_3(nobody: Command, follow: str) -> None:
    assert "no answer from" in nobody.fails(3, "tail", "demo/**", follow)


@pytest.mark.parametrize(
    ("blocked", "taken"),
    [({"websocket": True}, "sse"), ({"websocket": True, "sse": True}, "poll")],
    ids=["no-websocket", "neither-websocket-nor-sse"],
)
def test_auto_takes_the_first_transport_that_gets_through(
    dev_server: Server, tricast: Command, topic: str, blocked: dict[str, bool], taken: str
) -> None:
    tricast.ok("publish", topic, "1")
    with (
        proxying(dev_server.url, **blocked) as proxy,
        tricast.running("tail", topic, "--since", "earliest", "--url", proxy.url) as tail,
    ):
        assert next_data(tail) == 1
        notes = [next_note(tail) for _ in blocked]
    assert notes[-1].endswith(f"; trying {taken}\n")


def test_one_transport_that_does_not_get_through_is_an_error(
    dev_server: Server, tricast: Command, topic: str
) -> None:
    with proxying(dev_server.url, websocket=True) as proxy:
        tricast.fails(1, "tail", topic, "--transport", "websocket", "--url", proxy.url)


def test_a_proxy_that_breaks_the_protocol_ends_it_not(
    dev_server: Server, tricast: Command, topic: str
) -> None:
    tricast.ok("publish", topic, "1")
    with (
        proxying(dev_server.url) as proxy,
        tricast.running("tail", topic, "--since", "earliest", "--url", proxy.url) as tail,
    ):
        assert next_data(tail) == 1
        proxy.end_unmasked()
        assert "1002" in next_note(tail)
        tricast.ok("publish", topic, "2")
        assert next_data(tail) == 2


def test_no_follow_stops_where_the_log_is_now(tricast: Command, topic: str) -> None:
    tricast.ok("publish", topic, "-", "--lines", stdin="\n".join(map(str, range(2500))))
    lines = tricast.ok("tail", topic, "--no-follow").splitlines()
    assert [json.loads(line)["data"] for line in lines] == list(range(2500))
    assert tricast.ok("tail", topic, "--no-follow", "--since", "latest") == ""


def test_types_and_subjects_filter(tricast: Command, topic: str) -> None:
    for type, subject in (("a.x", "s1"), ("a.y", "s2"), ("b.x", "s1")):
        tricast.ok("publish", topic, f'"{type}"', "--type", type, "--subject", subject)
    for flags, found in (
        (["--type", "a.*"], ["a.x", "a.y"]),
        (["--subject", "s1"], ["a.x", "b.x"]),
        (["--type", "a.*", "--subject", "s1"], ["a.x"]),
    ):
        lines = tricast.ok("tail", topic, "--no-follow", *flags).splitlines()
        assert [json.loads(line)["data"] for line in lines] == found


def test_pretty_is_one_line_per_event_with_time_topic_type_and_data(tricast: Command, topic: str) -> None:
    tricast.ok("publish", topic, '{"id": 1}', "--type", "order.paid", "--subject", "o-1")
    tricast.ok("publish", topic, "two\nlines \x1b[31mred")
    first, second = tricast.ok("tail", topic, "--no-follow", "--pretty").splitlines()
    assert first.split(None, 1)[1] == f'{topic}  order.paid  o-1  {{"id":1}}'
    assert second.endswith("  message  two\\u000alines \\u001b[31mred")


def test_several_patterns_show_an_event_once(tricast: Command, topic: str) -> None:
    tricast.ok("publish", topic, "1")
    lines = tricast.ok("tail", topic, "demo/*", "demo/**", "--no-follow").splitlines()
    assert sum(json.loads(line)["topic"] == topic for line in lines) == 1


def test_whoever_reads_it_may_stop_reading(tricast: Command, topic: str) -> None:
    tricast.ok("publish", topic, "-", "--lines", stdin="\n".join(map(str, range(2000))))
    with tricast.running("tail", topic, "--since", "earliest") as tail:
        assert next_data(tail) == 0
        assert tail.stdout is not None
        tail.stdout.close()
        tricast.ok("publish", topic, "-", "--lines", stdin="\n".join(map(str, range(2000))))
        assert tail.wait(WAIT_S) == 0
        assert tail.stderr is not None
        assert tail.stderr.read() == ""
