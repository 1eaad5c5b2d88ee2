"""What a subscriber asked for: patterns and filters. Equal subscriptions share a group."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from tricast.errors import BadRequest
from tricast.event import Event
from tricast.pattern import Pattern

MAX_PATTERNS = 128
MAX_GLOBS = 16
MAX_GLOB_CHARS = 255


@dataclass(frozen=True, slots=True)
class Subscription:
    """Patterns, and globs on `type` and `subject` (none: everything). Immutable, a dict key."""

    patterns: tuple[Pattern, ...]
    types: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()

    @staticmethod
    def of(patterns: Iterable[str], types: Iterable[str] = (), subjects: Iterable[str] = ()) -> Subscription:
        """Raises BadRequest naming the pattern or glob that is wrong."""
        texts = tuple(dict.fromkeys(patterns))
        if len(texts) > MAX_PATTERNS:
            raise BadRequest(
                f"{len(texts)} topics were given; one subscription takes up to {MAX_PATTERNS}",
                field="topic",
            )
        return Subscription(
            tuple(sorted((Pattern.parse(text) for text in texts), key=lambda p: p.text)),
            _globs(types, "type"),
            _globs(subjects, "subject"),
        )

    def accepts(self, event: Event) -> bool:
        """Whether the filters (not the patterns) let `event` through."""
        if self.types and not any(_glob(g).fullmatch(event.type) for g in self.types):
            return False
        if self.subjects:
            subject = event.subject
            return subject is not None and any(_glob(g).fullmatch(subject) for g in self.subjects)
        return True

    def matches(self, event: Event) -> bool:
        """Whether patterns and filters let `event` through."""
        topic = event.topic
        return any(p.matches(topic) for p in self.patterns) and self.accepts(event)

    def with_patterns(self, patterns: Iterable[str]) -> Subscription:
        """The same filters over other patterns."""
        return Subscription.of(patterns, self.types, self.subjects)


def _globs(globs: Iterable[str], field: str) -> tuple[str, ...]:
    unique = tuple(sorted(set(globs)))
    if len(unique) > MAX_GLOBS:
        raise BadRequest(f"{len(unique)} {field} globs were given; the limit is {MAX_GLOBS}", field=field)
    for glob in unique:
        if not 1 <= len(glob) <= MAX_GLOB_CHARS or glob.count("*") > 8:
            raise BadRequest(
                f"{field} {glob[:80]!r} must be 1-{MAX_GLOB_CHARS} characters with at most 8 '*'",
                field=field,
            )
    return unique


@lru_cache(maxsize=4096)
def _glob(text: str) -> re.Pattern[str]:
    """`*` stands for any run of characters, `?` for one. Never backtracks over a `*` once passed."""
    return re.compile(fnmatch.translate(text.replace("[", "[[]")))
