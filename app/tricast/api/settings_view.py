"""`GET /v1/settings`: what the server was told, and where each value came from. Read-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from tricast.api.answers import Api, Ask, json_answer

HOW: Final = (
    "Settings are read when the server starts. Change one where `origin` says that it came from (a default: "
    "in tricast.toml, or in its environment variable), then restart the server: streams are told, and come "
    "back. The command line goes before the environment, that before the file."
)


def settings_routes(api: Api, rows: Sequence[Mapping[str, Any]], *, prefix: str = "/v1") -> list[Route]:
    """The route that shows `rows`, one for each setting, to the scope `admin`. No row may hold a secret."""

    async def get(ask: Ask) -> Response:
        ask.need("admin")
        ask.query()
        return json_answer({"settings": list(rows), "how": HOW})

    return [api.route(f"{prefix}/settings", get, methods=["GET"])]
