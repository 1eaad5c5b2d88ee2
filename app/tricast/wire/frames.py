"""How an event's bytes look on each wire. Pure functions of bytes; no I/O.

Server frames are unmasked (RFC 6455 §5.1), so one frame serves every subscriber.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from tricast.event import Event

Format = Literal["frames", "blocks", "chunks", "texts"]
# What is written to an outlet: joined WebSocket frames; SSE blocks, or the same as one chunk of an HTTP/1.1
# body; or the texts of WebSocket messages that the ASGI server frames (the portable path).
Payload = bytes | tuple[bytes, ...]

OP_TEXT: Final = 0x1
OP_CLOSE: Final = 0x8
OP_PING: Final = 0x9
OP_PONG: Final = 0xA
PING_FRAME: Final = b"\x89\x00"


def frame_header(size: int, opcode: int = OP_TEXT) -> bytes:
    """The header of an unmasked, unfragmented frame (RFC 6455 §5.2)."""
    first = 0x80 | opcode
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2)
    return bytes((first, 127)) + size.to_bytes(8)


def text_frame(text: bytes) -> bytes:
    """`text` as one WebSocket text frame."""
    return frame_header(len(text)) + text


def close_frame(code: int, reason: str = "") -> bytes:
    """A Close frame; the reason is cut to what fits in a control frame (123 bytes)."""
    body = code.to_bytes(2) + reason.encode()[:123].decode(errors="ignore").encode()
    return frame_header(len(body), OP_CLOSE) + body


def pong_frame(data: bytes) -> bytes:
    """The answer to a Ping with `data`."""
    return frame_header(len(data), OP_PONG) + data


def sse_block(text: bytes, cursor: str | None = None, event: str | None = None, retry: int = 0) -> bytes:
    """`text` (one line of JSON) as one block of an event stream (WHATWG HTML §9.2).

    The id is last: some clients resume from an id as soon as they have read its line. If the stream were cut
    between an earlier id and the data, they would never get the event.
    """
    parts = []
    if event is not None:
        parts.append(f"event: {event}\n".encode())
    if retry:
        parts.append(f"retry: {retry}\n".encode())
    parts += (b"data: ", text, b"\n")
    if cursor is not None:
        parts.append(f"id: {cursor}\n".encode())
    return b"".join((*parts, b"\n"))


def event_block(event: Event, cursor: str | None) -> bytes:
    """`event` as an SSE block: no `event:` line, so that `onmessage` just works."""
    if cursor is None:
        return b"".join((b"data: ", event.json, b"\n\n"))
    return b"".join((b"data: ", event.json, b"\nid: ", cursor.encode(), b"\n\n"))


LAST_CHUNK: Final = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """`data` as one chunk (RFC 9112 §7.1). Empty data gives no chunk: an empty one would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def cursor_of(event: Event) -> str | None:
    """The cursor inside an event's bytes, without parsing them."""
    if event.offset is None:
        return None
    # {"specversion":"1.0","cursor":"…",
    start = 31
    return event.json[start : event.json.index(b'"', start)].decode()


def payload(events: Iterable[Event], format: Format) -> Payload:
    """`events` joined into what one write takes."""
    if format == "frames":
        parts: list[bytes] = []
        for event in events:
            text = event.json
            parts.append(frame_header(len(text)))
            parts.append(text)
        return b"".join(parts)
    if format in ("blocks", "chunks"):
        blocks = b"".join([event_block(event, cursor_of(event)) for event in events])
        return chunk(blocks) if format == "chunks" else blocks
    return tuple(event.json for event in events)


def join(payloads: Sequence[Payload], format: Format) -> Payload:
    """Several payloads of one format as one."""
    if format == "texts":
        return tuple(text for payload in payloads for text in payload)  # type: ignore[misc]
    return b"".join(payloads)  # type: ignore[arg-type]


def poll_body(
    cursor: str, events: Iterable[Event], reset: bytes = b"null", presence: bytes | None = None
) -> bytes:
    """The body of a long-poll's answer; `reset` and `presence` (None: not asked for) are JSON."""
    return b"".join(
        (
            b'{"cursor":"',
            cursor.encode(),
            b'","events":[',
            b",".join([event.json for event in events]),
            b'],"reset":',
            reset,
            b"" if presence is None else b',"presence":' + presence,
            b"}\n",
        )
    )
