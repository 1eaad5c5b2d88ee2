"""Control events: what the server says about the stream itself, shaped as events are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from tricast.cursor import ResetReason
from tricast.errors import TricastError
from tricast.event import new_id, one_line, rfc3339, time_ms
from tricast.wire.frames import Format, Payload, chunk, sse_block, text_frame


@dataclass(frozen=True, slots=True)
class Control:
    """A control event. `cursor` is a position of the subscriber that it is sent to, or None."""

    type: str
    text: bytes
    cursor: str | None = None
    retry_ms: int = 0

    def payload(self, format: Format) -> Payload:
        """Its bytes; in SSE with an `event:` line and, where it has a cursor, an `id:`."""
        if format == "frames":
            return text_frame(self.text)
        if format == "texts":
            return (self.text,)
        block = sse_block(self.text, self.cursor, self.type, self.retry_ms)
        return chunk(block) if format == "chunks" else block


def control(
    type: str, data: dict[str, Any] | orjson.Fragment, cursor: str | None = None, retry_ms: int = 0
) -> Control:
    """A control event of `type` (`tricast.` is put before it)."""
    envelope: dict[str, Any] = {"specversion": "1.0"}
    if cursor is not None:
        envelope["cursor"] = cursor
        assert isinstance(data, dict)
        data = {"cursor": cursor, **data}
    now = time_ms()
    envelope |= {
        "id": new_id(),
        "source": "/tricast",
        "type": f"tricast.{type}",
        "time": rfc3339(now),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Control(f"tricast.{type}", one_line(orjson.dumps(envelope)), cursor, retry_ms)


def hello(
    *,
    cursor: str | None,
    recovered: bool,
    heartbeat_s: float,
    expires_in_s: int | None,
    connection: str,
) -> Control:
    """The first event of every stream. `cursor` is None while anything is owed (DELIVERY.md 7)."""
    data: dict[str, Any] = {
        "recovered": recovered,
        "heartbeat_s": heartbeat_s,
        "expires_in_s": expires_in_s,
        "connection": connection,
    }
    return control("hello", data, cursor)


def reset(reason: ResetReason, cursor: str, oldest: str) -> Control:
    """The log can't serve the cursor; the subscriber goes on from `cursor`."""
    return control("reset", {"reason": reason, "oldest": oldest}, cursor)


def live(cursor: str) -> Control:
    """Replay has caught up."""
    return control("live", {}, cursor)


def heartbeat(cursor: str) -> Control:
    """Nothing new up to `cursor`."""
    return control("heartbeat", {}, cursor)


def presence(data: bytes) -> Control:
    """Who is on the topics of a subscription: `data` is JSON. No position, so no cursor."""
    return control("presence", orjson.Fragment(data))


def goodbye(reason: str, reconnect_after_ms: int) -> Control:
    """The server ends the stream; come back after so long (0: not without a change)."""
    return control(
        "goodbye", {"reason": reason, "reconnect_after_ms": reconnect_after_ms}, None, reconnect_after_ms
    )


def error(problem: TricastError) -> Control:
    """A refusal that ends the stream."""
    return control("error", problem.problem())


def reply(ref: Any, op: str | None, result: dict[str, Any], cursor: str | None = None) -> Control:
    """The answer to a WebSocket command."""
    data: dict[str, Any] = {"op": op, "ok": True}
    if ref is not None:
        data["ref"] = ref
    return control("reply", data | result, cursor)


def refusal(ref: Any, op: str | None, problem: TricastError) -> Control:
    """The answer to a WebSocket command that could not be done."""
    data: dict[str, Any] = {"op": op, "ok": False, "error": problem.problem()}
    if ref is not None:
        data["ref"] = ref
    return control("reply", data)
