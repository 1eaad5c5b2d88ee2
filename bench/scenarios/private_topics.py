"""10,000 connections, each on a topic of its own and a common one: how soon the last has an event."""

from bench.bench import Bench
from bench.figures import Figure
from bench.loadgen import ProbeResult
from bench.servers.server import Name

NAME = "private-topics"


def run(bench: Bench) -> list[Figure]:
    connections, reps = (2_000, 10) if bench.quick else (10_000, 100)
    results: dict[Name, ProbeResult] = {}
    with bench.servers("tricast", "nchan") as servers:
        for name, server in servers.items():
            bench.say(f"{NAME}: {connections:,} connections, {name}")
            results[name] = bench.load.probe(
                server, transport="websocket", subs=connections, sources=8, private=1, reps=reps, settle=2
            )
            bench.note(NAME, server, "websocket", results[name])
    return [
        _figure(f"common topic, last of {connections:,}: p50", "last_p50_us", results),
        _figure(f"common topic, last of {connections:,}: p99", "last_p99_us", results),
        _figure("private topic: p50", "own_p50_us", results),
        _figure("private topic: p99", "own_p99_us", results),
    ]


def _figure(name: str, field: str, results: dict[Name, ProbeResult]) -> Figure:
    def ms(server: Name) -> float | None:
        return getattr(results[server], field) / 1000 if server in results else None

    return Figure(scenario=NAME, name=name, unit="ms", tricast=ms("tricast"), nchan=ms("nchan"))
