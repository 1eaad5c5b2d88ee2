"""1,000 subscribers, 32 publishers that are never idle: deliveries a second, and whether any is lost."""

from collections.abc import Mapping, Sequence

from bench.bench import Bench
from bench.figures import Figure, Target, at_least, at_most
from bench.loadgen import LoadResult, Transport
from bench.scenarios.rounds import in_rounds, least, median, most
from bench.servers.server import Name

NAME = "fanout-saturated"
PUBLISHERS = 32
TRANSPORTS: dict[Transport, tuple[str, Target | None]] = {
    "websocket": ("WebSocket", at_least(4, of="nchan")),
    "sse": ("SSE", at_least(2.5, of="nchan")),
    "poll": ("long-poll", None),
}


def run(bench: Bench) -> list[Figure]:
    figures: list[Figure] = []
    for transport, (label, target) in TRANSPORTS.items():
        with bench.servers("tricast", "nchan") as servers:
            results = in_rounds(bench, NAME, transport, servers, transport=transport, publishers=PUBLISHERS)
        figures += _figures(label, target, results)
    return figures


def _per_cpu_s(result: LoadResult) -> float:
    """Deliveries for each second of CPU the server got: what a neighbour on the core cannot change."""
    return result.in_window / result.server_cpu_us * 1e6 if result.server_cpu_us else float("nan")


def _figures(label: str, target: Target | None, results: Mapping[Name, Sequence[LoadResult]]) -> list[Figure]:
    return [
        Figure(
            scenario=NAME,
            name=f"{label}: deliveries",
            unit="1/s",
            tricast=median(results, "tricast", lambda r: r.delivered_per_s),
            nchan=median(results, "nchan", lambda r: r.delivered_per_s),
            target=target,
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: deliveries per CPU second",
            unit="1/s",
            tricast=median(results, "tricast", _per_cpu_s),
            nchan=median(results, "nchan", _per_cpu_s),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: delivered, after draining",
            unit="%",
            tricast=least(results, "tricast", lambda r: r.delivered_percent),
            nchan=least(results, "nchan", lambda r: r.delivered_percent),
            target=at_least(100),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: delivered twice or out of order",
            unit="",
            tricast=most(results, "tricast", lambda r: r.misordered),
            nchan=most(results, "nchan", lambda r: r.misordered),
            target=at_most(0),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: publishes acknowledged",
            unit="1/s",
            tricast=median(results, "tricast", lambda r: r.acked_per_s),
            nchan=median(results, "nchan", lambda r: r.acked_per_s),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: latency, p50",
            unit="ms",
            tricast=median(results, "tricast", lambda r: r.p50_us / 1000),
            nchan=median(results, "nchan", lambda r: r.p50_us / 1000),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: server's share of its core",
            unit="%",
            tricast=median(results, "tricast", lambda r: 100 * r.server_cpu_share),
            nchan=median(results, "nchan", lambda r: 100 * r.server_cpu_share),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: load generator busy",
            unit="%",
            tricast=median(results, "tricast", lambda r: 100 * r.own_cpu_share),
            nchan=median(results, "nchan", lambda r: 100 * r.own_cpu_share),
        ),
    ]
