"""The parameters and headers that `/openapi.json` refers to."""

from __future__ import annotations

from typing import Any

from tricast.api.presence_schema import CLIENT
from tricast.api.schemas import Schema, ref
from tricast.event import MAX_ATTRIBUTE_CHARS
from tricast.hub.subscription import MAX_GLOBS, MAX_PATTERNS
from tricast.transports.query import DEFAULT_TIMEOUT_S, MAX_LIMIT, MAX_TIMEOUT_S
from tricast.wire.publishing import MAX_KEY_CHARS


def _query(name: str, schema: Schema, description: str, **more: Any) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": description, **more}


def _text(description: str) -> Schema:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_ATTRIBUTE_CHARS,
        "description": description,
    }


_GLOBS: Schema = {"type": "array", "maxItems": MAX_GLOBS, "items": ref("Glob")}
_CLOUDEVENTS: Schema = {
    "id": "The event's id.",
    "source": "Who it comes from.",
    "type": "What kind of event it is.",
    "specversion": "`1.0`.",
    "topic": "The topic, if it is not in the query.",
    "subject": "What it is about.",
    "time": "RFC 3339.",
}
PARAMETERS: Schema = {
    "topic": _query(
        "topic",
        {"type": "array", "minItems": 1, "maxItems": MAX_PATTERNS, "items": ref("Pattern")},
        "What to get: topics and patterns. An event is sent once, however many match.",
        required=True,
    ),
    "cursor": _query(
        "cursor",
        {"anyOf": [ref("Start"), {"const": ""}]},
        "Where to begin (empty: latest). `Last-Event-ID` wins over it.",
    ),
    "type": _query("type", _GLOBS, "Only events of these types."),
    "subject": _query("subject", _GLOBS, "Only events with these subjects."),
    "transport": _query(
        "transport", {"enum": ["websocket", "sse", "poll"]}, "Overrides what the headers ask for."
    ),
    "limit": _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": MAX_LIMIT},
        "Long-poll: how many events at most.",
    ),
    "timeout": _query(
        "timeout",
        {"type": "number", "minimum": 0, "maximum": MAX_TIMEOUT_S, "default": DEFAULT_TIMEOUT_S},
        "Long-poll: seconds to wait if there is nothing; 0: answer at once. Decimals, without exponent.",
    ),
    "presence": _query(
        "presence",
        {"enum": ["0", "1"]},
        "1: also tell who is there. Asks for the scope `presence`.",
    ),
    "client": _query(
        "client", CLIENT, "Long-poll: who polls, to presence: an id of your choice, the same each time."
    ),
    "Last-Event-ID": {
        "name": "Last-Event-ID",
        "in": "header",
        "schema": {"type": "string"},
        "description": "A cursor, as EventSource sends it. What is none is answered with a reset.",
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS},
        "description": "The `id` of an event that has none; in a batch it is the key, `-` and the place.",
    },
    "publish-topic": _query("topic", ref("Topic"), "The body is the data of an event on this topic."),
    "publish-type": _query("type", _text("What kind of event it is."), "The event's type."),
    "publish-subject": _query("subject", _text("What it is about."), "The event's subject."),
    "publish-id": _query("id", _text("The event's id."), "The event's id; makes it idempotent."),
    "publish-source": _query("source", _text("Who it comes from."), "The event's source."),
    "publish-time": _query("time", {"type": "string", "format": "date-time"}, "The event's time."),
    **{
        f"ce-{name}": {
            "name": f"ce-{name}",
            "in": "header",
            "schema": {"type": "string"},
            "description": f"CloudEvents binary mode: {what}",
        }
        for name, what in _CLOUDEVENTS.items()
    },
}
HEADERS: Schema = {
    "Tricast-Cursor": {
        "schema": ref("Cursor"),
        "description": "Long-poll: the position reached (on HEAD, the log's).",
    },
    "Link": {
        "schema": {"type": "string"},
        "description": 'Long-poll: the next one, as `rel="next"`, relative to this one.',
    },
    "Allow": {"schema": {"type": "string"}, "description": "The methods that there are."},
    "Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait."},
    "WWW-Authenticate": {"schema": {"type": "string"}, "description": "`Bearer`."},
}
