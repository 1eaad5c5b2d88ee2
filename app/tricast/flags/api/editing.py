"""`/v1/flags`: whatever changes a flag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.responses import Response
from starlette.routing import Route

from tricast import Api, Ask, BadRequest, json_answer, version_tag
from tricast.flags import edits
from tricast.flags.api.bodies import BatchBody, CopyBody, ReasonBody, RevertBody, ToggleBody
from tricast.flags.api.reach import WRITE, app_of, check_reason, context_of, has_body
from tricast.flags.edits import Edit
from tricast.flags.store import Flags
from tricast.flags.stored import Outcome

MAX_BATCH_BYTES: Final = 8 * 1024 * 1024


def editing_routes(api: Api, flags: Flags) -> list[Route]:
    """The routes that change flags. The shorter paths are to be listed after those of `{key}/…`."""
    editing = _Editing(flags)
    key = "/v1/flags/{key:path}"
    return [
        api.route("/v1/flags/batch", editing.batch, methods=["POST"], max_body_bytes=MAX_BATCH_BYTES),
        api.route(f"{key}/archive", editing.archive, methods=["POST"]),
        api.route(f"{key}/restore", editing.restore, methods=["POST"]),
        api.route(f"{key}/copy", editing.copy, methods=["POST"]),
        api.route(f"{key}/toggle", editing.toggle, methods=["POST"]),
        api.route(f"{key}/revert", editing.revert, methods=["POST"]),
        api.route("/v1/flags", editing.create, methods=["POST"]),
        api.route(key, editing.patch, methods=["PATCH"]),
        api.route(key, editing.delete, methods=["DELETE"]),
    ]


class _Editing:
    def __init__(self, flags: Flags) -> None:
        self._flags = flags

    async def create(self, ask: Ask) -> Response:
        app = _begin(ask)
        value, reason = await _object(ask)
        key = value.pop("key", None)
        if not isinstance(key, str):
            raise BadRequest("key: a flag needs one, a text of 1 to 200 characters", field="key")
        outcome = await self._apply(ask, app, edits.Create(key, value), reason)
        answer = flag_answer(ask, outcome, 201)
        answer.headers["location"] = f"../v1/flags/{quote(key)}?app={quote(app, safe='')}"
        return answer

    async def patch(self, ask: Ask) -> Response:
        app, version = _begin(ask), ask.version()
        if "json-patch" in ask.request.headers.get("content-type", ""):
            raise BadRequest(
                "a JSON Patch is not read here; send a JSON Merge Patch (RFC 7396): the members that change, "
                "as application/merge-patch+json",
                field="Content-Type",
            )
        value, reason = await _object(ask)
        edit = edits.Patch(ask.path("key"), value, version)
        return flag_answer(ask, await self._apply(ask, app, edit, reason))

    async def delete(self, ask: Ask) -> Response:
        ask.need(WRITE)
        asked = ask.query("app", "reason")
        app, version = app_of(ask, asked.get("app")), ask.version()
        body = await ask.read(ReasonBody) if has_body(ask) else ReasonBody()
        reason = asked.get("reason") if body.reason is None else body.reason
        edit = edits.Delete(ask.path("key"), version)
        await self._apply(ask, app, edit, reason)
        return Response(status_code=204, headers={"cache-control": "no-store"})

    async def archive(self, ask: Ask) -> Response:
        return await self._simply(ask, edits.Archive)

    async def restore(self, ask: Ask) -> Response:
        return await self._simply(ask, edits.Restore)

    async def copy(self, ask: Ask) -> Response:
        app, version = _begin(ask), ask.version()
        body = await ask.read(CopyBody)
        edit = edits.Copy(ask.path("key"), body.source, body.target, version)
        return flag_answer(ask, await self._apply(ask, app, edit, body.reason))

    async def toggle(self, ask: Ask) -> Response:
        app, version = _begin(ask), ask.version()
        body = await ask.read(ToggleBody)
        edit = edits.Toggle(ask.path("key"), body.environment, body.state, version)
        return flag_answer(ask, await self._apply(ask, app, edit, body.reason))

    async def revert(self, ask: Ask) -> Response:
        app = _begin(ask)
        # (what may be undone is decided by the values themselves, so that no version is needed)
        version = ask.version() if "if-match" in ask.request.headers else None
        body = await ask.read(RevertBody)
        edit = edits.Revert(ask.path("key"), body.change, body.force, version)
        return reverted_answer(ask, await self._apply(ask, app, edit, body.reason))

    async def batch(self, ask: Ask) -> Response:
        ask.need(WRITE)
        asked = ask.query("app")
        body = await ask.read(BatchBody)
        if body.app is not None and asked.get("app", body.app) != body.app:
            raise BadRequest("the app in the query is not the one in the body", field="app")
        app = app_of(ask, asked.get("app", body.app))
        outcomes = await self._flags.apply(
            app,
            [change.edit() for change in body.changes],
            context_of(ask, check_reason(body.reason)),
            places=[f"changes.{index}" for index in range(len(body.changes))],
        )
        told = [{"key": each.key, **_told(ask, each)} for each in outcomes]
        return json_answer({"app": app, "changes": told})

    async def _simply(self, ask: Ask, kind: Callable[[str, int | None], Edit]) -> Response:
        app, version = _begin(ask), ask.version()
        body = await ask.read(ReasonBody) if has_body(ask) else ReasonBody()
        return flag_answer(ask, await self._apply(ask, app, kind(ask.path("key"), version), body.reason))

    async def _apply(self, ask: Ask, app: str, edit: Edit, reason: Any) -> Outcome:
        context = context_of(ask, check_reason(reason))
        outcomes: Sequence[Outcome] = await self._flags.apply(app, (edit,), context)
        return outcomes[0]


def _begin(ask: Ask) -> str:
    ask.need(WRITE)
    return app_of(ask, ask.query("app").get("app"))


async def _object(ask: Ask) -> tuple[dict[str, Any], Any]:
    """The body, an object, without its reason; and that."""
    value = await ask.json()
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object", field="body")
    return value, value.pop("reason", None)


def _told(ask: Ask, outcome: Outcome) -> dict[str, Any]:
    """What came of one edit: the flag as the caller may see it, what changed, how it was merged."""
    stored, own = outcome.stored, ask.grant.environment
    flag = None
    if stored is not None:
        flag = stored.whole() if own is None else stored.seen_in(own)
    told: dict[str, Any] = {
        "version": None if stored is None else stored.version,
        "changed": outcome.changed,
        "flag": flag,
    }
    if outcome.merged is not None:
        told["merged"] = outcome.merged.to_json()
    return told


def reverted_answer(ask: Ask, outcome: Outcome) -> Response:
    """The flag as it is again; nothing, where that it was made was undone."""
    if outcome.stored is None:
        return Response(status_code=204, headers={"cache-control": "no-store"})
    return flag_answer(ask, outcome)


def flag_answer(ask: Ask, outcome: Outcome, status: int = 200) -> Response:
    """The flag as the caller may see it, and what changed."""
    told = _told(ask, outcome)
    answer = {**(told["flag"] or {}), "changed": outcome.changed}
    if "merged" in told:
        answer["merged"] = told["merged"]
    made_at = "" if outcome.stored is None else outcome.stored.flag.created_at
    return json_answer(orjson.dumps(answer), status, {"etag": version_tag(told["version"], made_at)})
