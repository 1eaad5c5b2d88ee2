"""OFREP over HTTP: `POST …/ofrep/v1/evaluate/flags`, `…/flags/{key}`, and the event stream.

At the root, where credentials (or the query) say which app and environment, and
below `/v1/apps/{app}/{environment}`, for base URLs that say it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.routing import Route

from tricast import Api, Ask, BadRequest, Caller, Grant, Hub, NotFound
from tricast.flags import ofrep
from tricast.flags.answers import Answers
from tricast.flags.api.place import Place, place_of
from tricast.flags.api.stream import Bells, Streams, stream_refusal
from tricast.flags.ofrep import Reply
from tricast.flags.store import Flags
from tricast.flags.stored import EnvironmentFlags
from tricast.flags.usage import Usage

BASES: Final = ("", "/v1/apps/{app}/{environment}")
_BULK: Final = "/ofrep/v1/evaluate/flags"
_STREAM: Final = "/ofrep/v1/stream"
_CATCH_UP_S: Final = 2.0

# What a stream's URL carries, EventSource having no headers: (grant, app, environment) → a token
# (None: none is needed), and a label that changes with it. The same until the next generation begins.
StreamToken = Callable[[Grant, str, str], tuple[str | None, str]]


def ofrep_routes(
    api: Api,
    flags: Flags,
    *,
    hub: Hub,
    usage: Usage,
    stream_token: StreamToken,
    admit: Callable[[Caller], None] = lambda _: None,
    heartbeat_s: float = 15.0,
    catch_up_s: float = _CATCH_UP_S,
) -> list[Route]:
    """OFREP's routes. Make them before the hub starts.

    `stream_token` is asked for callers that showed an API key (or nothing); who has
    a token goes on with it. `admit(caller)` may refuse a stream with TooMany.
    """
    bells = Bells(flags)
    streams = Streams(hub, flags, bells, admit=admit, heartbeat_s=heartbeat_s)
    service = _Ofrep(flags, bells, usage, stream_token, catch_up_s)
    limit = ofrep.MAX_BODY_BYTES
    routes = []
    for base in BASES:
        routes += [
            api.route(base + _BULK, service.bulk, methods=["POST"], max_body_bytes=limit),
            api.route(base + _BULK + "/{key:path}", service.one, methods=["POST"], max_body_bytes=limit),
            api.route(base + _STREAM, streams.open, methods=["GET"], get_refusal=stream_refusal),
        ]
    return routes


class _Ofrep:
    """The two evaluations.

    Unknown parameters of the query are let pass: the protocol is others', and grows.
    """

    def __init__(
        self, flags: Flags, bells: Bells, usage: Usage, stream_token: StreamToken, catch_up_s: float
    ) -> None:
        self._flags = flags
        self._bells = bells
        self._usage = usage
        self._stream_token = stream_token
        self._catch_up_s = catch_up_s
        self._answers = Answers()

    async def one(self, ask: Ask) -> Response:
        """Evaluate one flag."""
        key = ask.path("key")
        try:
            place, context = await self._question(ask)
            view = self._flags.environment(place.app, place.environment)
        except (BadRequest, NotFound) as error:
            return _response(ofrep.refusal(error, key))
        reply, variant = self._answers.one(view, key, context)
        if reply.status == 200:
            self._usage.count(place.app, place.environment, key, variant)
        return _response(reply)

    async def bulk(self, ask: Ask) -> Response:
        """Evaluate all flags; 304 if the client has the answer."""
        announced = ask.request.query_params.get("flagConfigEtag")
        try:
            place, context = await self._question(ask)
            view = await self._view(place, announced)
        except (BadRequest, NotFound) as error:
            return _response(ofrep.refusal(error))
        result = self._answers.all(view, context)
        self._usage.count_all(place.app, place.environment, result.answered)
        stream, label = self._stream(ask, place)
        etag = ofrep.bulk_etag(result, stream, label)
        is_seen = ofrep.has_seen(view.etag, announced)
        if is_seen and ask.is_not_modified(etag):
            return _response(Reply(304, headers={"etag": etag}))
        return _response(ofrep.bulk_answer(result, stream, etag))

    async def _question(self, ask: Ask) -> tuple[Place, dict[str, Any]]:
        ask.need("flags:read")
        place = place_of(ask)
        return place, ofrep.context_of(await ask.body())

    async def _view(self, place: Place, announced: str | None) -> EnvironmentFlags:
        """The flags, if possible with the change that another node's stream has announced.

        The provider asks once for each: an answer from before would stay with it
        until the next change.
        """
        view = self._flags.environment(place.app, place.environment)
        if ofrep.has_seen(view.etag, announced):
            return view
        with self._bells.at(place) as bell, suppress(TimeoutError):
            async with asyncio.timeout(self._catch_up_s):
                while not ofrep.has_seen(view.etag, announced):
                    await bell.wait()
                    bell.clear()
                    view = self._flags.environment(place.app, place.environment)
        return view

    def _stream(self, ask: Ask, place: Place) -> tuple[str, str]:
        """Path and query of this place's stream, for this caller; and a label that changes with its token.

        It says no more of the place than the request did.
        """
        request = ask.request
        query = {
            name: request.query_params[name]
            for name in ("app", "environment")
            if name in request.query_params
        }
        token, label = _own_token(ask), ""
        if token is None:
            token, label = self._stream_token(ask.grant, place.app, place.environment)
        if token is not None:
            query["token"] = token
        path = quote(request.scope["path"].removesuffix(_BULK) + _STREAM)
        return (f"{path}?{urlencode(query)}" if query else path), label


def _own_token(ask: Ask) -> str | None:
    """The token that the caller came with; None if it was no token."""
    if not (ask.grant.credential or "").startswith("token:"):
        return None
    headers, query = ask.request.headers, ask.request.query_params
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return shown.strip()
    return headers.get("x-api-key", "").strip() or query.get("token")


def _response(reply: Reply) -> Response:
    if reply.status == 304:
        return Response(None, 304, {"cache-control": "no-store", **reply.headers})
    body, media_type = reply.body + b"\n", "application/json"
    return Response(body, reply.status, {"cache-control": "no-store", **reply.headers}, media_type)
