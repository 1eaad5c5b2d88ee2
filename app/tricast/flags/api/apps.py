"""`/v1/apps`: the apps there are, and their environments."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tricast import Api, Ask, json_answer
from tricast.flags.api.bodies import AppBody
from tricast.flags.api.reach import (
    READ,
    WRITE,
    app_of,
    check_reason,
    context_of,
    need_all_environments,
)
from tricast.flags.apps import App
from tricast.flags.store import Flags


def app_routes(api: Api, flags: Flags) -> list[Route]:
    """The routes of apps."""
    apps = _Apps(flags)
    return [
        api.route("/v1/apps", apps.list, methods=["GET"]),
        api.route("/v1/apps/{app}", apps.get, methods=["GET"]),
        api.route("/v1/apps/{app}", apps.put, methods=["PUT"]),
    ]


class _Apps:
    def __init__(self, flags: Flags) -> None:
        self._flags = flags

    async def list(self, ask: Ask) -> Response:
        ask.need(*READ)
        ask.query()
        own = ask.grant.app
        names = self._flags.apps() if own is None else [own]
        return json_answer({"apps": [self._told(ask, self._flags.app(name)) for name in names]})

    async def get(self, ask: Ask) -> Response:
        ask.need(*READ)
        ask.query()
        found = self._flags.app(app_of(ask, ask.path("app")))
        return json_answer(self._told(ask, found), headers={"etag": f'"{found.version}"'})

    async def put(self, ask: Ask) -> Response:
        ask.need(WRITE)
        ask.query()
        app = app_of(ask, ask.path("app"))
        need_all_environments(ask)
        before = self._flags.app(app)
        is_new = before.version == 0 and "if-match" not in ask.request.headers
        version = 0 if is_new else ask.version()
        body = await ask.read(AppBody)
        made = await self._flags.put_app(
            app,
            name=body.name,
            environments=body.environments,
            version=version,
            context=context_of(ask, check_reason(body.reason)),
        )
        status = 201 if before.version == 0 else 200
        return json_answer(self._told(ask, made), status, {"etag": f'"{made.version}"'})

    def _told(self, ask: Ask, app: App) -> dict[str, Any]:
        """An app as the caller may see it."""
        told = {**app.to_json(), "flags": len(self._flags.collection(app.key))}
        own = ask.grant.environment
        if own is not None:
            told["environments"] = [name for name in app.environments if name == own]
        return told
