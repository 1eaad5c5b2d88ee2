"""1,000 clients come back at once, each 1,000 events behind."""

from collections.abc import Mapping

from bench.bench import Bench
from bench.figures import Figure, at_least, at_most
from bench.loadgen import ReplayResult, Transport
from bench.servers.server import Name

NAME = "replay"
CLIENTS = 1_000
EVENTS = 1_000
TRANSPORTS: dict[Transport, str] = {"sse": "SSE", "websocket": "WebSocket"}


def run(bench: Bench) -> list[Figure]:
    figures: list[Figure] = []
    for transport, label in TRANSPORTS.items():
        results: dict[Name, ReplayResult] = {}
        with bench.servers("tricast", "nchan") as servers:
            for name, server in servers.items():
                bench.say(f"{NAME}: {label}, {name}")
                results[name] = bench.load.replay(
                    server,
                    transport=transport,
                    subs=CLIENTS,
                    inflight=CLIENTS,
                    events=EVENTS,
                    batch=100 if name == "tricast" else 1,
                )
                bench.note(NAME, server, transport, results[name])
        figures += _figures(label, results)
    return figures


def _figures(label: str, results: Mapping[Name, ReplayResult]) -> list[Figure]:
    tricast, nchan = results.get("tricast"), results.get("nchan")
    return [
        Figure(
            scenario=NAME,
            name=f"{label}: events replayed",
            unit="1/s",
            tricast=tricast.delivered_per_s if tricast else None,
            nchan=nchan.delivered_per_s if nchan else None,
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: until all are live",
            unit="s",
            tricast=tricast.all_live_s if tricast else None,
            nchan=nchan.all_live_s if nchan else None,
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: delivered",
            unit="%",
            tricast=_percent(tricast),
            nchan=_percent(nchan),
            target=at_least(100),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: delivered twice or out of order",
            unit="",
            tricast=tricast.misordered if tricast else None,
            nchan=nchan.misordered if nchan else None,
            target=at_most(0),
        ),
        Figure(
            scenario=NAME,
            name=f"{label}: clients that became live",
            unit="",
            tricast=tricast.live if tricast else None,
            target=at_least(CLIENTS),
        ),
    ]


def _percent(result: ReplayResult | None) -> float | None:
    return 100 * result.delivered / result.expected if result else None
