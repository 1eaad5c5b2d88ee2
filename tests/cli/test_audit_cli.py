"""`tricast audit` against a server that asks for credentials."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commandline import WAIT_S, Command, Server


@pytest.fixture
def tricast(guarded_server: Server, root_key: str, tmp_path: Path) -> Command:
    return Command(tmp_path, guarded_server.url, root_key)


@pytest.fixture
def app(topic: str) -> str:
    """An app that no other test uses."""
    return topic.removeprefix("demo/")


def create(tricast: Command, name: str, app: str, *more: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(tricast.ok("key", "create", name, "--app", app, *more, "--json"))
    return made


def read(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_table_tells_who_did_what_to_which_and_why(tricast: Command, app: str) -> None:
    key = create(tricast, "web-1", app, "--environment", "production", "--reason", "a second server")
    tricast.ok("key", "revoke", key["id"], "--reason", "it leaked")
    head, revoked, created = tricast.ok("audit", "--app", app).splitlines()
    assert head.split() == ["time", "who", "action", "what", "changes", "reason"]
    for line, action, reason in ((revoked, "key.revoked", "it leaked"), (created, "key.created", "a second")):
        assert f"key {app}/{key['id']} [production]" in line
        assert "root" in line
        assert action in line
        assert reason in line
    assert "created (web-1)" in created
    assert "revoked_at: none → 20" in revoked
    assert key["key"] not in revoked + created


def test_only_what_is_asked_for_is_shown(tricast: Command, app: str) -> None:
    first = create(tricast, "web-1", app)
    create(tricast, "web-2", app, "--environment", "production")
    tricast.ok("key", "revoke", first["id"])

    def actions(*words: str) -> list[str]:
        return [entry["action"] for entry in read(tricast.ok("audit", "--app", app, "--json", *words))]

    assert actions("--actor", "root", "--since", "10m") == ["key.revoked", "key.created", "key.created"]
    assert actions("--limit", "2") == ["key.revoked", "key.created"]
    assert actions("--action", "*.revoked") == ["key.revoked"]
    assert actions("--environment", "production") == ["key.created"]
    for nothing in (("--actor", "nobody"), ("--until", "10m"), ("--flag", "new-checkout")):
        assert actions(*nothing) == []


def test_more_than_one_answer_holds_is_shown_when_asked_for(tricast: Command, app: str) -> None:
    for number in range(3):
        create(tricast, f"web-{number}", app)
    table = tricast.ok("audit", "--limit", "1200").splitlines()
    exported = read(tricast.ok("audit", "--json"))
    assert len(table) == min(len(exported), 1200) + 1


def test_csv_is_what_the_server_exports(tricast: Command, app: str) -> None:
    create(tricast, "web-1", app, "--reason", '=cmd, "so"')
    text = tricast("audit", "--app", app, "--csv").stdout
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["reason"] == '\'=cmd, "so"'
    assert (row["actor"], row["action"]) == ("root", "key.created")


def test_nothing_in_an_entry_does_anything_to_a_terminal(tricast: Command, app: str) -> None:
    create(tricast, "web-1", app, "--reason", "\x1b[31mred\x9b2J\u202e[bold]x[/bold]")
    assert "\\u001b[31mred\\u009b2J\\u202e[bold]x[/bold]" in tricast.ok("audit", "--app", app)
    for words in ((), ("--csv",), ("--json",)):
        shown = on_a_terminal(tricast, "audit", "--app", app, "--actor", "root", *words)
        assert "red" in shown
        assert "\x1b[31mred" not in shown
        assert "\x9b" not in shown
        assert "\u202e" not in shown


def on_a_terminal(tricast: Command, *words: str) -> str:
    """What a command writes where stdout is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tricast", *words],
        stdout=theirs,
        env=tricast.environment() | {"TERM": "xterm"},
        cwd=tricast.cwd,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # (how the end of a terminal looks)
                break
            shown += piece
        assert process.wait(WAIT_S) == 0
    os.close(ours)
    return shown.decode()


def test_following_shows_what_was_and_what_comes_each_once(tricast: Command, app: str) -> None:
    for number in range(3):
        create(tricast, f"old-{number}", app)
    with tricast.running("audit", "--app", app, "--follow", "--limit", "2", "--json") as following:
        assert following.stdout is not None
        seen = [json.loads(following.stdout.readline()) for _ in range(2)]
        new = create(tricast, "new", app)
        seen.append(json.loads(following.stdout.readline()))
        tricast.ok("key", "revoke", new["id"])
        seen.append(json.loads(following.stdout.readline()))
    assert [entry["action"] for entry in seen] == ["key.created"] * 3 + ["key.revoked"]
    assert [entry["changes"][0]["after"]["name"] for entry in seen[:3]] == ["old-1", "old-2", "new"]
    looked = read(tricast.ok("audit", "--app", app, "--json", "--limit", "4"))
    assert [entry["id"] for entry in looked] == [entry["id"] for entry in reversed(seen)]
    assert looked[0] | {"time": seen[-1]["time"]} == seen[-1]


def test_following_takes_the_same_filters(tricast: Command, app: str) -> None:
    with tricast.running("audit", "--follow", "--app", app, "--action", "key.revoked") as following:
        assert following.stdout is not None
        for name in ("one", "two"):
            tricast.ok("key", "revoke", create(tricast, name, app)["id"], "--reason", f"no {name}")
        shown = [following.stdout.readline() for _ in range(2)]
    assert ["no one" in shown[0], "no two" in shown[1]] == [True, True]
    assert "key.created" not in "".join(shown)


def test_following_needs_a_key_that_reaches_the_trail(tricast: Command, app: str) -> None:
    admin = replace(tricast, key=create(tricast, "boss", app, "--scope", "admin")["key"])
    assert "may not subscribe to 'tricast/audit/" in admin.fails(1, "audit", "--app", app, "--follow")
    assert "created (boss)" in admin.ok("audit")


def test_who_reads_flags_may_look_with_a_token_too(tricast: Command, app: str) -> None:
    create(tricast, "web", app)
    token = tricast.ok("token", "--app", app, "--scope", "flags:read").strip()
    holder = replace(tricast, key=None)
    assert len(holder.ok("audit", "--token", token).splitlines()) == 1
    assert "'admin'" in holder.fails(1, "audit", "--token", tricast.ok("token", "--app", app).strip())
    assert holder.fails(1, "audit").startswith("no credentials; give --key or TRICAST_KEY (or --token)")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--json", "--csv"), "--json or --csv"),
        (("--follow", "--csv"), "without --csv"),
        (("--follow", "--until", "1h"), "without --until"),
        (("--limit", "0"), "--limit"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(
    tricast: Command, words: tuple[str, ...], says: str
) -> None:
    assert says in tricast.fails(2, "audit", *words)


@pytest.mark.parametrize("more", [(), ("--csv",), ("--json",), ("--follow",)])
def test_a_refusal_is_one_line(tricast: Command, more: tuple[str, ...]) -> None:
    assert "since 'yesterday' is neither" in tricast.fails(1, "audit", "--since", "yesterday", *more)


@pytest.mark.parametrize("more", [(), ("--csv",), ("--follow",)])
def test_nobody_there_is_exit_3(nobody: Command, more: tuple[str, ...]) -> None:
    assert "no answer from" in nobody.fails(3, "audit", *more)
