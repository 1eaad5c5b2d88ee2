"""What a fault proxy does to what goes through it, and how it reads the little of HTTP that it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HEAD_END = b"\r\n\r\n"
Kind = Literal["websocket", "sse", "http"]


@dataclass
class Faults:
    """Change any of it at any time; it holds for what comes from then on.

    `upgrade`: what a WebSocket handshake meets: it passes, is answered 400, or the connection is closed.
    `buffers`: responses of event streams are kept until they have ended. `status`: the answer to every
    request (502), nothing is asked upstream. `delay_s`: each piece of a response waits so long.
    `truncate_bytes`: a response's body ends there. `silent`: connections are taken, and nothing happens.
    `refuses`: connections are reset at once.
    """

    upgrade: Literal["pass", "refuse", "close"] = "pass"
    buffers: bool = False
    status: int | None = None
    delay_s: float = 0.0
    truncate_bytes: int | None = None
    silent: bool = False
    refuses: bool = False


@dataclass(frozen=True)
class Head:
    """A request's head as it came, and what it asks for."""

    raw: bytes

    @property
    def kind(self) -> Kind:
        lower = self.raw.lower()
        if b"\r\nupgrade: websocket" in lower:
            return "websocket"
        return "sse" if b"text/event-stream" in lower or b"transport=sse" in lower else "http"

    @property
    def forwarded(self) -> bytes:
        """As it is sent on: one request a connection, so that nothing has to be counted."""
        return self.raw if self.kind == "websocket" else closing(self.raw)


def closing(head: bytes) -> bytes:
    """A head that says that nothing follows on its connection."""
    lines = head.removesuffix(HEAD_END).split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*kept, b"Connection: close"]) + HEAD_END


def answer(status: int) -> bytes:
    """What a proxy says by itself: not tricast's words."""
    body = f"<html><body>{status} (a proxy says so)</body></html>\n".encode()
    reason = {400: "Bad Request", 502: "Bad Gateway", 503: "Service Unavailable"}.get(status, "No")
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/html\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
