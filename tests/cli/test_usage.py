"""Wrong usage, wrong settings: one line, exit 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commandline import Command, Server, environment
from typer.main import get_group

from tricast.cli import app
from tricast.cli.show import plain


@pytest.fixture
def here(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonsense"], "nonsense"),
        (["publish"], "'topic'"),
        (["tail", "demo/**", "--transport", "pigeon"], "pigeon"),
        (["tail", "demo/**", "--frob"], "--frob"),
        (["token", "--ttl", "soon"], "--ttl 'soon' is not a duration"),
        (["serve", "--port", "http"], "--port='http' is not valid; allowed: 0-65535"),
        (["serve", "--dev", "--host", "0.0.0.0"], "loopback and Unix sockets only; '0.0.0.0' is neither"),
        (["serve", "--set", "prot=1"], "--set prot='1' is not a setting; did you mean port?"),
        (["serve", "--set", "port"], "must look like name=value"),
        (["serve", "--set", "port=1", "--set", "port=2"], "given twice"),
        (["serve", "--config", "nope.toml"], "there is no settings file 'nope.toml'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(here: Command, words: list[str], says: str) -> None:
    assert says in here.fails(2, *words)


def test_version_and_help(here: Command) -> None:
    assert here.ok("--version").startswith("tricast ")
    for words in ([], ["--help"], ["-h"]):
        assert "Exit codes" in here.ok(*words)


def test_every_command_has_help() -> None:
    group = get_group(app)
    assert list(group.commands) == [
        *("serve", "publish", "tail", "token", "audit", "check", "backup"),
        *("key", "person", "flags", "schema", "connections"),
    ]
    for name, command in group.commands.items():
        assert command.name == name
        assert command.help, name


def test_no_command_imports_what_only_others_need() -> None:
    told = "import sys; from tricast.cli import publish; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, env=environment()
    )
    assert not {"pydantic", "websockets", "sqlite3", "starlette"} & set(said.stdout.split())


def test_the_server_can_not_start_twice_on_one_port(tmp_path: Path, dev_server: Server) -> None:
    done = Command(tmp_path)(
        "serve", "--dev", "--log", "memory:", "--port", dev_server.url.rpartition(":")[2]
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_nothing_that_a_terminal_obeys_is_printed() -> None:
    assert plain("a\x1b[2Jb\u202ec\n") == "a\\u001b[2Jb\\u202ec\\u000a"
