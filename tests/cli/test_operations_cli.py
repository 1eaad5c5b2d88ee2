"""`tricast connections` and `tricast schema` against a real server."""

from __future__ import annotations

import json
import threading
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commandline import Command, Server

from tricast.cli.connections import age


def waiting(server: Server, topic: str) -> tuple[threading.Thread, list[int]]:
    """A poll that waits on `topic`, on a thread of its own; and where its status will be."""
    statuses: list[int] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(f"{server.url}/v1/events?topic={topic}&timeout=20") as answer:
                statuses.append(answer.status)
        except urllib.error.HTTPError as error:
            statuses.append(error.code)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, statuses


def test_connections_are_shown_and_one_is_ended(tricast: Command, dev_server: Server, topic: str) -> None:
    thread, statuses = waiting(dev_server, topic)
    with tricast.inside() as run:
        found: list[dict[str, object]] = []
        while not found:
            shown = json.loads(run("connections", "--json", "--transport", "poll").stdout)["connections"]
            found = [each for each in shown if each["topics"] == [topic]]
        id = str(found[0]["id"])
        table = run("connections", "--sort", "since").stdout
        assert id in table
        assert topic in table
        ended = run("connections", "end", id, "--reason", "stuck")
        assert (ended.returncode, ended.stdout) == (0, f"ended {id}\n")
        thread.join()
        assert statuses == [503]
        again = run("connections", "end", id)
        assert again.returncode == 1
        assert "there is no connection" in again.stderr
        assert "stuck" in run("audit", "--action", "connection.ended").stdout


def test_wrong_questions_about_connections_are_one_line(tricast: Command, nobody: Command) -> None:
    assert "must be one of websocket, sse, poll" in tricast.fails(1, "connections", "--transport", "pigeon")
    assert "no answer from" in nobody.fails(3, "connections")


def test_the_age_of_a_connection_is_told_in_its_largest_unit() -> None:
    now = datetime(2026, 1, 3, 12, tzinfo=UTC)
    for since, told in (
        ("2026-01-03T11:59:18Z", "42s"),
        ("2026-01-03T11:58:00Z", "2m"),
        ("2026-01-03T03:00:00Z", "9h"),
        ("2026-01-01T12:00:00Z", "2d"),
        ("2026-01-03T12:00:05Z", "0s"),
    ):
        assert age(since, now) == told


def test_a_schema_is_put_shown_obeyed_and_removed(tricast: Command, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"title": "An order", "type": "object", "required": ["id"]}')
    app = ("--app", "clischema")
    with tricast.inside() as run:
        put = run("schema", "put", "order.paid", "order.json", *app, "--reason", "agreed")
        assert (put.returncode, put.stdout) == (0, "clischema: order.paid is at version 1\n")
        assert "An order" in run("schema", "list", *app).stdout
        assert json.loads(run("schema", "list", *app, "--json").stdout)[0]["version"] == 1
        assert json.loads(run("schema", "get", "order.paid", *app).stdout)["required"] == ["id"]
        refused = run("publish", "clischema/x", "--type", "order.paid", "{}")
        assert refused.returncode == 1
        assert '"id" is a required property' in refused.stderr
        again = run("schema", "put", "order.paid", "-", *app, stdin="true")
        assert again.stdout == "clischema: order.paid is at version 2\n"
        late = run("schema", "put", "order.paid", "order.json", *app, "--version", "1")
        assert late.returncode == 1
        assert "is at version 2, not 1" in late.stderr
        assert run("schema", "remove", "order.paid", *app).returncode == 0
        assert run("schema", "remove", "order.paid", *app).returncode == 1
        assert run("publish", "clischema/x", "--type", "order.paid", "{}").returncode == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["schema", "list"], "--app or TRICAST_APP"),
        (["schema", "put", "t", "none.json", "--app", "a"], "'none.json' can not be read"),
        (["schema", "put", "t", "bad.json", "--app", "a"], "'bad.json' is not JSON"),
    ],
)
def test_wrong_usage_of_schemas_is_one_line(
    tricast: Command, tmp_path: Path, words: list[str], says: str
) -> None:
    (tmp_path / "bad.json").write_text("{")
    assert says in tricast.fails(2, *words)
