"""JSON texts from outside, more strictly than usual: no name twice, errors with line and column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from tricast import BadRequest
from tricast.flags.values import MAX_DEPTH, refuse, shown, step

_TEXTS_AND_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_TEXTS_AND_DIGITS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[0-9]{4301,}', re.DOTALL)


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises BadRequest: syntax by line and column; a name that an object has twice by its JSON Pointer.
    (NaN and infinities are values here, for whoever takes the value to refuse by their place.)
    """
    twice: list[_Twice] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        marked = _Twice(value, _first_twice(name for name, _ in pairs))
        twice.append(marked)
        return marked

    try:
        value = json.loads(text, object_pairs_hook=members, parse_constant=float)
    except json.JSONDecodeError as error:
        raise BadRequest(
            f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}", field="body"
        ) from None
    except RecursionError:
        where = _line_of(text, _too_deep(text))
        raise BadRequest(f"{where}the JSON is nested too deeply; make it flatter", field="body") from None
    except ValueError:  # an integer of more than 4,300 digits
        where = _line_of(text, _too_long(text))
        raise BadRequest(
            f"{where}a number of the JSON has thousands of digits; give it as a text", field="body"
        ) from None
    if twice:
        raise _named_twice(value, "")
    return value


class _Twice(dict[str, Any]):
    """An object whose text has one name twice."""

    def __init__(self, value: dict[str, Any], name: str) -> None:
        super().__init__(value)
        self.name = name


def _named_twice(value: Any, path: str) -> BadRequest:
    """The error for the first such object in `value`."""
    waiting = [(value, path)]
    while waiting:
        item, at = waiting.pop()
        if isinstance(item, _Twice):
            return refuse(step(at, item.name), f"the name {shown(item.name)} is there twice; remove one")
        if isinstance(item, dict):
            waiting.extend((inner, step(at, name)) for name, inner in item.items())
        elif isinstance(item, list):
            waiting.extend((inner, step(at, index)) for index, inner in enumerate(item))
    return refuse(path, "a name is there twice; remove one")  # inside what the second of a name replaced


def _first_twice(names: Iterable[str]) -> str:
    """The first of `names` that came before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _too_deep(text: str) -> int | None:
    """Where a JSON text goes deeper than MAX_DEPTH."""
    depth = 0
    for found in _TEXTS_AND_BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return found.start()
        elif found[0] in "]}":
            depth -= 1
    return None


def _too_long(text: str) -> int | None:
    """Where a number of a JSON text has too many digits to be read."""
    found = _TEXTS_AND_DIGITS.finditer(text)
    return next((each.start() for each in found if each[0][0] != '"'), None)


def _line_of(text: str, at: int | None) -> str:
    return "" if at is None else f"line {text.count(chr(10), 0, at) + 1}: "
