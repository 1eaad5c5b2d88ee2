"""Topics and the patterns that match them.

A topic is one or more segments joined by `/`; the first names the app. In a
pattern `*` stands for one segment, and a final `**` for one or more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from tricast.errors import BadRequest

MAX_TOPIC_BYTES = 255
MAX_SEGMENTS = 16
SYSTEM_APP = "tricast"

_SEGMENT = re.compile(r"[^\s/*\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]+")


def app_of(topic: str) -> str:
    """The first segment of a topic or pattern."""
    return topic.partition("/")[0]


@lru_cache(maxsize=16_384)
def check_topic(topic: str, field: str = "topic") -> str:
    """`topic`, if it is one; else BadRequest that says which segment is wrong."""
    for segment in _segments(topic, field):
        if not _SEGMENT.fullmatch(segment):
            raise BadRequest(
                f"{field} {topic!r}: the segment {segment!r} is empty or holds white space, a control "
                "character or '*'; a topic is segments joined by '/', such as 'shop/orders'",
                field=field,
            )
    return topic


def _segments(text: str, field: str) -> list[str]:
    if not text:
        raise BadRequest(f"{field} is empty; give one such as 'shop/orders'", field=field)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise BadRequest(f"{field} {text!r} is not valid Unicode", field=field) from None
    if size > MAX_TOPIC_BYTES:
        raise BadRequest(
            f"{field} {text[:40]!r}… has {size} bytes; the limit is {MAX_TOPIC_BYTES}", field=field
        )
    segments = text.split("/")
    if len(segments) > MAX_SEGMENTS:
        raise BadRequest(
            f"{field} {text!r} has {len(segments)} segments; the limit is {MAX_SEGMENTS}", field=field
        )
    return segments


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern. `Pattern.parse` checks; two patterns are equal if their texts are."""

    text: str
    segments: tuple[str, ...]

    @staticmethod
    @lru_cache(maxsize=16_384)
    def parse(text: str, field: str = "topic") -> Pattern:
        """Raises BadRequest naming `field` where `text` is no pattern."""
        segments = tuple(_segments(text, field))
        for index, segment in enumerate(segments):
            if segment == "*" or (segment == "**" and index == len(segments) - 1):
                continue
            if not _SEGMENT.fullmatch(segment):
                raise BadRequest(
                    f"{field} {text!r}: the segment {segment!r} is not a name, '*', or a final '**'",
                    field=field,
                )
        return Pattern(text, segments)

    @property
    def is_literal(self) -> bool:
        """True if it matches exactly one topic: its own text."""
        return "*" not in self.text

    @property
    def app(self) -> str | None:
        """The app that it is confined to, or None if its first segment is a wildcard."""
        first = self.segments[0]
        return None if first in ("*", "**") else first

    def reaches_app(self, app: str) -> bool:
        """Whether it may match a topic of `app`. Wildcards never reach the app `tricast`."""
        return self.app == app or (self.app is None and app != SYSTEM_APP)

    def matches(self, topic: str) -> bool:
        """Whether `topic` is matched. A wildcard in the first place never matches app `tricast`."""
        if self.is_literal:
            return topic == self.text
        parts = topic.split("/")
        if not self.reaches_app(parts[0]):
            return False
        mine = self.segments
        if mine[-1] == "**":
            mine = mine[:-1]
            if len(parts) <= len(mine):
                return False
        elif len(parts) != len(mine):
            return False
        return all(a == "*" or a == b for a, b in zip(mine, parts, strict=False))

    def contains(self, other: Pattern) -> bool:
        """Whether every topic that `other` can match is matched by this one, segment by segment.

        A literal contains itself, `*` one literal or `*`, a final `**` one or more
        remaining segments of any kind. Unions are not considered (DELIVERY.md 21).
        """
        mine, theirs = self.segments, other.segments
        if self.app is None and other.app == SYSTEM_APP:
            return False
        for index, segment in enumerate(mine):
            if segment == "**":
                return len(theirs) > index
            if index >= len(theirs):
                return False
            if segment == "*":
                if theirs[index] == "**":
                    return False
            elif segment != theirs[index]:
                return False
        return len(theirs) == len(mine)


def matcher(patterns: Iterable[Pattern]) -> Callable[[str], bool]:
    """Whether a topic is matched by any of `patterns`: as `Pattern.matches`, at one cost for many."""
    return _matcher(tuple(patterns))


@lru_cache(maxsize=512)
def _matcher(patterns: tuple[Pattern, ...]) -> Callable[[str], bool]:
    literal = frozenset(pattern.text for pattern in patterns if pattern.is_literal)
    wild = [_expression(pattern) for pattern in patterns if not pattern.is_literal]
    if not wild:
        return literal.__contains__
    matches = re.compile("|".join(wild), re.DOTALL).fullmatch
    if not literal:
        return lambda topic: matches(topic) is not None
    return lambda topic: topic in literal or matches(topic) is not None


def _expression(pattern: Pattern) -> str:
    parts = {"*": "[^/]+", "**": ".+"}
    text = "/".join(parts.get(segment) or re.escape(segment) for segment in pattern.segments)
    return text if pattern.app is not None else rf"(?!{SYSTEM_APP}(?:/|\Z)){text}"
