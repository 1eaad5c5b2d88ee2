"""The sessions of docs/flags.md, run as they stand, one after another on one server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.test_docs import ROOT, blocks, free_port, running, serve, shell

GUIDE = (ROOT / "docs" / "flags.md").read_text()


def answers(said: str) -> list[Any]:
    """The JSON values that stand one after another in what a session printed."""
    found: list[Any] = []
    decoder = json.JSONDecoder()
    while text := said.lstrip():
        if not text.startswith("{"):
            break
        value, end = decoder.raw_decode(text)
        found.append(value)
        said = text[end:]
    return found


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What each session of the guide was answered."""
    folder, port = tmp_path_factory.mktemp("guide"), free_port()
    with running(serve(port, folder), port, folder):
        return [
            answers(shell(block.replace("curl ", "curl -sS "), port, folder)) for block in blocks(GUIDE, "sh")
        ]


def test_no_session_of_the_guide_is_refused_but_the_one_that_shows_it(sessions: list[list[Any]]) -> None:
    refused = [answer["status"] for session in sessions for answer in session if "status" in answer]
    assert refused == [409]


def test_the_sessions_of_the_guide_do_what_it_says(sessions: list[list[Any]]) -> None:
    making, changing, racing, batch, undoing, finding, following, files, apps = sessions
    assert [flag["version"] for flag in making] == [1, 2, 2]
    assert making[2]["environments"]["production"]["state"] == "ENABLED"
    assert [flag["version"] for flag in changing] == [3, 4, 5, 6]
    assert changing[1]["environments"]["development"]["targeting"]
    assert racing[0]["merged"]["onto"] == 6
    assert racing[1]["collisions"] == ["/description"]
    assert [change["key"] for change in batch[0]["changes"]] == ["banner", "new-checkout"]
    assert undoing[0]["changed"] == ["/environments/development/state"]
    assert [flag["key"] for flag in finding[0]["flags"]] == ["new-checkout"]
    assert [flag["key"] for flag in finding[1]["flags"]] == ["new-checkout"]
    assert following[0]["events"] == []
    assert (files[0]["dry_run"], files[1]["updated"][0]["key"]) == (True, "banner")
    assert apps[1]["apps"][0]["environments"] == ["development", "staging", "production"]


def test_the_limits_of_the_guide_are_those_there_are() -> None:
    from tricast.flags import apps, body, definition, store

    numbers = [
        int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", GUIDE.split("## Limits")[1])
    ]
    assert numbers[:5] == [
        store.MAX_FLAGS,
        definition.MAX_FLAG_BYTES // 1024,
        definition.MAX_VARIANTS,
        apps.MAX_ENVIRONMENTS,
        body.MAX_TAGS,
    ]


def test_every_guide_that_this_one_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", GUIDE):
        assert (Path(ROOT) / "docs" / target).exists(), target
