"""What a running server writes to its log."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.test_docs import free_port, running


def lines_of(folder: Path) -> list[dict[str, str]]:
    text = (folder / "server.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def ask(port: int, target: str) -> None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{target}", timeout=10):
            pass
    except urllib.error.HTTPError:
        pass


@pytest.mark.parametrize("asked_for", [True, False])
def test_each_request_is_one_line_if_asked_for_and_tokens_are_in_none(
    asked_for: bool, tmp_path: Path
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tricast", "serve", "--dev", "--port", str(port), "--log", "memory:"]
    command += ["--log-format", "json", *(["--access-log"] if asked_for else [])]
    with running(command, port, tmp_path) as server:
        for target in ("/v1/events?topic=a/b&timeout=0&token=hush", "/healthz?token=hush", "/v1/events?x=1"):
            ask(port, target)
        server.terminate()
        assert server.wait(30) == 0
    text = (tmp_path / "server.log").read_text()
    assert "hush" not in text
    requests = [line["event"] for line in lines_of(tmp_path) if "GET" in line["event"]]
    requests = [line for line in requests if "topic=a/b&timeout=0 " not in line]  # of `running` itself
    if not asked_for:
        assert requests == []
        return
    poll, health, bad = requests
    assert poll == "127.0.0.1 GET /v1/events?topic=a/b&timeout=0&token=(hidden) 401"
    assert "/healthz?token=(hidden)" in health
    assert bad.endswith("/v1/events?x=1 400")


def test_the_files_of_the_log_are_for_the_servers_user_alone(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tricast", "serve", "--dev", "--port", str(port)]
    with running([*command, "--data", str(tmp_path / "data")], port, tmp_path):
        copy = [sys.executable, "-m", "tricast", "backup", str(tmp_path / "copy.db")]
        subprocess.run([*copy, "--data", str(tmp_path / "data")], check=True, timeout=60)
        files = [*(tmp_path / "data").iterdir(), tmp_path / "copy.db"]
        assert {file.name: oct(file.stat().st_mode & 0o077) for file in files} == {
            file.name: "0o0" for file in files
        }


def test_a_port_that_is_taken_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tricast", "serve", "--dev", "--port", str(port), "--log", "memory:"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"can not listen on 127.0.0.1 port {port}" in done.stderr
    assert "--port 9000" in done.stderr
