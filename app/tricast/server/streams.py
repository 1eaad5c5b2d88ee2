"""Connections that were taken over from uvicorn: outlets that write straight to their sockets."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, cast

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from tricast.errors import TricastError
from tricast.hub.outlet import Sink
from tricast.wire.frames import LAST_CHUNK, PING_FRAME, Format, Payload, close_frame

_NOTSENT_LOWAT: Final = 128 * 1024
_USER_TIMEOUT_MS: Final = 60_000
_CLOSE_TIMEOUT_S: Final = 2.0
_TURN_BYTES: Final = 8 * 1024
_MAX_LATE_BYTES: Final = 16 * 1024
_NOT_UTF_8: Final = "text that is not UTF-8"
_TCP_INFO: Final = getattr(socket, "TCP_INFO", None)
_TCP_INFO_BYTES: Final = 148
# tcpi_unacked, tcpi_last_ack_recv, tcpi_notsent_bytes (struct tcp_info, linux/tcp.h)
_UNACKED_AT, _LAST_ACK_AT, _NOT_SENT_AT = 24, 56, 144


def tune(transport: asyncio.Transport) -> None:
    """Bound what a reader that never reads costs in kernel memory, and how long it is waited for."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    for option, value in (("TCP_NOTSENT_LOWAT", _NOTSENT_LOWAT), ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS)):
        number = getattr(socket, option, {"TCP_NOTSENT_LOWAT": 25}.get(option))
        if number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)


def owes_acknowledgement(info: bytes, for_s: float) -> bool:
    """Whether a socket with this TCP_INFO has bytes that its peer hasn't, and no ACK came for so long."""

    def number(at: int) -> int:  # (0 where the kernel is too old to tell)
        return int.from_bytes(info[at : at + 4], sys.byteorder)

    return number(_LAST_ACK_AT) >= for_s * 1000 and (number(_UNACKED_AT) or number(_NOT_SENT_AT)) > 0


class _Stream(asyncio.Protocol):
    """A connection that was taken over: an outlet that writes straight to its socket."""

    __slots__ = ("_connections", "_ended", "_sink", "_stalled", "_transport")

    format: Format

    def __init__(self, transport: asyncio.Transport, connections: set[Any], *, stalled: bool = False) -> None:
        """`stalled`: the socket is full already, which the transport won't tell again."""
        self._transport: asyncio.Transport | None = transport
        self._connections = connections
        self._sink: Sink | None = None
        self._stalled = stalled
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

    def is_silent(self, for_s: float) -> bool:
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6) or _TCP_INFO is None:
            return False
        return owes_acknowledgement(sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _TCP_INFO_BYTES), for_s)

    def attach(self, sink: Sink) -> None:
        if self._transport is None:
            # The client went while it was let in, and nobody was there to be told.
            asyncio.get_running_loop().call_soon(sink.lost)
        else:
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

    def eof_received(self) -> bool:
        # The transport closes itself now, but would still send what is written meanwhile (DELIVERY.md 4).
        self._ended = True
        return False

    def shutdown(self) -> None:
        """uvicorn's request to end; a goodbye that is on its way to a slow reader may still arrive."""
        if not self._ended:
            self.abort()


class EventStream(_Stream):
    """An SSE response by HTTP/1.0, whose body ends with the connection. `last` ends a body by HTTP/1.1."""

    __slots__ = ()

    format: Format = "blocks"
    last: bytes = b""

    def finish(self, last: Payload, *, code: int = 1000, reason: str = "") -> None:
        if self._ended or self._transport is None:
            return
        self._ended = True
        self._transport.write(cast(bytes, last) + self.last)
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        # Nothing may follow a request whose response has no end (DELIVERY.md 6).
        self.abort()


class ChunkedEventStream(EventStream):
    """An SSE response by HTTP/1.1, each write one chunk (RFC 9112 §7.1).

    Clients that read in blocks (Python's requests and urllib3) get each chunk when it arrives; an unchunked
    body they would hold back until a block is full. A stream that is cut off lacks the last chunk.
    """

    __slots__ = ()

    format: Format = "chunks"
    last = LAST_CHUNK


class WebSocketStream(_Stream):
    """A WebSocket after its handshake: frames in by websockets' protocol, frames out as they are."""

    __slots__ = (
        "_close_reply",
        "_conn",
        "_free",
        "_has_refused",
        "_held",
        "_late_bytes",
        "_parts",
        "_received",
        "_text",
        "_timer",
        "_turn",
        "_unanswered",
        "_unread",
    )

    format: Format = "frames"

    def __init__(
        self,
        transport: asyncio.Transport,
        connections: set[Any],
        conn: ServerProtocol,
        *,
        stalled: bool = False,
    ) -> None:
        super().__init__(transport, connections, stalled=stalled)
        self._conn = conn
        self._received: Callable[[str | bytes], None] | None = None
        # (one buffer: a list of a million tiny fragments would cost many times the message)
        self._parts = bytearray()
        self._text = True
        # What was read and is left for further turns of the loop: at most one read's worth.
        self._unread = bytearray()
        self._turn: asyncio.Handle | None = None
        self._late_bytes = 0
        # The answer to the client's Close (empty: it closed its side without one). It is sent once all
        # commands before the Close are carried out (DELIVERY.md 29).
        self._close_reply: bytes | None = None
        self._has_refused = False
        self._held = True  # until somebody listens
        self._unanswered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._free: asyncio.Future[None] | None = None  # only while somebody waits for it

    def listen(self, received: Callable[[str | bytes], None], *, held: bool = False) -> None:
        self._received = received
        if not held:
            self.release()

    def limit(self, max_message_bytes: int) -> int:
        before = self._conn.max_message_size
        self._conn.max_message_size = max_message_bytes
        assert before is not None
        return before

    def hold(self) -> None:
        self._held = True
        self._read()

    def release(self) -> None:
        self._held = False
        self._read()
        self._close_in_turn()

    def _read(self) -> None:
        """Read on unless a command is worked on or the subscriber lags."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        waits = self._waits
        if self._unread and not waits and self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)
        if waits or self._unread or self._close_reply is not None:
            if transport.is_reading():
                transport.pause_reading()
        elif not transport.is_reading():
            self._unanswered = 0  # (a pong may wait among what is read now)
            transport.resume_reading()

    @property
    def _waits(self) -> bool:
        return (self._held or self._stalled) and not self._ended

    def write(self, data: Payload, /) -> None:
        # After its Close a client reads no messages: browsers drop them, and a library whose queue is full
        # would not read the answer to the Close.
        if not (self._ended or self._close_reply):
            self._transport.write(data)  # type: ignore[union-attr, arg-type]

    def refused(self, problem: TricastError) -> None:
        if self._close_reply and not self._has_refused:
            self._has_refused = True
            self._close_reply = close_frame(problem.close_code, problem.detail)

    def _close_in_turn(self) -> None:
        """Answer the client's Close, and close, unless commands before it are still being carried out."""
        transport = self._transport
        if self._close_reply is None or transport is None:
            return
        if not self._ended:
            if self._held or self._unread:
                return
            self._ended = True
            transport.write(self._close_reply)
        transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read()
        self._wake()

    async def writable(self) -> None:
        while self._stalled and self._transport is not None:
            if self._free is None:
                self._free = asyncio.get_running_loop().create_future()
            await self._free

    def _wake(self) -> None:
        free, self._free = self._free, None
        if free is not None and not free.done():
            free.set_result(None)

    def is_silent(self, for_s: float) -> bool:
        return self._unanswered > 0 and not (self._waits or self._unread)

    def beat(self) -> None:
        if self._waits or self._unread:
            return  # whatever the peer answers isn't read now
        if self._unanswered >= 2:
            raise TimeoutError("no pong for two beats")
        self._unanswered += 1
        self.write(PING_FRAME)

    def finish(self, last: Payload, *, code: int = 1000, reason: str = "") -> None:
        if self._ended or self._transport is None:
            return
        self._ended = True
        self._transport.write(cast(bytes, last) + close_frame(code, reason))
        if self._close_reply is not None:
            self._transport.close()  # both sides have sent a Close
            return
        self._read()
        self._timer = asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_S, self._give_up)

    def _give_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._turn is not None:
            self._turn.cancel()
        self._unread.clear()
        self._received = None
        super().connection_lost(exc)
        self._wake()

    def data_received(self, data: bytes) -> None:
        self._unanswered = 0
        if self._close_reply is not None:
            return  # nothing may follow a Close (RFC 6455 §5.5.1)
        if self._unread or self._waits or len(data) > _TURN_BYTES:
            self._unread += data
            self._read()
        else:
            self._take(data)

    def _take_turn(self) -> None:
        """Take a part of what was read: 256 KiB of tiny frames would hold up everybody else."""
        self._turn = None
        if self._transport is None or self._transport.is_closing():
            self._unread.clear()
        elif not self._waits:
            part = bytes(self._unread[:_TURN_BYTES])
            del self._unread[:_TURN_BYTES]
            self._take(part)
            self._read()
            self._close_in_turn()

    def _take(self, data: bytes) -> None:
        if self._ended:
            # Only the client's Close is still of interest; not a flood of anything else.
            self._late_bytes += len(data)
            if self._late_bytes > _MAX_LATE_BYTES:
                self._unread.clear()
                return
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
        if self._conn.parser_exc is None and self._conn.close_expected():
            # `output` answers the Close, and pings that arrived with it.
            self._unread.clear()
            self._close_reply = close_frame(1007, _NOT_UTF_8) if self._has_refused else output
            self._read()
            self._close_in_turn()
            return
        if output and not self._ended:
            transport.write(output)
        if self._conn.parser_exc is not None:
            self._ended = True
            transport.close()

    def eof_received(self) -> bool:
        """Carry out the commands that arrived before the client closed its side, then close."""
        if self._ended or not (self._held or self._unread or self._close_reply is not None):
            return super().eof_received()
        if self._close_reply is None:
            self._close_reply = b""
        return True

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._text = frame.opcode is Opcode.TEXT
            self._parts = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT:
            self._parts += frame.data
        else:
            return
        if frame.fin:
            message, self._parts = bytes(self._parts), bytearray()
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
            # Nothing after it is processed (RFC 6455 §7.1.7), and a Close after it is answered with 1007.
            self._received = None
            self._has_refused = True
            self._conn.fail(1007, _NOT_UTF_8)
            return
        self._received(text)
