"""1,000 pollers, 20 events a second: CPU and latency of the oldest transport."""

from bench.bench import Bench
from bench.figures import Figure, at_least, at_most
from bench.scenarios.rounds import in_rounds, least, median

NAME = "longpoll-paced"


def run(bench: Bench) -> list[Figure]:
    with bench.servers("tricast", "nchan") as servers:
        results = in_rounds(bench, NAME, "poll", servers, transport="poll", rate=20)
    return [
        Figure(
            scenario=NAME,
            name="server CPU per delivery",
            unit="µs",
            tricast=median(results, "tricast", lambda r: r.cpu_us_per_delivery),
            nchan=median(results, "nchan", lambda r: r.cpu_us_per_delivery),
            target=at_most(2.5, of="nchan"),
        ),
        Figure(
            scenario=NAME,
            name="latency, p50",
            unit="ms",
            tricast=median(results, "tricast", lambda r: r.p50_us / 1000),
            nchan=median(results, "nchan", lambda r: r.p50_us / 1000),
            target=at_most(100),
        ),
        Figure(
            scenario=NAME,
            name="latency, p99",
            unit="ms",
            tricast=median(results, "tricast", lambda r: r.p99_us / 1000),
            nchan=median(results, "nchan", lambda r: r.p99_us / 1000),
        ),
        Figure(
            scenario=NAME,
            name="delivered",
            unit="%",
            tricast=least(results, "tricast", lambda r: r.delivered_percent),
            nchan=least(results, "nchan", lambda r: r.delivered_percent),
            target=at_least(100),
        ),
    ]
