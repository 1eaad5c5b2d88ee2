"""`/openapi.json`: everything that is done over HTTP, as OpenAPI 3.1."""

from __future__ import annotations

from copy import deepcopy

from tricast.access.people.cookies import COOKIE, SECURE_COOKIE, SECURE_COOKIE_BELOW
from tricast.api.admin_schema import OPENAPI_PATHS, OPENAPI_SCHEMAS
from tricast.api.audit_schema import AUDIT_PATHS, AUDIT_SCHEMAS
from tricast.api.controls import CONTROL_SCHEMAS
from tricast.api.operations_schema import EVENT_SCHEMA_PATHS, OPERATIONS_PATHS, OPERATIONS_SCHEMAS
from tricast.api.parameters import HEADERS, PARAMETERS
from tricast.api.people_paths import PEOPLE_PATHS
from tricast.api.people_schema import PEOPLE_SCHEMAS
from tricast.api.presence_schema import PRESENCE_BODIES, PRESENCE_PATHS, PRESENCE_SCHEMAS
from tricast.api.schemas import SCHEMAS, SECURITY, Schema, ref
from tricast.public_url import PublicUrl
from tricast.transports.query import MAX_QUERY_BYTES

PROBLEM = "application/problem+json"
_SUBSCRIBE = (
    "The request chooses the transport: a WebSocket handshake opens a WebSocket (see /asyncapi.json), "
    "`Accept: text/event-stream` an event stream, anything else is a long-poll; `transport` overrides. "
    "A cursor got on one is good on the others. Every parameter but `topic`, `type` and `subject` may stand "
    f"once; unknown ones are refused; the query has up to {MAX_QUERY_BYTES // 1024} KiB (on a WebSocket "
    "handshake 8 KiB).\n\n"
    "**Long-poll**: all that waits after `cursor` in one answer, up to `limit` events or 1 MiB; if there is "
    "nothing, it waits up to `timeout` seconds. Begin with `timeout=0` (that gives a cursor), then follow "
    "`Link`. A cursor that the log can't serve is answered at once with `reset`.\n\n"
    "**Event stream**: an event is a block of `id:` (its cursor) and `data:` (an `Event`); a control event "
    "has an `event:` line too, and `id:` where it has a cursor. `tricast.hello` comes first. A temporary "
    "refusal (429, 503) is a 200 here, with a `tricast.goodbye` and the end, or EventSource would give up."
)
_PUBLISH = (
    "One event, or a batch that is published as a whole. The body is one of:\n\n"
    "- **JSON** (`application/json`, or any body that begins with `{` or `[`): a `Draft` or a `Batch`.\n"
    "- **anything, with `?topic=`**: the body is the data. JSON is taken as it is, other UTF-8 is a JSON "
    "string with `datacontenttype: text/plain` (or the `text/*` it was), other bytes are `data_base64`.\n"
    "- **CloudEvents** 1.0 structured (`application/cloudevents+json`), batched "
    "(`application/cloudevents-batch+json`) or binary: attributes in `ce-*` headers, percent-encoded UTF-8; "
    "the body is the data. `topic` is an attribute, or in the query.\n\n"
    "What an event of the first and third form lacks is taken from the query (both: 400 if "
    "they differ). The body must not be "
    "compressed. Acknowledged means durable, and that a read that begins now includes it."
)
_MEANINGS = {
    400: "Something in the request is not valid; `field` names it.",
    401: "Credentials are missing, malformed, expired or revoked.",
    403: "The credentials don't reach that far, or the page's Origin is not allowed.",
    404: "There is no such thing.",
    405: "Not with this method; `Allow` has those that there are.",
    408: "The head or the body did not arrive in time: within 15 s, or for some bodies 30 s.",
    409: "The `id` and `source` were used for other content, or something else was in between.",
    413: "The body, or an event in it, is larger than the limit.",
    428: "Say which version is changed: `If-Match`.",
    429: "Too many requests; `Retry-After` says how long to wait.",
    431: "The head is larger than 64 KiB.",
    503: "Not at the moment: the server is stopping, or it is not known whether it was written. Ask again, "
    "a publish with the same id.",
    507: "The log's disk is full; nothing was written.",
}


def openapi(version: str, *, paths: Schema, schemas: Schema, public_url: PublicUrl | None = None) -> Schema:
    """The whole document. `paths` and `schemas` are those of the applications on the hub.

    Without `public_url` the server's URL is relative to the document's.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tricast",
            "version": version,
            "description": "A realtime hub: one durable event log, three transports. Errors are RFC 9457 "
            "problem details. `tricast serve --dev` asks requests from its own machine for no credentials; "
            "API keys are not taken from URLs.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": str(public_url or ".")}],
        "security": SECURITY,
        "tags": [
            {"name": "events"},
            {"name": "presence"},
            {"name": "flags"},
            {"name": "access"},
            {"name": "people"},
            {"name": "operations"},
            {"name": "service"},
        ],
        "paths": {
            **_events(),
            **_routed(PRESENCE_PATHS, "presence"),
            **_routed(paths, "flags"),
            **_access(),
            **_routed(PEOPLE_PATHS, "people"),
            **_routed(EVENT_SCHEMA_PATHS, "events"),
            **_routed(OPERATIONS_PATHS, "operations"),
            **_service(),
        },
        "components": {
            "schemas": SCHEMAS
            | CONTROL_SCHEMAS
            | PRESENCE_SCHEMAS
            | PRESENCE_BODIES
            | OPENAPI_SCHEMAS
            | AUDIT_SCHEMAS
            | PEOPLE_SCHEMAS
            | OPERATIONS_SCHEMAS
            | schemas
            | _SERVICE_SCHEMAS,
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": {str(status): _problem(status) for status in _MEANINGS},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token, or an API key.",
                },
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "token": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "token",
                    "description": "A token (never an API key), where headers can't be set.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": f"The session of somebody who is signed in; over https it is called "
                    f"`{SECURE_COOKIE}`, below a path `{SECURE_COOKIE_BELOW}`. Other credentials take "
                    "precedence. It is accepted only from pages of the server's own origins, and not with a "
                    "body of a form's media type.",
                },
            },
        },
    }


def _events() -> Schema:
    subscribe = [
        *("topic", "cursor", "type", "subject", "transport", "limit", "timeout", "presence", "client"),
        "Last-Event-ID",
    ]
    refusals = (400, 401, 403, 405, 408, 429, 431, 503)
    return {
        "/v1/events": {
            "get": {
                "operationId": "subscribe",
                "tags": ["events"],
                "summary": "Subscribe, or read history",
                "description": _SUBSCRIBE,
                "parameters": [_parameter(name) for name in subscribe],
                "responses": {
                    "101": {"description": "A WebSocket: see /asyncapi.json."},
                    "200": {
                        "description": "A long-poll's answer, or an event stream.",
                        "headers": {
                            "Tricast-Cursor": _header("Tricast-Cursor"),
                            "Link": _header("Link"),
                        },
                        "content": {
                            "application/json": {"schema": ref("Poll")},
                            "text/event-stream": {
                                "schema": {
                                    "type": "string",
                                    "description": "Blocks whose `data:` is an `Event`, `Hello`, "
                                    "`Reset`, `Live`, `Presence`, `Heartbeat` or `Goodbye`.",
                                }
                            },
                        },
                    },
                    **_refusals(*refusals, 507),
                },
            },
            "head": {
                "operationId": "probe",
                "tags": ["events"],
                "summary": "What a GET would be answered with, and the log's position, without waiting",
                "parameters": [_parameter(name) for name in subscribe],
                "responses": {
                    "200": {
                        "description": "It would be served.",
                        "headers": {"Tricast-Cursor": _header("Tricast-Cursor")},
                    },
                    **{str(status): {"description": _MEANINGS[status]} for status in refusals},
                },
            },
            "options": _preflight("events"),
            "post": {
                "operationId": "publish",
                "tags": ["events"],
                "summary": "Publish",
                "description": _PUBLISH,
                "parameters": [
                    _parameter(name)
                    for name in PARAMETERS
                    if name.startswith(("publish-", "ce-", "Idempotency-"))
                ],
                "requestBody": _publish_body(),
                "responses": {
                    "201": {
                        "description": "Durable.",
                        "content": {"application/json": {"schema": ref("Published")}},
                    },
                    **_refusals(400, 401, 403, 405, 408, 409, 413, 429, 431, 503, 507),
                },
            },
        }
    }


def _preflight(tag: str) -> Schema:
    return {
        "tags": [tag],
        "summary": "CORS preflight",
        "description": "The server's own origin and `allowed_origins` may read the answers.",
        "security": [],
        "responses": {
            "204": {
                "description": "What may be asked. For other origins without `Access-Control-*`.",
                "headers": {"Allow": _header("Allow")},
            },
            **_refusals(408, 431),
        },
    }


def _publish_body() -> Schema:
    any_data: Schema = {"description": "With ?topic= or ce-* headers: any JSON, the data."}
    return {
        "content": {
            "application/json": {"schema": {"anyOf": [ref("Draft"), ref("Batch"), any_data]}},
            "application/cloudevents+json": {"schema": ref("Draft")},
            "application/cloudevents-batch+json": {"schema": ref("Batch")},
            "text/plain": {"schema": {"type": "string", "description": "With ?topic= or ce-* headers."}},
            "application/octet-stream": {
                "schema": {"description": "Any other media type, with ?topic= or ce-* headers."}
            },
        }
    }


def _access() -> Schema:
    """What api/admin.py and api/audit.py say of their routes, with the refusals spelled out."""
    paths: Schema = deepcopy(OPENAPI_PATHS | AUDIT_PATHS)
    for operations in paths.values():
        for method, operation in operations.items():
            refusals = [409] if method != "get" else []
            operation["responses"].pop("4XX", None)
            operation["responses"] |= _refusals(*refusals)
    return _routed(paths, "access")


def _routed(given: Schema, tag: str) -> Schema:
    """`given`, with what every route behind `Api` may answer, and the preflight that it has."""
    paths: Schema = deepcopy(given)
    for path, operations in paths.items():
        unrouted = (404,) if "{" in path else ()  # (with a slash in what is filled in, it is another path)
        for operation in operations.values():
            common = _refusals(400, 401, 403, *unrouted, 405, 408, 413, 431, 503, 507)
            operation["responses"] = dict(sorted({**common, **operation["responses"]}.items()))
            operation["tags"] = [tag]
        in_path = [
            one for one in next(iter(operations.values())).get("parameters", ()) if one["in"] == "path"
        ]
        operations["options"] = _preflight(tag) | ({"parameters": in_path} if in_path else {})
        if in_path:
            operations["options"]["responses"] |= _refusals(404)
    return paths


def _service() -> Schema:
    def get(summary: str, content: Schema, *refusals: int, open: bool = True) -> Schema:
        operation: Schema = {
            "tags": ["service"],
            "summary": summary,
            "responses": {
                "200": {"description": "Well.", "content": content},
                **_refusals(405, 408, 431, *refusals),
            },
        }
        return {"get": operation | ({"security": []} if open else {})}

    document = {"application/json": {"schema": {"type": "object"}}}
    return {
        "/": get(
            "What this is; to browsers, a page",
            {"application/json": {"schema": ref("Index")}, "text/html": {"schema": {"type": "string"}}},
        ),
        "/static/{path}": _static("The pages' files"),
        "/joined/{path}": _static("The pages' modules and style sheets, each with all that it imports"),
        "/client/{path}": _static("The JavaScript client's modules"),
        "/healthz": get("Does the process answer?", {"application/json": {"schema": ref("Healthy")}}),
        "/readyz": get(
            "Do the log and the fan-out work?", {"application/json": {"schema": ref("Ready")}}, 503, 507
        ),
        "/metrics": get(
            "Counters for Prometheus; asks for the scope `admin`",
            {"text/plain": {"schema": {"type": "string"}}},
            401,
            403,
            open=False,
        ),
        "/openapi.json": get("This document", document),
        "/asyncapi.json": get("The WebSocket's commands and events, as AsyncAPI", document),
    }


def _static(summary: str) -> Schema:
    path = {"name": "path", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "get": {
            "tags": ["service"],
            "summary": summary,
            "security": [],
            "parameters": [path],
            "responses": {
                "200": {"description": "The file.", "content": {"*/*": {}}},
                "304": {"description": "It has not changed."},
                **_refusals(404, 405, 408, 431),
            },
        }
    }


def _refusals(*statuses: int) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _problem(status: int) -> Schema:
    response: Schema = {
        "description": _MEANINGS[status],
        "content": {PROBLEM: {"schema": ref("Problem")}},
    }
    if status == 405:
        response["headers"] = {"Allow": _header("Allow")}
    if status == 429:
        response["headers"] = {"Retry-After": _header("Retry-After")}
    if status == 401:
        response["headers"] = {"WWW-Authenticate": _header("WWW-Authenticate")}
    return response


def _header(name: str) -> Schema:
    return {"$ref": f"#/components/headers/{name}"}


def _parameter(name: str) -> Schema:
    return {"$ref": f"#/components/parameters/{name}"}


_SERVICE_SCHEMAS: Schema = {
    "Index": {
        "type": "object",
        "required": ["name", "version", "events", "openapi", "asyncapi", "health"],
        "properties": {
            "name": {"const": "tricast"},
            "version": {"type": "string"},
            "events": {"type": "string"},
            "openapi": {"type": "string"},
            "asyncapi": {"type": "string"},
            "health": {"type": "array", "items": {"type": "string"}},
        },
    },
    "Healthy": {
        "type": "object",
        "required": ["status", "version"],
        "properties": {"status": {"const": "ok"}, "version": {"type": "string"}},
        "additionalProperties": False,
    },
    "Ready": {
        "type": "object",
        "required": ["status", "cursor"],
        "properties": {"status": {"const": "ready"}, "cursor": ref("Cursor")},
        "additionalProperties": False,
    },
}
