"""Idle connections with a browser's headers: what one of them holds."""

import time
from dataclasses import dataclass

from bench.bench import Bench
from bench.figures import Figure, at_most
from bench.footprint import rss_bytes, tcp_bytes
from bench.loadgen import Transport
from bench.servers.server import Name, Server

NAME = "memory"
KIB = 1024
TRANSPORTS: dict[Transport, tuple[str, float]] = {"sse": ("SSE", 8), "websocket": ("WebSocket", 20)}


@dataclass(frozen=True, slots=True)
class PerConnection:
    """KiB for each connection: the server's, and the kernel's for both ends of it."""

    rss_kib: float
    kernel_kib: float


def run(bench: Bench) -> list[Figure]:
    figures: list[Figure] = []
    connections = 2_000 if bench.quick else 5_000
    for transport, (label, limit_kib) in TRANSPORTS.items():
        results: dict[Name, PerConnection] = {}
        with bench.servers("tricast", "nchan") as servers:
            for name, server in servers.items():
                bench.say(f"{NAME}: {connections:,} idle {label} connections, {name}")
                results[name] = _measure(bench, server, transport, connections)
        figures += _figures(label, connections, limit_kib, results)
    return figures


def _measure(bench: Bench, server: Server, transport: Transport, connections: int) -> PerConnection:
    settle_s = 1 if bench.quick else 4
    with bench.load.held(server, transport=transport, subs=100, browser=1):
        pass  # what is loaded at the first connection is not the price of the next
    time.sleep(settle_s)
    rss_before, tcp_before = rss_bytes(server.pids), tcp_bytes()
    with bench.load.held(server, transport=transport, subs=connections, browser=1, sources=4):
        time.sleep(settle_s)
        rss, tcp = rss_bytes(server.pids) - rss_before, tcp_bytes() - tcp_before
    return PerConnection(rss / connections / KIB, tcp / connections / KIB)


def _figures(
    label: str, connections: int, limit_kib: float, results: dict[Name, PerConnection]
) -> list[Figure]:
    tricast, nchan = results.get("tricast"), results.get("nchan")
    return [
        Figure(
            scenario=NAME,
            name=f"{label}: RSS per connection at {connections:,}",
            unit="KiB",
            tricast=tricast.rss_kib if tricast else None,
            nchan=nchan.rss_kib if nchan else None,
            target=at_most(limit_kib),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: kernel TCP memory per connection",
            unit="KiB",
            tricast=tricast.kernel_kib if tricast else None,
            nchan=nchan.kernel_kib if nchan else None,
        ),
    ]
