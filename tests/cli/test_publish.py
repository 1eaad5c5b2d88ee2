"""`tricast publish` against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from commandline import Command


def events(tricast: Command, topic: str, *more: str) -> list[dict[str, Any]]:
    output = tricast.ok("tail", topic, "--no-follow", "--json", *more)
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('{"id":1}', {"id": 1}),
        ("[1,null]", [1, None]),
        ("42", 42),
        ('"x"', "x"),
        ("it's 5 o'clock", "it's 5 o'clock"),
    ],
)
def test_data_is_json_if_it_parses_else_text(tricast: Command, topic: str, text: str, data: Any) -> None:
    cursor, id = tricast.ok("publish", topic, text).split()
    [event] = events(tricast, topic)
    assert (event["cursor"], event["id"], event["data"]) == (cursor, id, data)


def test_attributes_are_those_that_were_given(tricast: Command, topic: str) -> None:
    given = {"type": "order.paid", "id": "o-1", "subject": "order 1", "source": "/shop/till"}
    flags = [word for name, value in given.items() for word in (f"--{name}", value)]
    tricast.ok("publish", topic, "{}", *flags)
    [event] = events(tricast, topic)
    assert {name: event[name] for name in given} == given


def test_the_same_id_is_published_once(tricast: Command, topic: str) -> None:
    first = tricast.ok("publish", topic, "1", "--id", "once")
    again = tricast.ok("publish", topic, "1", "--id", "once")
    assert again == first.rstrip() + " (published before)\n"
    assert len(events(tricast, topic)) == 1
    assert "once" in tricast.fails(1, "publish", topic, "2", "--id", "once")


def test_a_dash_reads_stdin(tricast: Command, topic: str) -> None:
    tricast.ok("publish", topic, "-", stdin='{"from":\n"stdin"}\n')
    [event] = events(tricast, topic)
    assert event["data"] == {"from": "stdin"}


def test_lines_are_an_event_each_in_order(tricast: Command, topic: str) -> None:
    lines = [json.dumps({"n": n}) for n in range(2500)]
    output = tricast.ok("publish", topic, "-", "--lines", "--type", "n", stdin="\n\n".join(lines))
    assert len(output.splitlines()) == 2500
    assert [event["data"]["n"] for event in events(tricast, topic, "--type", "n")] == list(range(2500))


def test_a_line_is_published_before_the_next_one_is_there(tricast: Command, topic: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tricast", "publish", topic, "-", "--lines"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=tricast.environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in (1, 2):
            print(number, file=process.stdin, flush=True)
            assert "-" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(30) == 0


def test_json_is_the_servers_answer(tricast: Command, topic: str) -> None:
    answer = json.loads(tricast.ok("publish", topic, "1", "--json"))
    assert answer["events"][0]["cursor"] == answer["cursor"]


def test_a_refusal_is_one_line_with_the_servers_words(tricast: Command) -> None:
    assert "'demo/*'" in tricast.fails(1, "publish", "demo/*", "1")
    assert "tricast." in tricast.fails(1, "publish", "demo/x", "1", "--type", "tricast.fake")


def test_lines_needs_a_dash_and_no_id(tricast: Command) -> None:
    assert "give '-'" in tricast.fails(2, "publish", "demo/x", "1", "--lines")
    assert "--id" in tricast.fails(2, "publish", "demo/x", "-", "--lines", "--id", "x")


def test_nobody_there_is_exit_3(nobody: Command) -> None:
    assert "no answer from http://127.0.0.1:" in nobody.fails(3, "publish", "demo/x", "1")


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://"])
def test_a_url_that_is_none_is_exit_2(nobody: Command, url: str) -> None:
    assert "--url" in nobody.fails(2, "publish", "demo/x", "1", "--url", url)
