"""How much work it can be to hold a value against a schema, before it is begun.

Where a schema refers to its own parts, and from several places, a few lines of it can be compared with one
value in more ways than there are seconds: two alternatives that both lead to two alternatives, twenty times.
What validates can't be interrupted, so that it is counted before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any, Final
from urllib.parse import unquote, urldefrag, urljoin

MAX_WAYS: Final = 1_000_000
MAX_PAIRS: Final = 200_000
_EXPLAINED: Final = 1_000
_AGAIN: Final = 4
_FEW: Final = 10_000
_LISTS: Final = ("allOf", "anyOf", "oneOf")
_SINGLE: Final = ("not", "if", "then", "else")
_ELEMENTS: Final = ("items", "contains", "unevaluatedItems")
_MEMBERS: Final = ("additionalProperties", "unevaluatedProperties")
_REFERENCES: Final = ("$ref", "$dynamicRef")


@dataclass(frozen=True, slots=True)
class Count:
    """`ways`: how often something is held against something, at the most; `pairs`: how many those are.

    Both 0: the schema is small, so that it needn't be known.
    """

    ways: float
    pairs: int

    @property
    def is_too_much(self) -> bool:
        return self.ways > MAX_WAYS

    @property
    def is_explained(self) -> bool:
        """Whether it can be said what is wrong, which takes a thousand times as long as to see that
        something is, where the same is compared again and again."""
        return self.ways <= max(_EXPLAINED, _AGAIN * self.pairs)


class Ways:
    """Of one schema that has been found to be one, so that its references lead somewhere in it."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._bases: dict[int, str] = {}
        self._places: dict[str, Any] = {"": schema}
        self._index(schema, "")
        self._is_small = _within(lambda: self._size(schema, {})) <= _FEW

    def count(self, value: Any) -> Count:
        """How often `value`, or a part of it, can be held against a part of the schema, at the most."""
        if self._is_small:
            return Count(0, 0)
        known: dict[tuple[int, Hashable], float] = {}
        return Count(_within(lambda: self._ways(self._schema, value, None, known)), len(known))

    def _index(self, node: Any, base: str) -> None:
        if isinstance(node, list):
            for each in node:
                self._index(each, base)
        if not isinstance(node, dict):
            return
        if isinstance(node.get("$id"), str):
            base = urljoin(base, urldefrag(node["$id"]).url)
            self._places[base] = node
        self._bases[id(node)] = base
        for name in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(name), str):
                self._places[f"{base}#{node[name]}"] = node
        for each in node.values():
            self._index(each, base)

    def _referred(self, node: dict[str, Any]) -> Iterator[Any]:
        for name in _REFERENCES:
            if isinstance(node.get(name), str):
                yield self._found(node[name], self._bases.get(id(node), ""))

    def _found(self, reference: str, base: str) -> Any:
        url, fragment = urldefrag(reference)
        url = urljoin(base, url) if url else base
        if fragment and not fragment.startswith("/"):
            return self._places.get(f"{url}#{fragment}", True)
        found = self._places.get(url, True)
        for part in unquote(fragment).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                found = found[int(name)] if name.isdigit() and int(name) < len(found) else True
            else:
                found = found.get(name, True) if isinstance(found, dict) else True
        return found

    def _here(self, node: dict[str, Any]) -> Iterator[Any]:
        """What the same value is held against too."""
        for name in _LISTS:
            if isinstance(node.get(name), list):
                yield from node[name]
        yield from (node[name] for name in _SINGLE if name in node)
        if isinstance(node.get("dependentSchemas"), dict):
            yield from node["dependentSchemas"].values()
        yield from self._referred(node)

    def _size(self, node: Any, sizes: dict[int, float]) -> float:
        """How large it is with the parts that it refers to in their places; one within itself: infinite."""
        if not isinstance(node, dict | list):
            return 1
        known = sizes.get(id(node))
        if known is not None:
            return known
        sizes[id(node)] = inf
        total: float = 1
        for each in node if isinstance(node, list) else (*node.values(), *self._referred(node)):
            total += self._size(each, sizes)
        sizes[id(node)] = total
        return total

    def _ways(
        self, node: Any, value: Any, place: Hashable, known: dict[tuple[int, Hashable], float]
    ) -> float:
        if not isinstance(node, dict):
            return 1
        pair = id(node), place
        if pair in known:
            return known[pair]
        if len(known) > MAX_PAIRS:
            return inf
        known[pair] = 0  # (a part that leads to itself is left at once)
        total: float = 1
        for each in self._here(node):
            total += self._ways(each, value, place, known)
        for part, name, inside in _below(node, value):
            total += self._ways(part, inside, (id(value), name), known)
            if total > MAX_WAYS:
                break
        known[pair] = total
        return total


def _below(node: dict[str, Any], value: Any) -> Iterator[tuple[Any, Hashable, Any]]:
    """Parts of the schema, and the members or elements of the value that they are for."""
    if isinstance(value, dict):
        named = node.get("properties")
        if isinstance(named, dict):
            yield from ((named[name], name, inside) for name, inside in value.items() if name in named)
        matched = node.get("patternProperties")
        for part in (
            *(matched.values() if isinstance(matched, dict) else ()),
            *(node[name] for name in _MEMBERS if name in node),
        ):
            yield from ((part, name, inside) for name, inside in value.items())
        if "propertyNames" in node:
            yield from ((node["propertyNames"], f"{name}#", name) for name in value)
    elif isinstance(value, list):
        first = node.get("prefixItems")
        if isinstance(first, list):
            yield from (
                (part, at, inside) for at, (part, inside) in enumerate(zip(first, value, strict=False))
            )
        for name in _ELEMENTS:
            if name in node:
                yield from ((node[name], at, inside) for at, inside in enumerate(value))


def _within(count: Callable[[], float]) -> float:
    """What `count` gives; infinite where it goes too deep."""
    try:
        return count()
    except RecursionError:
        return inf
