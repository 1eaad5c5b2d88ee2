"""What `/openapi.json` says of `GET /v1/audit`."""

from __future__ import annotations

from typing import Any

from tricast.api.audit import DEFAULT_LIMIT, FORMATS, MAX_LIMIT
from tricast.api.exports import COLUMNS, CSV, NDJSON
from tricast.api.schemas import Schema, closed, ref
from tricast.audit import MAX_REASON_CHARS

_DESCRIPTION = (
    "Newest first. `admin` sees all of it, or all of its app; `flags:read` sees what happened to flags "
    "(kinds `flag`, `flag-environment`, `app`) in its app and environment, without credentials, addresses "
    "and request ids. One answer looks at 20,000 entries at most and holds about 1 MiB, so that there may be "
    "fewer than `limit`, or none: go on with `cursor=` its `next` until that is null. As `ndjson` or `csv` "
    "(also by `Accept`) all that matches is written in one answer, as it is read; `limit` bounds it only "
    "where it is given. In CSV a text that would be taken for a formula has a `'` in front. There is no "
    "other method: what is written stays until `audit_retention_age_s` has passed."
)
_TIME = (
    "An RFC 3339 time, or a duration back: a number with `ms`, `s`, `m`, `h`, `d` or `w`, such as `10m` or "
    "`30d`."
)


def _query(name: str, description: str, schema: Schema | None = None) -> Schema:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": schema or {"type": "string", "minLength": 1},
    }


_MOMENT: Schema = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {"type": "string", "pattern": "^[0-9]{1,9}(?:ms|s|m|h|d|w)$"},
    ]
}
_PARAMETERS: list[Schema] = [
    _query("app", "Only what belongs to this app."),
    _query("environment", "Only what concerns this environment of an app's flags."),
    _query("flag", "Only this flag's: short for `kind=flag&key=`."),
    _query("kind", "Only documents of this kind, such as `flag` or `key`."),
    _query("key", "Only the document with this key."),
    _query("actor", "Only what this subject did, or what was done with `key:<id>` or `token:<id>`."),
    _query("action", "Only these actions; a glob such as `flag.*`.", ref("Glob")),
    _query("since", f"From then on. {_TIME}", _MOMENT),
    _query("until", f"Before then. {_TIME}", _MOMENT),
    _query(
        "limit",
        f"How many entries at most. As JSON 1 to {MAX_LIMIT} (default {DEFAULT_LIMIT}).",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    ),
    _query("cursor", "Only older ones: the `next` of an answer, or an entry's `id`.", ref("Cursor")),
    _query("format", "Goes before `Accept`.", {"enum": list(FORMATS)}),
]
_NAME: Schema = {"type": ["string", "null"]}
_VERSION: Schema = {"type": ["integer", "null"], "minimum": 0}
AUDIT_PATHS: Schema = {
    "/v1/audit": {
        "get": {
            "operationId": "audit",
            "summary": "Who changed what, when and why",
            "description": _DESCRIPTION,
            "parameters": _PARAMETERS,
            "responses": {
                "200": {
                    "description": "Entries.",
                    "headers": {
                        "Content-Disposition": {
                            "schema": {"type": "string"},
                            "description": "Of NDJSON and CSV: the file's name.",
                        }
                    },
                    "content": {
                        "application/json": {"schema": ref("Audit")},
                        NDJSON: {
                            "schema": {"type": "string", "description": "An `AuditEntry` on each line."}
                        },
                        CSV: {
                            "schema": {
                                "type": "string",
                                "description": f"RFC 4180, with a head: {', '.join(COLUMNS)}.",
                            }
                        },
                    },
                }
            },
        }
    }
}
_ENTRY: dict[str, Any] = {
    "id": ref("Cursor"),
    "time": {"type": "string", "format": "date-time"},
    "action": {"type": "string", "examples": ["flag.updated", "key.created"]},
    "app": _NAME,
    "environments": {"type": "array", "items": {"type": "string"}},
    "kind": {"type": "string"},
    "key": {"type": "string"},
    "version": _VERSION,
    "previous_version": _VERSION,
    "changes": {"type": "array", "items": ref("AuditChange")},
    "actor": closed(
        ["subject", "role", "credential", "address"],
        {
            "subject": {"type": "string"},
            "role": _NAME,
            "credential": {
                **_NAME,
                "description": "What was shown: `key:<id>`, `token:<id>` or `session:<id>`.",
            },
            "address": _NAME,
        },
    ),
    "reason": {**_NAME, "maxLength": MAX_REASON_CHARS},
    "request_id": _NAME,
}
AUDIT_SCHEMAS: Schema = {
    "Audit": closed(
        ["entries", "next"],
        {
            "entries": {"type": "array", "maxItems": MAX_LIMIT, "items": ref("AuditEntry")},
            "next": {"anyOf": [{"type": "null"}, ref("Cursor")]},
        },
        "Entries of the audit trail, newest first. `next` is null at the end.",
    ),
    "AuditEntry": closed(list(_ENTRY), _ENTRY, "One change of one document. `id` is the entry's cursor."),
    "AuditChange": closed(
        ["path"],
        {
            "path": {
                "type": "string",
                "description": "A JSON Pointer (RFC 6901); empty: the whole document.",
            },
            "before": {"description": "Left out where there was nothing."},
            "after": {"description": "Left out where there is nothing any more."},
        },
    ),
}
