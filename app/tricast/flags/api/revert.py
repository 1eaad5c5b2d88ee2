"""`/v1/audit/{change}/revert`: taking a change back, whatever it was of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from tricast import Api, Ask, Conflict, Hub, diff, json_answer
from tricast.flags import edits
from tricast.flags.api.bodies import ForceBody
from tricast.flags.api.editing import reverted_answer
from tricast.flags.api.reach import (
    WRITE,
    app_of,
    check_reason,
    context_of,
    environment_of,
    has_body,
    need_all_environments,
)
from tricast.flags.apps import APP_KIND, App
from tricast.flags.changes import undo
from tricast.flags.edits import Context
from tricast.flags.merging import VersionConflict, overwritten
from tricast.flags.reverting import changes_in, entry_at
from tricast.flags.store import Flags
from tricast.flags.stored import FLAG_KIND, SETTINGS_KIND

_MAX_TRIES: Final = 16
_UNDOABLE: Final = ("/name", "/environments")
_INSTEAD: Final = {
    "key": "a key is shown once and stays revoked; make a new one with POST /v1/keys, or revoke it",
    "token": "a revoked token stays so; get a new one with POST /v1/tokens",
    "subject": "what a subject had stays revoked; give it a new key with POST /v1/keys, or a new token",
}


def revert_routes(api: Api, hub: Hub, flags: Flags) -> list[Route]:
    """The route that takes back what an entry of the audit trail tells of."""
    return [api.route("/v1/audit/{change}/revert", _Reverting(hub, flags).revert, methods=["POST"])]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which entry is to be taken back, of which app, and how."""

    change: str
    app: str
    entry: dict[str, Any]
    force: bool
    context: Context


class _Reverting:
    def __init__(self, hub: Hub, flags: Flags) -> None:
        self._hub = hub
        self._flags = flags

    async def revert(self, ask: Ask) -> Response:
        ask.need(WRITE)
        named = ask.query("app").get("app")
        app = None if named is None and ask.grant.app is None else app_of(ask, named)
        body = await ask.read(ForceBody) if has_body(ask) else ForceBody()
        context = context_of(ask, check_reason(body.reason))
        change = ask.path("change")
        entry = await entry_at(self._hub, app, change)
        kind = str(entry.get("kind"))
        asked = _Asked(change, str(entry.get("app")), entry, body.force, context)
        if kind == FLAG_KIND:
            return await self._flag(ask, asked)
        if kind == SETTINGS_KIND:
            return await self._settings(ask, asked)
        if kind == APP_KIND:
            return await self._app(ask, asked)
        why = _INSTEAD.get(kind, "only changes of flags, of their environments and of apps can")
        raise Conflict(f"a change of a {kind} can't be taken back: {why}", field="change")

    async def _flag(self, ask: Ask, asked: _Asked) -> Response:
        edit = edits.Revert(asked.entry["key"], asked.change, asked.force, None)
        outcomes = await self._flags.apply(asked.app, (edit,), asked.context)
        return reverted_answer(ask, outcomes[0])

    async def _settings(self, ask: Ask, asked: _Asked) -> Response:
        environment = asked.entry["key"]
        environment_of(ask, environment)
        edit = edits.RevertSettings(environment, asked.change, asked.force)
        outcomes = await self._flags.apply(asked.app, (edit,), asked.context)
        now = self._flags.settings(asked.app, environment)
        told = {
            "app": asked.app,
            "environment": environment,
            "settings": now.body(),
            "version": now.version,
            "changed": outcomes[0].changed,
        }
        return json_answer(told, headers={"etag": f'"{now.version}"'})

    async def _app(self, ask: Ask, asked: _Asked) -> Response:
        need_all_environments(ask)
        before, after = await self._put_back(asked)
        told = {
            **after.to_json(),
            "flags": len(self._flags.collection(asked.app)),
            "changed": [change.path for change in diff(before.body(), after.body())],
        }
        return json_answer(told, headers={"etag": f'"{after.version}"'})

    async def _put_back(self, asked: _Asked) -> tuple[App, App]:
        """The app before and after. Raises Conflict: changed since, or an environment is in use."""
        changes = [change for change in changes_in(asked.entry) if change.path in _UNDOABLE]
        for _ in range(_MAX_TRIES):
            before = self._flags.app(asked.app)
            undone = undo(before.body(), changes, force=asked.force)
            if undone.collisions and not asked.force:
                raise overwritten(f"the app {asked.app!r}", before.version, undone.collisions)
            if not diff(before.body(), undone.value):
                return before, before
            try:
                after = await self._flags.put_app(
                    asked.app,
                    name=undone.value["name"],
                    environments=undone.value["environments"],
                    version=before.version,
                    context=asked.context,
                )
            except Conflict as error:
                if error.field != "version":
                    raise
                continue  # (somebody else was first; whether it is still to be undone is asked anew)
            return before, after
        raise VersionConflict(
            f"the app {asked.app!r} was changed again and again; repeat it", field="version"
        )
