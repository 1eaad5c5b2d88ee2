"""The JSON of evaluations, flag files and usage, as JSON Schemas for `/openapi.json`."""

from __future__ import annotations

from tricast.flags.api.schema import ANY_OBJECT, COUNT, TEXT, TEXT_OR_NULL, Schema, array, closed, ref

_EVALUATION: Schema = {
    "key": TEXT,
    "value": {"description": "Missing: the caller's own default is used."},
    "variant": TEXT,
    "reason": {"enum": ["STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED"]},
    "metadata": ANY_OBJECT,
}
_FAILURE: Schema = {
    "key": TEXT,
    "errorCode": {
        "enum": [
            "FLAG_NOT_FOUND",
            "PARSE_ERROR",
            "TARGETING_KEY_MISSING",
            "INVALID_CONTEXT",
            "TYPE_MISMATCH",
            "GENERAL",
        ]
    },
    "errorDetails": TEXT,
    "metadata": ANY_OBJECT,
}
_TALLY: Schema = {
    "evaluations": COUNT,
    "since": TEXT_OR_NULL,
    "last_evaluated_at": TEXT_OR_NULL,
    "variants": ANY_OBJECT,
    "minutes": array(ANY_OBJECT),
    "stale": {"type": ["object", "null"], "description": "Why it is stale; null: it isn't."},
    "served_only": {"description": "The only variant that was given of late, if there is one."},
}

EVALUATION_SCHEMAS: Schema = {
    "FlagdFile": {
        "type": "object",
        "description": "A flag file of flagd (https://flagd.dev/reference/flag-definitions/).",
        "required": ["flags"],
        "properties": {
            "$schema": TEXT,
            "metadata": ANY_OBJECT,
            "flags": {"type": "object"},
            "$evaluators": {"type": "object"},
        },
        "additionalProperties": False,
    },
    "Usage": {
        "anyOf": [
            closed(
                {
                    "app": TEXT,
                    "key": TEXT,
                    "stale_after_days": {"type": "number"},
                    "environment": TEXT,
                    **_TALLY,
                }
            ),
            closed(
                {
                    "app": TEXT,
                    "key": TEXT,
                    "stale_after_days": {"type": "number"},
                    "stale": _TALLY["stale"],
                    "environments": {"type": "object", "additionalProperties": closed(_TALLY)},
                }
            ),
        ]
    },
    "Usages": closed(
        {
            "app": TEXT,
            "environment": TEXT_OR_NULL,
            "stale_after_days": {"type": "number"},
            "flags": {
                "type": "object",
                "additionalProperties": closed(
                    {name: _TALLY[name] for name in ("evaluations", "last_evaluated_at", "stale")}
                ),
            },
        }
    ),
    "Context": {
        "type": "object",
        "properties": {"context": {"type": ["object", "null"], "examples": [{"targetingKey": "user-42"}]}},
    },
    "Evaluation": closed(_EVALUATION, "One flag for one context.", optional=("value",)),
    "EvaluationFailure": closed(_FAILURE, optional=("key", "metadata")),
    "Evaluations": closed(
        {
            "flags": array({"anyOf": [ref("Evaluation"), ref("EvaluationFailure")]}),
            "metadata": ANY_OBJECT,
            "eventStreams": array(
                closed(
                    {
                        "type": {"const": "sse"},
                        "endpoint": closed({"requestUri": TEXT}),
                        "inactivityDelaySec": COUNT,
                    }
                )
            ),
        },
        "All flags for one context, and where to learn that they changed.",
    ),
}
