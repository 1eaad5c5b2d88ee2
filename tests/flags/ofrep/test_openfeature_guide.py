"""docs/openfeature.md: its programs, run as they stand but for the server's address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.api.served import Served, serve
from tests.flags.ofrep.hosted import App
from tests.flags.ofrep.node import TIMEOUT_S, packages

GUIDE = (Path(__file__).parents[3] / "docs" / "openfeature.md").read_text()

# What a page has that Node has not, and what the page's own server does.
PAGE = """
import { createRequire } from 'node:module'
globalThis.EventSource = createRequire(import.meta.url)('eventsource').EventSource
globalThis.fetchToken = async () => process.env.TOKEN
"""


def block(language: str, needle: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    [wanted] = [each for each in found if needle in each]
    return str(wanted)


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with subprocess.Popen(
        command, cwd=folder, env={**kept, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def module(folder: Path, program: str, text: str) -> list[str]:
    """`text` as a program for Node that finds the packages of `program`."""
    (folder / "node_modules").symlink_to(packages(program) / "node_modules")
    (folder / "guide.mjs").write_text(text)
    return ["node", "guide.mjs"]


@pytest.fixture
def guide_app(flag_server: Served, app: App, tmp_path: Path) -> App:
    """The flags of the guide, in an app of the test's own."""
    file = re.search(r"<<'END'\n(.*?)^END$", block("sh", "flags.json"), re.MULTILINE | re.DOTALL)
    assert file is not None
    with app.http() as client:
        query = {"app": app.name, "environment": "production"}
        answer = client.post(
            "/v1/flags/import",
            params=query,
            content=file[1],
            headers={"content-type": "application/json"},
        )
    assert answer.is_success, answer.text
    return app


def test_the_first_steps(tmp_path: Path) -> None:
    with serve() as server:
        text = block("sh", "flags.json").replace("localhost:8080", server.url.removeprefix("http://"))
        done = subprocess.run(
            ["bash", "-euc", text],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env={**os.environ, "no_proxy": "*"},
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert '"key":"new-checkout","value":true,"reason":"TARGETING_MATCH"' in done.stdout
    assert '"key":"max-items","value":10' in done.stdout
    assert '"eventStreams"' in done.stdout


def test_a_server_in_node(guide_app: App, tmp_path: Path) -> None:
    text = block("js", "ofrep-provider").replace("http://localhost:8080", guide_app.served.url)
    command = module(tmp_path, "server", text)
    with running(command, tmp_path, TRICAST_KEY=guide_app.key("flags:read")) as process:
        assert said(process) == "true"


def test_a_server_in_python(guide_app: App, tmp_path: Path) -> None:
    text = block("python", "OFREPProvider").replace("http://localhost:8080", guide_app.served.url)
    with running([sys.executable, "-c", text], tmp_path, TRICAST_KEY=guide_app.key("flags:read")) as process:
        assert said(process) == "True"


def test_a_page(guide_app: App, tmp_path: Path) -> None:
    text = PAGE + block("js", "ofrep-web-provider").replace("http://localhost:8080", guide_app.served.url)
    command = module(tmp_path, "web", text)
    with running(command, tmp_path, TOKEN=guide_app.token("flags:read")) as process:
        assert said(process) == "true"
        guide_app.toggle("new-checkout")
        assert said(process) == "[ 'new-checkout' ]"
