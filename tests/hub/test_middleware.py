"""A client that goes away, where the hub stands below a host's middleware: nothing is left or logged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.harness.clients import http, query_of, request_bytes
from tests.harness.sockets import Connection, patience
from tests.harness.subprocesses import Process, process_of

pytestmark = pytest.mark.anyio
APP = """
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from tricast import Api, Grant, Hub, endpoints, presence_routes


async def passing(request, call_next):
    return await call_next(request)


def gate(request):
    return Grant(subject="anyone", subscribe=["**"], publish=["**"], scopes=["presence"])


hub = Hub("sqlite:///events.db")
passes = Middleware(BaseHTTPMiddleware, dispatch=passing)
cors, gzip = Middleware(CORSMiddleware, allow_origins=["*"]), Middleware(GZipMiddleware, minimum_size=1)
stacks = {"plain": [], "base": [passes], "twice": [passes, passes], "gzip": [gzip], "cors": [cors],
          "all": [cors, gzip, passes]}


async def connections(request):
    return JSONResponse(hub.connections)


app = Starlette(
    routes=[
        Route("/connections", connections),
        *(
            Mount(f"/{name}", middleware=stack, routes=[
                Mount("/v1", endpoints(hub, gate)), *presence_routes(hub, Api(gate), prefix="")
            ])
            for name, stack in stacks.items()
        ),
    ],
    lifespan=hub.lifespan,
)
"""
STACKS = ("plain", "base", "twice", "gzip", "cors", "all")


@pytest.fixture(scope="module", params=["uvicorn", "granian", "hypercorn"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with process_of(request.param, APP, tmp_path_factory.mktemp(request.param)) as process:
        process.wait_until_it_listens()
        yield process


async def connections(server: Process) -> int:
    return int((await http(server.port, "GET", path="/connections")).body)


async def until_connections(server: Process, count: int) -> None:
    async with patience():
        while await connections(server) != count:
            pass


def complaints(output: str) -> list[str]:
    lines = [line for line in output.splitlines() if "[INFO]" not in line]
    return [line for line in lines if "Traceback" in line or "error" in line.lower()]


@pytest.mark.parametrize("stack", STACKS)
async def test_a_client_that_goes_away_leaves_nothing_in_the_log(server: Process, stack: str) -> None:
    path = f"/{stack}/v1/events"
    before = len(server.output)
    for accept in ("application/json", "text/event-stream"):
        for version in ("1.1", "1.0"):
            with await Connection.open(server.port) as client:
                target = f"{path}?{query_of(['demo/x'], timeout=30)}"
                await client.send(request_bytes("GET", target, [("accept", accept)], version=version))
                await until_connections(server, 1)
                client.reset()
            await until_connections(server, 0)
    handshake = request_bytes(
        "GET",
        f"{path}?topic=demo/x",
        [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
    )
    with await Connection.open(server.port) as client:
        await client.send(handshake)
        await until_connections(server, 1)
        client.reset()
    await until_connections(server, 0)
    # What needs no connection of the hub's: half a body, and an answer that nobody reads.
    half = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf" % f"{path}?topic=demo/x".encode()
    head = request_bytes("HEAD", f"{path}?topic=demo/x")
    preflight = request_bytes("OPTIONS", path)
    join = request_bytes("POST", f"/{stack}/presence", [("content-length", "100")])
    for request in (half, head, preflight, join, handshake):
        with await Connection.open(server.port) as client:
            await client.send(request)
            client.reset()
    answer = await http(server.port, "POST", "topic=demo/x", path=path, body=b"there")
    assert answer.status == 201
    await until_connections(server, 0)
    assert complaints(server.output[before:]) == []
