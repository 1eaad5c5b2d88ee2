"""JSON values from outside: where they are, whether they can be kept, and how a wrong one is shown.

A place in a value is a JSON Pointer (RFC 6901), such as `/environments/production/state`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable
from typing import Any

import orjson

from tricast import BadRequest, pointer

MAX_DEPTH = 64

_Flaw = tuple[tuple[str | int, ...], str]

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_OR_BREAK = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_MAX_PLACE_CHARS = 320
_MAX_LISTED_CHARS = 400
_INT_LOW, _INT_HIGH = -(2**63), 2**64 - 1


def step(path: str, segment: str | int) -> str:
    """The pointer of a member (or item) of the value at `path`."""
    return path + pointer(str(segment))


def shown(value: Any) -> str:
    """How a wrong value is shown: a beginning of a text, a number as it is, of anything else its kind."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 80 else repr(value[:80]) + "…"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if isinstance(value, float) or abs(value) <= _INT_HIGH else "a huge number"
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else f"of type {type(value).__name__}"


def listed(names: Iterable[str]) -> str:
    """Names as an error lists them: as many as fit into a few lines."""
    text = ", ".join(names)
    return text if len(text) <= _MAX_LISTED_CHARS else f"{text[:_MAX_LISTED_CHARS]}…"


def refuse(path: str, detail: str) -> BadRequest:
    """A BadRequest whose message begins with the place (or its beginning, if it is very long)."""
    place = path if len(path) <= _MAX_PLACE_CHARS else f"{path[:_MAX_PLACE_CHARS]}…"
    place = place.encode(errors="backslashreplace").decode()  # (names may be no Unicode)
    return BadRequest(f"{place or 'the body'}: {detail}", field=place or "/")


def as_object(value: Any, path: str) -> dict[str, Any]:
    """`value`, if it is an object; else BadRequest."""
    if not isinstance(value, dict):
        raise refuse(path, f"{shown(value)} is not an object")
    return value


def only_members(value: dict[str, Any], path: str, allowed: Collection[str]) -> None:
    """BadRequest that names the first member of `value` that is not one of `allowed`."""
    for name in value:
        if name not in allowed:
            raise refuse(step(path, name), f"there is no such member; there are {', '.join(allowed)}")


def as_text(value: Any, path: str, *, longest: int, shortest: int = 0, lines: bool = False) -> str:
    """`value`, if it is a text of so many characters without control characters; else BadRequest.

    `lines` lets line breaks and tabs through.
    """
    if not isinstance(value, str):
        raise refuse(path, f"{shown(value)} is not a text")
    if not shortest <= len(value) <= longest:
        raise refuse(path, f"{shown(value)} has {len(value)} characters; {shortest} to {longest} are allowed")
    if (_CONTROL if lines else _CONTROL_OR_BREAK).search(value):
        raise refuse(path, f"{shown(value)} holds a control character; remove it")
    return value


def as_json(value: Any, path: str) -> bytes:
    """`value` as JSON bytes; BadRequest names the first place that can't be kept.

    What can't: numbers beyond 64 bits or not finite, half surrogate pairs, more than MAX_DEPTH levels.
    """
    flaw = _flaw(value, 0)
    if flaw is None:
        try:
            return orjson.dumps(value)
        except orjson.JSONEncodeError:
            flaw = _flaw(value, 0, texts=True)
            if flaw is None:
                raise
    names, detail = flaw
    raise refuse(path + pointer(*map(str, names)), detail)


def written(value: Any) -> bytes:
    """`value` as JSON, to be held: in no more memory than it has bytes (orjson's have room for 4,000)"""
    return bytes(memoryview(orjson.dumps(value)))


def rejoined(value: Any, path: str) -> bytes:
    """`as_json` of a value put together from checked ones: all that can be wrong with it is its depth."""
    text = orjson.dumps(value)
    return text if text.count(b"{") + text.count(b"[") <= MAX_DEPTH else as_json(value, path)


def _flaw(value: Any, depth: int, *, texts: bool = False) -> _Flaw | None:
    """Where in `value`, and what. The place is only put together on the way back: most have none.

    Without `texts` texts aren't looked into: writing them finds out too, and faster.
    """
    if isinstance(value, str):
        return (
            ((), "the text holds half of a surrogate pair; it is not Unicode")
            if texts and _broken(value)
            else None
        )
    if isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            return (), f"is nested deeper than {MAX_DEPTH} levels; make it flatter"
        return _flaw_inside(value, depth + 1, texts)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        fits = _INT_LOW <= value <= _INT_HIGH
        return None if fits else ((), "the number doesn't fit into 64 bits; give it as a text")
    if not isinstance(value, float):
        return (), f"a value {shown(value)} is not JSON"
    return (
        None
        if math.isfinite(value)
        else ((), f"the number {json.dumps(value)} is not finite, and JSON can't write it")
    )


def _flaw_inside(value: dict[Any, Any] | list[Any], depth: int, texts: bool) -> _Flaw | None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if (texts or not isinstance(item, str)) and (found := _flaw(item, depth, texts=texts)):
                return (index, *found[0]), found[1]
        return None
    for name, item in value.items():
        if not isinstance(name, str) or (texts and _broken(name)):
            return (), f"the name {shown(name)} of a member is not Unicode text"
        if (texts or not isinstance(item, str)) and (found := _flaw(item, depth, texts=texts)):
            return (name, *found[0]), found[1]
    return None


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
