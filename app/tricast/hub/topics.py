"""From a topic to the groups whose patterns match it, without asking the groups.

A dict serves exact topics, a trie the patterns: 10,000 groups on topics of their
own cost an event on another topic nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tricast.pattern import SYSTEM_APP, Pattern

T = TypeVar("T")


@dataclass(slots=True)
class _Node(Generic[T]):
    children: dict[str, _Node[T]] = field(default_factory=dict)
    ends: dict[T, None] = field(default_factory=dict)  # patterns that end here
    rest: dict[T, None] = field(default_factory=dict)  # patterns that go on with a final **


class TopicIndex(Generic[T]):
    """Values by pattern; `match` gives those of all matching patterns, each once."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[T, None]] = {}
        self._root: _Node[T] = _Node()

    def add(self, patterns: Iterable[Pattern], value: T) -> None:
        for pattern in patterns:
            if pattern.is_literal:
                self._exact.setdefault(pattern.text, {})[value] = None
                continue
            node = self._root
            for segment in pattern.segments:
                if segment == "**":
                    node.rest[value] = None
                    break
                node = node.children.setdefault(segment, _Node())
            else:
                node.ends[value] = None

    def remove(self, patterns: Iterable[Pattern], value: T) -> None:
        for pattern in patterns:
            if pattern.is_literal:
                values = self._exact.get(pattern.text)
                if values is not None:
                    values.pop(value, None)
                    if not values:
                        del self._exact[pattern.text]
                continue
            self._remove(self._root, pattern.segments, value)

    def _remove(self, node: _Node[T], segments: tuple[str, ...], value: T) -> bool:
        if not segments:
            node.ends.pop(value, None)
        elif segments[0] == "**":
            node.rest.pop(value, None)
        else:
            child = node.children.get(segments[0])
            if child is not None and self._remove(child, segments[1:], value):
                del node.children[segments[0]]
        return not (node.children or node.ends or node.rest)

    def match(self, topic: str) -> tuple[T, ...]:
        """The values of every pattern that matches `topic`, each once."""
        exact = self._exact.get(topic)
        root = self._root
        if not (root.children or root.rest):
            return tuple(exact) if exact else ()
        found: dict[T, None] = dict(exact) if exact else {}
        parts = topic.split("/")
        nodes = [root]
        system = parts[0] == SYSTEM_APP
        for depth, part in enumerate(parts):
            following: list[_Node[T]] = []
            for node in nodes:
                if not (system and depth == 0):
                    found.update(node.rest)
                    if (star := node.children.get("*")) is not None:
                        following.append(star)
                if (child := node.children.get(part)) is not None:
                    following.append(child)
            nodes = following
            if not nodes:
                break
        for node in nodes:
            found.update(node.ends)
        return tuple(found)
