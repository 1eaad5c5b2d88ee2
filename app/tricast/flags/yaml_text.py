"""YAML texts from outside, as the JSON values they stand for (YAML 1.2's core schema).

So `on`, `no` and `2026-01-01` are texts, a name can't be there twice, and nothing
is made but objects, arrays, texts, numbers, booleans and null. Values are built
from the parser's events: its own composer recurses in C, and deep nesting kills
the process; anchors are followed, but only so far.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.reader import ReaderError

from tricast import BadRequest
from tricast.flags.values import shown

MAX_LEVELS: Final = 100
MAX_NODES: Final = 2_000_000

_STR, _NULL, _BOOL, _INT, _FLOAT = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "null", "bool", "int", "float")
)
_KINDS: Final = (  # YAML 1.2.2, section 10.3.2
    (_NULL, re.compile(r"(?:null|Null|NULL|~|)")),
    (_BOOL, re.compile(r"(?:true|True|TRUE|false|False|FALSE)")),
    (_INT, re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)")),
    (_FLOAT, re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")),
    (_FLOAT, re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))")),
)
_PLAIN: Final = re.compile(r"[A-Za-z_$/][\w$./@-]*(?:(?: +|:)[\w$./@-]+)*", re.ASCII)
_TAKEN: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_UNPRINTABLE: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONGEST_NAME: Final = 1000  # a reader need not look further for the colon (YAML 1.2.2, section 7.4.2)
_MAYBE_NO_TEXT: Final = frozenset("-+.0123456789nNtTfF~")


def parse_yaml(text: str) -> Any:
    """The value of a YAML text of one document. Raises BadRequest that names line and column."""
    try:
        return _Building(text).document()
    except yaml.MarkedYAMLError as error:
        raise _at(error.problem_mark, f"this is not YAML: {error.problem or error.context}") from None
    except ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1  # (its positions are in UTF-8)
        detail = f"the character U+{error.character:04X} is none of YAML's"
        raise BadRequest(f"line {line}: this is not YAML: {detail}", field="body") from None
    except yaml.YAMLError as error:
        raise BadRequest(f"this is not YAML: {str(error)[:200]}", field="body") from None


def format_yaml(value: Any) -> str:
    """A YAML text of a JSON value, in block style; readers of YAML 1.1 and 1.2 understand it alike."""
    lines: list[str] = []
    _write(lines, value, "", "")
    return "\n".join((*lines, ""))


def _at(mark: Any, detail: str) -> BadRequest:
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return BadRequest(f"{where}{detail}", field="body")


class _Building:
    """One pass over a text's events."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0

    def document(self) -> Any:
        value: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _at(event.start_mark, "a second document begins here; send one")
                value = self._node(next(self._events), 0)
        return value

    def _node(self, event: Any, level: int) -> Any:
        if level > MAX_LEVELS:
            raise _at(event.start_mark, f"nested deeper than {MAX_LEVELS} levels; make it flatter")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._nodes
        self._count(event, 1)
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._array(event, level)
        else:
            value = self._object(event, level)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._nodes - before)
        return value

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _at(
                event.start_mark, f"there are more than {MAX_NODES} values, anchors followed; divide the file"
            )

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise _at(event.start_mark, f"no value above is called &{event.anchor[:80]}")
        value, nodes = self._anchors[event.anchor]
        self._count(event, nodes)
        return value

    def _array(self, event: Any, level: int) -> list[Any]:
        _only_tag(event, "seq")
        items = []
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(inner, level + 1))
        return items

    def _object(self, event: Any, level: int) -> dict[str, Any]:
        _only_tag(event, "map")
        members: dict[str, Any] = {}
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            name = self._name(inner)
            if name in members:
                raise _at(inner.start_mark, f"the name {shown(name)} is there twice; remove one")
            members[name] = self._node(next(self._events), level + 1)
        return members

    def _name(self, event: Any) -> str:
        """A member's name is its text: `true: …` and `1: …` too are written without quotes."""
        if not isinstance(event, yaml.ScalarEvent):
            raise _at(event.start_mark, "a name must be a text")
        if event.value == "<<" and event.implicit[0]:
            raise _at(event.start_mark, "'<<' merges are not read; write the members out")
        self._count(event, 1)
        return str(event.value)


def _only_tag(event: Any, kind: str) -> None:
    if event.tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
        raise _at(event.start_mark, f"the tag {shown(event.tag)} is not read; remove it")


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag is None or event.tag == "!":
        plain = event.implicit[0]
        if not plain or (text and text[0] not in _MAYBE_NO_TEXT):
            return text
        kind = next((kind for kind, pattern in _KINDS if pattern.fullmatch(text)), _STR)
    else:
        kind = event.tag
        if not any(kind == known and pattern.fullmatch(text) for known, pattern in _KINDS) and kind != _STR:
            raise _at(event.start_mark, f"the tag {shown(event.tag)} doesn't fit here; remove it")
    try:
        return _value(kind, text)
    except ValueError:
        raise _at(event.start_mark, f"the number {shown(text)} is none of JSON's") from None


def _value(kind: str, text: str) -> Any:
    if kind == _STR:
        return text
    if kind == _NULL:
        return None
    if kind == _BOOL:
        return text[0] in "tT"
    if kind == _FLOAT:
        if text[-1] in "fFnN":
            raise ValueError(text)
        return float(text)
    if text[:2] in ("0o", "0x"):
        return int(text[2:], 8 if text[1] == "o" else 16)
    return int(text)


def _write(lines: list[str], value: Any, indent: str, lead: str) -> None:
    """Append the lines of `value`, all indented but the first, which `lead` begins."""
    if not value or not isinstance(value, dict | list):
        lines.append(lead + _written(value))
        return
    inner = indent + "  "
    for name in value:
        if isinstance(value, list):
            _write(lines, name, inner, f"{lead}- ")
        else:
            _write_member(lines, _written_text(name), value[name], (indent, lead))
        lead = indent


def _write_member(lines: list[str], name: str, value: Any, place: tuple[str, str]) -> None:
    indent, lead = place
    if len(name) > _LONGEST_NAME:
        lines.append(f"{lead}? {name}")
        lead, name = indent, ""
    if value and isinstance(value, dict | list):
        lines.append(f"{lead}{name}:")
        _write(lines, value, indent + "  ", indent + "  ")
    else:
        lines.append(f"{lead}{name}: {_written(value)}")


def _written(value: Any) -> str:
    if isinstance(value, str):
        return _written_text(value)
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text else text.replace("e", ".0e")  # to YAML 1.1 `1e+20` is a text
    return json.dumps(value)


def _written_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _TAKEN:
        return text
    return _UNPRINTABLE.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
