"""Feature flags: evaluations of 200 flags with targeting, 10,000 flags, and a flip as an SDK sees it."""

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.bench import Bench
from bench.figures import Figure, at_most
from bench.footprint import rss_bytes
from bench.requests import Connection, Timed, request, timed
from bench.servers.server import Server
from bench.servers.tricast import tricast

NAME = "flags"
TARGETED = 200
MANY = 10_000
FLIPS = 40
_BULK = "/v1/apps/{app}/production/ofrep/v1/evaluate/flags"
_ROOT = Path(__file__).resolve().parents[2]


def run(bench: Bench) -> list[Figure]:
    """Needs tricast alone; the flips need Node, too."""
    if "tricast" not in bench.wanted:
        return []
    with bench.servers("tricast") as servers:
        server = servers["tricast"]
        figures = [*_evaluations(bench, server), *_flips(bench, server)]
    return [*figures, *_many(bench)]


def _evaluations(bench: Bench, server: Server) -> Iterator[Figure]:
    flags = {f"flag-{number}": _targeted(number) for number in range(TARGETED)}
    with Connection(server.port) as connection:
        connection.ask(_import("few", {"$schema": _SCHEMA, "flags": flags}))
        known = connection.ask(_evaluate(1)).headers["etag"]
    pid, duration_s = server.pids[0], bench.duration_s
    for what, found in (
        ("1 flag", timed(server.port, pid, _evaluate_one, duration_s=duration_s)),
        (
            "200 flags, a new context each",
            timed(server.port, pid, lambda number: _evaluate(number + 10), duration_s=duration_s),
        ),
        (
            "200 flags, a context seen before",
            timed(server.port, pid, lambda _: _evaluate(1), duration_s=duration_s),
        ),
        (
            "200 flags, 304",
            timed(
                server.port,
                pid,
                lambda _: _evaluate(1, If_None_Match=known),
                duration_s=duration_s,
                expected=304,
            ),
        ),
    ):
        yield from _timed(what, found)


def _timed(what: str, found: Timed) -> Iterator[Figure]:
    yield Figure(scenario=NAME, name=f"{what}: p50", unit="ms", tricast=found.p50_ms)
    yield Figure(scenario=NAME, name=f"{what}: p99", unit="ms", tricast=found.p99_ms)
    yield Figure(scenario=NAME, name=f"{what}: requests, 8 connections", unit="1/s", tricast=found.per_s)
    yield Figure(scenario=NAME, name=f"{what}: server CPU per request", unit="µs", tricast=found.cpu_us)


def _flips(bench: Bench, server: Server) -> Iterator[Figure]:
    """From a toggle's request to the web provider's ConfigurationChanged; its own debounce is 50 ms of it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        bench.say("[yellow]Node and npm are not installed: flips are not measured.[/]")
        return
    sys.path.insert(0, str(_ROOT))
    from tests.flags.ofrep.node import running

    base = f"http://127.0.0.1:{server.port}"
    with running("web") as program:
        program.ask("init", baseUrl=f"{base}/v1/apps/few/production", context={"targetingKey": "bench"})
        took: list[float] = sorted(
            program.ask(
                "flip",
                url=f"{base}/v1/flags/flag-0/toggle?app=few",
                body={"environment": "production"},
                headers={"if-match": "*"},
                key="flag-0",
                times=10 if bench.quick else FLIPS,
            )
        )
    name = "flip to ConfigurationChanged in the web SDK"
    yield Figure(
        scenario=NAME, name=f"{name}: p50", unit="ms", tricast=statistics.median(took), target=at_most(80)
    )
    yield Figure(scenario=NAME, name=f"{name}: p99", unit="ms", tricast=took[int(len(took) * 0.99)])


def _many(bench: Bench) -> Iterator[Figure]:
    many = 1_000 if bench.quick else MANY
    flags = {f"flag-{number}": _targeted(number) for number in range(many)}
    with _folder(bench) as folder:
        started = time.perf_counter()
        with tricast(bench.cores.server, folder, bench.tricast_command) as server:
            empty_s, before = time.perf_counter() - started, rss_bytes(server.pids)
            with Connection(server.port) as connection:
                dry = _seconds(connection, _import("many", {"flags": flags}, dry_run=True))
                real = _seconds(connection, _import("many", {"flags": flags}))
                first = _seconds(connection, _snapshot())
                again = _seconds(connection, _snapshot())
                listed = _seconds(connection, request("GET", "/v1/flags?app=many"))
                searched = _seconds(connection, request("GET", "/v1/flags?app=many&q=flag-77&state=ENABLED"))
            held = rss_bytes(server.pids) - before
        started = time.perf_counter()
        with tricast(bench.cores.server, folder, bench.tricast_command) as server:
            full_s = time.perf_counter() - started
            with Connection(server.port) as connection:
                cold = _seconds(connection, _snapshot())
    for name, unit, value in (
        ("import as a dry run", "s", dry),
        ("import, atomic and durable", "s", real),
        ("snapshot of an environment, first", "ms", first * 1000),
        ("snapshot of an environment, again", "ms", again * 1000),
        ("list of whole flags", "ms", listed * 1000),
        ("search", "ms", searched * 1000),
        ("start to first answer", "s", full_s),
        ("start to first answer, without flags", "s", empty_s),
        ("first snapshot after a start", "ms", cold * 1000),
        ("memory", "MiB", held / 2**20),
    ):
        yield Figure(scenario=NAME, name=f"{many:,} flags: {name}", unit=unit, tricast=value)


@contextmanager
def _folder(bench: Bench) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="flags-", dir=bench.scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _seconds(connection: Connection, asked: bytes) -> float:
    began = time.perf_counter()
    connection.ask(asked)
    return time.perf_counter() - began


def _import(app: str, file: dict[str, Any], *, dry_run: bool = False) -> bytes:
    path = f"/v1/flags/import?app={app}&environment=production{'&dry_run=1' if dry_run else ''}"
    return request("POST", path, file)


def _snapshot() -> bytes:
    return request("GET", "/v1/flags?app=many&environment=production")


def _evaluate(number: int, **headers: str) -> bytes:
    return request("POST", _BULK.format(app="few"), _context(number), **headers)


def _evaluate_one(number: int) -> bytes:
    return request("POST", f"{_BULK.format(app='few')}/flag-{number % TARGETED}", _context(number))


def _context(number: int) -> dict[str, Any]:
    return {
        "context": {
            "targetingKey": f"user-{number}",
            "email": f"user-{number}@{'faas.com' if number % 3 else 'example.com'}",
            "version": f"2.{number % 9}.1",
            "country": ("DE", "FR", "JP")[number % 3],
        }
    }


_SCHEMA = "https://flagd.dev/schema/v0/flags.json"
_RULES: tuple[dict[str, Any], ...] = (
    {"if": [{"ends_with": [{"var": "email"}, "@faas.com"]}, "on", None]},
    {"if": [{"sem_ver": [{"var": "version"}, ">=", "2.4.0"]}, "on", "off"]},
    {"fractional": [["on", 25], ["off", 75]]},
    {
        "if": [
            {
                "and": [
                    {"in": [{"var": "country"}, ["DE", "FR"]]},
                    {"starts_with": [{"var": "email"}, "user"]},
                ]
            },
            {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}, ["on", 50], ["off", 50]]},
            "off",
        ]
    },
)


def _targeted(number: int) -> dict[str, Any]:
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": json.loads(json.dumps(_RULES[number % len(_RULES)])),
    }
