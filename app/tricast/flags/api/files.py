"""`/v1/flags/import` and `/v1/flags/export`: flagd's files in and out."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from tricast import Api, Ask, BadRequest, Hub, json_answer
from tricast.flags.api.reach import READ, WRITE, app_of, check_reason, context_of, environment_of, yes
from tricast.flags.differences import changes_of
from tricast.flags.files import MAX_FILE_BYTES, Format, format_of, read_file, write_file
from tricast.flags.importing import Imported, Mode, exported, import_file
from tricast.flags.store import Flags
from tricast.flags.stored import Outcome

_FORMATS: Final[dict[str, Format]] = {"json": "json", "yaml": "yaml"}
_MODES: Final[dict[str, Mode]] = {"merge": "merge", "replace": "replace"}
_MEDIA_TYPES: Final[dict[Format, str]] = {"json": "application/json", "yaml": "application/yaml"}


def file_routes(api: Api, hub: Hub, flags: Flags) -> list[Route]:
    """The routes of flag files."""
    files = _Files(hub, flags)
    return [
        api.route("/v1/flags/import", files.take, methods=["POST"], max_body_bytes=MAX_FILE_BYTES),
        api.route("/v1/flags/export", files.give, methods=["GET"]),
    ]


class _Files:
    def __init__(self, hub: Hub, flags: Flags) -> None:
        self._hub = hub
        self._flags = flags

    async def take(self, ask: Ask) -> Response:
        ask.need(WRITE)
        asked = ask.query("app", "environment", "mode", "dry_run", "reason", "format")
        app, environment = app_of(ask, asked.get("app")), _environment(ask, asked.get("environment"))
        mode, dry_run = asked.get("mode", "merge"), yes(asked, "dry_run")
        if mode not in _MODES:
            raise BadRequest(f"mode {mode[:80]!r} must be merge or replace", field="mode")
        context = context_of(ask, check_reason(asked.get("reason")))
        self._flags.environment(app, environment)
        body = await ask.body()
        format = _format_of(ask, asked.get("format"), body)
        # (in a thread: a large file takes long enough to keep others waiting)
        file = await asyncio.to_thread(read_file, body, format)
        came = await import_file(
            self._flags, app, environment, file, mode=_MODES[mode], context=context, dry_run=dry_run
        )
        return json_answer(
            {"app": app, "environment": environment, "dry_run": dry_run}
            | _told(came, dry_run=dry_run)
            | {"cursor": self._hub.documents_at}
        )

    async def give(self, ask: Ask) -> Response:
        ask.need(*READ)
        asked = ask.query("app", "environment", "format")
        app, environment = app_of(ask, asked.get("app")), _environment(ask, asked.get("environment"))
        format = _format(asked.get("format", "json"))
        view, cursor = self._flags.environment(app, environment), self._hub.documents_at
        text = await asyncio.to_thread(write_file, exported(view), format)
        name = f"{environment}.flagd.{format}"
        headers = {
            "cache-control": "no-store",
            "tricast-cursor": cursor,
            "content-disposition": f'attachment; filename="{name}"',
        }
        return Response(text, headers=headers, media_type=_MEDIA_TYPES[format])


def _environment(ask: Ask, asked: str | None) -> str:
    found = environment_of(ask, asked)
    if found is None:
        raise BadRequest("which environment? Give ?environment=<environment>", field="environment")
    return found


def _format(text: str) -> Format:
    if text not in _FORMATS:
        raise BadRequest(f"format {text[:80]!r} must be json or yaml", field="format")
    return _FORMATS[text]


def _format_of(ask: Ask, asked: str | None, body: bytes) -> Format:
    """What the file is: as the query says, or `Content-Type`, or as it begins."""
    if asked is not None:
        return _format(asked)
    found = format_of(ask.request.headers.get("content-type", ""))
    if found is not None:
        return found
    if body.lstrip()[:1] == b"{":
        return "json"
    raise BadRequest(
        "is the file JSON or YAML? Send Content-Type: application/json or application/yaml, or ?format=",
        field="format",
    )


def _told(came: Imported, *, dry_run: bool) -> dict[str, Any]:
    def updated(each: Outcome) -> dict[str, Any]:
        told: dict[str, Any] = {"key": each.key, "changed": each.changed}
        if dry_run and each.before is not None and each.stored is not None:
            changes = changes_of(each.before.flag.body(), each.stored.flag.body())
            told["changes"] = [change.to_json() for change in changes]
        return told

    return {
        "created": [each.key for each in came.created],
        "updated": [updated(each) for each in came.updated],
        "archived": [each.key for each in came.archived],
        "removed": [each.key for each in came.removed],
        "unchanged": came.unchanged,
        "settings": came.settings,
    }
