"""A hub in memory, or on one file, under several workers of one server: refused with the remedy."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest
from tests.harness.sockets import PATIENCE_S
from tests.harness.subprocesses import Process, process_of

from tricast import Hub

APP = """
import os
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from tricast import Grant, Hub, endpoints

hub = Hub({log!r})
other = Hub("memory:")


@asynccontextmanager
async def lifespan(app):
    async with hub, other:
        print("worker", os.getpid(), "started", flush=True)
        yield


async def pid(request):
    return PlainTextResponse(str(os.getpid()))


def gate(request):
    return Grant(subject="anyone", subscribe=["**"], publish=["**"])


app = Starlette(routes=[Route("/pid", pid), Mount("/v1", endpoints(hub, gate))], lifespan=lifespan)
"""
SERVERS = ("uvicorn", "gunicorn", "granian", "hypercorn")
REFUSAL = "another worker process of this server has a hub in memory already"


def pid_of(server: Process) -> int | None:
    """Which process answers; None: none does yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/pid", timeout=5) as answer:
            return int(answer.read())
    except (OSError, urllib.error.URLError):
        return None


def wait_for_another(server: Process, than: int | None = None) -> int:
    """Wait until a process answers that isn't `than`."""
    deadline = time.monotonic() + PATIENCE_S
    while (pid := pid_of(server)) in (None, than):
        assert server.is_running, server.output
        assert time.monotonic() < deadline, server.output
        time.sleep(0.05)
    return pid


@pytest.mark.parametrize("server", SERVERS)
def test_a_second_worker_with_a_hub_in_memory_is_refused_with_the_remedy(server: str, tmp_path: Path) -> None:
    with process_of(server, APP.format(log="memory:"), tmp_path, "--workers", "2") as process:
        process.wait_for(REFUSAL)
        assert "--workers 1" in process.output
        assert process.output.count(" started") <= 1


@pytest.mark.parametrize("server", SERVERS)
def test_one_worker_starts(server: str, tmp_path: Path) -> None:
    with process_of(server, APP.format(log="memory:"), tmp_path, "--workers", "1") as process:
        wait_for_another(process)
        assert REFUSAL not in process.output


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_a_second_worker_on_the_same_file_is_told_of_the_workers_too(server: str, tmp_path: Path) -> None:
    with process_of(server, APP.format(log="sqlite:///log.db"), tmp_path, "--workers", "2") as process:
        process.wait_for("is in use by another server")
        assert "run one worker (uvicorn --workers 1" in process.output


def test_reload_replaces_the_process(tmp_path: Path) -> None:
    with process_of("uvicorn", APP.format(log="memory:"), tmp_path, "--reload") as process:
        before = wait_for_another(process)
        (tmp_path / "app.py").write_text(APP.format(log="memory:") + "\n# changed\n")
        wait_for_another(process, than=before)
        assert REFUSAL not in process.output


def test_gunicorn_replaces_its_one_worker_on_a_signal(tmp_path: Path) -> None:
    with process_of("gunicorn", APP.format(log="memory:"), tmp_path) as process:
        before = wait_for_another(process)
        process.signal(signal.SIGHUP)
        wait_for_another(process, than=before)
        assert REFUSAL not in process.output


def test_two_servers_started_by_one_process_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    with (
        process_of("uvicorn", APP.format(log="memory:"), tmp_path) as one,
        process_of("uvicorn", APP.format(log="memory:"), tmp_path) as two,
    ):
        assert wait_for_another(one) != wait_for_another(two)


def publishing(start: object, done: object) -> None:
    """In a process of its own: a hub in memory, beside the others."""

    async def run() -> None:
        async with Hub("memory:") as hub:
            start.wait(PATIENCE_S)  # type: ignore[attr-defined]
            await hub.publish("demo/x", os.getpid())

    asyncio.run(run())
    done.put(os.getpid())  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("parent", ["alone", "listening with a hub"])
def test_processes_of_multiprocessing_have_a_hub_each(method: str, parent: str) -> None:
    context: BaseContext = multiprocessing.get_context(method)
    start, done = context.Barrier(3), context.Queue()

    def run() -> None:
        processes = [context.Process(target=publishing, args=(start, done)) for _ in range(2)]  # type: ignore[attr-defined]
        for process in processes:
            process.start()
        start.wait(PATIENCE_S)
        assert {done.get(timeout=PATIENCE_S) for _ in processes} == {each.pid for each in processes}
        for process in processes:
            process.join(PATIENCE_S)

    async def beside_a_hub() -> None:
        with socket.create_server(("127.0.0.1", 0)):
            async with Hub("memory:"):
                run()

    if parent == "alone":
        run()
    else:
        asyncio.run(beside_a_hub())
