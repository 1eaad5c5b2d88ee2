"""The JSON that flags are asked for and answered with, as JSON Schemas for `/openapi.json`."""

from __future__ import annotations

from typing import Final

from pydantic.json_schema import models_json_schema

from tricast.flags.api.bodies import (
    AppBody,
    BatchBody,
    CopyBody,
    ForceBody,
    ReasonBody,
    RevertBody,
    ToggleBody,
)
from tricast.flags.api.evaluation_schemas import EVALUATION_SCHEMAS
from tricast.flags.api.schema import (
    ANY_OBJECT,
    COUNT,
    PREFIX,
    TEXT,
    TEXT_OR_NULL,
    TIME,
    Schema,
    array,
    closed,
    ref,
)

_VERSION: Schema = {"type": "integer", "minimum": 1, "description": "Rises by one with each change."}
_STATE: Schema = {"enum": ["ENABLED", "DISABLED"]}
_TYPE: Schema = {"enum": ["boolean", "string", "number", "object"]}
_PATHS: Schema = {**array(TEXT), "description": "JSON Pointers (RFC 6901); empty: all of it."}
_CURSOR: Schema = ref("Cursor")
_VARIANTS: Schema = {
    "type": "object",
    "description": "Values by name, all of the flag's type.",
    "examples": [{"on": True, "off": False}],
}
_TARGETING: Schema = {
    "type": "object",
    "description": "A rule of flagd: JSONLogic with `fractional`, `sem_ver`, `starts_with`, `ends_with`.",
}
_THERE: Schema = {
    "state": _STATE,
    "defaultVariant": {**TEXT_OR_NULL, "description": "null: the caller's own default is used."},
    "targeting": _TARGETING,
    "variants": {**_VARIANTS, "description": "Only where they differ from the flag's."},
    "metadata": ANY_OBJECT,
}
_ABOUT: Schema = {
    "key": {"type": "string", "minLength": 1, "maxLength": 200},
    "type": _TYPE,
    "name": TEXT,
    "description": TEXT,
    "tags": array(TEXT),
    "owner": TEXT_OR_NULL,
    "archived": {"type": "boolean"},
}
_STAMPS: Schema = {"created_at": TIME, "created_by": TEXT, "updated_at": TIME, "updated_by": TEXT}
_WHOLE: Schema = {
    **_ABOUT,
    "variants": _VARIANTS,
    "environments": {"type": "object", "additionalProperties": ref("FlagThere")},
    **_STAMPS,
    "version": _VERSION,
}
_SEEN: Schema = {
    **_ABOUT,
    "version": {**_VERSION, "description": "The last one that changed anything here."},
    **_THERE,
    "variants": _VARIANTS,
    "created_at": TIME,
    "updated_at": TIME,
    "updated_by": TEXT,
}
_SEEN_OPTIONAL: Final = ("targeting", "metadata")
_OUTCOME: Schema = {"changed": _PATHS, "merged": ref("Merged")}
_EDITABLE: Schema = {
    "name": {"type": "string", "maxLength": 200},
    "description": {"type": "string", "maxLength": 2000},
    "tags": {"type": "array", "maxItems": 32, "items": {"type": "string", "minLength": 1, "maxLength": 64}},
    "owner": TEXT_OR_NULL,
    "variants": _VARIANTS,
    "environments": {
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {name: {} for name in _THERE},
                    "additionalProperties": False,
                },
                {"type": "null", "description": "In a patch: takes the flag out of it."},
            ]
        },
    },
    "reason": {"type": ["string", "null"], "maxLength": 500, "description": "Why; for the audit trail."},
}
_APP: Schema = {
    "app": TEXT,
    "name": TEXT,
    "environments": array(TEXT),
    "created_at": {"type": ["string", "null"], "format": "date-time"},
    "version": {**COUNT, "description": "0: nobody has set it up, it has the defaults."},
    "flags": COUNT,
}


def _schemas() -> Schema:
    models = (AppBody, BatchBody, CopyBody, ForceBody, ReasonBody, RevertBody, ToggleBody)
    made = models_json_schema([(model, "validation") for model in models], ref_template=f"{PREFIX}{{model}}")[
        1
    ]
    return dict(made["$defs"])


FLAGS_SCHEMAS: Schema = {
    **_schemas(),
    "Flag": closed(_WHOLE, "A flag in all its environments."),
    "FlagThere": closed(_THERE, "A flag in one environment.", optional=("targeting", "variants", "metadata")),
    "FlagSeen": closed(_SEEN, "A flag as one environment sees it.", optional=_SEEN_OPTIONAL),
    "FlagAnswer": {"anyOf": [ref("Flag"), ref("FlagSeen")]},
    "FlagEdited": {
        "description": "The flag as it is now: whole, or to credentials of an environment as that sees it.",
        "anyOf": [
            closed({**_WHOLE, **_OUTCOME}, optional=("merged",)),
            closed({**_SEEN, **_OUTCOME}, optional=(*_SEEN_OPTIONAL, "merged")),
        ],
    },
    "SettingsEdited": closed(
        {
            "app": TEXT,
            "environment": TEXT,
            "settings": closed({"schema": TEXT_OR_NULL, "metadata": ANY_OBJECT, "evaluators": ANY_OBJECT}),
            "version": COUNT,
            "changed": _PATHS,
        },
        "What a flagd file of an environment says besides its flags, as it is now.",
    ),
    "AppEdited": closed({**_APP, "changed": _PATHS}, "An app as it is now."),
    "Reverted": {"anyOf": [ref("FlagEdited"), ref("SettingsEdited"), ref("AppEdited")]},
    "FlagCreate": closed(
        {
            "key": _ABOUT["key"],
            "type": {"enum": [*_TYPE["enum"], None], "description": "Left out: that of the variants."},
            **_EDITABLE,
        },
        "A new flag. Without `environments` it is DISABLED in all of the app's.",
        optional=("type", *_EDITABLE),
    ),
    "FlagPatch": closed(
        {
            name: schema if name == "reason" else {"anyOf": [schema, {"type": "null"}]}
            for name, schema in _EDITABLE.items()
            if name != "variants"
        }
        | {"variants": {"type": ["object", "null"]}},
        "A JSON Merge Patch (RFC 7396). Rules are replaced whole.",
        optional=tuple(_EDITABLE),
    ),
    "Merged": closed(
        {"from": _VERSION, "onto": _VERSION, "since": array(ref("FlagChange"))},
        "What others changed since the version that was given; nothing of it was touched.",
    ),
    "FlagChange": closed(
        {"version": _VERSION, "changed": _PATHS, "actor": TEXT, "at": TIME, "reason": TEXT_OR_NULL}
    ),
    "VersionConflict": closed(
        {
            "type": {"const": "/problems/version-conflict"},
            "title": TEXT,
            "status": {"const": 409},
            "detail": TEXT,
            "field": TEXT,
            "version": {**COUNT, "description": "The present one."},
            "since": array(ref("FlagChange")),
            "collisions": {**_PATHS, "description": "What both changed."},
            "flag": {"anyOf": [ref("FlagAnswer"), {"type": "null"}]},
        },
        "Somebody else was first.",
        optional=("version", "since", "collisions", "flag"),
    ),
    "Flags": {
        "anyOf": [
            closed(
                {
                    "app": TEXT,
                    "environment": TEXT,
                    "evaluators": ANY_OBJECT,
                    "metadata": ANY_OBJECT,
                    "next": TEXT_OR_NULL,
                    "cursor": _CURSOR,
                    "flags": array(ref("FlagSeen")),
                },
                "The flags that an environment sees, as of `cursor`: stream from there and miss nothing.",
                optional=("next",),
            ),
            closed(
                {
                    "app": TEXT,
                    "environments": array(TEXT),
                    "next": TEXT_OR_NULL,
                    "cursor": _CURSOR,
                    "flags": array(ref("Flag")),
                },
                "An app's flags, whole, as of `cursor`.",
                optional=("next",),
            ),
        ]
    },
    "BatchAnswer": closed(
        {
            "app": TEXT,
            "changes": array(
                closed(
                    {
                        "key": TEXT,
                        "version": {"type": ["integer", "null"], "description": "null: deleted."},
                        **_OUTCOME,
                        "flag": {"anyOf": [ref("FlagAnswer"), {"type": "null"}]},
                    },
                    optional=("merged",),
                )
            ),
        },
        "What came of each change, in order.",
    ),
    "Imported": closed(
        {
            "app": TEXT,
            "environment": TEXT,
            "dry_run": {"type": "boolean"},
            "created": array(TEXT),
            "updated": array(
                closed(
                    {"key": TEXT, "changed": _PATHS, "changes": array(ref("AuditChange"))},
                    optional=("changes",),
                )
            ),
            "archived": array(TEXT),
            "removed": {**array(TEXT), "description": "Taken out of this environment only."},
            "unchanged": COUNT,
            "settings": _PATHS,
            "cursor": _CURSOR,
        },
        "What an import changed, or with `dry_run` would.",
    ),
    "App": closed(_APP, "An app and its environments."),
    "Apps": closed({"apps": array(ref("App"))}),
    **EVALUATION_SCHEMAS,
}
