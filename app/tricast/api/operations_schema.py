"""What `/openapi.json` says of connections, figures, settings, the backup and the schemas for event data."""

from __future__ import annotations

from typing import Final, get_args

from tricast.api.backup import MEDIA_TYPE
from tricast.api.connections import DEFAULT_LIMIT, MAX_LIMIT, MAX_SUBJECT_CHARS, MAX_TOPICS, TRANSPORTS
from tricast.api.schema_store import MAX_SCHEMA_BYTES, MAX_SCHEMAS
from tricast.api.schemas import Schema, closed, ref
from tricast.api.stats import SERIES
from tricast.audit import MAX_REASON_CHARS
from tricast.hub.figures import STEPS
from tricast.hub.roster import Sort

_NAME: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 0}
_NUMBER: Schema = {"type": "number", "minimum": 0}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"], "minimum": 0}


def _query(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _path(name: str, schema: Schema | None = None) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": schema or {"type": "string", "minLength": 1},
    }


def _get(id: str, summary: str, answer: str, parameters: list[Schema], description: str = "") -> Schema:
    operation: Schema = {"operationId": id, "summary": summary, "parameters": parameters}
    if description:
        operation["description"] = description
    return {**operation, "responses": {"200": _answer(answer)}}


def _answer(schema: str, description: str = "As it is now.", *, tagged: bool = False) -> Schema:
    answer: Schema = {"description": description, "content": {"application/json": {"schema": ref(schema)}}}
    if tagged:
        answer["headers"] = {
            "ETag": {
                "schema": {"type": "string"},
                "description": "The version, a dot, and a hash that differs if it was created anew.",
            }
        }
    return answer


def _refused(*statuses: int) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


_REASON = _query(
    "reason", "Why; it stands in the audit trail.", {"type": "string", "maxLength": MAX_REASON_CHARS}
)
_IF_MATCH: Schema = {
    "name": "If-Match",
    "in": "header",
    "description": 'The version that is changed, such as `"3"`, or `*` for whatever is there. Without: 428.',
    "schema": {"type": "string", "examples": ['"3"', "*"]},
}
_APP, _TYPE = _path("app"), _path("type", {"type": "string", "minLength": 1})
OPERATIONS_PATHS: Final[Schema] = {
    "/v1/connections": {
        "get": _get(
            "connections",
            "Who is connected now",
            "Connections",
            [
                _query("transport", "Only these.", {"enum": list(TRANSPORTS)}),
                _query(
                    "subject",
                    "Only this subject's, in any case of letters; `*` is any characters, `?` one.",
                    {"type": "string", "minLength": 1, "maxLength": MAX_SUBJECT_CHARS},
                ),
                _query(
                    "limit",
                    f"How many at most (default {DEFAULT_LIMIT}).",
                    {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
                ),
                _query(
                    "sort",
                    "`lag`: the one furthest behind first; `since` (the default): the newest.",
                    {"enum": list(get_args(Sort))},
                ),
            ],
            "Asks for the scope `admin`; who is confined to an app sees the connections that belong to it.",
        )
    },
    "/v1/connections/{id}": {
        "delete": {
            "operationId": "endConnection",
            "summary": "End a connection",
            "description": "It is told `disconnected`, and may come back after two seconds: to keep somebody "
            "out, revoke the key or token. A waiting poll is answered 503.",
            "parameters": [_path("id"), _REASON],
            "responses": {"204": {"description": "It is gone."}, **_refused(404)},
        }
    },
    "/v1/stats": {
        "get": _get(
            "stats",
            "How the server is, in figures",
            "Stats",
            [
                _query(
                    "history",
                    "The past instead, in steps of 10 s: `10s` to `1h`.",
                    {"type": "string", "pattern": "^[0-9]{1,6}(s|m|h)$", "examples": ["1h"]},
                )
            ],
            "Asks for the scope `admin`.",
        )
    },
    "/v1/settings": {
        "get": _get(
            "settings",
            "What the server was told, and where that came from",
            "Settings",
            [],
            "Read-only, for the scope `admin`. Of secrets only whether they are set.",
        )
    },
    "/v1/backup": {
        "get": {
            "operationId": "backup",
            "summary": "The whole log as one file",
            "description": "As of one moment, for an administrator whom no app confines. **It holds the "
            "server's secrets**: the one that signs tokens, and hashes of keys and passwords. It is made "
            "beside the log first (507 where there is no room). 409: the log is in memory, or another backup "
            "is being made.",
            "parameters": [_REASON],
            "responses": {
                "200": {
                    "description": "An SQLite database.",
                    "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
                    "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
                },
                **_refused(409),
            },
        }
    },
}
EVENT_SCHEMA_PATHS: Final[Schema] = {
    "/v1/apps/{app}/schemas": {
        "get": _get("listSchemas", "Which types of events have a schema", "EventSchemas", [_APP])
    },
    "/v1/apps/{app}/schemas/{type}": {
        "get": {
            "operationId": "getSchema",
            "summary": "The schema for the data of events of a type",
            "parameters": [_APP, _TYPE],
            "responses": {"200": _answer("EventSchema", tagged=True), **_refused(404)},
        },
        "put": {
            "operationId": "putSchema",
            "summary": "Hold the data of events of a type against a JSON Schema",
            "description": "Draft 2020-12, `format` asserted; `$ref` only within it; at most "
            f"{MAX_SCHEMA_BYTES // 1024} KiB, {MAX_SCHEMAS} for an app. From then on whatever doesn't fit is "
            "refused (`/problems/schema-mismatch`), by whichever door it comes; the events that are there "
            "stay. For types that begin with `tricast.`, `presence.`, `flag.` or `flag-environment.` there "
            "can be none. Asks for the scope `admin`.",
            "parameters": [_APP, _TYPE, _REASON, _IF_MATCH],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": ["object", "boolean"]}}},
            },
            "responses": {
                "200": _answer("EventSchema", "Durable.", tagged=True),
                "201": _answer("EventSchema", "The first one: If-Match isn't needed.", tagged=True),
                **_refused(409, 428),
            },
        },
        "delete": {
            "operationId": "deleteSchema",
            "summary": "Let events of a type be anything again",
            "parameters": [_APP, _TYPE, _REASON, _IF_MATCH],
            "responses": {"204": {"description": "Gone."}, **_refused(404, 409, 428)},
        },
    },
}
_CONNECTION: Schema = {
    "id": {"type": "string"},
    "subject": {"type": "string"},
    "role": _NAME,
    "credential": {**_NAME, "description": "What was shown: its kind and id."},
    "app": {**_NAME, "description": "Which app the credentials belong to."},
    "address": _NAME,
    "transport": {"enum": list(TRANSPORTS)},
    "topics": {"type": "array", "maxItems": MAX_TOPICS, "items": ref("Pattern")},
    "more": {**_COUNT, "description": "How many topics there are beside those."},
    "state": {"enum": ["replaying", "live", "lagging", "waiting"]},
    "since": _TIME,
    "lag": {**_COUNT, "description": "How many events of the log it has still to get past, on any topic."},
    "position": {"anyOf": [ref("Cursor"), {"type": "null"}]},
}
_QUANTILES: Schema = {"p50_ms": _NUMBER_OR_NULL, "p99_ms": _NUMBER_OR_NULL}
_PLACE: Schema = {
    "anyOf": [{"type": "null"}, closed(["cursor", "time"], {"cursor": ref("Cursor"), "time": _TIME})]
}
_LOG: Schema = {
    "url": {"type": "string"},
    "bytes": {**_COUNT_OR_NULL, "description": "On the disk; of a log in memory those of its events."},
    "free_bytes": {**_COUNT_OR_NULL, "description": "What its disk has left."},
    "events": _COUNT_OR_NULL,
    "first": _PLACE,
    "last": _PLACE,
    "retention": closed(
        ["age_s", "events", "bytes", "audit_age_s"],
        {
            "age_s": _NUMBER_OR_NULL,
            "events": _COUNT_OR_NULL,
            "bytes": _COUNT_OR_NULL,
            "audit_age_s": _NUMBER_OR_NULL,
        },
    ),
}
_NOW: Schema = {
    "connections": closed(
        ["websocket", "sse", "poll", "lagging", "replaying"],
        dict.fromkeys(("websocket", "sse", "poll", "lagging", "replaying"), _COUNT),
    ),
    "rates": closed(
        ["publishes_per_s", "deliveries_per_s"],
        {"publishes_per_s": _NUMBER, "deliveries_per_s": _NUMBER},
        "Events a second, over the last 10 s.",
    ),
    "latency": closed(
        ["p50_ms", "p99_ms", "minute"],
        {**_QUANTILES, "minute": closed(list(_QUANTILES), _QUANTILES, "Over the last minute.")},
        "From the acceptance of a publish until it was written to all who are live, over the last 10 s. "
        "Null: nothing was published.",
    ),
    "log": closed(list(_LOG), _LOG),
    "uptime_s": _NUMBER,
    "version": {"type": "string"},
    "process": closed(["rss_bytes", "cpu_s"], {"rss_bytes": _COUNT, "cpu_s": _NUMBER}),
}
_SETTING = ("name", "value", "default", "source", "origin", "variable", "allowed", "description")
_SCHEMA_ROW: Schema = {
    "type": {"type": "string"},
    "version": {"type": "integer", "minimum": 1},
    "title": _NAME,
    "description": _NAME,
    "created_at": _TIME,
    "updated_at": _TIME,
    "updated_by": {"type": "string"},
}
OPERATIONS_SCHEMAS: Final[Schema] = {
    "Connections": closed(
        ["connections", "total"],
        {
            "connections": {"type": "array", "maxItems": MAX_LIMIT, "items": ref("Connection")},
            "total": {**_COUNT, "description": "How many there are that fit what was asked for."},
        },
    ),
    "Connection": closed(list(_CONNECTION), _CONNECTION, "A stream, or a poll that waits."),
    "Stats": {"anyOf": [ref("StatsNow"), ref("StatsHistory")]},
    "StatsNow": closed(list(_NOW), _NOW),
    "StatsHistory": closed(
        ["step_s", "end", "series"],
        {
            "step_s": {"const": 10},
            "end": {**_TIME, "description": "When the last step ended."},
            "series": closed(
                list(SERIES),
                {
                    name: {"type": "array", "minItems": 1, "maxItems": STEPS, "items": _NUMBER_OR_NULL}
                    for name in SERIES
                },
                "Oldest first, all of one length. Null: the server wasn't there (or, of `p99_ms`, nothing "
                "was published).",
            ),
        },
    ),
    "Settings": closed(
        ["settings", "how"],
        {
            "settings": {"type": "array", "items": ref("Setting")},
            "how": {"type": "string", "description": "How they are changed."},
        },
    ),
    "Setting": closed(
        list(_SETTING),
        {name: {"type": "string"} for name in _SETTING}
        | {"source": {"enum": ["command line", "environment", "file", "default", "program"]}},
        "Values as one would write them; of a secret `set` or `unset`.",
    ),
    "EventSchemas": closed(
        ["app", "schemas"],
        {"app": {"type": "string"}, "schemas": {"type": "array", "items": ref("EventSchemaRow")}},
        "By type.",
    ),
    "EventSchemaRow": closed(list(_SCHEMA_ROW), _SCHEMA_ROW),
    "EventSchema": closed(
        ["app", *_SCHEMA_ROW, "schema"],
        {"app": {"type": "string"}, **_SCHEMA_ROW, "schema": {"type": ["object", "boolean"]}},
    ),
}
