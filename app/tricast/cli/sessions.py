"""One session on each transport: connect, and yield messages until one of the `Ended` is raised.

What they yield is the same, so that whoever follows needn't know which it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tricast.cli.connection import Connection, problem_of, unreachable
from tricast.cli.subscription import (
    Dropped,
    Ended,
    Message,
    Patience,
    Query,
    Refused,
    Unusable,
    check_end,
    message,
    refusal,
)
from tricast.errors import FINAL_CLOSES
from tricast.event import one_line

CONNECT_S = 10.0
POLL_S = 25

Session = Callable[[Connection, Query, str], AsyncGenerator[Message]]


class Unreachable(Dropped):
    """Nobody answers at that address."""


async def websocket(connection: Connection, query: Query, cursor: str) -> AsyncGenerator[Message]:
    """A session over WebSocket."""
    url = f"ws{connection.events.removeprefix('http')}?{query.encoded(cursor, transport='websocket')}"
    async with await _connect(connection, url) as socket:
        patience = Patience()
        while True:
            try:
                said = message(await patience.wait(socket.recv()))
            except ConnectionClosed as error:
                raise _closed(error) from None
            patience.hear(said)
            check_end(said)
            yield said


async def _connect(connection: Connection, url: str) -> ClientConnection:
    try:
        return await connect(
            url,
            additional_headers=connection.headers,
            subprotocols=["tricast.v1"],  # type: ignore[list-item]
            compression=None,
            open_timeout=CONNECT_S,
            close_timeout=1,
            ping_interval=None,
            max_size=None,
            proxy=True if connection.through_proxy else None,
        )
    except InvalidStatus as error:
        status, body = error.response.status_code, bytes(error.response.body or b"")
        raise Unusable(problem_of(status, body)) from None
    except WebSocketException as error:
        raise Unusable(f"WebSocket: {error}") from None
    except TimeoutError:
        raise Unusable(f"WebSocket: no handshake within {CONNECT_S:g} s") from None
    except OSError as error:
        raise Unreachable(unreachable(connection.url, error)) from None


def _closed(error: ConnectionClosed) -> Ended:
    if error.rcvd is None:
        return Dropped("the connection broke")
    why = f"the server closed the connection: {error.rcvd.code} {error.rcvd.reason}".rstrip()
    return Refused(why) if error.rcvd.code in FINAL_CLOSES else Dropped(why)


async def sse(connection: Connection, query: Query, cursor: str) -> AsyncGenerator[Message]:
    """A session over Server-Sent Events."""
    timeout = httpx2.Timeout(None, connect=CONNECT_S)
    patience = Patience()
    try:
        async with client_of(connection, timeout) as client, AsyncExitStack() as stack:
            asked = query.encoded(cursor, transport="sse")
            source = client.sse(connection.events, params=asked, max_event_size=None)
            stream = await patience.wait(stack.enter_async_context(source))
            await _check(stream.response, "text/event-stream")
            blocks = aiter(stream)
            while (block := await patience.wait(anext(blocks, None))) is not None:
                if block.data:
                    said = message(block.data)
                    patience.hear(said)
                    check_end(said)
                    yield said
    except httpx2.ConnectError as error:
        raise Unreachable(unreachable(connection.url, error)) from None
    except httpx2.HTTPError as error:
        raise Dropped(f"the connection broke: {error}") from None
    raise Dropped("the server ended the stream")


async def poll(connection: Connection, query: Query, cursor: str) -> AsyncGenerator[Message]:
    """A session of long-polls. The first one doesn't wait, so that there is a cursor to go on from."""
    timeout = httpx2.Timeout(POLL_S + CONNECT_S, connect=CONNECT_S)
    async with client_of(connection, timeout) as client:
        wait = 0
        while True:
            answer = await ask(client, connection, query, cursor, wait)
            if not wait:
                yield _control("hello", heartbeat_s=POLL_S)
            for said in unpack(answer):
                yield said
            cursor, wait = answer["cursor"], POLL_S


async def ask(
    client: httpx2.AsyncClient, connection: Connection, query: Query, cursor: str, wait_s: int
) -> dict[str, Any]:
    """One poll's answer."""
    try:
        asked = query.encoded(cursor, transport="poll", timeout=str(wait_s))
        response = await client.get(connection.events, params=asked)
    except httpx2.ConnectError as error:
        raise Unreachable(unreachable(connection.url, error)) from None
    except httpx2.HTTPError as error:
        raise Dropped(f"the connection broke: {error}") from None
    await _check(response, "application/json")
    answer = message(response.content).envelope
    if not isinstance(answer.get("cursor"), str) or not isinstance(answer.get("events"), list):
        raise Refused("the answer to a poll has no cursor and events; is it a tricast server (--url)?")
    return answer


def unpack(answer: dict[str, Any]) -> list[Message]:
    """A poll's answer as the messages of a stream."""
    reset = answer.get("reset")
    said = [] if reset is None else [_control("reset", **reset)]
    said += [Message(event, one_line(orjson.dumps(event)).decode()) for event in answer["events"]]
    return [*said, _control("live", cursor=answer["cursor"])]


def _control(type: str, **data: Any) -> Message:
    envelope = {"source": "/tricast", "type": f"tricast.{type}", "data": data}
    return Message(envelope, one_line(orjson.dumps(envelope)).decode())


def client_of(connection: Connection, timeout: httpx2.Timeout) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(headers=connection.headers, timeout=timeout, trust_env=connection.through_proxy)


async def _check(response: httpx2.Response, media_type: str) -> None:
    """Raises what a response is, unless it is the `media_type` that was asked for."""
    if response.status_code != httpx2.codes.OK:
        why = problem_of(response.status_code, await response.aread())
        raise refusal(response.status_code, why)
    got = response.headers.get("content-type", "").partition(";")[0].strip()
    if got != media_type:
        raise Unusable(f"the answer is {got or 'of no type'} and not {media_type}")


SESSIONS: dict[str, Session] = {"websocket": websocket, "sse": sse, "poll": poll}
