"""What a subscriber asked for: patterns and filters. Equal subscriptions share a group."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from tricast.errors import BadRequest, Forbidden
from tricast.event import Event
from tricast.hub.gate import Grant
from tricast.pattern import Pattern, matcher

MAX_PATTERNS = 128
MAX_GLOBS = 16
MAX_GLOB_CHARS = 255


@dataclass(frozen=True, slots=True)
class Subscription:
    """Patterns, and globs on `type` and `subject` (none: everything). Immutable, a dict key.

    `presence`: who is on the topics is told too, whatever the globs are.
    """

    patterns: tuple[Pattern, ...]
    types: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    presence: bool = False

    @staticmethod
    def of(
        patterns: Iterable[str],
        types: Iterable[str] = (),
        subjects: Iterable[str] = (),
        *,
        presence: bool = False,
    ) -> Subscription:
        """Raises BadRequest naming the pattern or glob that is wrong."""
        given = tuple(islice(patterns, 2 * MAX_PATTERNS + 1))  # (what is held, and what is added)
        texts = tuple(dict.fromkeys(given))
        if len(given) > 2 * MAX_PATTERNS or len(texts) > MAX_PATTERNS:
            raise BadRequest(
                f"too many topics were given; one subscription takes up to {MAX_PATTERNS}", field="topic"
            )
        return Subscription(
            tuple(sorted((Pattern.parse(text) for text in texts), key=lambda p: p.text)),
            _globs(types, "type"),
            _globs(subjects, "subject"),
            presence,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether `accepts` may refuse anything."""
        return bool(self.types or self.subjects)

    def filter(self) -> Callable[[Event], bool]:
        """Whether the globs (not the patterns) let an event through. Keep it: making it costs."""
        types, subjects = _globs_of(self.types), _globs_of(self.subjects)

        def accepts(event: Event) -> bool:
            if types is not None and types(event.type) is None:
                return False
            if subjects is None:
                return True
            return event.subject is not None and subjects(event.subject) is not None

        return accepts

    def matches(self, event: Event) -> bool:
        """Whether patterns and globs let `event` through."""
        return matcher(self.patterns)(event.topic) and self.filter()(event)

    def with_patterns(self, patterns: Iterable[str]) -> Subscription:
        """The same filters over other patterns."""
        return Subscription.of(patterns, self.types, self.subjects, presence=self.presence)

    def check(self, grant: Grant) -> None:
        """Raises Forbidden unless `grant` allows it: the patterns, and with `presence` that scope."""
        grant.check_subscribe(self.patterns)
        if self.presence and "presence" not in grant.scopes:
            raise Forbidden(
                f"{grant.subject!r} lacks the scope 'presence', so it may not know who is there",
                field="presence",
            )


def _globs(globs: Iterable[str], field: str) -> tuple[str, ...]:
    given = tuple(islice(globs, MAX_GLOBS + 1))
    if len(given) > MAX_GLOBS:
        raise BadRequest(f"too many {field} globs were given; the limit is {MAX_GLOBS}", field=field)
    unique = tuple(sorted(set(given)))
    for glob in unique:
        if not 1 <= len(glob) <= MAX_GLOB_CHARS or glob.count("*") > 8:
            raise BadRequest(
                f"{field} {glob[:80]!r} must be 1-{MAX_GLOB_CHARS} characters with at most 8 '*'",
                field=field,
            )
    return unique


@lru_cache(maxsize=256)
def _globs_of(texts: tuple[str, ...]) -> Callable[[str], object] | None:
    """One expression for all of them; None: everything. `*` is any run of characters, `?` one."""
    if not texts:
        return None
    # fnmatch never backtracks over a `*` once passed.
    return re.compile("|".join(fnmatch.translate(text.replace("[", "[[]")) for text in texts)).match
