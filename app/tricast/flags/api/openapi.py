"""The routes of flags, as `/openapi.json` has them. What all routes may answer is added there."""

from __future__ import annotations

from typing import Final

from tricast.flags.api.schema import Schema, ref
from tricast.flags.api.schemas import FLAGS_SCHEMAS

__all__ = ["FLAGS_PATHS", "FLAGS_SCHEMAS"]

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_BOOLEAN: Schema = {"enum": ["1", "true", "0", "false"]}
_NAME: Schema = {"type": "string", "minLength": 1}
_NAMES: Schema = {"type": "array", "items": {"type": "string"}}
_LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": 20_000}


def _query(name: str, description: str, schema: Schema | None = None, *, required: bool = False) -> Schema:
    parameter: Schema = {
        "name": name,
        "in": "query",
        "description": description,
        "schema": schema or {"type": "string"},
    }
    return {**parameter, "required": True} if required else parameter


def _path(name: str, description: str = "") -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": _NAME}


_APP = _query("app", "Which app, if the credentials don't belong to one.", _NAME)
_ENVIRONMENT = _query("environment", "Which environment.", _NAME)
_REASON = _query("reason", "Why; it stands in the audit trail.", {"type": "string", "maxLength": 500})
_KEY = _path("key", "The flag's key. It may hold `/`.")
_IF_MATCH: Schema = {
    "name": "If-Match",
    "in": "header",
    "description": 'The version that is changed, such as `"3"`, or `*` for whatever is there. Without: 428.',
    "schema": {"type": "string", "examples": ['"3"', "*"]},
}
_IF_NONE_MATCH: Schema = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}
_ETAG: Schema = {"ETag": {"schema": {"type": "string"}, "description": "The version, quoted."}}
_CONFLICT: Schema = {
    "description": "It was changed since (`since` says by whom), or is there already.",
    "content": {_PROBLEM: {"schema": {"anyOf": [ref("VersionConflict"), ref("Problem")]}}},
}


def _refused(status: int) -> Schema:
    return {"$ref": f"#/components/responses/{status}"}


def _answer(schema: str, description: str, headers: Schema | None = None) -> Schema:
    answer: Schema = {"description": description, "content": {_JSON: {"schema": ref(schema)}}}
    return {**answer, "headers": headers} if headers else answer


def _body(schema: str, *media_types: str, required: bool = True) -> Schema:
    content = {media_type: {"schema": ref(schema)} for media_type in media_types or (_JSON,)}
    return {"required": required, "content": content}


def _operation(
    id: str,
    summary: str,
    responses: Schema,
    parameters: list[Schema],
    *,
    body: Schema | None = None,
    description: str = "",
) -> Schema:
    operation: Schema = {"operationId": id, "summary": summary, "parameters": parameters}
    if description:
        operation["description"] = description
    if body is not None:
        operation["requestBody"] = body
    return {**operation, "responses": responses}


def _edit(id: str, summary: str, body: Schema, description: str = "") -> Schema:
    """An edit of one version of a flag."""
    responses = {
        "200": _answer("FlagEdited", "Durable.", _ETAG),
        "404": _refused(404),
        "409": _CONFLICT,
        "428": _refused(428),
    }
    return _operation(id, summary, responses, [_KEY, _APP, _IF_MATCH], body=body, description=description)


_UNCHANGED: Schema = {"description": "It has not changed."}
_LIST = _operation(
    "listFlags",
    "The flags, with the cursor at which that is true",
    {
        "200": _answer("Flags", "The flags by key.", _ETAG),
        "304": _UNCHANGED | {"headers": {"Tricast-Cursor": {"schema": ref("Cursor")}}},
        "404": _refused(404),
    },
    [
        _APP,
        _query("environment", "As this environment sees them; without it, whole.", _NAME),
        _query("q", "Only those with this text in key, name, description, owner or a tag."),
        _query("tag", "Only those with this tag (and all others that are given).", _NAMES),
        _query("key", "Only this one (or another that is given).", _NAMES),
        _query("state", "Only those in this state.", {"enum": ["ENABLED", "DISABLED"]}),
        _query("stale", "Only those neither evaluated nor changed for long.", _BOOLEAN),
        _query("archived", "Archived ones too, or only those.", {"enum": ["false", "true", "only"]}),
        _query("limit", "So many at a time; `next` is the `after` of the next page.", _LIMIT),
        _query("after", "Only those whose keys come after this one."),
        _IF_NONE_MATCH,
    ],
    description="A client that applies the events of `<app>/flags/<environment>` from `cursor` on, each if "
    "its `version` is above the one it has, is always up to date. Pages have cursors of their own.",
)
_CREATE = _operation(
    "createFlag",
    "Make a flag",
    {
        "201": _answer("FlagEdited", "Durable.", {**_ETAG, "Location": {"schema": {"type": "string"}}}),
        "409": _CONFLICT,
    },
    [_APP],
    body=_body("FlagCreate"),
)
_GET = _operation(
    "getFlag",
    "One flag",
    {"200": _answer("FlagAnswer", "The flag.", _ETAG), "404": _refused(404)},
    [_KEY, _APP, _ENVIRONMENT],
)
_DELETE = _operation(
    "deleteFlag",
    "Delete a flag",
    {
        "204": {"description": "Gone."},
        "404": _refused(404),
        "409": _CONFLICT,
        "428": _refused(428),
    },
    [_KEY, _APP, _REASON, _IF_MATCH],
    body=_body("ReasonBody", required=False),
)
_REVERT = _operation(
    "revertFlag",
    "Undo one change",
    {
        "200": _answer("FlagEdited", "Durable.", _ETAG),
        "204": {"description": "Undone was that it was made: it is gone."},
        "404": _refused(404),
        "409": _CONFLICT,
    },
    [_KEY, _APP, _IF_MATCH],
    body=_body("RevertBody"),
    description="By the `id` of its entry in `/v1/audit`; 409 where a value was changed again since, but for "
    "`force`.",
)
_REVERT_ANY = _operation(
    "revert",
    "Undo one change of a flag, an app, or an environment's settings",
    {
        "200": _answer("Reverted", "Durable: what it is about, as it is now.", _ETAG),
        "204": {"description": "Undone was that a flag was made: it is gone."},
        "404": _refused(404),
        "409": _CONFLICT,
    },
    [_path("change", "The `id` of an entry of `/v1/audit`."), _APP],
    body=_body("ForceBody", required=False),
    description="409 where a value was changed again since, but for `force`, and for keys, tokens and "
    "subjects: a key that was revoked stays so. `app` need not be given.",
)
_FILE: Schema = {
    "application/json": {"schema": ref("FlagdFile")},
    "application/yaml": {"schema": {"type": "string"}},
}
_IMPORT = _operation(
    "importFlags",
    "Take in a flag file of flagd",
    {"200": _answer("Imported", "What changed."), "404": _refused(404), "409": _CONFLICT},
    [
        _APP,
        _query("environment", "Which environment.", _NAME, required=True),
        _query("mode", "`replace`: flags that aren't in the file go.", {"enum": ["merge", "replace"]}),
        _query("dry_run", "Only say what would change.", _BOOLEAN),
        _query("format", "Goes before Content-Type.", {"enum": ["json", "yaml"]}),
        _REASON,
    ],
    body={"required": True, "content": _FILE},
    description="All of it or, where anything is wrong, nothing; the problem names line or place.",
)
_EXPORT = _operation(
    "exportFlags",
    "An environment as a flag file of flagd",
    {"200": {"description": "The file.", "content": _FILE}, "404": _refused(404)},
    [
        _APP,
        _query("environment", "Which environment.", _NAME, required=True),
        _query("format", "Default `json`.", {"enum": ["json", "yaml"]}),
    ],
)
_BATCH = _operation(
    "batch",
    "Several changes together: all, or none",
    {"200": _answer("BatchAnswer", "Durable."), "404": _refused(404), "409": _CONFLICT},
    [_APP],
    body=_body("BatchBody"),
)
_USAGE = _operation(
    "flagUsage",
    "How often a flag was evaluated, and whether it is stale",
    {"200": _answer("Usage", "As far as is known."), "404": _refused(404)},
    [_KEY, _APP, _ENVIRONMENT],
)
_USAGES = _operation(
    "usage",
    "How often each flag was evaluated, and which are stale",
    {"200": _answer("Usages", "By key."), "404": _refused(404)},
    [_APP, _ENVIRONMENT, _query("stale", "Only stale ones.", _BOOLEAN)],
)
_APPS: Schema = {
    "get": _operation("listApps", "The apps there are", {"200": _answer("Apps", "By name.")}, []),
}
_ONE_APP: Schema = {
    "get": _operation(
        "getApp", "An app and its environments", {"200": _answer("App", "The app.", _ETAG)}, [_path("app")]
    ),
    "put": _operation(
        "putApp",
        "Set an app's name and environments",
        {
            "200": _answer("App", "Durable.", _ETAG),
            "201": _answer("App", "Set up for the first time: If-Match isn't needed.", _ETAG),
            "409": _CONFLICT,
            "428": _refused(428),
        },
        [_path("app"), _IF_MATCH],
        body=_body("AppBody"),
    ),
}
_SYNC = _operation(
    "flagdFile",
    "What flagd's HTTP sync source reads",
    {"200": _answer("FlagdFile", "The flags.", _ETAG), "304": _UNCHANGED, "404": _refused(404)},
    [_path("app"), _path("environment"), _IF_NONE_MATCH],
)


def _ofrep(base: str, prefix: str, place: list[Schema]) -> Schema:
    """OFREP's three paths below `base`."""
    failed: Schema = {
        "description": "In the protocol's form.",
        "content": {
            _JSON: {"schema": ref("EvaluationFailure")},
            _PROBLEM: {"schema": ref("Problem")},
        },
    }
    refused = {"400": failed, "404": failed}
    bulk = {"200": _answer("Evaluations", "All flags.", _ETAG), "304": _UNCHANGED, **refused}
    streamed = {
        "200": {
            "description": "`refetchEvaluation` at each change.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        "404": _refused(404),
    }
    return {
        f"{base}/ofrep/v1/evaluate/flags": {
            "post": _operation(
                f"{prefix}Bulk",
                "Evaluate all flags (OFREP)",
                bulk,
                [*place, _query("flagConfigEtag", "What the stream told."), _IF_NONE_MATCH],
                body=_body("Context", required=False),
            )
        },
        f"{base}/ofrep/v1/evaluate/flags/{{key}}": {
            "post": _operation(
                f"{prefix}One",
                "Evaluate a flag (OFREP)",
                {"200": _answer("Evaluation", "Its value."), **refused},
                [*place, _KEY],
                body=_body("Context", required=False),
            )
        },
        f"{base}/ofrep/v1/stream": {
            "get": _operation(f"{prefix}Stream", "Learn of changes (OFREP)", streamed, place),
        },
    }


_FLAG = "/v1/flags/{key}"
FLAGS_PATHS: Schema = {
    "/v1/flags": {"get": _LIST, "post": _CREATE},
    _FLAG: {
        "get": _GET,
        "patch": _edit(
            "patchFlag",
            "Change a flag",
            _body("FlagPatch", "application/merge-patch+json", _JSON),
            "An older version is merged where nobody touched the same since: the answer has `merged`.",
        ),
        "delete": _DELETE,
    },
    f"{_FLAG}/archive": {
        "post": _edit("archiveFlag", "Take a flag out of use", _body("ReasonBody", required=False))
    },
    f"{_FLAG}/restore": {
        "post": _edit("restoreFlag", "Bring an archived flag back", _body("ReasonBody", required=False))
    },
    f"{_FLAG}/copy": {"post": _edit("copyFlag", "Copy from environment to environment", _body("CopyBody"))},
    f"{_FLAG}/toggle": {"post": _edit("toggleFlag", "Switch a flag on or off", _body("ToggleBody"))},
    f"{_FLAG}/revert": {"post": _REVERT},
    "/v1/audit/{change}/revert": {"post": _REVERT_ANY},
    f"{_FLAG}/usage": {"get": _USAGE},
    "/v1/flags/batch": {"post": _BATCH},
    "/v1/flags/import": {"post": _IMPORT},
    "/v1/flags/export": {"get": _EXPORT},
    "/v1/usage": {"get": _USAGES},
    "/v1/apps": _APPS,
    "/v1/apps/{app}": _ONE_APP,
    "/v1/flagd/{app}/{environment}.json": {"get": _SYNC},
    **_ofrep("", "evaluate", [_APP, _ENVIRONMENT]),
    **_ofrep("/v1/apps/{app}/{environment}", "evaluateIn", [_path("app"), _path("environment")]),
}
