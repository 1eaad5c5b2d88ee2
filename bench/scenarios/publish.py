"""Durable publishes over 32 keep-alive connections, one event a request and a hundred."""

from bench.bench import Bench
from bench.figures import Figure, at_least
from bench.scenarios.rounds import in_rounds, median

NAME = "publish"
CONNECTIONS = 32


def run(bench: Bench) -> list[Figure]:
    with bench.servers("tricast", "nchan") as servers:
        singles = in_rounds(bench, NAME, "one a request", servers, subs=0, publishers=CONNECTIONS)
    with bench.servers("tricast") as servers:
        batches = in_rounds(bench, NAME, "batches of 100", servers, subs=0, publishers=CONNECTIONS, batch=100)
    return [
        Figure(
            scenario=NAME,
            name="one event a request (nchan: in memory)",
            unit="1/s",
            tricast=median(singles, "tricast", lambda r: r.acked_per_s),
            nchan=median(singles, "nchan", lambda r: r.acked_per_s),
            target=at_least(8_000),
        ),
        Figure(
            scenario=NAME,
            name="one event a request: acknowledged, p50",
            unit="ms",
            tricast=median(singles, "tricast", lambda r: r.ack_p50_us / 1000),
            nchan=median(singles, "nchan", lambda r: r.ack_p50_us / 1000),
        ),
        Figure(
            scenario=NAME,
            name="one event a request: acknowledged, p99",
            unit="ms",
            tricast=median(singles, "tricast", lambda r: r.ack_p99_us / 1000),
            nchan=median(singles, "nchan", lambda r: r.ack_p99_us / 1000),
        ),
        Figure(
            scenario=NAME,
            name="events in batches of 100",
            unit="1/s",
            tricast=median(batches, "tricast", lambda r: r.acked_per_s),
            target=at_least(60_000),
        ),
    ]
