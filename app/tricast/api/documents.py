"""`/openapi.json` and `/asyncapi.json`: what the server says of itself, for machines.

They are made when they are asked for: most servers are started without anybody who wants them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tricast.api.answers import SlashRoute
from tricast.api.schemas import Schema
from tricast.public_url import PublicUrl

# Paths and schemas of the applications on the hub.
Applications = Callable[[], tuple[Schema, Schema]]


def document_routes(
    version: str, applications: Applications, *, public_url: PublicUrl | None = None
) -> list[Route]:
    """The routes of both documents. `public_url` is the server that they name."""

    def openapi() -> Schema:
        from tricast.api.openapi import openapi as document

        paths, schemas = applications()
        return document(version, paths=paths, schemas=schemas, public_url=public_url)

    def asyncapi() -> Schema:
        from tricast.api.asyncapi import asyncapi as document

        return document(version, public_url=public_url)

    return [_route("/openapi.json", openapi), _route("/asyncapi.json", asyncapi)]


def _route(path: str, make: Callable[[], Schema]) -> Route:
    made = cache(lambda: orjson.dumps(make()))

    async def answer(_: Request) -> Response:
        # (the first time it takes a while, in which others go on)
        document = await asyncio.to_thread(made)
        # Anybody may read it, from any page: it holds nothing that isn't in the source.
        return Response(document, media_type="application/json", headers={"access-control-allow-origin": "*"})

    return SlashRoute(path, answer)
