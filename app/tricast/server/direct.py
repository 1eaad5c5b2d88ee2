"""The way past ASGI: uvicorn's two protocol classes, subclassed to hand their sockets over.

Each request finds a writer of its own in `scope["extensions"]["tricast.direct"]`.
A stream that is taken over gets a small protocol object in the place of uvicorn's:
no task, no scope, no headers stay behind an idle connection.

Pinned to uvicorn's minor version: `on_headers_complete`, `on_response_complete`,
`handle_connect` and the attributes of the request cycle are used as they are in 0.54.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from tricast.hub.outlet import Sink
from tricast.transports.direct import EXTENSION
from tricast.wire.frames import PING_FRAME, Format, Payload, close_frame

HEADERS_TIMEOUT_S: Final = 15.0
MAX_HEAD_BYTES: Final = 64 * 1024
_NOTSENT_LOWAT: Final = 128 * 1024
_USER_TIMEOUT_MS: Final = 60_000
_CLOSE_TIMEOUT_S: Final = 2.0
_MAX_HELD_BYTES: Final = 64 * 1024


def tune(transport: asyncio.Transport) -> None:
    """Bound what a reader that never reads costs in kernel memory, and how long it is waited for."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for option, value in (("TCP_NOTSENT_LOWAT", _NOTSENT_LOWAT), ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS)):
        number = getattr(socket, option, {"TCP_NOTSENT_LOWAT": 25}.get(option))
        if number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)


class _Gone:
    """Stands where a transport was after it was handed on: uvicorn's closing must not reach it."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


_GONE = cast(Any, _Gone())


class _Stream(asyncio.Protocol):
    """A connection that was taken over: an outlet that writes straight to its socket."""

    __slots__ = ("_connections", "_ended", "_sink", "_stalled", "_transport")

    format: Format

    def __init__(self, transport: asyncio.Transport, connections: set[Any]) -> None:
        self._transport: asyncio.Transport | None = transport
        self._connections = connections
        self._sink: Sink | None = None
        self._stalled = False
        self._ended = False
        connections.add(self)

    # The outlet

    @property
    def is_stalled(self) -> bool:
        return self._stalled

    @property
    def pending(self) -> int:
        transport = self._transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def attach(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: Payload, /) -> None:
        if not self._ended:
            self._transport.write(data)  # type: ignore[union-attr, arg-type]

    def abort(self) -> None:
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def beat(self) -> None:
        """TCP_USER_TIMEOUT finds a dead peer: heartbeats are data that must be acknowledged."""

    # The protocol

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._transport = None
        self._connections.discard(self)
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.lost()

    def pause_writing(self) -> None:
        self._stalled = True
        if self._sink is not None:
            self._sink.stalled()

    def resume_writing(self) -> None:
        self._stalled = False
        if self._sink is not None:
            self._sink.drained()

    def shutdown(self) -> None:
        """uvicorn's request to end: the hub has said goodbye before, so only stragglers come here."""
        self.abort()


class EventStream(_Stream):
    """An SSE response whose body ends with the connection."""

    __slots__ = ()

    format: Format = "blocks"

    def finish(self, last: Payload, *, code: int = 1000, reason: str = "") -> None:
        if self._ended or self._transport is None:
            return
        self._ended = True
        self._transport.write(cast(bytes, last))
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        # Nothing may follow a request whose response has no end (DELIVERY.md 6).
        self.abort()


class WebSocketStream(_Stream):
    """A WebSocket after its handshake: frames in by websockets' protocol, frames out as they are."""

    __slots__ = ("_conn", "_held", "_parts", "_received", "_text", "_timer", "_unanswered")

    format: Format = "frames"

    def __init__(
        self, transport: asyncio.Transport, connections: set[Any], conn: ServerProtocol
    ) -> None:
        super().__init__(transport, connections)
        self._conn = conn
        self._received: Callable[[str | bytes], None] | None = None
        self._parts: list[bytes] = []
        self._text = True
        self._held = True  # until somebody listens
        self._unanswered = 0
        self._timer: asyncio.TimerHandle | None = None

    def listen(self, received: Callable[[str | bytes], None]) -> None:
        self._received = received
        self.release()

    def hold(self) -> None:
        self._held = True
        self._read()

    def release(self) -> None:
        self._held = False
        self._read()

    def _read(self) -> None:
        """Read on unless a command is worked on or the subscriber lags."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if (self._held or self._stalled) and not self._ended:
            if transport.is_reading():
                transport.pause_reading()
        elif not transport.is_reading():
            transport.resume_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read()

    def beat(self) -> None:
        if self._unanswered >= 2:
            raise TimeoutError("no pong for two beats")
        self._unanswered += 1
        self.write(PING_FRAME)

    def finish(self, last: Payload, *, code: int = 1000, reason: str = "") -> None:
        if self._ended or self._transport is None:
            return
        self._ended = True
        self._transport.write(cast(bytes, last) + close_frame(code, reason))
        self._read()
        self._timer = asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_S, self._give_up)

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._received = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unanswered = 0
        conn = self._conn
        conn.receive_data(data)
        for event in conn.events_received():
            self._frame(cast(Frame, event))
        self._answer()

    def _answer(self) -> None:
        """Write what websockets' protocol answers by itself: pongs, and the Close that ends it."""
        output = b"".join(self._conn.data_to_send())
        transport = self._transport
        if transport is None:
            return
        if output and not self._ended:
            transport.write(output)
        if self._conn.close_expected() or self._conn.parser_exc is not None:
            self._ended = True
            transport.close()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._text = frame.opcode is Opcode.TEXT
            self._parts = [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT:
            self._parts.append(bytes(frame.data))
        else:
            return
        if frame.fin:
            message, self._parts = b"".join(self._parts), []
            self._message(message)

    def _message(self, message: bytes) -> None:
        if self._received is None or self._ended:
            return
        if not self._text:
            self._received(message)
            return
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self._conn.fail(1007, "text that is not UTF-8")
            return
        self._received(text)


class RequestWriter:
    """One HTTP request's way to its socket (`transports.direct.DirectRequest`)."""

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: HttpProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle

    def respond(self, response: bytes) -> None:
        cycle, protocol = self._cycle, self._protocol
        parked = protocol.unpark(self)
        if cycle.response_complete and not parked:
            return
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if cycle.disconnected or protocol.transport.is_closing():
            return
        protocol.transport.write(response)
        if not cycle.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()
        if parked:
            protocol.feed_held()

    def park(self, lost: Callable[[], None]) -> None:
        cycle, protocol = self._cycle, self._protocol
        cycle.response_started = cycle.response_complete = True
        if cycle.disconnected or protocol.transport.is_closing():
            lost()
        else:
            protocol.park(self, lost)

    def stream(self, head: bytes) -> EventStream:
        cycle, protocol = self._cycle, self._protocol
        cycle.response_started = cycle.response_complete = True
        return protocol.hand_over(head, gone=cycle.disconnected)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with direct writers, bounded heads and parked requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parked: tuple[RequestWriter, Callable[[], None]] | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._heads = 0
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEADERS_TIMEOUT_S, self._slow_head)

    def _slow_head(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._refuse(b"408 Request Timeout", b"the request's headers did not arrive in time\n")

    def _refuse(self, status: bytes, text: bytes) -> None:
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (status, len(text), text)
        )
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._parked is not None:
            # A request pipelined behind a waiting poll: its turn comes after the answer.
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes > _MAX_HELD_BYTES:
                self.transport.abort()
            return
        heads = self._heads
        super().data_received(data)
        idle = self.cycle is None or (self.cycle.response_complete and not self.pipeline)
        if self._heads == heads and idle and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large", b"the headers are too large\n")
            else:
                self._await_head()

    def on_headers_complete(self) -> None:
        self._heads += 1
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        before = self.cycle
        super().on_headers_complete()
        cycle = self.cycle
        if cycle is not before:
            self.scope["extensions"] = {EXTENSION: RequestWriter(self, cycle)}

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        parked, self._parked = self._parked, None
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
        super().connection_lost(exc)
        if parked is not None:
            parked[1]()

    def park(self, request: RequestWriter, lost: Callable[[], None]) -> None:
        self._parked = (request, lost)

    def unpark(self, request: RequestWriter) -> bool:
        """Whether `request` was parked; it isn't afterwards."""
        if self._parked is None or self._parked[0] is not request:
            return False
        self._parked = None
        return True

    def feed_held(self) -> None:
        """Read what arrived while a poll was waiting."""
        held, self._held, self._held_bytes = self._held, [], 0
        for data in held:
            if not self.transport.is_closing():
                self.data_received(data)

    def hand_over(self, head: bytes, *, gone: bool) -> EventStream:
        """Give the connection to a new EventStream, which is all that stays."""
        transport = self.transport
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        stream = EventStream(transport, cast(Any, self.connections))
        if gone or transport.is_closing():
            stream.connection_lost(None)
            return stream
        self.server_state.total_requests += 1
        transport.set_protocol(stream)
        tune(transport)
        transport.write(head)
        if self.pipeline:
            stream.abort()
        if not transport.is_reading():
            transport.resume_reading()
        self.transport = _GONE
        self.parser = None  # type: ignore[assignment]
        self.cycle = None  # type: ignore[assignment]
        self.scope = None  # type: ignore[assignment]
        self.headers = None  # type: ignore[assignment]
        return stream


class Handshake:
    """One WebSocket handshake's way to its socket (`transports.direct.DirectHandshake`)."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: WebSocketProtocol) -> None:
        self._protocol = protocol

    def accept(self, subprotocol: str | None) -> WebSocketStream:
        return self._protocol.hand_over(subprotocol)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol up to the handshake; then a WebSocketStream has the connection."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            cast(Any, self.scope)["extensions"][EXTENSION] = Handshake(self)

    def hand_over(self, subprotocol: str | None) -> WebSocketStream:
        transport, conn = self.transport, self.conn
        stream = WebSocketStream(transport, cast(Any, self.connections), conn)
        self.connections.discard(self)
        if self.disconnected or transport.is_closing():
            stream.connection_lost(None)
            return stream
        del self.response.headers["Date"]
        if subprotocol is not None:
            self.response.headers["Sec-WebSocket-Protocol"] = subprotocol
        self.handshake_complete = True
        conn.send_response(self.response)
        transport.write(b"".join(conn.data_to_send()))
        transport.set_protocol(stream)
        tune(transport)
        stream.hold()
        self.transport = _GONE
        return stream

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.add(self)  # uvicorn's removes it, and raises if it isn't there
        super().connection_lost(exc)
