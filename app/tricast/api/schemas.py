"""The JSON Schemas of the wire: what OpenAPI and AsyncAPI both refer to.

Kept to what JSON Schema draft 7 and 2020-12 have in common, since AsyncAPI 3.0
reads the one and OpenAPI 3.1 the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tricast.errors import TricastError
from tricast.event import MAX_ATTRIBUTE_CHARS, MAX_DEPTH
from tricast.hub.subscription import MAX_GLOB_CHARS
from tricast.pattern import MAX_SEGMENTS, MAX_TOPIC_BYTES
from tricast.wire.publishing import MAX_BATCH

Schema = dict[str, Any]

_SEGMENT = r"[^\s/*\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]+"
_WILD = rf"(?:{_SEGMENT}|\*)"
_TEXT = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
SECURITY: list[Schema] = [{"bearer": []}, {"apiKey": []}, {"token": []}, {"session": []}]


def errors() -> Iterator[type[TricastError]]:
    """Every error of `tricast.errors` that has a problem type of its own, by status."""
    found: dict[str, type[TricastError]] = {}
    waiting = [TricastError]
    while waiting:
        error = waiting.pop()
        found.setdefault(error.code, error)
        waiting.extend(sub for sub in error.__subclasses__() if sub.__module__ == TricastError.__module__)
    yield from sorted(found.values(), key=lambda error: (error.status, error.code))


def ref(name: str) -> Schema:
    """A reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(description: str, *, optional: bool = True) -> Schema:
    """A string without control characters, as the attributes of an event are."""
    return {
        "type": ["string", "null"] if optional else "string",
        "minLength": 1,
        "maxLength": MAX_ATTRIBUTE_CHARS,
        "pattern": _TEXT,
        "description": description,
    }


def closed(required: list[str], properties: Schema, description: str = "", **more: Any) -> Schema:
    """An object with these members and no others."""
    schema: Schema = {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }
    return {**({"description": description} if description else {}), **schema, **more}


def draft_schema(more: Schema | None = None, description: str = "") -> Schema:
    """An event as publishers give it, with CloudEvents extensions; `more` members stand beside them."""
    properties = {**(more or {}), **_DRAFT}
    return {
        "type": "object",
        "description": description,
        "required": ["op", "topic"] if more else ["topic"],
        "properties": properties,
        "patternProperties": {
            _extensions(properties): {
                "type": ["string", "boolean", "integer", "null"],
                "maxLength": MAX_ATTRIBUTE_CHARS,
                "pattern": _TEXT,
                "minimum": -(2**31),
                "maximum": 2**31 - 1,
            }
        },
        "additionalProperties": False,
    }


def _extensions(properties: Schema) -> str:
    names = "|".join(properties)
    return f"^(?!(?:{names})$)[a-z0-9]{{1,40}}$"


_DRAFT: Schema = {
    "topic": ref("Topic"),
    "type": {
        "type": ["string", "null"],
        "pattern": "^[A-Za-z0-9._:/+@~-]{1,128}$",
        "default": "message",
        "description": "What kind of event it is. Not `tricast.*` or `presence.*` (403).",
    },
    "data": {"description": f"Any JSON, nested up to {MAX_DEPTH} levels. Left out: null."},
    "data_base64": {
        "type": ["string", "null"],
        "contentEncoding": "base64",
        "description": "Data that is not JSON (RFC 4648 §4, padded). Not beside `data`.",
    },
    "id": text(
        "Together with `source` it makes the publish idempotent for 24 hours: the same again gives the "
        "first answer, another content 409. Generated if left out."
    ),
    "source": text("Who it comes from. Default: `/<app>/<key or subject>`."),
    "subject": text("What it is about."),
    "time": {"type": ["string", "null"], "format": "date-time", "description": "RFC 3339. Default: now."},
    "datacontenttype": text("Default: application/json, or with data_base64 application/octet-stream."),
    "specversion": {"const": "1.0"},
    "cursor": {"description": "Ignored: the log gives the cursor."},
}
_EVENT: Schema = {
    "specversion": {"const": "1.0"},
    "cursor": ref("Cursor"),
    "id": text("The publisher's, or generated.", optional=False),
    "source": text("The publisher's, or `/<app>/<key or subject>`.", optional=False),
    "type": {"type": "string", "pattern": "^[A-Za-z0-9._:/+@~-]{1,128}$"},
    "topic": ref("Topic"),
    "subject": text("What it is about.", optional=False),
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": text("The media type of the data.", optional=False),
    "data": {"description": "Any JSON."},
    "data_base64": {"type": "string", "contentEncoding": "base64"},
}

SCHEMAS: dict[str, Schema] = {
    "Topic": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TOPIC_BYTES,
        "pattern": f"^{_SEGMENT}(?:/{_SEGMENT}){{0,{MAX_SEGMENTS - 1}}}$",
        "description": f"1 to {MAX_SEGMENTS} segments joined by `/`, in all up to {MAX_TOPIC_BYTES} bytes of "
        "UTF-8; no white space, control characters or `*`. The first segment names the app. `tricast`, and "
        "`<app>/flags` with what is under it, are the server's own (403).",
        "examples": ["shop/orders"],
    },
    "Pattern": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TOPIC_BYTES,
        "pattern": rf"^(?:\*\*|{_WILD}(?:/{_WILD}){{0,{MAX_SEGMENTS - 1}}}(?:/\*\*)?)$",
        "description": "A topic, in which `*` stands for one segment and a final `**` for one or more. "
        "A wildcard in the first place never reaches the app `tricast`.",
        "examples": ["shop/orders", "shop/**", "shop/*/eu"],
    },
    "Glob": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_GLOB_CHARS,
        "description": "`*` stands for any run of characters (up to 8 of them), `?` for one.",
        "examples": ["order.*"],
    },
    "Cursor": {
        "type": "string",
        "pattern": "^[a-z0-9]{1,32}-(0|[1-9][0-9]{0,17})$",
        "description": "A position in the log. Compare two by the integer after the `-` and nothing else.",
        "examples": ["k3v9q2-1042"],
    },
    "Start": {
        "anyOf": [
            ref("Cursor"),
            {"enum": ["latest", "earliest"]},
            {"type": "string", "format": "date-time"},
            {"type": "string", "pattern": "^[0-9]{1,9}(?:ms|s|m|h|d|w)$"},
        ],
        "description": "Where to begin: a cursor, `latest` (the default), `earliest`, an RFC 3339 time, or a "
        "duration back: a number with `ms`, `s`, `m`, `h`, `d` or `w`.",
        "examples": ["k3v9q2-1042", "latest", "earliest", "2026-01-01T12:00:00Z", "10m"],
    },
    "Event": {
        "type": "object",
        "description": "An event as every transport sends it: CloudEvents 1.0 JSON and a `cursor`, the "
        "position just after it. (Ephemeral events have no cursor: those of presence, with "
        "`data` a `Member`, and what embedders publish so.) "
        "Members besides these are CloudEvents extensions.",
        "required": ["specversion", "id", "source", "type", "topic", "time", "datacontenttype"],
        "properties": _EVENT,
        "patternProperties": {_extensions(_EVENT): {"type": ["string", "boolean", "integer"]}},
        "additionalProperties": False,
        "examples": [
            {
                "specversion": "1.0",
                "cursor": "k3v9q2-1042",
                "id": "01KDW5J8M0Q0Y7T3N9C4B2A6ZX",
                "source": "/shop/web-1",
                "type": "order.paid",
                "topic": "shop/orders",
                "subject": "order-17",
                "time": "2026-01-01T12:00:00.000Z",
                "datacontenttype": "application/json",
                "data": {"total": 12.5},
            }
        ],
    },
    "Draft": draft_schema(
        description="An event to publish. Members besides these are CloudEvents extensions: names of 1 to 40 "
        "lower-case letters and digits; values that are strings of up to 255 characters, booleans or 32-bit "
        "integers. Numbers beyond 64 bits lose precision; of a member that is given twice, the last counts.",
    ),
    "Batch": {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_BATCH,
        "items": ref("Draft"),
        "description": "Published as one: all of them, or none.",
    },
    "Receipt": closed(
        ["id", "cursor"],
        {
            "id": {"type": "string"},
            "cursor": ref("Cursor"),
            "duplicate": {"const": True, "description": "It was there already; this is its first cursor."},
        },
    ),
    "Published": closed(
        ["cursor", "events"],
        {
            "cursor": ref("Cursor"),
            "events": {
                "type": "array",
                "minItems": 1,
                "items": ref("Receipt"),
            },
        },
        "What was published, in order; `cursor` is that of the last.",
        examples=[
            {
                "cursor": "k3v9q2-1042",
                "events": [{"id": "01KDW5J8M0Q0Y7T3N9C4B2A6ZX", "cursor": "k3v9q2-1042"}],
            }
        ],
    ),
    "Poll": closed(
        ["cursor", "events", "reset"],
        {
            "cursor": ref("Cursor"),
            "events": {"type": "array", "maxItems": 1000, "items": ref("Event")},
            "reset": {"anyOf": [{"type": "null"}, ref("ResetData")]},
            "presence": {"$ref": "#/components/schemas/Members", "description": "With `presence=1`."},
        },
        "The answer to a long-poll: what waited, and the position reached, also without events.",
        examples=[{"cursor": "k3v9q2-1042", "events": [], "reset": None}],
    ),
    "Problem": {
        "type": "object",
        "description": "RFC 9457 problem details.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"enum": [f"/problems/{error.code}" for error in errors()], "description": "Stable."},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "What was wrong, which value, what to do."},
            "field": {"type": "string", "description": "The parameter, header or member that is wrong."},
            "retry_after_s": {"type": "number", "minimum": 0, "description": "Not before so many seconds."},
            "mismatch": {
                "type": "object",
                "description": "Of `schema-mismatch`: JSON Pointers to the place in the data and to the rule "
                "in the schema, the value there (shortened), and which schema that is.",
                "required": ["path", "value", "rule", "message", "app", "type", "version"],
                "properties": {
                    "path": {"type": "string"},
                    "value": {"type": "string"},
                    "rule": {"type": "string"},
                    "message": {"type": "string"},
                    "app": {"type": "string"},
                    "type": {"type": "string"},
                    "version": {"type": "integer", "minimum": 1},
                },
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
        "examples": [
            {
                "type": "/problems/bad-request",
                "title": "The request is not valid",
                "status": 400,
                "detail": "limit '0' must be a number from 1 to 1000",
                "field": "limit",
            }
        ],
    },
}
