"""`tricast person`: looking after people with a key, and the way back in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from commandline import Command, Server

PASSWORD = "correct horse"


@pytest.fixture
def admin(guarded_server: Server, root_key: str, tmp_path: Path) -> Command:
    """The command line with the key that the first start printed."""
    return Command(tmp_path, guarded_server.url, root_key)


def accept(server: Server, link: str, **more: Any) -> httpx2.Response:
    """What a browser does with a link that `invite` printed."""
    found = re.fullmatch(re.escape(server.url) + r"/#/join/(\w+)", link.strip())
    assert found is not None, link
    body = {"code": found[1], "password": PASSWORD, **more}
    return httpx2.post(f"{server.url}/v1/invites/accept", json=body, trust_env=False)


def test_a_person_is_invited_looked_after_and_removed(guarded_server: Server, admin: Command) -> None:
    with admin.inside() as tricast:

        def ok(*words: str) -> str:
            done = tricast("person", *words)
            assert (done.returncode, done.stderr) == (0, ""), done
            return done.stdout

        link = ok("invite", "--role", "editor", "--name", "Ann Lee", "--ttl", "1h", "--reason", "new here")
        assert accept(guarded_server, link, login="ann").status_code == 201
        assert accept(guarded_server, link, login="bob").status_code == 404
        (ann,) = [one for one in json.loads(ok("list", "--json")) if one["login"] == "ann"]
        assert (ann["name"], ann["role"], ann["sessions"]) == ("Ann Lee", "editor", 1)
        assert ok("sign-out", "ann") == "ended 1 session of ann\n"
        assert ok("role", "ann", "viewer") == "ann: viewer, enabled\n"
        assert ok("disable", "ann", "--reason", "on leave") == "ann: viewer, disabled\n"
        assert ok("enable", "ann") == "ann: viewer, enabled\n"
        table = ok("list").splitlines()
        assert table[0].split()[:3] == ["login", "name", "role"]
        assert any(line.startswith("ann") and "Ann Lee" in line and "None" not in line for line in table)
        assert ok("remove", "ann", "--reason", "left us") == "removed ann\n"
        said = tricast("audit", "--action", "person.*", "--json").stdout
        assert {"on leave", "left us"} <= {json.loads(line)["reason"] for line in said.splitlines()}


def test_a_key_is_the_way_back_in(guarded_server: Server, admin: Command) -> None:
    first = admin.ok("person", "invite", "--login", "eve", "--role", "admin")
    assert accept(guarded_server, first).status_code == 201
    link = admin.ok("person", "invite", "--login", "eve")
    back = accept(guarded_server, link, password="another one")
    assert back.status_code == 201
    assert back.json()["person"]["role"] == "admin"


def test_what_can_not_be_done_is_said_in_a_line(guarded_server: Server, admin: Command) -> None:
    assert "nobody with the login 'nobody'" in admin.fails(1, "person", "disable", "nobody")
    with admin.inside() as tricast:
        for words, code, says in (
            (("role", "nobody", "owner"), 1, "owner"),
            (("invite",), 1, "which role?"),
            (("invite", "--login", "nobody"), 1, "there is nobody called 'nobody' yet: which role?"),
            (("invite", "--role", "viewer", "--ttl", "soon"), 2, "--ttl 'soon'"),
            (("invite", "--role", "viewer", "--login", "a b"), 1, "'a b'"),
            (("remove",), 2, "LOGIN"),
        ):
            done = tricast("person", *words)
            assert (done.returncode, done.stdout) == (code, ""), done
            assert says in done.stderr
    stranger = Command(admin.cwd, guarded_server.url)
    assert "TRICAST_KEY" in stranger.fails(1, "person", "list")
