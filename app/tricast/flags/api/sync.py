"""`GET /v1/flagd/{app}/{environment}.json`: what flagd's HTTP sync source reads.

A flag file of flagd with an ETag, so that asking again for what hasn't changed costs
neither side anything.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from tricast import Api, Ask
from tricast.flags.api.place import place_of
from tricast.flags.files import FlagFile, write_file
from tricast.flags.store import Flags
from tricast.flags.stored import EnvironmentFlags


def sync_routes(api: Api, flags: Flags) -> list[Route]:
    """The route of the files that flagd synchronizes with."""

    async def file(ask: Ask) -> Response:
        """The flags of an environment, for whoever may read flags."""
        ask.need("flags:read")
        ask.query()
        place = place_of(ask)
        view = flags.environment(place.app, place.environment)
        etag = f'"{view.etag}"'
        headers = {"etag": etag, "cache-control": "private, no-cache"}
        if ask.is_not_modified(etag):
            return Response(status_code=304, headers=headers)
        return Response(_written(view), headers=headers, media_type="application/json")

    return [api.route("/v1/flagd/{app}/{environment}.json", file, methods=["GET"])]


def _written(view: EnvironmentFlags) -> bytes:
    file = FlagFile(view.flags, view.evaluators or None, view.metadata or None, view.schema)
    return write_file(file, "json")
