"""Keys and tokens that are confined to one environment of their app's flags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tricast.errors import BadRequest, Forbidden
from tricast.hub.gate import Grant
from tricast.pattern import Pattern

FLAGS: Final = "flags"
NAME_PATTERN: Final = "[a-z0-9][a-z0-9._-]{0,63}"
_NAME = re.compile(NAME_PATTERN)


def flags_topic(app: str, environment: str) -> str:
    """Where the changes of an environment's flags are told."""
    return f"{app}/{FLAGS}/{environment}"


def check_environment(environment: str) -> str:
    """`environment`, if it can be the name of one; else BadRequest."""
    if not _NAME.fullmatch(environment):
        raise BadRequest(
            f"environment {environment[:80]!r} must be 1-64 lower-case letters, digits, '.', '_' or '-', "
            "and begin with a letter or digit, such as 'production'",
            field="environment",
        )
    return environment


def check_confined(
    environment: str, *, app: str | None, subscribe: Iterable[str], scopes: Iterable[str]
) -> None:
    """Raises BadRequest unless what is asked for stays in `environment` of one app.

    An administrator makes keys, so confining one would confine nothing. A pattern
    must not reach the flags of another environment: there is none for "all but those".
    """
    check_environment(environment)
    if app is None:
        raise BadRequest(
            f"environment {environment!r} is one of an app's: give `app` too", field="environment"
        )
    if "admin" in scopes:
        raise BadRequest(
            f"the scope 'admin' can't be confined to the environment {environment!r}: leave one of them out",
            field="scopes",
        )
    for text in subscribe:
        if _reaches_another(Pattern.parse(text, "subscribe"), environment):
            raise BadRequest(
                f"subscribe: {text!r} also reaches flags of other environments than {environment!r}; name "
                f"what is meant, such as {flags_topic(app, environment)!r} and '{app}/orders/**'",
                field="subscribe",
            )


def _reaches_another(pattern: Pattern, environment: str) -> bool:
    """Whether it matches `<app>/flags/<x>` for any environment x but this."""
    _, *rest = pattern.segments
    if rest == ["**"]:
        return True
    if len(rest) != 2 or rest[0] not in (FLAGS, "*"):
        return False
    return rest[1] in ("*", "**") or (rest[1] != environment and _NAME.fullmatch(rest[1]) is not None)


def environment_for(issuer: Grant, asked: str | None) -> str | None:
    """The environment of what `issuer` makes: its own, or the narrower one asked for. Raises Forbidden."""
    if asked is not None and issuer.environment not in (None, asked):
        raise Forbidden(
            f"{issuer.subject!r} is confined to the environment {issuer.environment!r} and can't grant "
            f"{asked[:80]!r}",
            field="environment",
        )
    return asked or issuer.environment
