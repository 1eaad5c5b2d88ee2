"""A JSON Schema for the data of events, compiled: what may be one, and what it says of a value."""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs
import orjson

from tricast.api.schema_ways import MAX_WAYS, Ways
from tricast.audit import pointer
from tricast.errors import BadRequest
from tricast.event import check_depth

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_SHOWN_CHARS: Final = 120
# A pattern with look-around may go back so many times; others take time in proportion to the text.
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)


class Rules:
    """A schema that values can be held against. Raises BadRequest if it is none.

    Draft 2020-12, `format` asserted. `$ref` leads to places in the schema itself:
    nothing is fetched, from the network or from files.
    """

    def __init__(self, schema: Any) -> None:
        _check(schema)
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                schema, validate_formats=True, mask="it", pattern_options=_PATTERNS, offline=True
            )
        except jsonschema_rs.ValidationError as error:
            raise _bad(error) from None
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise BadRequest(f"the schema is not one: {str(error)[:300]}", field="schema") from None
        self._ways = Ways(schema)

    def fault(self, value: Any) -> Fault | None:
        """The first rule that `value` breaks; None: it fits. (Where that took too long, it doesn't.)"""
        count = self._ways.count(value)
        if count.is_too_much:
            return Fault(
                "",
                shown(value),
                "",
                f"the schema's parts refer to each other so that they would be compared with it more than "
                f"{MAX_WAYS:,} times; it needs fewer alternatives that lead to alternatives",
            )
        if self._validator.is_valid(value):
            return None
        if not count.is_explained:
            return Fault("", shown(value), "", "it doesn't fit (in too many ways to tell them)")
        for error in self._validator.iter_errors(value):
            path = [str(part) for part in error.instance_path]
            rule = pointer(*(str(part) for part in error.schema_path))
            return Fault(
                pointer(*path), shown(_at(value, error.instance_path)), rule, shorten(error.message, 300)
            )
        return None


class Fault:
    """Where a value breaks which rule of a schema: JSON Pointers (RFC 6901) into both."""

    __slots__ = ("message", "path", "rule", "value")

    def __init__(self, path: str, value: str, rule: str, message: str) -> None:
        self.path = path
        self.value = value
        self.rule = rule
        self.message = message

    def to_json(self) -> dict[str, str]:
        return {"path": self.path, "value": self.value, "rule": self.rule, "message": self.message}

    def __str__(self) -> str:
        return f"data{self.path} is {self.value}: {self.message}"


def shown(value: Any) -> str:
    """A value as JSON, or the beginning of it."""
    return shorten(orjson.dumps(value).decode(), _SHOWN_CHARS)


def shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _check(schema: Any) -> None:
    if not isinstance(schema, dict | bool):
        raise BadRequest("a schema is a JSON object (or true, or false)", field="schema")
    try:
        check_depth(schema)
    except BadRequest as error:
        raise BadRequest(error.detail.replace("data", "the schema", 1), field="schema") from None
    given = DRAFT if isinstance(schema, bool) else schema.get("$schema", DRAFT)
    if not isinstance(given, str) or given.removesuffix("#") != DRAFT:
        raise BadRequest(
            f"$schema {shown(given)} is not read here; leave it out, or say {DRAFT!r}", field="$schema"
        )


def _bad(error: jsonschema_rs.ValidationError) -> BadRequest:
    message, place = error.message, pointer(*(str(part) for part in error.instance_path))
    if "retriev" in message:
        return BadRequest(
            f"the schema refers to what is not in it, and nothing is fetched: {shorten(message, 200)}; "
            "put it under $defs, and refer to '#/$defs/…'",
            field="schema",
        )
    where = f" at {place[:200]}" if place else ""
    return BadRequest(f"the schema is not one{where}: {shorten(message, 300)}", field="schema")


def _at(value: Any, path: list[str | int]) -> Any:
    for part in path:
        value = value[part]
    return value
