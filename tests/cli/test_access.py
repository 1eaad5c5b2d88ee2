"""`tricast token` and `tricast key` against a server that asks for credentials."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from commandline import Command, Server


@pytest.fixture
def tricast(guarded_server: Server, root_key: str, tmp_path: Path) -> Command:
    return Command(tmp_path, guarded_server.url, root_key)


def test_without_credentials_nothing_goes(tricast: Command) -> None:
    stranger = replace(tricast, key=None)
    for words in (
        ("publish", "demo/x", "1"),
        ("tail", "demo/x"),
        ("tail", "demo/x", "--transport", "sse"),
        ("tail", "demo/x", "--transport", "poll"),
        ("tail", "demo/x", "--no-follow"),
        ("token", "--subscribe", "demo/**"),
        ("key", "list"),
    ):
        assert stranger.fails(1, *words).startswith("no credentials; give --key or TRICAST_KEY")


def test_a_refusal_offers_a_token_only_where_one_is_taken(tricast: Command) -> None:
    stranger = replace(tricast, key=None)
    assert "(or --token)" in stranger.fails(1, "publish", "demo/x", "1")
    assert "(or --token)" in stranger.fails(1, "tail", "demo/x")
    assert "--token" not in stranger.fails(1, "token", "--subscribe", "demo/**")
    assert "--token" not in stranger.fails(1, "key", "list")


def test_a_refusal_says_it_once(tricast: Command) -> None:
    said = tricast.fails(1, "key", "revoke", "nope")
    assert said == "there is no key 'nope'; GET /v1/keys lists those there are"
    token = tricast.ok("token", "--subscribe", "demo/**").strip()
    for transport in ("websocket", "sse", "poll"):
        told = tricast.fails(1, "tail", "other/**", "--transport", transport, "--token", token)
        assert told == "'cli' may not subscribe to 'other/**'; granted: demo/**"


def test_a_token_is_all_that_is_printed_and_it_grants_what_was_asked_for(tricast: Command) -> None:
    tricast.ok("publish", "demo/granted", "1")
    token = tricast.ok("token", "--subscribe", "demo/**", "--ttl", "10m", "--subject", "ann").strip()
    assert re.fullmatch(r"[\w.-]+", token)
    holder = replace(tricast, key=None)
    assert holder.ok("tail", "demo/**", "--no-follow", "--token", token)
    assert "may not publish" in holder.fails(1, "publish", "demo/x", "1", "--token", token)
    assert "may not subscribe" in holder.fails(1, "tail", "other/**", "--token", token)


def test_a_token_goes_before_a_key(tricast: Command) -> None:
    token = tricast.ok("token", "--subscribe", "demo/**").strip()
    assert "may not publish" in tricast.fails(1, "publish", "demo/x", "1", "--token", token)


def test_a_tokens_answer_as_json(tricast: Command) -> None:
    answer = json.loads(tricast.ok("token", "--publish", "demo/**", "--ttl", "1h", "--json"))
    assert (answer["app"], answer["publish"]) == ("demo", ["demo/**"])


def test_a_key_is_made_shown_once_listed_and_revoked(tricast: Command) -> None:
    made = json.loads(
        tricast.ok(
            "key", "create", "web-1", "--app", "demo", "--publish", "demo/**", "--scope", "presence", "--json"
        )
    )
    holder = replace(tricast, key=made["key"])
    holder.ok("publish", "demo/x", "1")
    assert "admin" in holder.fails(1, "key", "list")
    listed = {key["name"]: key for key in json.loads(tricast.ok("key", "list", "--json"))}
    assert listed["web-1"]["scopes"] == ["presence"]
    table = tricast.ok("key", "list")
    assert "web-1" in table
    assert made["key"] not in table
    assert tricast.ok("key", "revoke", made["id"]) == f"revoked {made['id']} (web-1)\n"
    assert "revoked" in holder.fails(1, "publish", "demo/x", "1")


def test_key_create_prints_the_key_alone(tricast: Command) -> None:
    assert re.fullmatch(r"tck_\w+\n", tricast.ok("key", "create", "web-2", "--publish", "demo/**"))


def test_a_key_and_its_tokens_are_confined_to_an_environment(tricast: Command) -> None:
    where = ("--app", "demo", "--environment", "production")
    made = json.loads(tricast.ok("key", "create", "web-3", *where, "--scope", "flags:read", "--json"))
    assert (made["app"], made["environment"]) == ("demo", "production")
    assert "production" in next(line for line in tricast.ok("key", "list").splitlines() if "web-3" in line)
    holder = replace(tricast, key=made["key"])
    assert json.loads(holder.ok("token", "--json"))["environment"] == "production"
    assert "can't grant 'development'" in holder.fails(1, "token", "--environment", "development")
    assert "give `app`" in tricast.fails(1, "key", "create", "web-4", "--environment", "production")


def test_revoking_what_is_not_there_says_so(tricast: Command) -> None:
    assert "there is no key 'nope'" in tricast.fails(1, "key", "revoke", "nope")


@pytest.mark.parametrize("key", ["tck_x_y", "not a key", "schlüssel"])
def test_a_key_that_is_none_is_refused_without_repeating_it(tricast: Command, key: str) -> None:
    done = replace(tricast, key=None)("publish", "demo/x", "1", "--key", key)
    assert done.returncode in (1, 2)
    assert key not in done.stderr
    assert "Traceback" not in done.stderr
