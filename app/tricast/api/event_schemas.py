"""`/v1/apps/{app}/schemas`: JSON Schemas that the data of events must fit, by type."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from tricast.access.context import Context
from tricast.access.grants import check_app
from tricast.api.answers import Api, Ask, json_answer, version_tag
from tricast.api.schema_store import MAX_SCHEMA_BYTES, EventSchema, EventSchemas
from tricast.errors import BadRequest, Forbidden
from tricast.pattern import SYSTEM_APP

READ: Final = ("flags:read", "flags:write", "admin")
_TOLD = ("title", "description")


def event_schema_routes(api: Api, schemas: EventSchemas, *, prefix: str = "/v1") -> list[Route]:
    """The routes of `schemas`: read with `flags:read` or `admin`, written with `admin`."""
    routes = _Schemas(schemas)
    listed = f"{prefix}/apps/{{app}}/schemas"
    one = f"{listed}/{{type:path}}"
    return [
        api.route(listed, routes.list, methods=["GET"]),
        api.route(one, routes.get, methods=["GET"]),
        api.route(one, routes.put, methods=["PUT"], max_body_bytes=MAX_SCHEMA_BYTES),
        api.route(one, routes.delete, methods=["DELETE"]),
    ]


class _Schemas:
    def __init__(self, schemas: EventSchemas) -> None:
        self._schemas = schemas

    async def list(self, ask: Ask) -> Response:
        ask.need(*READ)
        ask.query()
        app = _app(ask)
        return json_answer({"app": app, "schemas": [_row(each) for each in self._schemas.list(app)]})

    async def get(self, ask: Ask) -> Response:
        ask.need(*READ)
        ask.query()
        found = self._schemas.get(_app(ask), ask.path("type"))
        return json_answer(_told(found), headers=_tag(found))

    async def put(self, ask: Ask) -> Response:
        app, type, by = _begin(ask)
        was = self._schemas.version(app, type)
        is_new = was == 0 and "if-match" not in ask.request.headers
        version = 0 if is_new else ask.version()
        made = await self._schemas.put(app, type, await ask.json(), version=version, by=by)
        return json_answer(_told(made), 200 if was else 201, _tag(made))

    async def delete(self, ask: Ask) -> Response:
        app, type, by = _begin(ask)
        await self._schemas.delete(app, type, version=ask.version(), by=by)
        return Response(status_code=204, headers={"cache-control": "no-store"})


def _begin(ask: Ask) -> tuple[str, str, Context]:
    ask.need("admin")
    by = Context(ask.actor, ask.query("reason").get("reason"), ask.request_id)
    return _app(ask), ask.path("type"), by


def _app(ask: Ask) -> str:
    """The app of the path, if the caller may ask about it."""
    app, own = ask.path("app"), ask.grant.app
    if own is not None and own != app:
        raise Forbidden(
            f"{ask.grant.subject!r} belongs to the app {own!r}, and this is about {app[:80]!r}", field="app"
        )
    if app == SYSTEM_APP:
        raise BadRequest(f"the app {SYSTEM_APP!r} is the server's own", field="app")
    return check_app(app)


def _row(schema: EventSchema) -> dict[str, Any]:
    """As it is listed: without the schema, with what it says of itself."""
    said = schema.schema if isinstance(schema.schema, dict) else {}
    return {
        "type": schema.type,
        "version": schema.version,
        **{name: said[name] if isinstance(said.get(name), str) else None for name in _TOLD},
        "created_at": schema.created_at,
        "updated_at": schema.updated_at,
        "updated_by": schema.updated_by,
    }


def _told(schema: EventSchema) -> dict[str, Any]:
    return {"app": schema.app, **_row(schema), "schema": schema.schema}


def _tag(schema: EventSchema) -> dict[str, str]:
    return {"etag": version_tag(schema.version, schema.created_at)}
