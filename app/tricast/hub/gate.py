"""Who may do what: the hub's side of the door. Access implements it, embedders bring their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tricast.errors import Forbidden
from tricast.event import MAX_ATTRIBUTE_CHARS
from tricast.pattern import Pattern, app_of


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request was found to be allowed.

    `subject` is who; `subscribe` and `publish` are patterns; `scopes` are the rest
    (`presence`, `flags:read`, `flags:write`, `admin`). `expires_at` is in seconds
    since 1970 (None: never). `credential` names what was shown (`key:<id>`,
    `token:<id>`, `session:<id>`), so that revoking it can close live connections. `app` and
    `environment` (of its flags) are set where the grant is confined to one. `role`
    is what a person is here.
    """

    subject: str
    subscribe: Sequence[str] = ()
    publish: Sequence[str] = ()
    app: str | None = None
    scopes: frozenset[str] = frozenset()
    expires_at: float | None = None
    credential: str | None = None
    credentials: frozenset[str] = frozenset()
    environment: str | None = None
    role: str | None = None

    def check_subscribe(self, patterns: Sequence[Pattern]) -> None:
        """Raises Forbidden naming the first of `patterns` that no granted pattern contains."""
        granted = tuple(self.subscribe)
        for pattern in patterns:
            if not _contained(granted, pattern):
                raise Forbidden(
                    f"{self.subject!r} may not subscribe to {pattern.text!r}; granted: "
                    f"{', '.join(self.subscribe) or 'nothing'}",
                    field="topic",
                )

    def check_publish(self, topic: str) -> None:
        """Raises Forbidden if no granted pattern matches `topic`."""
        if not _matched(tuple(self.publish), topic):
            raise Forbidden(
                f"{self.subject!r} may not publish to {topic!r}; granted: "
                f"{', '.join(self.publish) or 'nothing'}",
                field="topic",
            )

    def source(self, topic: str) -> str:
        """The CloudEvents source of what this caller publishes: `/<app>/<key or subject>`."""
        return f"/{app_of(topic)}/{self.subject}"[:MAX_ATTRIBUTE_CHARS]


@lru_cache(maxsize=16_384)
def _source(topic: str, subject: str) -> str:
    return f"/{app_of(topic)}/{subject}"


@lru_cache(maxsize=16_384)
def _contained(granted: tuple[str, ...], pattern: Pattern) -> bool:
    return any(Pattern.parse(text).contains(pattern) for text in granted)


@lru_cache(maxsize=16_384)
def _matched(patterns: tuple[str, ...], topic: str) -> bool:
    return any(Pattern.parse(text).matches(topic) for text in patterns)


# A gate takes a request (Starlette's HTTPConnection: HTTP or WebSocket) and answers with a
# Grant, or raises Unauthorized, Forbidden or TooMany. It may be async or not.
Gate = Callable[[Any], Grant | Awaitable[Grant]]
