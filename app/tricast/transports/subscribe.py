"""`GET /v1/events`: one URL, and the request chooses the transport."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import HTTPConnection

from tricast.errors import BadRequest, Forbidden, TooMany, TricastError, Unavailable
from tricast.hub.caller import Caller, Transport
from tricast.hub.gate import Gate, Grant
from tricast.hub.hub import Hub
from tricast.hub.poll import Answer
from tricast.hub.subscription import Subscription
from tricast.transports import direct, http
from tricast.transports.portable import PortableOutlet, stream_sse
from tricast.transports.query import Query, TransportName, parse
from tricast.wire import control
from tricast.wire.start import LATEST, Start


def _same_origin(origin: str, host: str, cookies: bool) -> bool:
    return origin.partition("://")[2] == host


@dataclass(frozen=True, slots=True)
class Door:
    """What stands between a request and the hub, shared by all transports.

    `allowed_origin(origin, host, cookies)` says whether a page from there may come
    in by WebSocket or read answers; `cookies`: the request carries some. These may raise TooMany: `knock(address)` before the
    gate is asked, `admit(caller)` right before a connection is opened,
    `throttle(caller, events)` before events are published.
    """

    hub: Hub
    gate: Gate
    allowed_origin: http.Allowed = _same_origin
    knock: Callable[[str], None] = lambda _: None
    admit: Callable[[Caller], None] = lambda _: None
    throttle: Callable[[Caller, int], None] = lambda *_: None
    max_body_bytes: int = 1024 * 1024

    async def grant(self, scope: Any) -> Grant:
        """Ask the gate."""
        found = self.gate(HTTPConnection(scope))
        if inspect.isawaitable(found):
            found = await found
        return found

    async def caller(self, scope: Any, transport: Transport) -> Caller:
        """Who is asking, let in by the gate and, except to publish, the `on_connect` hooks."""
        cookies = http.header(scope, b"cookie") is not None
        if cookies or scope["type"] == "websocket":
            self.check_origin(scope, cookies=cookies)
        address = address_of(scope)
        if transport in ("sse", "websocket"):
            self.knock(address)
        caller = Caller(await self.grant(scope), transport, address)
        if transport != "http":
            await self.hub.connect(caller)
        return caller

    def check_origin(self, scope: Any, *, cookies: bool = False) -> None:
        """Raises Forbidden for a browser's request from a page that isn't allowed."""
        origin = http.header(scope, b"origin")
        if origin is None:
            return
        host = (http.header(scope, b"host") or b"").decode("latin-1")
        if not self.allowed_origin(origin.decode("latin-1"), host, cookies):
            raise Forbidden(
                f"pages from {origin.decode('latin-1')[:80]!r} are not allowed; add the origin to "
                "allowed_origins",
                field="Origin",
            )


def address_of(scope: Any) -> str:
    """The peer's address ('' where there is none, as on a Unix socket)."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def negotiate(scope: Any, query: Query) -> TransportName:
    """Which transport an HTTP request asks for."""
    if query.transport == "websocket":
        raise BadRequest("transport 'websocket' needs a WebSocket handshake", field="transport")
    if query.transport is not None:
        return query.transport
    accept = http.header(scope, b"accept")
    return "sse" if accept is not None and b"text/event-stream" in accept.lower() else "poll"


def start_of(scope: Any, start: Start | None) -> Start:
    """`Last-Event-ID` wins over `cursor=`."""
    last = http.header(scope, b"last-event-id")
    if last:
        return Start.last_event_id(last.decode("utf-8", "replace"))
    return start or LATEST


async def subscribe(door: Door, scope: Any, receive: Any, send: Any) -> None:
    """Answer `GET` or `HEAD` by SSE or long-poll."""
    cors = http.cors(scope, door.allowed_origin)
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
            await _turn_away(scope, send, problem, cors)
        else:
            await http.refuse(scope, send, problem, cors)
        return
    except TricastError as problem:
        await http.refuse(scope, send, problem, cors)
        return
    if scope["method"] == "HEAD":
        kind = b"text/event-stream" if chosen == "sse" else b"application/json"
        cursor = (b"tricast-cursor", door.hub.position.encode())
        await http.reply(scope, send, 200, ((b"content-type", kind), http.NO_STORE, cursor, *cors))
    elif chosen == "sse":
        await _sse(door, scope, receive, send, caller, query.subscription, start, cors)
    else:
        await _poll(door, scope, receive, send, caller, query, start, cors)


_SSE_HEADERS = (
    (b"content-type", b"text/event-stream"),
    http.NO_STORE,
    (b"x-accel-buffering", b"no"),
)


async def _turn_away(scope: Any, send: Any, problem: TricastError, cors: http.Headers) -> None:
    """A refusal that EventSource survives: it stops for ever on a 429 or 503 (DELIVERY.md 23)."""
    wait_s = problem.retry_after_s if problem.retry_after_s is not None else 1.0
    farewell = control.goodbye(problem.code, max(1000, round(wait_s * 1000)))
    body = farewell.payload("blocks")
    assert isinstance(body, bytes)
    await http.reply(scope, send, 200, (*_SSE_HEADERS, (b"connection", b"close"), *cors), body)


async def _sse(
    door: Door,
    scope: Any,
    receive: Any,
    send: Any,
    caller: Caller,
    subscription: Subscription,
    start: Start | int,
    cors: http.Headers,
) -> None:
    way = direct.of(scope)
    if way is not None:
        outlet = way.stream(http.head(200, (*_SSE_HEADERS, (b"connection", b"close"), *cors)))
        door.hub.open(outlet, caller=caller, subscription=subscription, start=start)
        return
    portable = PortableOutlet("blocks")
    door.hub.open(portable, caller=caller, subscription=subscription, start=start)
    headers = {name.decode(): value.decode("latin-1") for name, value in cors}
    await stream_sse(portable, scope, receive, send, {"cache-control": "no-store", **headers})


async def _poll(
    door: Door,
    scope: Any,
    receive: Any,
    send: Any,
    caller: Caller,
    query: Query,
    start: Start | int,
    cors: http.Headers,
) -> None:
    way = direct.of(scope)
    next_link = f"<{quote(scope['path'])}?{query.rest}&cursor=".encode()
    alive = http.keeps_alive(scope)

    def respond(answer: Answer) -> None:
        way.respond(_poll_response(answer, next_link, cors, alive))

    if way is not None:
        poll = door.hub.poll(
            respond,
            caller=caller,
            subscription=query.subscription,
            start=start,
            limit=query.limit,
            timeout_s=query.timeout_s,
        )
        if not poll.answered:
            way.park(poll.lost)
        return
    waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    poll = door.hub.poll(
        lambda answer: None if waiting.done() else waiting.set_result(answer),
        caller=caller,
        subscription=query.subscription,
        start=start,
        limit=query.limit,
        timeout_s=query.timeout_s,
    )
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            status, headers, body = _poll_parts(waiting.result(), next_link, cors)
            await http.reply(scope, send, status, headers, body)
    finally:
        poll.lost()
        gone.cancel()


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _poll_parts(
    answer: Answer, next_link: bytes, cors: http.Headers
) -> tuple[int, http.Headers, bytes]:
    if answer.problem is not None:
        headers = (http.PROBLEM, http.NO_STORE, *cors)
        return answer.problem.status, headers, answer.problem.problem_json()
    cursor = answer.cursor.encode()
    link = b"%b%b>; rel=\"next\"" % (next_link, cursor)
    headers = (http.JSON, http.NO_STORE, (b"tricast-cursor", cursor), (b"link", link), *cors)
    return 200, headers, answer.body


_POLL_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"
    b"tricast-cursor: %b\r\nlink: %b%b>; rel=\"next\"\r\ncontent-length: %d\r\n\r\n"
)


def _poll_response(answer: Answer, next_link: bytes, cors: http.Headers, alive: bool) -> bytes:
    if answer.problem is None and not cors and alive:
        cursor, body = answer.cursor.encode(), answer.body
        return _POLL_HEAD % (cursor, next_link, cursor, len(body)) + body
    status, headers, body = _poll_parts(answer, next_link, cors)
    headers = (*headers, (b"content-length", b"%d" % len(body)))
    if not alive:
        headers = (*headers, (b"connection", b"close"))
    return http.head(status, headers) + body
