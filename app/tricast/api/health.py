"""Is it alive, and does it work? And what there is at this address."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from tricast.api.answers import problem_response
from tricast.errors import TricastError
from tricast.hub.hub import Hub

_PAGE_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def health_routes(hub: Hub, version: str, static: Path) -> list[Route]:
    """`/healthz` (the process answers), `/readyz` (log and fan-out work), `/` (what this is)."""

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
            return FileResponse(static / "index.html", headers=_PAGE_HEADERS)
        return _json(
            {
                "name": "tricast",
                "version": version,
                "events": "/v1/events",
                "openapi": "/openapi.json",
                "asyncapi": "/asyncapi.json",
                "health": ["/healthz", "/readyz"],
            }
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/", index)]


def _json(value: Any) -> Response:
    return Response(
        orjson.dumps(value) + b"\n",
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )
