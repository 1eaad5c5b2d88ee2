"""`tricast check` and `tricast backup`, beside a running server and without one."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from commandline import Command, serving

from tricast.cli.examination import examine
from tricast.settings import load_with_sources

DATABASE = "tricast.db"


def check(command: Command, *words: str, code: int = 0) -> dict[str, Any]:
    done = command("check", "--json", *words)
    assert (done.returncode, done.stderr) == (code, ""), done
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory whose log a server has written three events to."""
    place = tmp_path / "data"
    place.mkdir()
    with serving(place, "--dev") as server:
        Command(place, server.url).ok("publish", "demo/x", "-", "--lines", stdin="1\n2\n3\n")
        assert server.stop() == 0
    return place


@pytest.fixture
def here(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_settings_are_shown_with_their_source(here: Command) -> None:
    (here.cwd / "tricast.toml").write_text("port = 9000\n")
    found = check(here, "--set", "heartbeat_s=5")
    by_name = {setting["name"]: (setting["value"], setting["origin"]) for setting in found["settings"]}
    assert by_name["port"] == (9000, "tricast.toml: port")
    assert by_name["heartbeat_s"] == (5.0, "--set heartbeat_s")
    assert by_name["host"] == (["127.0.0.1"], "default")
    assert "heartbeat_s" in here.ok("check")


def test_no_log_yet_is_no_problem(here: Command) -> None:
    found = check(here)
    assert (found["log"], found["problems"]) == (None, [])
    assert "the first start makes it" in found["notes"][0]
    assert list(here.cwd.iterdir()) == []


def test_a_bad_setting_is_a_problem(here: Command) -> None:
    (here.cwd / "tricast.toml").write_text("porrt = 9000\n")
    assert check(here, code=1)["problems"] == [
        "tricast.toml: porrt=9000 is not a setting; did you mean port?"
    ]
    assert here("check").returncode == 1


@pytest.mark.parametrize("full", [[], ["--full"]])
def test_the_logs_bounds_are_shown(here: Command, data: Path, full: list[str]) -> None:
    log = check(here, "--data", str(data), *full)["log"]
    assert (log["head"], log["events"], log["topics"]) == (3, 3, 1)
    assert "no problems" in here.ok("check", "--data", str(data), *full)


def test_a_running_server_is_not_disturbed(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev") as server:
        command = Command(tmp_path, server.url)
        for head in (1, 2):
            command.ok("publish", "demo/x", "1")
            assert check(command, "--data", ".")["log"]["head"] == head
        assert server.stop() == 0


def test_what_is_no_log_is_a_problem(here: Command) -> None:
    (here.cwd / DATABASE).write_bytes(b"something else" * 1000)
    [problem] = check(here, "--data", ".", code=1)["problems"]
    assert DATABASE in problem


def test_a_newer_schema_is_a_problem(here: Command, data: Path) -> None:
    with sqlite3.connect(data / DATABASE) as db:
        db.execute("PRAGMA user_version = 4711")
    db.close()
    [problem] = check(here, "--data", str(data), code=1)["problems"]
    assert "4711" in problem


def test_a_place_that_is_no_directory_is_a_problem(here: Command) -> None:
    (here.cwd / "file").write_text("")
    problems = check(here, "--data", "file", code=1)["problems"]
    assert any("is not a directory" in problem for problem in problems)


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings, sources = load_with_sources(data=tmp_path)
    found = examine(settings, sources, full=False, free_needed=shutil.disk_usage(tmp_path).total * 2)
    assert [problem.split()[0] for problem in found.problems] == ["only"]


def test_it_takes_the_flags_that_serve_takes(here: Command) -> None:
    found = check(here, "--log", "memory:", "--dev", "--port", "9000", "--host", "127.0.0.2")
    values = {one["name"]: (one["value"], one["kind"]) for one in found["settings"]}
    assert values["port"] == (9000, "flag")
    assert values["host"] == (["127.0.0.2"], "flag")
    assert values["dev"] == (True, "flag")
    assert check(here, "--log", "memory:", "--dev", "--host", "0.0.0.0", code=1)["problems"]


def test_a_log_in_memory_is_told(here: Command) -> None:
    assert "in memory" in check(here, "--log", "memory:")["notes"][0]


def test_a_backup_beside_a_running_server_serves_what_was_there(tmp_path: Path) -> None:
    source, restored = tmp_path / "a", tmp_path / "b"
    source.mkdir()
    restored.mkdir()
    copy = restored / DATABASE
    with serving(source, "--dev") as server:
        command = Command(source, server.url)
        command.ok("publish", "demo/x", "-", "--lines", stdin="1\n2\n3\n")
        assert command.ok("backup", str(copy), "--data", str(source)).startswith(f"{copy}: ")
        command.ok("publish", "demo/x", "4")
    with serving(restored, "--dev") as server:
        lines = Command(source, server.url).ok("tail", "demo/*", "--no-follow").splitlines()
        assert [json.loads(line)["data"] for line in lines] == [1, 2, 3]


def test_a_backup_is_restored_as_its_help_says(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with serving(tmp_path, "--dev") as server:
        command = Command(tmp_path, server.url)
        command.ok("publish", "demo/x", "1")
        command.ok("backup", str(copy), "--data", str(tmp_path))
        newer = command.ok("publish", "demo/x", "2").split()[0]
        server.stop(signal.SIGKILL)  # leaves a write-ahead log behind
    for end in ("-wal", "-shm"):
        (tmp_path / f"{DATABASE}{end}").unlink()
    shutil.copy(copy, tmp_path / DATABASE)
    with serving(tmp_path, "--dev") as server:
        command = Command(tmp_path, server.url)
        lines = command.ok("tail", "demo/x", "--no-follow").splitlines()
        assert [json.loads(line)["data"] for line in lines] == [1]
        assert "reset (" in command("tail", "demo/x", "--no-follow", "--since", newer).stderr


def test_a_backup_overwrites_nothing(here: Command, data: Path) -> None:
    target = here.cwd / "there"
    target.write_text("precious")
    assert "exists" in here.fails(1, "backup", str(target), "--data", str(data))
    assert target.read_text() == "precious"


def test_a_backup_needs_a_log_and_a_place(here: Command, data: Path) -> None:
    assert "there is no log" in here.fails(1, "backup", "copy", "--data", "nowhere")
    assert "has no file" in here.fails(1, "backup", "copy", "--log", "memory:")
    assert "could not be copied" in here.fails(1, "backup", "no/such/place", "--data", str(data))
    assert not list(here.cwd.glob("*.partial"))
