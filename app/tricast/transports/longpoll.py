"""Long-poll: all that waits in one answer, with the cursor for the next one."""

from __future__ import annotations

import asyncio
from typing import Any

from tricast.errors import TricastError
from tricast.hub.caller import Caller
from tricast.hub.poll import Answer
from tricast.transports import direct, http
from tricast.transports.door import Door, address_of
from tricast.transports.query import Query, parse
from tricast.wire.start import LATEST, Start

# Headers that the ordinary path has something to do for.
_NEEDS_MORE = frozenset(
    (
        b"cookie",
        b"forwarded",
        b"last-event-id",
        b"origin",
        b"sec-websocket-key",
        b"x-forwarded-for",
        b"x-forwarded-proto",
    )
)


def poll_now(door: Door, scope: Any, way: direct.DirectRequest) -> bool:
    """Open a poll without a task, if nothing about it has to be waited for.

    False: nothing was done and the request must take the ordinary path (which is
    also where every refusal is made).
    """
    if not door.is_synchronous:
        return False
    for name, value in scope["headers"]:
        # Any other Accept needs its weights compared, on the ordinary path.
        if name in _NEEDS_MORE or (name == b"accept" and value not in (b"*/*", b"application/json")):
            return False
    try:
        door.hub.check_open()
        query, start = parse(scope["query_string"])
        if query.transport not in (None, "poll") or query.auth_by_message:
            return False
        if not query.subscription.patterns:
            return False
        start = start or LATEST
        if not door.hub.is_resolved(start):
            return False
        grant = door.grant_now(scope)
        if grant is None:
            return False
        query.subscription.check(grant)
        caller = Caller(grant, "poll", address_of(scope))
        door.admit(caller)
    except TricastError:
        return False
    _park(door, scope, way, caller, query, start, ())
    return True


def _park(
    door: Door,
    scope: Any,
    way: direct.DirectRequest,
    caller: Caller,
    query: Query,
    start: Start | int,
    cors: http.Headers,
) -> None:
    next_link = link_of(query)

    def respond(answer: Answer) -> None:
        way.respond(_poll_response(answer, next_link, cors))

    poll = door.hub.poll(
        respond,
        caller=caller,
        subscription=query.subscription,
        start=start,
        limit=query.limit,
        timeout_s=query.timeout_s,
        client=query.client,
    )
    if not poll.answered:
        way.park(poll)


async def poll(
    door: Door,
    scope: Any,
    receive: Any,
    send: Any,
    caller: Caller,
    query: Query,
    start: Start | int,
    cors: http.Headers,
) -> None:
    """Wait and answer; on the direct path no task waits."""
    way = direct.of(scope)
    if way is not None:
        _park(door, scope, way, caller, query, start, cors)
        return
    waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    parked = door.hub.poll(
        lambda answer: None if waiting.done() else waiting.set_result(answer),
        caller=caller,
        subscription=query.subscription,
        start=start,
        limit=query.limit,
        timeout_s=query.timeout_s,
        client=query.client,
    )
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            status, headers, body = _poll_parts(waiting.result(), link_of(query), cors)
            await http.reply(scope, send, status, headers, body)
        else:
            # The client has gone, but middleware of the host needs a response: Starlette's
            # BaseHTTPMiddleware raises "No response returned." without one.
            await http.reply(scope, send, 204, (http.NO_STORE,))
    finally:
        parked.lost()
        gone.cancel()


def link_of(query: Query) -> bytes:
    """The beginning of the `Link` to the next poll; the cursor follows.

    It is relative to the request's URL (RFC 3986 §5.2), so that it is right below any path.
    """
    return b"<?%b&cursor=" % query.rest.encode()


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _poll_parts(answer: Answer, next_link: bytes, cors: http.Headers) -> tuple[int, http.Headers, bytes]:
    if answer.problem is not None:
        headers = (*http.headers_of(answer.problem), *cors)
        return answer.problem.status, headers, answer.problem.problem_json()
    cursor = answer.cursor.encode()
    link = b'%b%b>; rel="next"' % (next_link, cursor)
    headers = (http.JSON, http.NO_STORE, (b"tricast-cursor", cursor), (b"link", link), *cors)
    return 200, headers, answer.body


_POLL_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"
    b'tricast-cursor: %b\r\nlink: %b%b>; rel="next"\r\ncontent-length: %d\r\n\r\n'
)


def _poll_response(answer: Answer, next_link: bytes, cors: http.Headers) -> bytes:
    if answer.problem is None and not cors:
        cursor, body = answer.cursor.encode(), answer.body
        return _POLL_HEAD % (cursor, next_link, cursor, len(body)) + body
    status, headers, body = _poll_parts(answer, next_link, cors)
    headers = (*headers, (b"content-length", b"%d" % len(body)))
    return http.head(status, headers) + body
