"""Keys and tokens over HTTP: the bodies that are read and answered, and what `/openapi.json` says of them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

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


class TokenAnswer(Body):
    """A new token, and what it grants."""

    token: str
    id: str
    subject: str
    app: str
    environment: str | None
    subscribe: _Patterns
    publish: _Patterns
    scopes: list[Scope]
    issued_at: str = Field(json_schema_extra={"format": "date-time"})
    expires_at: str = Field(json_schema_extra={"format": "date-time"})


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


class KeyAnswer(Body):
    """An API key, without its secret."""

    id: str
    name: str
    app: str | None
    environment: str | None
    subscribe: _Patterns
    publish: _Patterns
    scopes: list[Scope]
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    revoked_at: str | None
    last_used_at: str | None


class NewKeyAnswer(KeyAnswer):
    """A new API key. `key` is shown here and never again."""

    key: str


class KeysAnswer(Body):
    """All keys that the caller may see, oldest first."""

    keys: list[KeyAnswer]


def _operation(
    summary: str,
    status: int,
    answer: type[BaseModel] | None,
    body: type[BaseModel] | None = None,
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "done"}
    if answer is not None:
        done["content"] = {"application/json": {"schema": _ref(answer)}}
    problem = {
        "description": "why not",
        "content": {"application/problem+json": {"schema": {"type": "object"}}},
    }
    operation: dict[str, Any] = {"summary": summary, "responses": {str(status): done, "4XX": problem}}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    if parameters is not None:
        operation["parameters"] = parameters
    return operation


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


_REVOKE_KEY: list[dict[str, Any]] = [
    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
    {
        "name": "reason",
        "in": "query",
        "description": "Why; it stands in the audit trail.",
        "schema": {"type": "string", "maxLength": MAX_REASON_CHARS},
    },
]
OPENAPI_PATHS: dict[str, Any] = {
    "/v1/tokens": {"post": _operation("Mint a token for a client", 201, TokenAnswer, TokenRequest)},
    "/v1/tokens/revoke": {"post": _operation("Revoke a token, or a subject's", 204, None, RevokeRequest)},
    "/v1/keys": {
        "get": _operation("List the API keys", 200, KeysAnswer),
        "post": _operation("Make an API key", 201, NewKeyAnswer, KeyRequest),
    },
    "/v1/keys/{id}": {"delete": _operation("Revoke an API key", 200, KeyAnswer, parameters=_REVOKE_KEY)},
}
OPENAPI_SCHEMAS: dict[str, Any] = models_json_schema(
    [
        (model, "validation")
        for model in (TokenRequest, TokenAnswer, RevokeRequest, KeyRequest, NewKeyAnswer, KeysAnswer)
    ],
    ref_template="#/components/schemas/{model}",
)[1]["$defs"]
