"""The README and the guides, run as they stand."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import websockets

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PATIENCE_S = 30


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def block_with(language: str, needle: str) -> str:
    found = [block for block in blocks(README, language) if needle in block]
    assert len(found) == 1, f"one {language} block of the README has {needle!r}"
    return found[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(port):
            assert server.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # (granian has workers, which outlive it)
        server.wait(PATIENCE_S)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/events?topic=a/b&timeout=0", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def serve(port: int, folder: Path) -> list[str]:
    return [sys.executable, "-m", "tricast", "serve", "--dev", "--port", str(port), "--data", str(folder)]


def environment(port: int) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("TRICAST_")}
    path = os.pathsep.join((str(Path(sys.executable).parent), mine["PATH"]))
    return mine | {"TRICAST_URL": f"http://127.0.0.1:{port}", "PATH": path}


def shell(script: str, port: int, folder: Path) -> str:
    script = script.replace("localhost:8080", f"localhost:{port}").replace("/tmp/", f"{folder}/")
    script = re.sub(r"^\. \.venv/bin/activate$", "", script, flags=re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment(port) | {"TRICAST_LOG": f"sqlite:///{folder}/tricast.db"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    free = free_port()
    with running(serve(free, tmp_path), free, tmp_path):
        yield free


def test_the_first_publish_and_poll_of_the_readme_work(port: int, tmp_path: Path) -> None:
    publish, poll = shell(block_with("sh", "curl -d 'hello'"), port, tmp_path).splitlines()
    assert json.loads(publish)["cursor"]
    assert [event["data"] for event in json.loads(poll)["events"]] == ["hello"]


def test_the_streams_of_the_readme_work(port: int, tmp_path: Path) -> None:
    block = block_with("sh", "text/event-stream")
    curl = next(line for line in block.splitlines() if line.startswith("curl"))
    assert "event: tricast.hello" in shell(f"timeout 2 {curl} || true", port, tmp_path)
    url = re.search(r"'(ws://[^']+)'", block)
    assert url is not None

    async def first() -> str:
        async with websockets.connect(url[1].replace("localhost:8080", f"localhost:{port}")) as socket:
            return json.loads(await socket.recv())["type"]

    assert asyncio.run(first()) == "tricast.hello"


def test_the_command_line_of_the_readme_works(port: int, tmp_path: Path) -> None:
    said = shell(block_with("sh", "tricast publish"), port, tmp_path)
    assert '"data":{"id":1}' in said.replace(" ", "")
    assert (tmp_path / "tricast-backup.db").exists()


def test_the_flags_of_the_readme_work(port: int, tmp_path: Path) -> None:
    said = shell(block_with("sh", "tricast flags create"), port, tmp_path)
    assert "new-checkout" in said
    assert "flag.created" in said
    asked = block_with("sh", "ofrep/v1/evaluate")
    evaluated, events = shell(asked, port, tmp_path).splitlines()
    assert json.loads(evaluated)["value"] is True
    assert [event["type"] for event in json.loads(events)["events"]] == ["flag.created", "flag.updated"]


def test_the_shell_loop_of_the_readme_survives_a_kill_of_the_server(tmp_path: Path) -> None:
    port = free_port()
    loop = block_with("sh", "Last-Event-ID").replace("localhost:8080", f"localhost:{port}")
    out = tmp_path / "seen"
    with running(serve(port, tmp_path), port, tmp_path) as server, out.open("wb") as seen:
        client = subprocess.Popen(
            ["bash", "-c", f"trap 'kill 0' TERM; {loop}"], stdout=seen, start_new_session=True
        )
        try:
            publish(port, range(5))
            server.send_signal(signal.SIGKILL)
            server.wait(PATIENCE_S)
            with running(serve(port, tmp_path), port, tmp_path):
                publish(port, range(5, 10))
                deadline = time.monotonic() + PATIENCE_S
                while 9 not in numbers(out) and time.monotonic() < deadline:
                    time.sleep(0.1)
        finally:
            os.killpg(client.pid, signal.SIGKILL)
            client.wait(PATIENCE_S)
    # The loop begins at the moment it starts: what was published before it was ready is not its own.
    seen_numbers = numbers(out)
    assert seen_numbers == list(range(seen_numbers[0], 10))


def publish(port: int, which: range) -> None:
    for number in which:
        url = f"http://127.0.0.1:{port}/v1/events?topic=demo/loop"
        with urllib.request.urlopen(url, data=str(number).encode(), timeout=10) as answer:
            assert answer.status == 201
        time.sleep(0.2)  # so that the loop makes several rounds; nothing is asserted of the time


def numbers(out: Path) -> list[int]:
    return [int(json.loads(line)["data"]) for line in out.read_text().splitlines() if line.endswith("}")]


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_the_application_of_the_readme_runs_under_other_servers(server: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(block_with("python", "endpoints(hub, gate)"))
    port = free_port()
    commands = {
        "uvicorn": ["-m", "uvicorn", "app:app", "--port", str(port)],
        "granian": ["-m", "granian", "--interface", "asgi", "--port", str(port), "app:app"],
    }
    with running([sys.executable, *commands[server]], port, tmp_path):
        script = block_with("sh", "curl -d 'hello'")
        _, poll = shell(script, port, tmp_path).splitlines()
        assert [event["data"] for event in json.loads(poll)["events"]] == ["hello"]


def test_the_application_of_the_readme_has_ten_lines_at_most() -> None:
    code = block_with("python", "endpoints(hub, gate)")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


def test_the_readme_starts_the_server_as_the_makefile_does() -> None:
    assert any(block.startswith("make run") for block in blocks(README, "sh"))
    assert "tricast serve --dev" in (ROOT / "Makefile").read_text()


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


GUIDES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_python_in_the_guides_is_python(guide: Path) -> None:
    for block in blocks(guide.read_text(), "python"):
        compile(block, guide.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_every_file_that_a_guide_links_to_is_there(guide: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", guide.read_text()):
        assert (guide.parent / target).exists(), target


def test_the_names_of_the_package_are_those_that_are_promised() -> None:
    import tricast

    assert sorted(tricast.__all__) == list(tricast.__all__)
    assert all(hasattr(tricast, name) for name in tricast.__all__)
    assert shutil.which("tricast", path=str(Path(sys.executable).parent)), "the script is installed"
