"""Is it alive, and does it work? And what there is at this address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tricast.api.answers import SlashRoute, problem_response
from tricast.errors import TricastError
from tricast.hub.hub import Hub


def health_routes(hub: Hub, version: str, page: Callable[[Request], Response]) -> list[Route]:
    """`/healthz` (the process answers), `/readyz` (log and fan-out work), and `/`.

    `/` answers name, version and relative URLs of the main routes; browsers get `page`.
    """

    async def healthz(_: Request) -> Response:
        return _json({"status": "ok", "version": version})

    async def readyz(_: Request) -> Response:
        try:
            await hub.ready()
        except TricastError as problem:
            return problem_response(problem)
        return _json({"status": "ready", "cursor": hub.position})

    async def index(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return page(request)
        return _json(
            {
                "name": "tricast",
                "version": version,
                "events": "v1/events",
                "openapi": "openapi.json",
                "asyncapi": "asyncapi.json",
                "health": ["healthz", "readyz"],
            }
        )

    return [SlashRoute("/healthz", healthz), SlashRoute("/readyz", readyz), SlashRoute("/", index)]


def _json(value: Any) -> Response:
    return Response(
        orjson.dumps(value) + b"\n",
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )
