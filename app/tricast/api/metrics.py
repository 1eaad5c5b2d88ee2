"""`/metrics`: the hub's counters for Prometheus, to whoever has the scope `admin`."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tricast.api.answers import SlashRoute, problem_response
from tricast.errors import Forbidden, TricastError
from tricast.hub.hub import Hub
from tricast.transports.door import Door

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _HubCollector:
    """Reads the hub's stats when it is scraped; nothing is counted twice."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        stats = self._hub.stats
        connections = GaugeMetricFamily(
            "tricast_connections", "Open streams and waiting polls.", labels=["transport"]
        )
        for transport in ("websocket", "sse", "poll"):
            connections.add_metric([transport], getattr(stats, transport))
        yield connections
        states = GaugeMetricFamily("tricast_subscribers", "Streams by state.", labels=["state"])
        for state in ("live", "lagging", "replaying"):
            states.add_metric([state], getattr(stats, state))
        yield states
        for name, what in _COUNTERS.items():
            yield CounterMetricFamily(f"tricast_{name}", what, value=getattr(stats, name))
        for name, what in _GAUGES.items():
            yield GaugeMetricFamily(f"tricast_{name}", what, value=getattr(stats, name))
        yield GaugeMetricFamily("tricast_log_head", "The log's highest offset.", value=stats.head)
        yield GaugeMetricFamily("tricast_fanout_position", "Fan-out's offset.", value=stats.position)


_COUNTERS = {
    "published": "Events that were appended and fanned out since the start.",
    "deliveries": "Events that were written to streams.",
    "writes": "Writes that fan-out made: each carries one event or more.",
    "answers": "Polls that were taken.",
    "answered": "Events that were put into the answers to polls.",
    "resets": "Subscribers whose cursor could not be served when they came.",
    "reads": "Pages that were read from the log for replay.",
    "presence_changes": "Members that came, left or changed, as told to others.",
}
_GAUGES = {
    "presence_topics": "Topics that somebody is on.",
    "presence_members": "Members of all topics.",
}


def metrics_routes(door: Door) -> list[Route]:
    """The route `/metrics`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_HubCollector(door.hub))

    async def metrics(request: Request) -> Response:
        try:
            grant = await door.grant(request.scope)
            if "admin" not in grant.scopes:
                raise Forbidden(f"{grant.subject!r} has no scope 'admin', which /metrics asks for")
        except TricastError as problem:
            return problem_response(problem)
        return Response(generate_latest(registry), media_type=_TYPE)

    return [SlashRoute("/metrics", metrics)]
