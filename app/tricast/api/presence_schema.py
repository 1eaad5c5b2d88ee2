"""What the documents say of presence: its schemas on every transport, and `/v1/presence`."""

from __future__ import annotations

from tricast.api.schemas import Schema, closed, ref, text
from tricast.hub.attendance import MAX_TOPICS, POLL_LINGER_S
from tricast.hub.presence import MAX_CLIENT_CHARS
from tricast.hub.roll import MAX_LISTED
from tricast.hub.subscription import MAX_PATTERNS
from tricast.presence.base import MAX_STATE_BYTES, MAX_STATE_DEPTH

CLIENT: Schema = {"type": "string", "pattern": f"^[A-Za-z0-9._~-]{{1,{MAX_CLIENT_CHARS}}}$"}
STATE: Schema = {
    "type": ["object", "null"],
    "description": f"Up to {MAX_STATE_BYTES} bytes as JSON, nested up to {MAX_STATE_DEPTH} levels. Left out: "
    "as it was. Null: this connection has none, and those of the member's others count.",
}
_DESCRIPTION = (
    "For event streams and polls; on a WebSocket it is a command. With `connection` it lives as long as that "
    f"stream, with `client` until {POLL_LINGER_S:g} s after the last poll with that `client=`. Asks for the "
    f"scope `presence` and the right to subscribe to the topic. A connection is on up to {MAX_TOPICS} topics."
)
PRESENCE_SCHEMAS: dict[str, Schema] = {
    "Member": closed(
        ["subject", "state", "connections", "since"],
        {
            "subject": text("Who.", optional=False),
            "state": {
                "type": ["object", "null"],
                "description": "What was set last by any of its connections.",
            },
            "connections": {"type": "integer", "minimum": 0, "description": "0: has left."},
            "since": {"type": "string", "format": "date-time"},
        },
        "One subject on a topic, however many connections it has there.",
        examples=[
            {
                "subject": "ann",
                "state": {"editing": "flag:new-checkout"},
                "connections": 2,
                "since": "2026-01-01T12:00:00.000Z",
            }
        ],
    ),
    "Members": closed(
        ["topics", "counts"],
        {
            "topics": {
                "type": "object",
                "additionalProperties": {"type": "array", "maxItems": MAX_LISTED, "items": ref("Member")},
            },
            "counts": {
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1},
                "description": "How many members there are, also of those that are not listed.",
            },
            "more": {"const": True, "description": f"There are more than {MAX_LISTED} topics."},
        },
        f"Who is there: of each topic that somebody is on the first {MAX_LISTED} members, and in all about "
        "1 MiB of them.",
    ),
}
PRESENCE_PATHS: Schema = {
    "/v1/presence": {
        "get": {
            "operationId": "members",
            "summary": "Who is there now",
            "description": "Asks for the scope `presence` and the right to subscribe to the patterns.",
            "parameters": [
                {
                    "name": "topic",
                    "in": "query",
                    "required": True,
                    "schema": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MAX_PATTERNS,
                        "items": ref("Pattern"),
                    },
                    "description": "Topics and patterns.",
                }
            ],
            "responses": {
                "200": {
                    "description": "Who is there.",
                    "content": {"application/json": {"schema": ref("Members")}},
                }
            },
        },
        "post": {
            "operationId": "join",
            "summary": "Join a topic, change the state there, or leave",
            "description": _DESCRIPTION,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": ref("PresenceChange")}},
            },
            "responses": {
                "200": {
                    "description": "So it is now.",
                    "content": {"application/json": {"schema": ref("Present")}},
                },
                "404": {"$ref": "#/components/responses/404"},
                "429": {"$ref": "#/components/responses/429"},
            },
        },
    }
}
PRESENCE_BODIES: dict[str, Schema] = {
    "PresenceChange": closed(
        ["topic"],
        {
            "topic": ref("Topic"),
            "state": STATE,
            "connection": {"type": "string", "description": "A stream's, as its `tricast.hello` names it."},
            "client": {
                **CLIENT,
                "description": "For polls: an id of your choice, sent with each of them as `client=`.",
            },
            "leave": {"type": "boolean", "default": False, "description": "Without `state`."},
        },
        "Either `connection` or `client`.",
        oneOf=[{"required": ["connection"]}, {"required": ["client"]}],
        examples=[{"topic": "shop/room", "state": {"typing": True}, "client": "tab-1"}],
    ),
    "Present": closed(
        ["topic", "member", "expires_in_s"],
        {
            "topic": ref("Topic"),
            "member": {"anyOf": [ref("Member"), {"type": "null"}], "description": "Null: has left."},
            "expires_in_s": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "With `client`: how long it stays without a poll. Else null.",
            },
        },
    ),
}
