"""`GET /v1/audit`: who changed what, when and why. There is no other method: nothing is taken back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from tricast.api.answers import Api, Ask, json_answer
from tricast.api.entries import FLAG_KIND, Sight, Wanted
from tricast.api.exports import CSV, NDJSON, Export
from tricast.api.trail import Search, Trail
from tricast.cursor import Cursor
from tricast.errors import BadCursor, BadRequest, Draining, Unauthorized
from tricast.hub.caller import Caller
from tricast.hub.hub import Hub
from tricast.hub.subscription import Subscription
from tricast.wire.start import Start

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
FORMATS: Final = {"json": "application/json", "ndjson": NDJSON, "csv": CSV}
PARAMETERS: Final = (
    "app",
    "environment",
    "flag",
    "kind",
    "key",
    "actor",
    "action",
    "since",
    "until",
    "limit",
    "cursor",
    "format",
)
_LIMIT = re.compile(r"[0-9]{1,9}")


def audit_routes(
    hub: Hub,
    api: Api,
    *,
    recheck: Callable[[Caller], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
    prefix: str = "/v1",
) -> list[Route]:
    """The route that reads the audit trail of `hub`.

    `recheck(caller)` may raise Unauthorized for who has lost the right while an
    export was being written.
    """
    trail = Trail(hub)

    async def read(ask: Ask) -> Response:
        asked = ask.query(*PARAMETERS)
        search, cursor = _search(ask, asked), _cursor(asked.get("cursor"))
        media_type = _format(asked.get("format"), ask.request.headers.get("accept", ""))
        if media_type not in (CSV, NDJSON):
            found = await trail.look(search, cursor=cursor, limit=_limit(asked, MAX_LIMIT) or DEFAULT_LIMIT)
            return json_answer({"entries": [e.to_json() for e in found.entries], "next": found.next})
        limit = _limit(asked, None)
        pages = trail.pages(search, cursor=cursor, limit=0 if ask.request.method == "HEAD" else limit)
        first = await anext(pages, None)  # (before the head is sent, so that it can be refused)
        return Export(first or (), pages, format=media_type, day=today(), check=lambda: may_go_on(ask.caller))

    def today() -> str:
        return f"{datetime.fromtimestamp(clock(), UTC):%Y-%m-%d}"

    def may_go_on(caller: Caller) -> None:
        if hub.draining:
            raise Draining("the server is stopping; reconnect")
        expires_at = caller.grant.expires_at
        if expires_at is not None and expires_at <= clock():
            raise Unauthorized("the token has expired")
        recheck(caller)

    return [api.route(f"{prefix}/audit", read, methods=["GET"])]


def _search(ask: Ask, asked: Mapping[str, str]) -> Search:
    for name, value in asked.items():
        if not value:
            raise BadRequest(f"{name} is empty; leave it out, or give it a value", field=name)
    kind, key, flag = asked.get("kind"), asked.get("key"), asked.get("flag")
    if flag is not None:
        if kind not in (None, FLAG_KIND) or key not in (None, flag):
            raise BadRequest("give flag, or kind and key, not both", field="flag")
        kind, key = FLAG_KIND, flag
    action = asked.get("action")
    if action is not None:
        _check_glob(action)
    return Search(
        Sight.of(ask.grant),
        Wanted(asked.get("app"), asked.get("environment"), kind, key, asked.get("actor")),
        action,
        _moment(asked.get("since"), "since"),
        _moment(asked.get("until"), "until"),
    )


def _check_glob(action: str) -> None:
    try:
        Subscription.of((), (action,))
    except BadRequest as error:
        raise BadRequest(error.detail.replace("type", "action", 1), field="action") from None


def _moment(text: str | None, field: str) -> int | None:
    """A time or a duration back, as milliseconds since 1970."""
    if text is None:
        return None
    try:
        start = Start.parse(text, field)
    except BadCursor:
        start = None
    if start is None or start.kind != "time":
        raise BadRequest(
            f"{field} {text[:80]!r} is neither an RFC 3339 time such as 2026-01-01T12:00:00Z nor a duration "
            "back such as 10m, 12h or 30d",
            field=field,
        )
    return start.time_ms


def _cursor(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(Cursor.parse(text))
    except BadCursor:
        raise BadCursor(
            f"cursor {text[:80]!r} is not one; give the `next` of an answer, or an entry's `id`",
            field="cursor",
        ) from None


def _limit(asked: Mapping[str, str], most: int | None) -> int | None:
    text = asked.get("limit")
    if text is None:
        return None
    if not _LIMIT.fullmatch(text) or int(text) < 1 or (most is not None and int(text) > most):
        upto = "upwards (up to nine digits)" if most is None else f"to {most}"
        raise BadRequest(f"limit {text[:80]!r} must be a whole number from 1 {upto}", field="limit")
    return int(text)


def _format(text: str | None, accept: str) -> str:
    """The media type that is asked for by name, or else by `Accept`."""
    if text is not None:
        if text not in FORMATS:
            raise BadRequest(f"format {text[:80]!r} must be one of {', '.join(FORMATS)}", field="format")
        return FORMATS[text]
    accepted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((media for media in accepted if media in (CSV, NDJSON)), FORMATS["json"])
