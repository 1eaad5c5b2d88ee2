"""Wrong usage, wrong settings: one line, exit 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import Command, Server

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
        (["serve", "--dev", "--host", "0.0.0.0"], "loopback only; '0.0.0.0' is not"),
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


def test_every_command_has_help(here: Command) -> None:
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]
    assert set(names) == {"serve", "publish", "tail", "token", "audit", "check", "backup"}
    for command in app.registered_commands:
        assert command.callback is not None
        assert command.callback.__doc__, command


def test_the_server_can_not_start_twice_on_one_port(tmp_path: Path, dev_server: Server) -> None:
    done = Command(tmp_path)(
        "serve", "--dev", "--log", "memory:", "--port", dev_server.url.rpartition(":")[2]
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_nothing_that_a_terminal_obeys_is_printed() -> None:
    assert plain("a\x1b[2Jb\u202ec\n") == "a\\u001b[2Jb\\u202ec\\u000a"
