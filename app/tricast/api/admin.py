"""Keys and tokens over HTTP: `POST /v1/tokens`, `POST /v1/tokens/revoke`, `/v1/keys`.

Keys are for whoever has the scope `admin` (of an app, or of all); tokens are
minted by API keys, and in dev mode by anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import isawaitable
from math import ceil
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import models_json_schema
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tricast.access.access import Access
from tricast.access.grants import MAX_PATTERNS, Scope, realm_of
from tricast.access.keys import KEY_PREFIX, Key
from tricast.access.revocation import MAX_TTL_S
from tricast.access.tokens import DEFAULT_TTL_S, MAX_SUBJECT_CHARS, MIN_TTL_S
from tricast.errors import BadRequest, Forbidden, NotFound, TooLarge, TooSlow, TricastError, Unauthorized
from tricast.event import rfc3339
from tricast.hub.gate import Grant

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_S = 30.0

_Patterns = list[str]
_M = TypeVar("_M", bound="_Body")
_SECRET_FIELDS = frozenset({"token", "key"})


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TokenRequest(_Body):
    """What a new token is for. Patterns begin with the app and lie within the key's own."""

    subject: str = Field(min_length=1, max_length=MAX_SUBJECT_CHARS, examples=["user-42"])
    subscribe: _Patterns = Field(default=[], max_length=MAX_PATTERNS, examples=[["shop/orders/*"]])
    publish: _Patterns = Field(default=[], max_length=MAX_PATTERNS)
    scopes: list[Scope] = Field(default=[], max_length=16)
    ttl_s: float = Field(default=DEFAULT_TTL_S, ge=MIN_TTL_S, le=MAX_TTL_S)
    app: str | None = Field(default=None, description="needed if neither key nor patterns name it")


class TokenAnswer(_Body):
    """A new token, and what it grants."""

    token: str
    id: str
    subject: str
    app: str
    subscribe: _Patterns
    publish: _Patterns
    scopes: list[Scope]
    issued_at: str = Field(json_schema_extra={"format": "date-time"})
    expires_at: str = Field(json_schema_extra={"format": "date-time"})


class RevokeRequest(_Body):
    """One of: a token, a token's id, or a subject (all its tokens issued until now)."""

    token: str | None = Field(default=None, min_length=1)
    id: str | None = Field(default=None, min_length=1, max_length=64)
    subject: str | None = Field(default=None, min_length=1, max_length=MAX_SUBJECT_CHARS)


class KeyRequest(_Body):
    """A new API key. Without `app` it is not confined to one."""

    name: str = Field(min_length=1, max_length=64, examples=["web-1"])
    app: str | None = Field(default=None, examples=["shop"])
    subscribe: _Patterns = Field(default=[], max_length=MAX_PATTERNS)
    publish: _Patterns = Field(default=[], max_length=MAX_PATTERNS)
    scopes: list[Scope] = Field(default=[], max_length=16)


class KeyAnswer(_Body):
    """An API key, without its secret."""

    id: str
    name: str
    app: str | None
    subscribe: _Patterns
    publish: _Patterns
    scopes: list[Scope]
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    revoked_at: str | None
    last_used_at: str | None


class NewKeyAnswer(KeyAnswer):
    """A new API key. `key` is shown here and never again."""

    key: str


class KeysAnswer(_Body):
    """All keys that the caller may see, oldest first."""

    keys: list[KeyAnswer]


def admin_routes(access: Access, *, prefix: str = "/v1") -> list[Route]:
    """The routes for keys and tokens of `access`, behind its gate."""
    api = _Admin(access)
    return [
        Route(f"{prefix}/tokens", _answering(api.mint), methods=["POST"]),
        Route(f"{prefix}/tokens/revoke", _answering(api.revoke_tokens), methods=["POST"]),
        Route(f"{prefix}/keys", _answering(api.list_keys), methods=["GET"]),
        Route(f"{prefix}/keys", _answering(api.create_key), methods=["POST"]),
        Route(f"{prefix}/keys/{{id}}", _answering(api.revoke_key), methods=["DELETE"]),
    ]


class _Admin:
    def __init__(self, access: Access) -> None:
        self._access = access

    async def mint(self, request: Request) -> Response:
        grant = await self._grant(request)
        if _from_token(grant):
            raise Forbidden("a token can't mint tokens: use an API key, on a server of yours")
        body = await _read(request, TokenRequest)
        minted = self._access.tokens.mint(grant, **body.model_dump())
        got = minted.grant
        answer = {
            "token": minted.token,
            "id": minted.id,
            "subject": got.subject,
            "app": got.app,
            "subscribe": got.subscribe,
            "publish": got.publish,
            "scopes": sorted(got.scopes),
            "issued_at": rfc3339(int(minted.issued_at * 1000)),
            "expires_at": rfc3339(int(minted.expires_at * 1000)),
        }
        return _json(answer, 201)

    async def revoke_tokens(self, request: Request) -> Response:
        grant = await self._grant(request)
        if _from_token(grant) and "admin" not in grant.scopes:
            raise Forbidden("a token can't revoke tokens: use the API key that minted them")
        body = await _read(request, RevokeRequest)
        given = [name for name in ("token", "id", "subject") if getattr(body, name) is not None]
        if len(given) != 1:
            raise BadRequest(
                f"give one of token, id, subject, not {' and '.join(given) or 'none'}",
                field=given[1] if given else "token",
            )
        realm, revocations = realm_of(grant), self._access.revocations
        if body.subject is not None:
            await revocations.revoke_subject(body.subject, realm=realm, by=grant.subject)
        else:
            token_id = body.id or self._id_of(body.token or "", realm)
            await revocations.revoke_token(token_id, realm=realm, by=grant.subject)
        return Response(status_code=204)

    def _id_of(self, token: str, realm: str) -> str:
        try:
            found = self._access.tokens.decode(token)
        except Unauthorized as error:
            raise BadRequest(error.detail, field="token") from None
        token_id = (found.credential or "").removeprefix("token:")
        if f"token:{realm}/{token_id}" not in found.credentials:
            raise Forbidden(
                "that token was minted by another key: use that one, or an admin key", field="token"
            )
        return token_id

    async def list_keys(self, request: Request) -> Response:
        grant = await self._admin(request)
        return _json({"keys": [_key(key) for key in self._access.keys.list(grant.app)]}, 200)

    async def create_key(self, request: Request) -> Response:
        grant = await self._admin(request)
        body = await _read(request, KeyRequest)
        if grant.app is not None and body.app not in (None, grant.app):
            raise Forbidden(
                f"{grant.subject!r} belongs to the app {grant.app!r} and makes keys for it only", field="app"
            )
        asked = body.model_dump() | {"app": body.app or grant.app}
        key, text = await self._access.keys.create(**asked, by=grant.subject)
        return _json({**_key(key), "key": text}, 201)

    async def revoke_key(self, request: Request) -> Response:
        grant = await self._admin(request)
        key_id = str(request.path_params["id"])
        key = self._access.keys.get(key_id)
        if key is None or (grant.app is not None and key.app != grant.app):
            raise NotFound(f"there is no key {key_id[:80]!r}; GET /v1/keys lists those there are", field="id")
        return _json(_key(await self._access.keys.revoke(key_id, by=grant.subject)), 200)

    async def _admin(self, request: Request) -> Grant:
        grant = await self._grant(request)
        if "admin" not in grant.scopes:
            raise Forbidden(f"{grant.subject!r} lacks the scope 'admin', which keys are managed with")
        return grant

    async def _grant(self, request: Request) -> Grant:
        grant: Grant | Awaitable[Grant] = self._access.gate(request)
        return await grant if isawaitable(grant) else grant


def _from_token(grant: Grant) -> bool:
    return (grant.credential or "").startswith("token:")


def _key(key: Key) -> dict[str, Any]:
    return {**key.to_json(), "last_used_at": key.last_used_at}


def _json(value: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(value), status, {"cache-control": "no-store"}, media_type="application/json")


def _answering(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """`handler`, with every TricastError answered as problem details."""

    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except TricastError as error:
            return problem_response(error)

    return answer


def problem_response(error: TricastError) -> Response:
    """`error` as `application/problem+json`, with the headers that go with its status."""
    headers = {"cache-control": "no-store"}
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = 'Bearer realm="tricast"'
    if error.retry_after_s is not None:
        headers["retry-after"] = str(ceil(error.retry_after_s))
    return Response(error.problem_json(), error.status, headers, media_type="application/problem+json")


async def _read(request: Request, model: type[_M]) -> _M:
    body = b""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise TooLarge(f"the body has more than {MAX_BODY_BYTES} bytes", field="body")
    except TimeoutError:
        raise TooSlow(f"the body did not arrive within {BODY_TIMEOUT_S:g} s", field="body") from None
    except ClientDisconnect:
        raise BadRequest("the client went away before the body was complete", field="body") from None
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}; send a JSON object", field="body") from None
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object", field="body")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _bad_request(error, model) from None


def _bad_request(error: ValidationError, model: type[BaseModel]) -> BadRequest:
    """The first thing that pydantic found, as field, value (never a secret) and remedy."""
    found = error.errors(include_url=False, include_context=False)[0]
    path = [str(part) for part in found["loc"]]
    field = ".".join(path) or "body"
    members = ", ".join(model.model_fields)
    if found["type"] == "extra_forbidden":
        return BadRequest(f"unknown member {field[:80]!r}; there are: {members}", field=field[:80])
    if found["type"] == "missing":
        return BadRequest(f"{field} is missing; there are: {members}", field=field)
    value, shown = found["input"], ""
    is_plain = isinstance(value, str | int | float | bool) and len(str(value)) <= 80
    if is_plain and not _SECRET_FIELDS & set(path) and KEY_PREFIX not in str(value):
        shown = f" {value!r}"
    return BadRequest(f"{field}{shown}: {found['msg'][0].lower()}{found['msg'][1:]}", field=field)


def _operation(
    summary: str,
    status: int,
    answer: type[BaseModel] | None,
    body: type[BaseModel] | None = None,
    path_id: bool = False,
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
    if path_id:
        operation["parameters"] = [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    return operation


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


OPENAPI_PATHS: dict[str, Any] = {
    "/v1/tokens": {"post": _operation("Mint a token for a client", 201, TokenAnswer, TokenRequest)},
    "/v1/tokens/revoke": {"post": _operation("Revoke a token, or a subject's", 204, None, RevokeRequest)},
    "/v1/keys": {
        "get": _operation("List the API keys", 200, KeysAnswer),
        "post": _operation("Make an API key", 201, NewKeyAnswer, KeyRequest),
    },
    "/v1/keys/{id}": {"delete": _operation("Revoke an API key", 200, KeyAnswer, path_id=True)},
}
OPENAPI_SCHEMAS: dict[str, Any] = models_json_schema(
    [
        (model, "validation")
        for model in (TokenRequest, TokenAnswer, RevokeRequest, KeyRequest, NewKeyAnswer, KeysAnswer)
    ],
    ref_template="#/components/schemas/{model}",
)[1]["$defs"]
