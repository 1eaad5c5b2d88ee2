"""`/v1/events`: subscribe by GET, publish by POST. Plain ASGI, in front of any router."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from tricast.errors import BadRequest, MethodNotAllowed, NotFound, TricastError, Unavailable
from tricast.hub.caller import Caller
from tricast.hub.gate import Gate
from tricast.hub.hub import Hub
from tricast.transports import http
from tricast.transports.body import read_body
from tricast.transports.direct import DirectRequest
from tricast.transports.door import Door
from tricast.transports.longpoll import poll_now
from tricast.transports.negotiate import subscribe
from tricast.transports.publish import publish
from tricast.transports.query import known_parameters, pairs_of
from tricast.transports.websocket import websocket
from tricast.wire.publishing import Edge, body_of, drafts_of, key_of

_QUERY = ("topic", "type", "subject", "id", "source", "time")
_log = logging.getLogger("tricast.api")


class EventsEndpoint:
    """The ASGI application at `/v1/events`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await websocket(self._door, scope, receive, send)
            return
        cors: http.Headers = ()
        try:
            cors = http.cors(scope, self._door.allowed_origin)
            method = scope["method"]
            if method == "POST":
                await self._publish(scope, receive, send, cors)
            elif method in ("GET", "HEAD"):
                await subscribe(self._door, scope, receive, send, cors)
            elif method == "OPTIONS":
                await http.preflight(scope, send, self._door.allowed_origin)
            else:
                await self._not_allowed(scope, send, cors)
        except Exception:  # noqa: BLE001
            _log.exception("%s /v1/events failed", scope.get("method"))
            await http.refuse(scope, send, _failed(), cors)

    async def _not_allowed(self, scope: Any, send: Any, cors: http.Headers) -> None:
        allowed = http.METHODS.decode()
        problem = MethodNotAllowed(f"{scope['method'][:20]} is not allowed here; use {allowed}")
        await http.refuse(scope, send, problem, ((b"allow", http.METHODS), *cors))

    async def _publish(self, scope: Any, receive: Any, send: Any, cors: http.Headers) -> None:
        door = self._door
        try:
            caller = await door.caller(scope, "http")
            body = await read_body(scope, receive, door.max_body_bytes)
            door.recheck(caller)
            answer = await self._append(scope, caller, body)
        except TricastError as problem:
            await http.refuse(scope, send, problem, cors)
        else:
            await http.reply(scope, send, 201, (http.JSON, *cors), answer)

    async def _append(self, scope: Any, caller: Caller, body: bytes) -> bytes:
        raw = scope["query_string"]
        query = known_parameters(pairs_of(raw), _QUERY) if raw else {}
        content_types = http.headers_named(scope, b"content-type")
        if len(content_types) > 1:
            raise BadRequest("Content-Type is given more than once; send it once", field="Content-Type")
        content_type = content_types[0] if content_types else ""
        keys = [value for name, value in scope["headers"] if name == b"idempotency-key"]
        edge = Edge(caller.grant.source, key_of(keys), self._door.hub.options.max_event_bytes)
        drafts = drafts_of(body_of(body, content_type, query, scope["headers"]), edge)
        return orjson.dumps(await publish(self._door, caller, drafts)) + b"\n"

    # The hot path: what server/direct.py asks before it makes a task, or with the body at hand.

    def poll_now(self, scope: Any, way: DirectRequest) -> bool:
        """Open a long-poll without a task, where nothing has to be waited for."""
        return poll_now(self._door, scope, way)

    async def publish_now(self, scope: Any, body: bytes) -> None:
        """Publish a body that is there as a whole; answered by the writer in `scope`."""
        try:
            caller = await self._door.caller(scope, "http")
            answer = await self._append(scope, caller, body)
        except TricastError as problem:
            await http.refuse(scope, None, problem)
        except Exception:  # noqa: BLE001
            _log.exception("POST /v1/events failed")
            await http.refuse(scope, None, _failed())
        else:
            await http.reply(scope, None, 201, (http.JSON,), answer)


def _failed() -> Unavailable:
    """What a client is told of a fault of ours; the log has the trace."""
    return Unavailable("the server failed to do this; the log says why", retry_after_s=1)


def endpoints(hub: Hub, gate: Gate, **options: Any) -> Any:
    """An ASGI application with `/events`, to be mounted in your own: `Mount("/v1", endpoints(hub, gate))`.

    `gate` takes the request and answers with a Grant (or raises Unauthorized,
    Forbidden). `options` are those of `Door`, such as `allowed_origin`.
    """
    door = Door(hub, gate, **options)
    events = EventsEndpoint(door)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("mount this application; it has no lifespan of its own")
        scope = http.without_slash(scope)
        path = scope["path"]
        root = scope.get("root_path", "")
        if path.removeprefix(root) == "/events":
            await events(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4404})
        else:
            problem = NotFound(f"there is nothing at {path[:200]!r}")
            await http.refuse(scope, send, problem, http.cors(scope, door.allowed_origin))

    return app
