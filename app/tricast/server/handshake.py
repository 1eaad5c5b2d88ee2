"""uvicorn's WebSocket protocol, subclassed: it shakes hands, then a WebSocketStream has the connection.

Pinned to uvicorn's minor version: `handle_connect`, `handshake_initiated`, `handshake_complete` and
`initial_response` are used as they are in 0.54.
"""

from __future__ import annotations

from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from tricast.errors import BadRequest, TricastError, Unavailable, UpgradeRequired
from tricast.server.listening import UNIX_CLIENT, has_unix_peer
from tricast.server.request import log_access
from tricast.server.stand_ins import GONE
from tricast.server.streams import WebSocketStream, tune
from tricast.transports.direct import EXTENSION
from tricast.transports.http import refusal

_MAX_EARLY_BYTES: Final = 64 * 1024


class Handshake:
    """One WebSocket handshake's way to its socket (`transports.direct.DirectHandshake`)."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: WebSocketProtocol) -> None:
        self._protocol = protocol

    def accept(self, subprotocol: str | None) -> WebSocketStream:
        return self._protocol.hand_over(subprotocol)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol up to the handshake; then a WebSocketStream has the connection."""

    _turned_away = False
    _early = b""  # frames that came before the handshake was answered

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.client is None and has_unix_peer(transport):
            self.client = UNIX_CLIENT

    def handle_connect(self, event: Request) -> None:
        versions = event.headers.get_all("Sec-WebSocket-Version")
        if versions != ["13"]:
            shown = ", ".join(versions)[:80] or "none"
            self._turn_away(
                UpgradeRequired(
                    f"Sec-WebSocket-Version is {shown}; send 13 (RFC 6455)",
                    field="Sec-WebSocket-Version",
                )
            )
            return
        super().handle_connect(event)
        if not self.handshake_complete:
            cast(Any, self.scope)["extensions"][EXTENSION] = Handshake(self)

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self.handshake_complete:
            self._early += data
            if len(self._early) > _MAX_EARLY_BYTES:
                self.transport.abort()
            return
        super().data_received(data)
        unreadable = not self.handshake_initiated and self.conn.handshake_exc is not None
        if unreadable and not self.transport.is_closing():
            # (uvicorn waits for more of it)
            problem = BadRequest(
                "a WebSocket handshake is a GET without a body, with lines of up to 8 KiB and up to 128 "
                "headers; topics that don't fit in its URL go into the command 'subscribe'",
                field="request",
            )
            self._turn_away(problem)

    def send_500_response(self) -> None:
        """What uvicorn says to a handshake that it has no time for: it stops, or the application failed."""
        if not (self.initial_response or self.handshake_complete or self._turned_away):
            self.conn.send_response(self.conn.reject(503, ""))
            self.conn.data_to_send()  # (in its place goes ours)
            self._turn_away(Unavailable("the server is stopping, or failed; reconnect"))

    def _turn_away(self, problem: TricastError) -> None:
        """Answer the handshake with `problem`, and close."""
        self._turned_away = True
        self.transport.write(refusal(problem))
        self.transport.close()

    def hand_over(self, subprotocol: str | None) -> WebSocketStream:
        transport, conn = self.transport, self.conn
        stalled = not self.writable.is_set()
        stream = WebSocketStream(transport, cast(Any, self.connections), conn, stalled=stalled)
        self.connections.discard(self)
        if self.disconnected or transport.is_closing():
            stream.connection_lost(None)
            return stream
        del self.response.headers["Date"]
        if subprotocol is not None:
            self.response.headers["Sec-WebSocket-Protocol"] = subprotocol
        self.handshake_complete = True
        if self.config.access_log:
            log_access(self.scope["client"], b"WEBSOCKET", self.request.path.encode(), 101)
        conn.send_response(self.response)
        transport.write(b"".join(conn.data_to_send()))
        transport.set_protocol(stream)
        tune(transport)
        stream.hold()
        if self._early:
            stream.data_received(self._early)
        self.transport = GONE
        return stream

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.add(self)  # uvicorn's removes it, and raises if it isn't there
        super().connection_lost(exc)
