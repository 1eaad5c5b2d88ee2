"""`GET /v1/events`: one URL, and the request chooses the transport."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from tricast.errors import BadRequest, Draining, TooMany, TricastError, Unavailable
from tricast.transports import http, longpoll, sse
from tricast.transports.door import Door
from tricast.transports.query import Query, TransportName, parse
from tricast.transports.representation import prefers_event_stream
from tricast.wire.start import LATEST, Start

_log = logging.getLogger("tricast.transports")


def negotiate(scope: Any, query: Query) -> TransportName:
    """Which transport an HTTP request asks for."""
    if query.transport == "websocket":
        raise BadRequest("transport 'websocket' needs a WebSocket handshake", field="transport")
    if query.auth_by_message:
        raise BadRequest("auth 'message' is for WebSockets; send the token in a header", field="auth")
    if query.transport is not None:
        return query.transport
    if http.header(scope, b"sec-websocket-key") is not None:
        # As a poll it would wait, and nothing be said, until the client's patience ends.
        raise BadRequest(
            "a WebSocket handshake came without 'Upgrade: websocket': a proxy took it out; have it pass "
            "Upgrade and Connection on, by HTTP/1.1",
            field="Upgrade",
        )
    return "sse" if prefers_event_stream(http.headers_named(scope, b"accept")) else "poll"


def start_of(scope: Any, start: Start | None) -> Start:
    """Where to begin: at the header `Last-Event-ID`, else at `start` from the query, else at the latest."""
    last = http.header(scope, b"last-event-id")
    if last:
        return Start.last_event_id(last.decode("utf-8", "replace"))
    return start or LATEST


async def subscribe(door: Door, scope: Any, receive: Any, send: Any, cors: http.Headers) -> None:
    """Answer `GET` or `HEAD` by SSE or long-poll."""
    chosen: TransportName = "poll"
    try:
        query, given = parse(scope["query_string"])
        chosen = negotiate(scope, query)
        if not query.subscription.patterns:
            raise BadRequest(
                "topic is missing; add ?topic=app/name, or a pattern such as topic=app/**", field="topic"
            )
        caller = await door.caller(scope, chosen)
        await door.hub.may_subscribe(caller, query.subscription)
        start = await door.hub.resolve(start_of(scope, given), query.subscription)
        if scope["method"] == "GET":
            door.admit(caller)
    except (TooMany, Unavailable) as problem:
        if chosen == "sse" and scope["method"] == "GET":
            await sse.turn_away(scope, send, problem, cors)
        else:
            await http.refuse(scope, send, problem, cors)
        return
    except TricastError as problem:
        await http.refuse(scope, send, problem, cors)
        return
    except asyncio.CancelledError:
        # uvicorn cancels requests at a stop, and answers 500 if none was sent, which ends an EventSource.
        if chosen == "sse" and scope["method"] == "GET":
            await sse.turn_away(scope, send, Draining("the server is stopping"), cors)
        raise
    except Exception:
        if chosen != "sse" or scope["method"] != "GET":
            raise
        _log.exception("GET /v1/events failed")
        failure = Unavailable("the server failed to do this; its log says why")
        await sse.turn_away(scope, send, failure, cors)
        return
    if scope["method"] == "HEAD":
        kind = sse.CONTENT_TYPE if chosen == "sse" else b"application/json"
        cursor = (b"tricast-cursor", door.hub.position.encode())
        # The length of a GET's body is unknown before it is answered, so there is no Content-Length.
        await http.reply(scope, send, 200, ((b"content-type", kind), http.NO_STORE, cursor, *cors), None)
    elif chosen == "sse":
        await sse.stream(door, scope, receive, send, caller, query.subscription, start, cors)
    else:
        await longpoll.poll(door, scope, receive, send, caller, query, start, cors)
