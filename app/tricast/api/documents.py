"""`/openapi.json` and `/asyncapi.json`: what the server says of itself, for machines."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tricast.api.asyncapi import asyncapi
from tricast.api.openapi import openapi
from tricast.api.schemas import Schema


def document_routes(version: str, *, paths: Schema, schemas: Schema) -> list[Route]:
    """The routes of both documents. `paths` and `schemas`: see `openapi`."""
    return [
        _route("/openapi.json", orjson.dumps(openapi(version, paths=paths, schemas=schemas))),
        _route("/asyncapi.json", orjson.dumps(asyncapi(version))),
    ]


def _route(path: str, document: bytes) -> Route:
    async def answer(_: Request) -> Response:
        # Anybody may read it, from any page: it holds nothing that isn't in the source.
        return Response(document, media_type="application/json", headers={"access-control-allow-origin": "*"})

    return Route(path, answer)
