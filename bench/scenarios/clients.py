"""The client libraries: how large they are, and how long from `connect()` to the first event."""

import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path

from bench.bench import Bench, Run
from bench.cores import pinned_to
from bench.errors import LoadFailed
from bench.figures import Figure, Target, at_most
from bench.requests import Connection, request
from bench.servers.server import Server

NAME = "clients"
TOPIC = "bench/first"
ROUNDS = 100
IMPORTS = 9
MOST_BUNDLE_KIB = 12
NO_NODE = "Node 20 and npm are not installed: the JavaScript client is not measured."
_ROOT = Path(__file__).resolve().parents[2]
_CLIENT = _ROOT / "static" / "client"
_PROGRAMS = Path(__file__).resolve().parents[1] / "clients"
_IMPORTED = re.compile(r"^(?:import|export) [^;]*?from '\./([\w-]+\.js)'", re.MULTILINE)
_TITLES = {"websocket": "WebSocket", "sse": "SSE", "poll": "long-poll"}
# (`time` is compiled in, so that nothing is loaded before the clock runs.)
_IMPORTING = (
    "import time; began = time.perf_counter(); import {}; print((time.perf_counter() - began) * 1000)"
)


def run(bench: Bench) -> list[Figure]:
    """Needs tricast alone; the JavaScript half needs Node and npm, too."""
    if "tricast" not in bench.wanted:
        return []
    with bench.servers("tricast") as servers:
        return [*_javascript(bench, servers["tricast"]), *_python(bench, servers["tricast"])]


def _javascript(bench: Bench, server: Server) -> Iterator[Figure]:
    with Connection(server.port) as connection:
        count, raw, packed = _modules(connection)
        connection.ask(request("POST", "/v1/events", {"topic": TOPIC, "data": "first"}), expected=201)
    if shutil.which("node") is None or shutil.which("npm") is None:
        bench.say(f"[yellow]{NO_NODE}[/]")
        bundle = None
    else:
        bundle = len(gzip.compress(_bundle(bench), 9)) / 1024
    yield _figure("JS: bundle, minified and gzipped", "KiB", bundle, target=at_most(MOST_BUNDLE_KIB))
    yield _figure(f"JS: the {count} modules as served", "KiB", raw / 1024)
    yield _figure(f"JS: the {count} modules as served, gzipped", "KiB", packed / 1024)
    if bundle is not None:
        command = ["node", "--no-warnings", "--experimental-websocket", str(_PROGRAMS / "first_event.mjs")]
        yield from _first_events(bench, server, "JS", command)


def _python(bench: Bench, server: Server) -> Iterator[Figure]:
    both = ("tricast.client", "httpx2, orjson, websockets.asyncio.client")
    commands = [[sys.executable, "-c", _IMPORTING.format(what)] for what in both]
    turns = [[float(_said(bench, command)) for command in commands] for _ in range(IMPORTS)]
    client, floor = map(statistics.median, zip(*turns, strict=True))
    yield _figure("Python: import (floor: of what it needs)", "ms", client, floor=floor)
    yield from _first_events(bench, server, "Python", [sys.executable, str(_PROGRAMS / "first_event.py")])


def _first_events(bench: Bench, server: Server, language: str, command: Sequence[str]) -> Iterator[Figure]:
    """From `connect()` to the one event that is there; the floor is the same request, read until then."""
    rounds = 20 if bench.quick else ROUNDS
    bench.say(f"{NAME}: {language}, {rounds} connections on each transport")
    url = f"http://127.0.0.1:{server.port}"
    took: dict[str, dict[str, list[float]]] = json.loads(_said(bench, [*command, url, TOPIC, str(rounds)]))
    for transport, times in took.items():
        bench.runs.append(Run(NAME, server.name, f"{language}, {transport}", dict(times)))
        for what, part in (("p50", 0.5), ("p99", 0.99)):
            client, floor = (sorted(times[name])[ceil(rounds * part) - 1] for name in ("client", "floor"))
            name = f"{language}: connect() to the first event, {_TITLES[transport]}: {what}"
            yield _figure(name, "ms", client, floor=floor)


def _modules(connection: Connection) -> tuple[int, int, int]:
    """What a page loads that imports `/client/index.js`: files, their bytes, and those when gzipped."""
    wanted, seen, raw, packed = ["index.js"], set[str](), 0, 0
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        body = connection.ask(request("GET", f"/client/{name}")).body
        packed += len(connection.ask(request("GET", f"/client/{name}", Accept_Encoding="gzip")).body)
        raw += len(body)
        wanted += _IMPORTED.findall(body.decode())
    return len(seen), raw, packed


def _bundle(bench: Bench) -> bytes:
    """Everything that an application takes in that imports the client, minified."""
    sys.path.insert(0, str(_ROOT))
    from tests.clients.npm import packages

    try:
        folder = packages(_ROOT / "tests" / "clients" / "js" / "package.json")
    except AssertionError as error:
        raise LoadFailed(str(error)) from None
    esbuild = folder / "node_modules" / "esbuild" / "bin" / "esbuild"
    with tempfile.TemporaryDirectory(dir=bench.scratch) as out:
        file = Path(out) / "bundle.js"
        how = ("--bundle", "--minify", "--format=esm", "--log-level=error", f"--outfile={file}")
        _said(bench, ["node", str(esbuild), str(_CLIENT / "index.js"), *how])
        return file.read_bytes()


def _said(bench: Bench, command: Sequence[str]) -> str:
    """What a program on the load generator's core prints. Raises LoadFailed."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join((str(_ROOT / "app"), str(_ROOT)))}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=env,
        preexec_fn=pinned_to(bench.cores.load),
    )
    if done.returncode != 0:
        raise LoadFailed(f"{Path(command[0]).name} failed:\n{done.stderr[-1500:]}")
    return done.stdout


def _figure(
    name: str, unit: str, value: float | None, *, floor: float | None = None, target: Target | None = None
) -> Figure:
    return Figure(scenario=NAME, name=name, unit=unit, tricast=value, floor=floor, target=target)
