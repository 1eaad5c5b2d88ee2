"""1,000 subscribers, 20 events a second: what one delivery costs the server."""

from collections.abc import Mapping, Sequence

from bench.bench import Bench
from bench.figures import Figure, at_least, at_most
from bench.loadgen import LoadResult
from bench.scenarios.rounds import in_rounds, least, median
from bench.servers.server import Name, Server

NAME = "fanout-paced"
EVENTS_PER_S = 20


def run(bench: Bench) -> list[Figure]:
    with bench.servers("tricast", "nchan", "floor") as servers:
        streams = in_rounds(bench, NAME, "sse", servers, transport="sse", rate=EVENTS_PER_S)
        hubs: dict[Name, Server] = {name: server for name, server in servers.items() if name != "floor"}
        sockets = in_rounds(bench, NAME, "websocket", hubs, transport="websocket", rate=EVENTS_PER_S)
    # A frame's format makes no difference to write(2): one floor serves both.
    if "floor" in streams:
        sockets["floor"] = streams["floor"]
    return [*_figures("WebSocket", sockets), *_figures("SSE", streams)]


def _figures(transport: str, results: Mapping[Name, Sequence[LoadResult]]) -> list[Figure]:
    return [
        Figure(
            scenario=NAME,
            name=f"{transport}: server CPU per delivery",
            unit="µs",
            tricast=median(results, "tricast", lambda r: r.cpu_us_per_delivery),
            nchan=median(results, "nchan", lambda r: r.cpu_us_per_delivery),
            floor=median(results, "floor", lambda r: r.cpu_us_per_delivery),
            target=at_most(1.3, of="nchan"),
        ),
        Figure(
            scenario=NAME,
            name=f"{transport}: latency, p50",
            unit="ms",
            tricast=median(results, "tricast", lambda r: r.p50_us / 1000),
            nchan=median(results, "nchan", lambda r: r.p50_us / 1000),
            floor=median(results, "floor", lambda r: r.p50_us / 1000),
        ),
        Figure(
            scenario=NAME,
            name=f"{transport}: latency, p99",
            unit="ms",
            tricast=median(results, "tricast", lambda r: r.p99_us / 1000),
            nchan=median(results, "nchan", lambda r: r.p99_us / 1000),
            floor=median(results, "floor", lambda r: r.p99_us / 1000),
        ),
        Figure(
            scenario=NAME,
            name=f"{transport}: delivered",
            unit="%",
            tricast=least(results, "tricast", lambda r: r.delivered_percent),
            nchan=least(results, "nchan", lambda r: r.delivered_percent),
            floor=least(results, "floor", lambda r: r.delivered_percent),
            target=at_least(100),
        ),
    ]
