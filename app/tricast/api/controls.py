"""The JSON Schemas of control events: what the server says about a stream itself."""

from __future__ import annotations

from typing import get_args

from tricast.api.schemas import Schema, closed, ref, text
from tricast.cursor import ResetReason
from tricast.hub.subscription import MAX_PATTERNS


def control_event(name: str, data: Schema, description: str, *, cursor: bool | None) -> Schema:
    """A control event; `cursor`: has one, has none, or (None) may have one."""
    required = ["specversion", "id", "source", "type", "time", "datacontenttype", "data"]
    properties: Schema = {
        "specversion": {"const": "1.0"},
        "id": text("Unique.", optional=False),
        "source": {"const": "/tricast"},
        "type": {"const": f"tricast.{name}"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "data": data,
    }
    if cursor is not False:
        properties["cursor"] = ref("Cursor")
    if cursor:
        required.append("cursor")
    return closed(required, properties, description)


def _reply(op: Schema, required: list[str], properties: Schema, description: str) -> Schema:
    return closed(
        ["op", "ok", *required],
        {"op": op, "ok": {"const": True}, "ref": ref("Ref"), **properties},
        description,
    )


_CURSOR_DATA = closed(["cursor"], {"cursor": ref("Cursor")})


CONTROL_SCHEMAS: dict[str, Schema] = {
    "Ref": {
        "type": ["string", "integer"],
        "maxLength": 128,
        "description": "The command's `ref`, of your choice.",
    },
    "ResetData": closed(
        ["reason", "cursor", "oldest"],
        {
            "reason": {"enum": list(get_args(ResetReason))},
            "cursor": ref("Cursor"),
            "oldest": ref("Cursor"),
        },
        "The log can't serve the cursor that was given. `trimmed`: what follows it is not kept any more; "
        "`epoch`: the log took another course after it (a restored backup); `ahead`: the log is not there "
        "yet; `unknown`: it is none of this log. The stream goes on from `cursor`; what is kept begins at "
        "`oldest`.",
    ),
    "Hello": control_event(
        "hello",
        closed(
            ["recovered", "heartbeat_s", "expires_in_s", "connection"],
            {
                "cursor": ref("Cursor"),
                "recovered": {
                    "type": "boolean",
                    "description": "A cursor was given, and everything after it follows.",
                },
                "heartbeat_s": {"type": "number", "exclusiveMinimum": 0},
                "expires_in_s": {
                    "type": ["integer", "null"],
                    "minimum": 0,
                    "description": "How long the token is still good; null: for ever.",
                },
                "connection": {"type": "string"},
            },
        ),
        "The first event of every stream. It has a cursor only if nothing is owed.",
        cursor=None,
    ),
    "Reset": control_event(
        "reset", ref("ResetData"), "There is a gap here, and the stream goes on after it.", cursor=True
    ),
    "Live": control_event("live", _CURSOR_DATA, "Replay has caught up: what follows is new.", cursor=True),
    "Presence": control_event(
        "presence",
        ref("Members"),
        "With `presence=1`, after every `Live`: who is on the topics. Events on them follow, of the types "
        "`presence.joined`, `presence.updated` and `presence.left`, whose data is a `Member`; one may "
        "repeat what the list had.",
        cursor=False,
    ),
    "Heartbeat": control_event("heartbeat", _CURSOR_DATA, "Nothing new for you up to `cursor`.", cursor=True),
    "Goodbye": control_event(
        "goodbye",
        closed(
            ["reason", "reconnect_after_ms"],
            {
                "reason": {
                    "type": "string",
                    "description": "`draining` (the server stops), `disconnected` (an administrator ended "
                    "it; it may come back), `role-changed` (of a person, who comes back with the new one), "
                    "`expired`, `revoked`, or the last part "
                    "of a problem's `type`, such as `too-many-requests`.",
                },
                "reconnect_after_ms": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "0: not without a change.",
                },
            },
        ),
        "The server ends the stream.",
        cursor=False,
    ),
    "Error": control_event("error", ref("Problem"), "A refusal that ends the connection.", cursor=False),
    "Reply": control_event(
        "reply",
        {
            "oneOf": [
                _reply(
                    {"enum": ["subscribe", "unsubscribe"]},
                    ["topics", "cursor"],
                    {
                        "topics": {"type": "array", "maxItems": MAX_PATTERNS, "items": ref("Pattern")},
                        "cursor": ref("Cursor"),
                    },
                    "The patterns from here on. The change holds at `cursor`.",
                ),
                _reply(
                    {"const": "publish"},
                    ["cursor", "events"],
                    {
                        "cursor": ref("Cursor"),
                        "events": {"type": "array", "minItems": 1, "items": ref("Receipt")},
                    },
                    "As `Published`. (None beside `data`: it is no position of this connection.)",
                ),
                _reply(
                    {"const": "presence"},
                    ["topic", "member"],
                    {"topic": ref("Topic"), "member": {"anyOf": [ref("Member"), {"type": "null"}]}},
                    "The member as it is now; null: has left.",
                ),
                _reply(
                    {"const": "auth"},
                    ["expires_in_s"],
                    {"expires_in_s": {"type": ["integer", "null"], "minimum": 0}},
                    "The new token holds.",
                ),
                _reply({"const": "ping"}, ["cursor"], {"cursor": ref("Cursor")}, "Up to here all was sent."),
                closed(
                    ["op", "ok", "error"],
                    {
                        "op": {"type": ["string", "null"]},
                        "ok": {"const": False},
                        "ref": ref("Ref"),
                        "error": ref("Problem"),
                    },
                    "Refused; the connection stays. `op` is null if there is no such command.",
                ),
            ]
        },
        "The answer to a command, in order with the events.",
        cursor=None,
    ),
}
