"""Rounds: each server in turn, several times, so that noise falls on all of them alike."""

import statistics
from collections.abc import Callable, Mapping, Sequence

from bench.bench import Bench
from bench.loadgen import LoadResult
from bench.servers.server import Name, Server


def in_rounds(
    bench: Bench, scenario: str, what: str, servers: Mapping[Name, Server], **options: float | str
) -> dict[Name, list[LoadResult]]:
    """`bench.rounds` loads of each server, taking turns."""
    results: dict[Name, list[LoadResult]] = {name: [] for name in servers}
    for turn in range(bench.rounds):
        for name, server in servers.items():
            bench.say(f"{scenario}: {what}, {name}, round {turn + 1} of {bench.rounds}")
            result = bench.load.load(server, duration=bench.duration_s, **options)
            bench.note(scenario, server, what, result)
            results[name].append(result)
    return results


def median(
    results: Mapping[Name, Sequence[LoadResult]], name: Name, figure: Callable[[LoadResult], float]
) -> float | None:
    """The middle one of a server's rounds; None when it was not measured."""
    return statistics.median(map(figure, results[name])) if results.get(name) else None


def least(
    results: Mapping[Name, Sequence[LoadResult]], name: Name, figure: Callable[[LoadResult], float]
) -> float | None:
    """The smallest one of a server's rounds; None when it was not measured."""
    return min(map(figure, results[name])) if results.get(name) else None


def most(
    results: Mapping[Name, Sequence[LoadResult]], name: Name, figure: Callable[[LoadResult], float]
) -> float | None:
    """The largest one of a server's rounds; None when it was not measured."""
    return max(map(figure, results[name])) if results.get(name) else None
