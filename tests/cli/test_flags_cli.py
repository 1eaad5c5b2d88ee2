"""`tricast flags` against a real server."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from commandline import Command, Server

FILE = {
    "flags": {
        "banner": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"},
        "color": {
            "state": "ENABLED",
            "variants": {"red": "#f00", "blue": "#00f"},
            "defaultVariant": "red",
            "targeting": {"if": [{"ends_with": [{"var": "email"}, "@example.com"]}, "blue", None]},
        },
    }
}
YAML = """\
flags:
  banner: {state: ENABLED, variants: {"on": true, "off": false}, defaultVariant: "on"}
"""


@dataclass(frozen=True)
class Flags:
    """`tricast flags …` on an app of its own."""

    tricast: Command
    app: str

    def __call__(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        with self.tricast.inside() as call:
            return call("flags", *words, *self.confined, stdin=stdin)

    @property
    def confined(self) -> tuple[str, ...]:
        return ("--app", self.app) if self.app else ()

    def ok(self, *words: str, stdin: str = "") -> str:
        """stdout of a command that must succeed. (What is only for people may stand on stderr.)"""
        done = self(*words, stdin=stdin)
        assert done.returncode == 0, done
        return done.stdout

    def fails(self, code: int, *words: str, stdin: str = "") -> str:
        """The one line on stderr, of a command that must fail with `code` and print nothing."""
        done = self(*words, stdin=stdin)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert done.stderr.startswith("tricast: "), done
        assert done.stderr.count("\n") == 1, done
        return done.stderr.removeprefix("tricast: ").rstrip()

    def whole(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ok("get", key, "--json"))
        return found

    def keys(self, *words: str) -> list[str]:
        return [flag["key"] for flag in json.loads(self.ok("list", *words, "--json"))["flags"]]


@pytest.fixture
def flags(tricast: Command, request: pytest.FixtureRequest) -> Flags:
    app = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).removeprefix("test-")[:60].strip("-")
    return Flags(tricast, app)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(FILE))
    return str(path)


@pytest.fixture
def filled(flags: Flags, file: str) -> Flags:
    """The file's flags in production."""
    flags.ok("import", file, "-e", "production")
    return flags


def test_an_empty_app_says_how_to_begin(flags: Flags) -> None:
    done = flags("list")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"no flags in {flags.app} yet; begin with tricast flags create" in done.stderr


def test_without_an_app_or_environment_it_says_what_to_give(filled: Flags, file: str) -> None:
    assert replace(filled, app="").fails(2, "list") == "which app? give --app or TRICAST_APP"
    said = "which environment? give --environment or TRICAST_ENVIRONMENT"
    assert filled.fails(2, "import", file) == said
    assert filled.fails(2, "export") == said


def test_app_and_environment_may_stand_in_the_environment(filled: Flags) -> None:
    mine = filled.tricast.environment() | {"TRICAST_APP": filled.app, "TRICAST_ENVIRONMENT": "production"}
    words = [sys.executable, "-m", "tricast", "flags", "toggle", "banner", "--json"]
    done = subprocess.run(words, env=mine, capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout)["environments"]["production"]["state"] == "DISABLED"


def test_a_list_has_a_column_for_each_environment_or_only_one(filled: Flags) -> None:
    head, *lines = filled.ok("list").splitlines()
    assert head.split() == ["flag", "type", "development", "production", "changed"]
    assert lines[0].split()[:5] == ["banner", "boolean", "–", "enabled", "off"]
    assert lines[1].split()[:6] == ["color", "string", "–", "enabled", "red", "+rules"]
    assert filled.ok("list", "-e", "production").split()[:4] == ["flag", "type", "state", "changed"]


def test_a_list_is_filtered(filled: Flags) -> None:
    filled.ok("set", "banner", "--tag", "web", "--description", "Greets")
    filled.ok("toggle", "color")
    assert filled.keys("greets") == filled.keys("--tag", "web") == ["banner"]
    assert filled.keys("--state", "disabled") == ["color"]
    filled.ok("archive", "color")
    assert filled.keys() == ["banner"]
    assert filled.keys("--archived") == ["banner", "color"]
    done = filled("list", "nothing-like-it")
    assert "no flag of" in done.stderr


def test_no_fresh_flag_is_stale(filled: Flags) -> None:
    done = filled("list", "--stale")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"no flag of {filled.app} is stale\n")


def test_a_flag_is_shown_with_its_use(filled: Flags) -> None:
    url = f"{filled.tricast.url}/ofrep/v1/evaluate/flags/banner?app={filled.app}&environment=production"
    for _ in range(3):
        assert httpx2.post(url, json={"context": {"targetingKey": "ann"}}).json()["variant"] == "off"
    shown = filled.ok("get", "banner")
    assert "banner  boolean  version 1" in shown
    assert "production  enabled off" in shown
    assert "3 evaluations: off 3; last 20" in shown
    used = filled.whole("banner")["usage"]["environments"]["production"]
    assert used["variants"]["off"]["evaluations"] == used["evaluations"] == 3
    assert sum(minute["variants"]["off"] for minute in used["minutes"]) == 3


def test_a_flag_is_created_changed_and_deleted(flags: Flags) -> None:
    flags.ok("create", "new-checkout", "--description", "The new checkout", "--reason", "SHOP-1")
    flag = flags.whole("new-checkout")
    assert set(flag["environments"]) == {"development", "production"}
    assert {there["state"] for there in flag["environments"].values()} == {"DISABLED"}
    said = flags.ok("set", "new-checkout", "-e", "production", "--default", "off", "--state", "on")
    assert said.splitlines() == [
        "new-checkout  version 1 → 2",
        '  ~ /environments/production/state  "DISABLED" → "ENABLED"',
        '  ~ /environments/production/defaultVariant  "on" → "off"',
    ]
    again = flags.ok("set", "new-checkout", "-e", "production", "--default", "off")
    assert again == "new-checkout is like that already (version 2)\n"
    assert flags.ok("delete", "new-checkout") == "deleted new-checkout (development, production)\n"
    assert flags.fails(1, "get", "new-checkout").startswith("there is no flag 'new-checkout'")


def test_a_flag_may_be_created_in_one_environment(flags: Flags) -> None:
    words = ["--type", "string", "--variant", "a=x", "--variant", "b=7", "--state", "on", "--default", "b"]
    assert "give --environment" in flags.fails(2, "create", "text", *words)
    flags.ok("create", "text", *words, "-e", "production")
    flag = flags.whole("text")
    assert flag["variants"] == {"a": "x", "b": "7"}
    assert flag["environments"] == {"production": {"state": "ENABLED", "defaultVariant": "b"}}


def test_every_part_of_a_flag_can_be_set(filled: Flags, tmp_path: Path) -> None:
    (tmp_path / "rule.json").write_text('{"if":[{"var":"x"},"green",null]}')
    everywhere = ["--name", "Colour", "--owner", "ann", "--tag", "ui", "--tag", "web", "--description", "It"]
    filled.ok(
        "set", "color", *everywhere, "--variant", "green=#0f0", "--remove-variant", "blue", "--targeting", ""
    )
    filled.ok("set", "color", "--targeting", f"@{tmp_path}/rule.json", "--untag", "ui", "--owner", "")
    flag = filled.whole("color")
    assert (flag["name"], flag["description"], flag["tags"], flag["owner"]) == ("Colour", "It", ["web"], None)
    assert flag["variants"] == {"red": "#f00", "green": "#0f0"}
    assert flag["environments"]["production"]["targeting"] == {"if": [{"var": "x"}, "green", None]}


def test_a_flag_in_several_environments_asks_which(flags: Flags) -> None:
    flags.ok("create", "both")
    said = flags.fails(2, "toggle", "both")
    assert said.startswith("which environment? give --environment or TRICAST_ENVIRONMENT (there are: dev")
    assert flags.fails(2, "set", "both", "--state", "on") == said
    flags.ok("set", "both", "--name", "Both")  # (of no environment)


def test_toggle_turns_round_or_sets(filled: Flags) -> None:
    assert '"ENABLED" → "DISABLED"' in filled.ok("toggle", "banner")
    assert '"DISABLED" → "ENABLED"' in filled.ok("toggle", "banner")
    assert "like that already (version 3)" in filled.ok("toggle", "banner", "--state", "enabled")


def test_a_flag_is_copied_archived_and_restored(filled: Flags) -> None:
    assert "+ /environments/development" in filled.ok(
        "copy", "banner", "--from", "production", "--to", "development"
    )
    assert "~ /archived  false → true" in filled.ok("archive", "banner")
    assert "~ /archived  true → false" in filled.ok("restore", "banner")
    assert set(filled.whole("banner")["environments"]) == {"development", "production"}


def test_a_change_of_an_old_version_is_merged_and_says_with_what(filled: Flags) -> None:
    filled.ok("set", "banner", "--tag", "web", "--reason", "for the web")
    said = filled.ok("set", "banner", "--default", "on", "--version", "1")
    assert "banner  version 2 → 3" in said
    assert "merged with what others changed meanwhile:" in said
    assert re.search(r'version 2: anonymous changed /tags at \S+ \S+ "for the web"', said)
    flag = filled.whole("banner")
    assert (flag["tags"], flag["environments"]["production"]["defaultVariant"]) == (["web"], "on")


def test_a_change_that_collides_says_who_changed_what_and_changes_nothing(filled: Flags) -> None:
    filled.ok("set", "banner", "--default", "on", "--reason", "launch")
    done = filled("set", "banner", "--default", "off", "--version", "1")
    assert (done.returncode, done.stdout) == (1, "")
    who, refusal = done.stderr.splitlines()
    assert re.fullmatch(
        r'  version 2: anonymous changed /environments/production/defaultVariant at \S+ \S+ "launch"', who
    )
    assert refusal.startswith("tricast: the flag 'banner' is at version 2")
    assert "--force" in refusal
    assert filled.whole("banner")["version"] == 2
    assert "version 2 → 3" in filled.ok("set", "banner", "--default", "off", "--version", "1", "--force")


def test_a_reason_stands_in_the_audit_trail(filled: Flags) -> None:
    filled.ok("toggle", "banner", "--reason", "why-toggle")
    filled.ok("delete", "banner", "--reason", "why-delete")
    trail = filled.tricast.ok("audit", "--app", filled.app, "--flag", "banner")
    assert "why-toggle" in trail
    assert "why-delete" in trail
    assert filled.ok("history", "banner", "--limit", "1").count("why-") == 1


def test_a_refusal_is_one_line_with_the_place(filled: Flags) -> None:
    assert "there is no variant 'xx'" in filled.fails(1, "set", "banner", "--default", "xx")
    assert "tricast flags list shows" in filled.fails(1, "toggle", "nope")
    assert "there are: development, production" in filled.fails(1, "list", "-e", "nowhere")
    assert "nothing to set" in filled.fails(2, "set", "banner")
    assert "--state 'perhaps'" in filled.fails(2, "set", "banner", "--state", "perhaps")


def test_a_server_that_is_not_there_is_exit_3(nobody: Command, file: str) -> None:
    assert "no answer from" in nobody.fails(3, "flags", "list", "--app", "x")
    assert "no answer from" in nobody.fails(3, "flags", "import", file, "--app", "x", "-e", "production")


def test_a_file_goes_in_and_comes_out_the_same(filled: Flags, file: str, tmp_path: Path) -> None:
    assert json.loads(filled.ok("export", "-e", "production")) == FILE
    out = tmp_path / "out.yaml"
    out.write_text("old")
    filled.ok("export", str(out), "-e", "production")
    assert out.read_text().startswith("flags:\n")
    assert filled.ok("import", str(out), "-e", "production") == (
        f"{filled.app}/production: nothing to change, 2 flags as in the file\n"
    )
    assert "can't be written" in filled.fails(1, "export", f"{tmp_path}/no/where.json", "-e", "production")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flags.json", "out.yaml"]


def test_a_dry_run_shows_what_would_change_and_changes_nothing(filled: Flags) -> None:
    words = ["import", "-", "-e", "production", "--replace", "--reason", "try"]
    assert filled.ok(*words, "--dry-run", stdin=YAML).splitlines() == [
        "~ banner",
        '    ~ /environments/production/defaultVariant  "off" → "on"',
        "- color  archived",
        f"{filled.app}/production: 1 updated, 1 archived, if it were done (nothing was written)",
    ]
    assert filled.whole("banner")["version"] == 1
    assert filled.ok(*words, stdin=YAML) == f"{filled.app}/production: 1 updated, 1 archived\n"
    assert filled.keys() == ["banner"]
    assert json.loads(filled.ok(*words, "--json", stdin=YAML))["unchanged"] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"flags": {"a": ', "stdin: line 1, column"),
        ("flags:\n  a: [\n", "stdin: line 3, column"),
        (json.dumps({"flags": {"a": {"state": "ON", "variants": {"x": 1}}}}), "stdin: /flags/a/state"),
    ],
)
def test_a_bad_file_names_line_or_path_and_changes_nothing(flags: Flags, text: str, says: str) -> None:
    assert flags.fails(1, "import", "-", "-e", "production", stdin=text).startswith(says)
    assert flags.keys() == []


def test_a_file_that_can_not_be_read_says_why(flags: Flags, tmp_path: Path) -> None:
    for path in ("nofile.json", str(tmp_path)):
        assert "can't be read" in flags.fails(2, "import", path, "-e", "production")


def read_all(terminal: int) -> str:
    text = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            return text.decode()
        text += piece


@pytest.fixture
def big(tmp_path: Path) -> str:
    path = tmp_path / "big.json"
    named = {f"flag-{n:04}": FILE["flags"]["color"] for n in range(2000)}
    path.write_text(json.dumps({"flags": named}))
    return str(path)


def words_of(flags: Flags, *words: str) -> list[str]:
    return [sys.executable, "-m", "tricast", "flags", *words, "--app", flags.app, "-e", "production"]


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: where it is read, and what a process gets."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def test_a_big_file_has_a_bar_on_a_terminal_only(flags: Flags, big: str, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    environment = flags.tricast.environment() | {"TERM": "xterm"}
    words = words_of(flags, "import", big, "--dry-run", "--json")
    with subprocess.Popen(words, stderr=theirs, stdout=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        shown = read_all(ours)
        assert process.stdout is not None
        assert len(json.loads(process.stdout.read())["created"]) == 2000
    assert "sending" in shown
    assert "the server is at work" in shown
    done = flags("import", big, "-e", "production")
    assert (done.stdout, done.stderr) == (f"{flags.app}/production: 2,000 created\n", "")


def test_a_diff_has_colours_on_a_terminal(filled: Flags, tmp_path: Path, terminal: tuple[int, int]) -> None:
    (tmp_path / "one.yaml").write_text(YAML)
    ours, theirs = terminal
    environment = filled.tricast.environment() | {"TERM": "xterm"}
    words = words_of(filled, "import", str(tmp_path / "one.yaml"), "--dry-run")
    with subprocess.Popen(words, stdout=theirs, stderr=subprocess.DEVNULL, env=environment):
        os.close(theirs)
        shown = read_all(ours)
    assert '\x1b[31m"off"\x1b[0m → \x1b[32m"on"\x1b[0m' in shown


def test_delete_asks_on_a_terminal(filled: Flags, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    words = words_of(filled, "delete", "banner")[:-2]
    environment = filled.tricast.environment()
    with subprocess.Popen(
        words, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        os.close(theirs)
        os.write(ours, b"n\n")
        assert process.stderr is not None
        assert b"delete banner (production)" in process.stderr.read()
    assert process.returncode == 130
    assert filled.keys() == ["banner", "color"]


@pytest.fixture
def confined(guarded_server: Server, root_key: str, tmp_path: Path, request: pytest.FixtureRequest) -> Flags:
    """The command line with a key that belongs to production of an app that has the file's flags."""
    app = f"own-{request.node.name.replace('_', '-')}"[:60]
    admin = Flags(Command(tmp_path, guarded_server.url, root_key), app)
    for environment in ("production", "development"):
        admin.ok("import", "-", "-e", environment, stdin=json.dumps(FILE))
    scopes = ["--scope", "flags:read", "--scope", "flags:write"]
    words = ["key", "create", "prod", "--app", app, "--environment", "production", *scopes]
    return Flags(replace(admin.tricast, key=admin.tricast.ok(*words).strip()), "")


def test_a_key_of_one_environment_needs_to_name_neither(confined: Flags) -> None:
    assert "version 2 → 3" in confined.ok("toggle", "banner")
    said = confined.ok(
        "set", "color", "--variant", "green=#0f0", "--remove-variant", "blue", "--targeting", ""
    )
    assert "+ /variants/green" in said
    assert "- /variants/blue" in said
    shown = confined.ok("get", "color")
    assert "green" in shown
    assert "development" not in shown
    assert confined.keys() == ["banner", "color"]
    assert json.loads(confined.ok("export"))["flags"]["color"]["variants"] == {"red": "#f00", "green": "#0f0"}


def test_a_key_of_one_environment_reaches_no_other(confined: Flags) -> None:
    for words in (
        ["set", "banner", "-e", "development", "--default", "on"],
        ["toggle", "banner", "-e", "development"],
        ["set", "banner", "--name", "x"],
        ["archive", "banner"],
        ["list", "-e", "development"],
    ):
        assert "belongs to the environment 'production'" in confined.fails(1, *words)


def test_without_credentials_it_says_what_to_give(guarded_server: Server, tmp_path: Path) -> None:
    stranger = Command(tmp_path, guarded_server.url)
    said = stranger.fails(1, "flags", "list", "--app", "x")
    assert said == "no credentials; give --key or TRICAST_KEY (or --token)"
