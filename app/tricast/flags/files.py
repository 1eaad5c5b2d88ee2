"""flagd's flag files, JSON and YAML: read whole and checked, or refused with the place; and written.

`$schema`, `flags`, `$evaluators` and `metadata` go in and out unchanged in value
and, inside each of them, in order. In a written file these four stand in a fixed
order, and the flags by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from tricast import BadRequest, TooLarge
from tricast.flags.definition import check_definition, check_metadata
from tricast.flags.flag import Definition
from tricast.flags.json_text import parse_json
from tricast.flags.targeting import check_evaluators
from tricast.flags.values import as_object, as_text, only_members, refuse, shown, step
from tricast.flags.yaml_text import format_yaml, parse_yaml

Format = Literal["json", "yaml"]

MAX_FILE_BYTES: Final = 16_777_216

_MEMBERS = ("$schema", "metadata", "flags", "$evaluators")
_FORMATS: Final[dict[str, Format]] = {
    "json": "json",
    "yaml": "yaml",
    "yml": "yaml",
    "x-yaml": "yaml",
}


@dataclass(frozen=True, slots=True)
class FlagFile:
    """A file's content. `evaluators`, `metadata` and `schema` are None if the file has none."""

    definitions: Mapping[str, Definition]
    evaluators: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    schema: str | None = None

    def flagd(self) -> dict[str, Any]:
        """The file as a JSON value; flags by key."""
        value: dict[str, Any] = {}
        if self.schema is not None:
            value["$schema"] = self.schema
        if self.metadata is not None:
            value["metadata"] = self.metadata
        value["flags"] = {key: self.definitions[key].flagd() for key in sorted(self.definitions)}
        if self.evaluators is not None:
            value["$evaluators"] = self.evaluators
        return value


def format_of(name: str) -> Format | None:
    """The format that a file name (`….yml`) or media type (`application/yaml`) says; None if neither."""
    last = name.partition(";")[0].strip().lower()
    for separator in ("/", ".", "+"):
        last = last.rpartition(separator)[2]
    return _FORMATS.get(last)


def read_file(body: bytes, format: Format, *, max_bytes: int = MAX_FILE_BYTES) -> FlagFile:
    """What a flag file says.

    Raises TooLarge, or BadRequest that names line and column (syntax; duplicate names in
    YAML) or the JSON Pointer (meaning; duplicate names in JSON) of the first wrong place.
    """
    if len(body) > max_bytes:
        raise TooLarge(f"the file has {len(body)} bytes; the limit is {max_bytes}: divide it", field="body")
    text = _text(body)
    return file_of(parse_json(text) if format == "json" else parse_yaml(text))


def file_of(value: Any) -> FlagFile:
    """What a flag file says that has been parsed. Raises BadRequest."""
    given = as_object(value, "")
    only_members(given, "", _MEMBERS)
    if "flags" not in given:
        raise refuse("/flags", "a flag file has flags; an empty object says that there are none")
    if isinstance(given["flags"], list):
        raise refuse("/flags", "an array of flags is not read; make it an object, by key")
    evaluators = check_evaluators(given["$evaluators"]) if "$evaluators" in given else None
    return FlagFile(
        definitions={
            key: check_definition(key, flag, evaluators=evaluators or {}, path=step("/flags", key))
            for key, flag in as_object(given["flags"], "/flags").items()
        },
        evaluators=evaluators,
        metadata=check_metadata(given["metadata"], "/metadata") if "metadata" in given else None,
        schema=as_text(given["$schema"], "/$schema", longest=2000) if "$schema" in given else None,
    )


def write_file(file: FlagFile, format: Format) -> bytes:
    """The file that `read_file` reads the same from."""
    value = file.flagd()
    if format == "yaml":
        return format_yaml(value).encode()
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        byte = shown(body[error.start])
        raise BadRequest(
            f"line {line}: the byte {byte} is not UTF-8; save the file so", field="body"
        ) from None
