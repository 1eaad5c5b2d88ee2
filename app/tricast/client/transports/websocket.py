"""WebSocket: the best there is; topics and token change on the living connection."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Literal

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from tricast.client.ends import Dropped, Ended, Refused
from tricast.client.link import Open
from tricast.client.message import Message, parse
from tricast.client.problems import class_of, retry_after_s
from tricast.client.transports.endpoint import (
    MAX_MESSAGE_BYTES,
    Endpoint,
    credentials,
    lost,
    through_proxy,
)
from tricast.errors import FINAL_CLOSES

SUBPROTOCOL = "tricast.v1"
# The library would log the handshake with its credentials, and commands with tokens, at DEBUG.
_log = logging.getLogger("tricast.client.websocket")
_log.setLevel(logging.INFO)


class WebSocket:
    """A connection over WebSocket. `trust_env`: whether the environment's HTTP proxy may be asked."""

    def __init__(self, endpoint: Endpoint, order: Open, *, trust_env: bool = True) -> None:
        self._endpoint = endpoint
        self._order = order
        self._proxy: Literal[True] | None = True if trust_env and through_proxy(endpoint.url) else None
        self._connection: ClientConnection | None = None

    async def messages(self) -> AsyncGenerator[Message]:
        """The server's messages. Raises one of `tricast.client.ends`."""
        connection = await self._connect()
        try:
            self._connection = connection
            while True:
                text = await connection.recv(decode=False)
                self._endpoint.count(len(text))
                yield parse(text)
        except ConnectionClosed as error:
            raise _closed(error) from None
        finally:
            self._connection = None
            try:
                await connection.close()
            finally:
                connection.transport.abort()  # (also if nobody has the patience for its goodbye)

    async def _connect(self) -> ClientConnection:
        order, events = self._order, self._endpoint.events
        query = self._endpoint.query(order, order.cursor, transport="websocket")
        try:
            return await connect(
                f"ws{events.removeprefix('http')}?{query}",
                additional_headers=credentials(order.token),
                subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                compression=None,
                open_timeout=None,  # the core's patience with a connection counts, on all transports alike
                close_timeout=1,
                ping_interval=None,
                max_size=MAX_MESSAGE_BYTES,
                proxy=self._proxy,
                logger=_log,
            )
        except InvalidStatus as error:
            after_s = retry_after_s(error.response.headers.get("retry-after"))
            raise Dropped(
                f"the WebSocket handshake was answered {error.response.status_code}",
                at_least_s=after_s or 0.0,
            ) from None
        except WebSocketException as error:
            raise Dropped(f"no WebSocket: {error}") from None
        except OSError as error:
            raise lost(error) from None

    async def say(self, command: dict[str, Any]) -> None:
        """Send a command; its reply comes as a message."""
        if self._connection is None:
            return
        with suppress(ConnectionClosed):  # (`messages` says so)
            await self._connection.send(orjson.dumps(command).decode())


def _closed(error: ConnectionClosed) -> Ended:
    close = error.rcvd
    if close is None:
        return Dropped("the connection broke")
    why = f"the server closed the connection: {close.code} {close.reason}".rstrip()
    if close.code in FINAL_CLOSES:
        status = close.code - 4000 if 4400 <= close.code < 4500 else 400
        return Refused(class_of(status)(why))
    return Dropped(why, is_ours=4500 <= close.code < 4600)
