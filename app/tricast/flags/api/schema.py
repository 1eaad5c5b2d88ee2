"""What JSON Schemas for `/openapi.json` are made of."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]
PREFIX: Final = "#/components/schemas/"
TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
ANY_OBJECT: Schema = {"type": "object"}
TIME: Schema = {"type": "string", "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}


def ref(name: str) -> Schema:
    """A reference to a schema."""
    return {"$ref": f"{PREFIX}{name}"}


def closed(properties: Schema, description: str = "", *, optional: tuple[str, ...] = ()) -> Schema:
    """An object with these members, all of them but the optional ones, and no others."""
    return {
        "type": "object",
        "description": description,
        "required": [name for name in properties if name not in optional],
        "properties": properties,
        "additionalProperties": False,
    }


def array(items: Schema) -> Schema:
    """A list of them."""
    return {"type": "array", "items": items}
