"""Keys and tokens over HTTP: what is answered, and what `/openapi.json` says of it all."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from tricast.access.grants import Scope
from tricast.api.admin_bodies import KeyRequest, RevokeRequest, TokenRequest
from tricast.api.answers import Body
from tricast.audit import MAX_REASON_CHARS


class TokenAnswer(Body):
    """A new token, and what it grants."""

    token: str
    id: str
    subject: str
    app: str
    environment: str | None
    subscribe: list[str]
    publish: list[str]
    scopes: list[Scope]
    issued_at: str = Field(json_schema_extra={"format": "date-time"})
    expires_at: str = Field(json_schema_extra={"format": "date-time"})


class KeyAnswer(Body):
    """An API key, without its secret."""

    id: str
    name: str
    app: str | None
    environment: str | None
    subscribe: list[str]
    publish: list[str]
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
