"""`/v1/connections`: who is connected now, and the way to end a connection."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Any, Final, get_args

from starlette.responses import Response
from starlette.routing import Route

from tricast.access.context import Context
from tricast.api.answers import Api, Ask, json_answer
from tricast.audit import ABSENT, Change
from tricast.errors import BadRequest, Disconnected, NotFound
from tricast.event import rfc3339
from tricast.hub.caller import Caller
from tricast.hub.hub import Hub
from tricast.hub.roster import Connected, Sort

TRANSPORTS: Final = ("websocket", "sse", "poll")
MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
MAX_TOPICS: Final = 8
MAX_SUBJECT_CHARS: Final = 255
RECONNECT_AFTER_MS: Final = 2000
_LIMIT = re.compile(r"[0-9]{1,9}")


def connection_routes(hub: Hub, api: Api, *, prefix: str = "/v1") -> list[Route]:
    """The routes for the connections of `hub`: for the scope `admin`, confined to its app if it has one."""
    connections = _Connections(hub)
    path = f"{prefix}/connections"
    return [
        api.route(path, connections.list, methods=["GET"]),
        api.route(f"{path}/{{id}}", connections.end, methods=["DELETE"]),
    ]


class _Connections:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def list(self, ask: Ask) -> Response:
        ask.need("admin")
        asked = ask.query("transport", "subject", "limit", "sort")
        wanted = _wanted(ask.grant.app, _one_of(asked, "transport", TRANSPORTS), _subject(asked))
        sort: Sort = "lag" if _one_of(asked, "sort", get_args(Sort)) == "lag" else "since"
        found, total = await self._hub.roster.look(wanted, sort=sort, limit=_limit(asked.get("limit")))
        return json_answer({"connections": [told(each) for each in found], "total": total})

    async def end(self, ask: Ask) -> Response:
        ask.need("admin")
        by = Context(ask.actor, ask.query("reason").get("reason"), ask.request_id)
        id = ask.path("id")
        caller = self._hub.roster.caller(id)
        if caller is None or not _is_own(caller, ask.grant.app):
            raise _gone(id)
        before = Change("", _named(caller), ABSENT)
        app = caller.grant.app
        entry = by.entry("connection.ended", app=app, kind="connection", key=id, changes=(before,))
        await self._hub.append((entry,))
        problem = Disconnected(
            "an administrator ended this connection; it may come back",
            retry_after_s=RECONNECT_AFTER_MS / 1000,
        )
        self._hub.roster.end(
            id, problem, reason="disconnected", reconnect_after_ms=RECONNECT_AFTER_MS
        )  # (if it went by itself meanwhile: what was wanted is so)
        return Response(status_code=204, headers={"cache-control": "no-store"})


def told(connected: Connected) -> dict[str, Any]:
    """A connection as it is answered."""
    return {
        **_named(connected.caller),
        "topics": connected.patterns[:MAX_TOPICS],
        "more": max(0, len(connected.patterns) - MAX_TOPICS),
        "state": connected.state,
        "since": rfc3339(int(connected.since * 1000)),
        "lag": connected.lag,
        "position": connected.position,
    }


def _named(caller: Caller) -> dict[str, Any]:
    grant = caller.grant
    return {
        "id": caller.connection,
        "subject": grant.subject,
        "role": grant.role,
        "credential": grant.credential,
        "app": grant.app,
        "address": caller.address or None,
        "transport": _transport(caller),
    }


def _transport(caller: Caller) -> str:
    """As connections are counted: what is neither WebSocket nor poll is a stream over HTTP."""
    return caller.transport if caller.transport in TRANSPORTS else "sse"


def _is_own(caller: Caller, app: str | None) -> bool:
    return app is None or caller.grant.app == app


def _wanted(app: str | None, transport: str | None, subject: str | None) -> Callable[[Caller], bool]:
    """Whose connections are asked for, by somebody of `app` (None: of all)."""
    matches = None
    if subject is not None:
        matches = re.compile(fnmatch.translate(subject.replace("[", "[[]")), re.IGNORECASE).match

    def wanted(caller: Caller) -> bool:
        return (
            _is_own(caller, app)
            and (transport is None or _transport(caller) == transport)
            and (matches is None or matches(caller.grant.subject) is not None)
        )

    return wanted


def _one_of(asked: dict[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    text = asked.get(name)
    if text is not None and text not in allowed:
        raise BadRequest(f"{name} {text[:80]!r} must be one of {', '.join(allowed)}", field=name)
    return text


def _subject(asked: dict[str, str]) -> str | None:
    text = asked.get("subject")
    if text is not None and (not 1 <= len(text) <= MAX_SUBJECT_CHARS or text.count("*") > 8):
        raise BadRequest(
            f"subject {text[:80]!r} must be 1-{MAX_SUBJECT_CHARS} characters with at most 8 '*'",
            field="subject",
        )
    return text


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise BadRequest(f"limit {text[:80]!r} must be a whole number from 1 to {MAX_LIMIT}", field="limit")
    return int(text)


def _gone(id: str) -> NotFound:
    return NotFound(
        f"there is no connection {id[:80]!r} now; GET /v1/connections lists those there are", field="id"
    )
