"""`/asyncapi.json`: what is said on a WebSocket in both directions, as AsyncAPI 3.0."""

from __future__ import annotations

from typing import Final

from tricast.access.people.cookies import COOKIE
from tricast.api.controls import CONTROL_SCHEMAS
from tricast.api.presence_schema import CLIENT, PRESENCE_SCHEMAS, STATE
from tricast.api.schemas import SCHEMAS, Schema, closed, draft_schema, errors, ref
from tricast.hub.subscription import MAX_GLOBS, MAX_PATTERNS
from tricast.public_url import PublicUrl
from tricast.transports.websocket import SUBPROTOCOL
from tricast.transports.websocket_auth import AUTH_PROTOCOL
from tricast.wire.publishing import MAX_BATCH

_CHANNEL = {"$ref": "#/channels/events"}
_COMMAND_REF: Schema = {
    "type": ["string", "integer", "null"],
    "maxLength": 128,
    "description": "Of your choice; the reply repeats it.",
}
_OTHER_CODES = {
    1000: "Closed by the client's wish.",
    1002: "A frame that breaks the protocol (RFC 6455), as a proxy's may. Reconnect.",
    1007: "Text that is not UTF-8. Don't reconnect without a change.",
    1009: "A message far beyond the limit. Don't reconnect without a change.",
    1006: "No Close frame at all: the connection broke. Reconnect; the cursor is still good.",
}
_SENT = {
    "Event": "An event, one text message each.",
    "Hello": "First on every connection.",
    "Reset": "A gap.",
    "Live": "Replay has caught up.",
    "Presence": "Who is there.",
    "Heartbeat": "A sign of life, and your position.",
    "Goodbye": "The end, from the server.",
    "Error": "A refusal; the Close frame follows.",
    "Reply": "The answer to a command.",
}
_COMMANDS = {
    "subscribe": "Add patterns.",
    "unsubscribe": "Take patterns away.",
    "publish": "Publish an event or a batch.",
    "presence": "Join a topic, change the state there, or leave.",
    "auth": "Renew the token: same app and subject, and it must contain the present patterns.",
    "ping": "Ask for a reply.",
}


def asyncapi(version: str, *, public_url: PublicUrl | None = None) -> Schema:
    """The whole document. Without `public_url` the host is a variable."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "tricast",
            "version": version,
            "description": "The WebSocket of tricast, a realtime hub. Everything is JSON in text messages; "
            "binary messages are refused (4400). Event streams carry the same events and control events "
            "(see /openapi.json).",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(public_url),
        "channels": {"events": _channel()},
        "operations": _operations(),
        "components": {
            "schemas": SCHEMAS | CONTROL_SCHEMAS | PRESENCE_SCHEMAS | _COMMAND_SCHEMAS,
            "messages": {
                **{name: _message(name, what) for name, what in _SENT.items()},
                **{name: _message(_schema_of(name), what, name) for name, what in _COMMANDS.items()},
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token, or an API key.",
                },
                "apiKey": {"type": "httpApiKey", "in": "header", "name": "X-API-Key"},
                "token": {
                    "type": "httpApiKey",
                    "in": "query",
                    "name": "token",
                    "description": "A token (never an API key), for browsers.",
                },
                "session": {
                    "type": "httpApiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "The session of somebody who is signed in (see /openapi.json).",
                },
            },
        },
    }


def close_codes() -> Schema:
    """Every code that a connection may end with, and what it means."""
    ours = {error.close_code: error.title for error in reversed([*errors()])}
    return {str(code): meaning for code, meaning in sorted((ours | _OTHER_CODES).items())}


def _servers(public_url: PublicUrl | None) -> Schema:
    if public_url is None:
        return {"ws": _any_host("ws", "localhost:8080"), "wss": _any_host("wss", "events.example")}
    scheme, _, host = public_url.origin.partition("://")
    protocol = "wss" if scheme == "https" else "ws"
    path = {"pathname": public_url.path} if public_url.path else {}
    return {protocol: {"host": host, "protocol": protocol, **path, "security": _SECURITY}}


def _any_host(protocol: str, example: str) -> Schema:
    return {
        "host": "{host}",
        "protocol": protocol,
        "variables": {"host": {"default": example}},
        "security": _SECURITY,
    }


_SECURITY: Final = [
    {"$ref": f"#/components/securitySchemes/{name}"} for name in ("bearer", "apiKey", "token", "session")
]


def _channel() -> Schema:
    return {
        "address": "/v1/events",
        "title": "Events",
        "description": "One connection is one subscriber: one set of patterns, one filter, one position; an "
        "event is sent once, however many patterns match. Replies and control events stand in order with the "
        "events. A wrong request or Origin is refused after the handshake, by `Error` and a Close code. "
        f"Sub-protocol: `{SUBPROTOCOL}`, or none; a token may be offered beside it, as "
        f"`{AUTH_PROTOCOL}<token>`. With `?auth=message` the first message must be the command `auth`; the "
        "server sends nothing before it.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in (*_SENT, *_COMMANDS)},
        "bindings": {
            "ws": {"method": "GET", "query": _QUERY, "headers": _HEADERS, "bindingVersion": "0.1.0"}
        },
        "x-close-codes": close_codes(),
        "x-close-codes-rule": "4400-4499, 1003 and 1007-1010: do not reconnect without a change. All "
        "others: reconnect, with the last cursor.",
    }


def _operations() -> Schema:
    channel_message = "#/channels/events/messages/"
    operations: Schema = {
        "sendEvents": {
            "action": "send",
            "channel": _CHANNEL,
            "summary": "Events, and what the server says about the stream.",
            "messages": [{"$ref": channel_message + name} for name in _SENT if name != "Reply"],
        }
    }
    for name, what in _COMMANDS.items():
        operations[f"receive{_schema_of(name)}"] = {
            "action": "receive",
            "channel": _CHANNEL,
            "summary": what,
            "messages": [{"$ref": channel_message + name}],
            "reply": {"channel": _CHANNEL, "messages": [{"$ref": channel_message + "Reply"}]},
        }
    return operations


def _schema_of(command: str) -> str:
    return f"{command.capitalize()}Command"


def _message(schema: str, summary: str, name: str | None = None) -> Schema:
    return {"name": name or schema, "summary": summary, "payload": ref(schema)}


def _list(items: Schema, most: int) -> Schema:
    return {"anyOf": [items, {"type": "array", "minItems": 1, "maxItems": most, "items": items}]}


def _filter(items: Schema) -> Schema:
    return {"anyOf": [items, {"type": "array", "maxItems": MAX_GLOBS, "items": items}, {"type": "null"}]}


def _command(op: str, required: list[str], properties: Schema, description: str) -> Schema:
    members = {"op": {"const": op}, "ref": _COMMAND_REF, **properties}
    return closed(["op", *required], members, description)


_COMMAND_SCHEMAS: dict[str, Schema] = {
    "SubscribeCommand": _command(
        "subscribe",
        ["topics"],
        {
            "topics": _list(ref("Pattern"), MAX_PATTERNS),
            "cursor": {"anyOf": [ref("Start"), {"type": "null"}]},
            "type": _filter(ref("Glob")),
            "subject": _filter(ref("Glob")),
            "presence": {
                "type": ["boolean", "null"],
                "description": "Whether to tell who is there, on all topics of this connection. Left out: as "
                "it was.",
            },
        },
        "Add patterns to those of this connection. `cursor`, `type` and `subject` only with its first ones.",
    ),
    "UnsubscribeCommand": _command(
        "unsubscribe", ["topics"], {"topics": _list(ref("Pattern"), MAX_PATTERNS)}, "Take patterns away."
    ),
    "PublishCommand": {
        "oneOf": [
            draft_schema(
                {"op": {"const": "publish"}, "ref": _COMMAND_REF},
                "One event; its members stand beside `op`.",
            ),
            _command(
                "publish",
                ["events"],
                {"events": {"anyOf": [ref("Batch"), ref("Draft")]}},
                f"A batch of up to {MAX_BATCH} events, published as one.",
            ),
        ]
    },
    "PresenceCommand": _command(
        "presence",
        ["topic"],
        {
            "topic": ref("Topic"),
            "state": STATE,
            "leave": {"type": ["boolean", "null"], "description": "Without `state`."},
        },
        "Join a topic, change the state there, or leave. Asks for the scope `presence` and the right to "
        "subscribe to the topic.",
    ),
    "AuthCommand": _command("auth", ["token"], {"token": {"type": "string", "minLength": 1}}, "A new token."),
    "PingCommand": _command("ping", [], {}, "Ask for a reply."),
}
_QUERY: Schema = {
    "type": "object",
    "properties": {
        "topic": {
            "type": "array",
            "maxItems": MAX_PATTERNS,
            "items": ref("Pattern"),
            "description": "May be left out: then begin with `subscribe`.",
        },
        "cursor": ref("Start"),
        "type": {"type": "array", "maxItems": MAX_GLOBS, "items": ref("Glob")},
        "subject": {"type": "array", "maxItems": MAX_GLOBS, "items": ref("Glob")},
        "transport": {"const": "websocket"},
        "token": {"type": "string"},
        "auth": {"const": "message"},
        "presence": {"enum": ["0", "1"]},
        "client": CLIENT,
    },
}
_HEADERS: Schema = {
    "type": "object",
    "properties": {
        "Last-Event-ID": {"type": "string", "description": "Wins over `cursor`."},
        "Sec-WebSocket-Protocol": {"type": "string", "examples": [SUBPROTOCOL]},
    },
}
