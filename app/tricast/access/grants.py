"""What grants of ours are made of: scopes, credential names, realms, and the checks on patterns.

A *credential name* is the key under which a revocation of it is kept:

    key:<id>                 an API key, and with it every token that it minted
    token:<realm>/<id>       one token
    subject:<realm>/<name>   every token of a subject issued until then

A *realm* is how far the one who revokes can reach: `*` everywhere, an app's name
inside it, `*<key id>` only what that key minted. (No app's name holds a `*` or `/`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tricast.errors import BadRequest, Forbidden
from tricast.hub.gate import Grant
from tricast.pattern import Pattern, check_topic

Scope = Literal["flags:read", "flags:write", "presence", "admin"]
SCOPES: frozenset[str] = frozenset(get_args(Scope))
MAX_PATTERNS = 128
EVERYWHERE = "*"
MAX_APP_BYTES = 200  # `tricast/audit/<app>` and `<app>/flags/<environment>` are topics too


@dataclass(frozen=True, slots=True)
class TokenGrant(Grant):
    """A grant that came from a token. `issued_ms` is what revoking a subject is compared with."""

    issued_ms: int = 0


def key_name(key_id: str) -> str:
    return f"key:{key_id}"


def token_name(realm: str, token_id: str) -> str:
    return f"token:{realm}/{token_id}"


def subject_name(realm: str, subject: str) -> str:
    return f"subject:{realm}/{subject}"


def realm_of(grant: Grant) -> str:
    """How far `grant` reaches when it revokes: everywhere, its app, or what its key minted."""
    if "admin" in grant.scopes:
        return grant.app or EVERYWHERE
    return minted_by(key_id_of(grant) or "")


def minted_by(key_id: str) -> str:
    """The realm of what one key minted."""
    return f"*{key_id or '-'}"


def key_id_of(grant: Grant) -> str | None:
    """The id of the API key that `grant` came from; None if it came from something else."""
    kind, _, value = (grant.credential or "").partition(":")
    return value if kind == "key" else None


def check_patterns(patterns: Sequence[str], *, app: str | None, field: str) -> tuple[str, ...]:
    """`patterns`, if they are some and begin with `app` literally; else BadRequest naming `field`."""
    if len(patterns) > MAX_PATTERNS:
        raise BadRequest(f"{field} has {len(patterns)} patterns; the limit is {MAX_PATTERNS}", field=field)
    for text in patterns:
        if Pattern.parse(text, field).app != app and app is not None:
            raise BadRequest(
                f"{field}: the pattern {text!r} must begin with the app it belongs to: '{app}/…'", field=field
            )
    return tuple(patterns)


def check_contained(patterns: Iterable[str], granted: Sequence[str], *, who: str, field: str) -> None:
    """Raises Forbidden naming the first pattern that none of `granted` contains (DELIVERY.md 21)."""
    holders = [Pattern.parse(text) for text in granted]
    for text in patterns:
        wanted = Pattern.parse(text, field)
        if not any(holder.contains(wanted) for holder in holders):
            raise Forbidden(
                f"{who} can't grant {field} on {text!r}, it has only: {', '.join(granted) or 'nothing'}",
                field=field,
            )


def check_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """`scopes` as a set; BadRequest naming the first that there isn't."""
    for scope in scopes:
        if scope not in SCOPES:
            raise BadRequest(
                f"there is no scope {str(scope)[:80]!r}; choose from {', '.join(sorted(SCOPES))}",
                field="scopes",
            )
    return frozenset(scopes)


def check_app(app: str) -> str:
    """`app`, if it can be the first segment of a topic; else BadRequest."""
    if "/" in app:
        raise BadRequest(f"app {app[:80]!r} is one segment: without '/'", field="app")
    if len(app.encode(errors="replace")) > MAX_APP_BYTES:
        raise BadRequest(
            f"app {app[:40]!r}… has more than {MAX_APP_BYTES} bytes, so its audit trail had no topic",
            field="app",
        )
    return check_topic(app, "app")
