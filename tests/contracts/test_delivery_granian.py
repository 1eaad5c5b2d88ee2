"""The portable path on a server that isn't uvicorn: a smoke test in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.clients import TransportName, listen, publish
from tests.harness.sockets import PATIENCE_S

pytestmark = pytest.mark.anyio
APP = """
from starlette.applications import Starlette
from starlette.routing import Mount
from tricast.api.events import endpoints
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub

hub = Hub("sqlite:///events.db")
gate = lambda request: Grant(subject="anyone", subscribe=["demo/**"], publish=["demo/**"])
app = Starlette(routes=[Mount("/v1", endpoints(hub, gate))], lifespan=hub.lifespan)
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """An embedder's application under granian."""
    folder: Path = tmp_path_factory.mktemp("granian")
    (folder / "embedded.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free: int = probe.getsockname()[1]
    words = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(free), "embedded:app"]
    paths = os.pathsep.join([str(folder), *sys.path])
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            words, cwd=folder, env=os.environ | {"PYTHONPATH": paths}, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", free)).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, (folder / "out").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield free
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


async def test_another_asgi_server_delivers_the_same(port: int, transport: TransportName) -> None:
    """Hello, live, replay from a cursor, reset."""
    topic = f"demo/{transport}"
    with await listen(transport, port, [topic]) as listener:
        for n in range(5):
            assert (await publish(port, {"topic": topic, "data": {"n": n}})).status == 201
        assert await listener.numbers(3) == [0, 1, 2]
        cursor = listener.seen[-1].cursor
    with await listen(transport, port, [topic], cursor) as listener:
        assert await listener.numbers(2) == [3, 4]
    with await listen(transport, port, [topic], "zzzz-1") as listener:
        assert (await listener.until("tricast.reset")).data["reason"] == "unknown"
