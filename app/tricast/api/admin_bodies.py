"""Keys and tokens over HTTP: the bodies that are read."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tricast.access.environments import NAME_PATTERN
from tricast.access.grants import MAX_PATTERNS, Scope
from tricast.access.revocation import MAX_TTL_S
from tricast.access.tokens import DEFAULT_TTL_S, MAX_SUBJECT_CHARS, MIN_TTL_S
from tricast.api.answers import Body
from tricast.audit import MAX_REASON_CHARS

_Patterns = list[str]


def _environment(description: str) -> Any:
    schema: Any = {"pattern": f"^{NAME_PATTERN}$"}
    return Field(default=None, description=description, examples=["production"], json_schema_extra=schema)


def _reason() -> Any:
    return Field(default=None, max_length=MAX_REASON_CHARS, description="why; it stands in the audit trail")


class TokenRequest(Body):
    """What a new token is for. Patterns begin with the app and lie within the key's own."""

    subject: str = Field(min_length=1, max_length=MAX_SUBJECT_CHARS, examples=["user-42"])
    subscribe: _Patterns = Field(default=[], max_length=MAX_PATTERNS, examples=[["shop/orders/*"]])
    publish: _Patterns = Field(default=[], max_length=MAX_PATTERNS)
    scopes: list[Scope] = Field(default=[], max_length=16)
    ttl_s: float = Field(default=DEFAULT_TTL_S, ge=MIN_TTL_S, le=MAX_TTL_S)
    app: str | None = Field(default=None, description="needed if neither key nor patterns name it")
    environment: str | None = _environment("confine it to one; default: the key's own")


class RevokeRequest(Body):
    """One of: a token, a token's id, or a subject (all its tokens issued until now)."""

    token: str | None = Field(default=None, min_length=1)
    id: str | None = Field(default=None, min_length=1, max_length=64)
    subject: str | None = Field(default=None, min_length=1, max_length=MAX_SUBJECT_CHARS)
    reason: str | None = _reason()


class KeyRequest(Body):
    """A new API key. Without `app` it is not confined to one, nor without `environment` (needs `app`)."""

    name: str = Field(min_length=1, max_length=64, examples=["web-1"])
    app: str | None = Field(default=None, examples=["shop"])
    subscribe: _Patterns = Field(default=[], max_length=MAX_PATTERNS)
    publish: _Patterns = Field(default=[], max_length=MAX_PATTERNS)
    scopes: list[Scope] = Field(default=[], max_length=16)
    environment: str | None = _environment("confine it to one of the app's")
    reason: str | None = _reason()
