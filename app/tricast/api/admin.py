"""Keys and tokens over HTTP: `POST /v1/tokens`, `POST /v1/tokens/revoke`, `/v1/keys`.

Keys are for whoever has the scope `admin` (of an app, or of all); tokens are
minted by API keys, and in dev mode by anybody.
"""

from __future__ import annotations

from typing import Any, TypeVar

from starlette.responses import Response
from starlette.routing import Route

from tricast.access.access import Access
from tricast.access.context import Context
from tricast.access.grants import realm_of
from tricast.access.key import Key
from tricast.access.people.person import session_id_of
from tricast.api.admin_bodies import KeyRequest, RevokeRequest, TokenRequest
from tricast.api.answers import Api, Ask, Body, json_answer
from tricast.errors import BadRequest, Forbidden, NotFound, Unauthorized
from tricast.event import rfc3339
from tricast.hub.gate import Grant

MAX_BODY_BYTES = 64 * 1024
_B = TypeVar("_B", bound=Body)


def admin_routes(access: Access, api: Api, *, prefix: str = "/v1") -> list[Route]:
    """The routes for keys and tokens of `access`."""
    admin = _Admin(access)
    return [
        api.route(f"{prefix}{path}", handler, methods=[method], max_body_bytes=MAX_BODY_BYTES)
        for method, path, handler in (
            ("POST", "/tokens", admin.mint),
            ("POST", "/tokens/revoke", admin.revoke_tokens),
            ("GET", "/keys", admin.list_keys),
            ("POST", "/keys", admin.create_key),
            ("DELETE", "/keys/{id}", admin.revoke_key),
        )
    ]


class _Admin:
    def __init__(self, access: Access) -> None:
        self._access = access

    async def mint(self, ask: Ask) -> Response:
        ask.query()
        if _from_token(ask.grant):
            raise Forbidden("a token can't mint tokens: use an API key, on a server of yours")
        _check_person(ask.grant)
        body = await ask.read(TokenRequest)
        minted = self._access.tokens.mint(ask.grant, **body.model_dump())
        got = minted.grant
        answer = {
            "token": minted.token,
            "id": minted.id,
            "subject": got.subject,
            "app": got.app,
            "environment": got.environment,
            "subscribe": got.subscribe,
            "publish": got.publish,
            "scopes": sorted(got.scopes),
            "issued_at": rfc3339(int(minted.issued_at * 1000)),
            "expires_at": rfc3339(int(minted.expires_at * 1000)),
        }
        return json_answer(answer, 201)

    async def revoke_tokens(self, ask: Ask) -> Response:
        ask.query()
        grant = ask.grant
        if _from_token(grant) and "admin" not in grant.scopes:
            raise Forbidden("a token can't revoke tokens: use the API key that minted them")
        _check_person(grant)
        body = await ask.read(RevokeRequest)
        given = [name for name in ("token", "id", "subject") if getattr(body, name) is not None]
        if len(given) != 1:
            raise BadRequest(
                f"give one of token, id, subject, not {' and '.join(given) or 'none'}",
                field=given[1] if given else "token",
            )
        realm, by, app = realm_of(grant), _context(ask, body.reason), grant.app
        revocations = self._access.revocations
        if body.subject is not None:
            await revocations.revoke_subject(body.subject, realm=realm, by=by, app=app)
        else:
            token_id = body.id
            if token_id is None:
                token_id, app = self._id_of(body.token or "", realm)
            await revocations.revoke_token(token_id, realm=realm, by=by, app=app)
        return Response(status_code=204)

    def _id_of(self, token: str, realm: str) -> tuple[str, str | None]:
        """A token's id and its app."""
        try:
            found = self._access.tokens.decode(token)
        except Unauthorized as error:
            raise BadRequest(error.detail, field="token") from None
        token_id = (found.credential or "").removeprefix("token:")
        if f"token:{realm}/{token_id}" not in found.credentials:
            raise Forbidden(
                "that token was minted by another key: use that one, or an admin key", field="token"
            )
        return token_id, found.app

    async def list_keys(self, ask: Ask) -> Response:
        ask.query()
        grant = _admin(ask)
        return json_answer({"keys": [_key(key) for key in self._access.keys.list(grant.app)]})

    async def create_key(self, ask: Ask) -> Response:
        ask.query()
        grant = _admin(ask)
        body = await ask.read(KeyRequest)
        if grant.app is not None and body.app not in (None, grant.app):
            raise Forbidden(
                f"{grant.subject!r} belongs to the app {grant.app!r} and makes keys for it only", field="app"
            )
        asked = body.model_dump(exclude={"reason"}) | {"app": body.app or grant.app}
        key, text = await self._access.keys.create(**asked, by=_context(ask, body.reason))
        return json_answer({**_key(key), "key": text}, 201)

    async def revoke_key(self, ask: Ask) -> Response:
        grant = _admin(ask)
        by = _context(ask, ask.query("reason").get("reason"))
        key_id = ask.path("id")
        key = self._access.keys.get(key_id)
        if key is None or (grant.app is not None and key.app != grant.app):
            raise NotFound(f"there is no key {key_id[:80]!r}; GET /v1/keys lists those there are", field="id")
        return json_answer(_key(await self._access.keys.revoke(key_id, by=by)))


def _context(ask: Ask, reason: str | None) -> Context:
    return Context(ask.actor, reason, ask.request_id)


def _admin(ask: Ask) -> Grant:
    if "admin" not in ask.grant.scopes:
        raise Forbidden(f"{ask.grant.subject!r} lacks the scope 'admin', which keys are managed with")
    return ask.grant


def _check_person(grant: Grant) -> None:
    """Raises Forbidden for people who are no admins: a token of theirs would outlive their role."""
    if session_id_of(grant) is not None and "admin" not in grant.scopes:
        raise Forbidden(f"{grant.subject!r} lacks the scope 'admin', which people need for tokens")


def _from_token(grant: Grant) -> bool:
    return (grant.credential or "").startswith("token:")


def _key(key: Key) -> dict[str, Any]:
    return {**key.to_json(), "last_used_at": key.last_used_at}
