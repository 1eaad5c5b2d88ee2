"""Signing in over HTTP: `/v1/session`, `/v1/setup`, and accepting an invitation.

These routes need no credentials. A page of another origin is refused, because it could
sign its visitor in to another account.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tricast.access.access import Access
from tricast.access.context import Context
from tricast.access.origins import SAFE_METHODS
from tricast.access.people.cookies import is_secure
from tricast.access.people.door import SignedIn
from tricast.access.people.person import Person, grant_of, session_id_of
from tricast.access.people.sessions import Session, Visit
from tricast.api.answers import Api, Ask, json_answer
from tricast.api.people_bodies import (
    AcceptRequest,
    LookRequest,
    OwnNameRequest,
    PasswordRequest,
    SetUpRequest,
    SignInRequest,
)
from tricast.errors import BadRequest, Forbidden, Unauthorized
from tricast.event import rfc3339
from tricast.hub.gate import Grant
from tricast.transports.http import Allowed

MAX_BODY_BYTES: Final = 16 * 1024
INVITE_HEADER: Final = "Tricast-Invite"
_VISITOR: Final = Grant(subject="visitor")


def session_routes(
    access: Access, api: Api, *, allowed_origin: Allowed, version: str, heartbeat_s: float
) -> list[Route]:
    """The routes by which people get in, and out. `version` and `heartbeat_s` are told to the dashboard."""

    def let_in(request: Request) -> Grant:
        if request.method not in SAFE_METHODS:
            access.origins.check_page(request.scope)
        try:
            return access.gate(request)
        except Unauthorized:
            return _VISITOR

    def check(caller: Any) -> None:
        access.check(caller.grant)

    anybody = Api(let_in, allowed_origin=allowed_origin, recheck=check)
    own = _SignIn(access, version, heartbeat_s)
    return [
        way.route(f"/v1{path}", handler, methods=[method], max_body_bytes=MAX_BODY_BYTES)
        for way, method, path, handler in (
            (anybody, "GET", "/session", own.look),
            (anybody, "POST", "/session", own.sign_in),
            (anybody, "DELETE", "/session", own.sign_out),
            (api, "PATCH", "/session", own.rename),
            (api, "POST", "/session/password", own.change_password),
            (anybody, "POST", "/setup", own.set_up),
            (anybody, "GET", "/invites/look", own.look_at_invite),
            (anybody, "POST", "/invites/look", own.look_at_invite),
            (anybody, "POST", "/invites/accept", own.accept),
        )
    ]


def signed_in(access: Access, ask: Ask) -> SignedIn:
    """Who asks, by their cookie. Raises Forbidden for those who show something else."""
    if session_id_of(ask.grant) is None:
        raise Forbidden("this is for people who are signed in (POST /v1/session), not for keys and tokens")
    found = access.accounts.door.signed_in(ask.request.scope)
    if found is None:
        raise Unauthorized("the session has ended; sign in again")
    return found


def without_cookie(access: Access, ask: Ask, response: Response) -> Response:
    """`response`, after which the browser has no session."""
    secure = is_secure(ask.request.scope)
    response.headers.append("set-cookie", access.accounts.cookies.forget(secure=secure))
    return response


class _SignIn:
    def __init__(self, access: Access, version: str, heartbeat_s: float) -> None:
        self._access = access
        self._accounts = access.accounts
        self._version = version
        self._heartbeat_s = heartbeat_s

    async def look(self, ask: Ask) -> Response:
        ask.query()
        if session_id_of(ask.grant) is None:
            return json_answer(self._answer(ask, ask.grant, None, None))
        found = signed_in(self._access, ask)
        session = await self._accounts.sessions.renew(found.session)
        response = json_answer(self._answer(ask, found.grant, found.person, session))
        if self._accounts.cookies.is_old(found.shown):
            self._give_cookie(ask, session, response)
        return response

    async def sign_in(self, ask: Ask) -> Response:
        ask.query()
        body = await ask.read(SignInRequest)
        session = await self._accounts.sign_in.sign_in(
            body.login, body.password, _visit(ask), replacing=self._replaced(ask)
        )
        return self._entered(ask, session, 200)

    async def sign_out(self, ask: Ask) -> Response:
        ask.query()
        session = self._replaced(ask)
        if session is not None:
            await self._accounts.sign_in.sign_out(session, by=_context(ask))
        return without_cookie(self._access, ask, Response(status_code=204))

    async def rename(self, ask: Ask) -> Response:
        ask.query()
        found = signed_in(self._access, ask)
        body = await ask.read(OwnNameRequest)
        await self._accounts.people.edit(found.person.login, name=body.name, by=_context(ask))
        found = signed_in(self._access, ask)
        return json_answer(self._answer(ask, found.grant, found.person, found.session))

    async def change_password(self, ask: Ask) -> Response:
        ask.query()
        found = signed_in(self._access, ask)
        body = await ask.read(PasswordRequest)
        await self._accounts.sign_in.change_password(found.session, body.current, body.new, by=_context(ask))
        return Response(status_code=204)

    async def set_up(self, ask: Ask) -> Response:
        ask.query()
        if self._access.options.dev:
            raise Forbidden(
                "under --dev there is no set-up: nobody is asked for credentials. Invite somebody instead "
                "(POST /v1/invites)",
                field="code",
            )
        body = await ask.read(SetUpRequest)
        session = await self._accounts.sign_in.set_up(
            body.code,
            login=body.login,
            name=body.name,
            password=body.password,
            visit=_visit(ask),
            replacing=self._replaced(ask),
        )
        return self._entered(ask, session, 201)

    async def look_at_invite(self, ask: Ask) -> Response:
        ask.query()
        if ask.request.method == "POST":
            code = (await ask.read(LookRequest)).code
        else:
            code = ask.request.headers.get(INVITE_HEADER, "")
            if not code:
                raise BadRequest(f"which invitation? Send its code as {INVITE_HEADER}", field=INVITE_HEADER)
        good = self._accounts.throttle.code(ask.caller.address)
        invite, _ = self._accounts.invites.look(code)
        good()
        maker = self._accounts.people.get(invite.by) if invite.by_person else None
        return json_answer(
            {
                "role": invite.role,
                "login": invite.login,
                "name": invite.name,
                "by": invite.by if maker is None else maker.name,
                "expires_at": invite.expires_at,
                "reset": invite.reset,
            }
        )

    async def accept(self, ask: Ask) -> Response:
        ask.query()
        body = await ask.read(AcceptRequest)
        session = await self._accounts.sign_in.accept(
            body.code,
            login=body.login,
            name=body.name,
            password=body.password,
            visit=_visit(ask),
            replacing=self._replaced(ask),
        )
        return self._entered(ask, session, 201)

    def _replaced(self, ask: Ask) -> Session | None:
        """The session that this browser has so far."""
        found = self._accounts.door.signed_in(ask.request.scope)
        return None if found is None else found.session

    def _entered(self, ask: Ask, session: Session, status: int) -> Response:
        person = self._accounts.people.get(session.login)
        if person is None:
            raise Unauthorized("that person was removed at this very moment")
        grant = grant_of(person, session.id)
        response = json_answer(self._answer(ask, grant, person, session), status)
        self._give_cookie(ask, session, response)
        return response

    def _give_cookie(self, ask: Ask, session: Session, response: Response) -> None:
        secure = is_secure(ask.request.scope)
        response.headers.append("set-cookie", self._accounts.cookies.write(session.id, secure=secure))

    def _answer(
        self, ask: Ask, grant: Grant, person: Person | None, session: Session | None
    ) -> dict[str, Any]:
        return {
            "signed_in": person is not None,
            "open": self._access.options.dev and ask.grant is not _VISITOR,
            "setup": self._accounts.setup.code is not None,
            "person": None if person is None else name_of(person),
            "scopes": sorted(grant.scopes),
            "session": None
            if session is None
            else {
                "id": session.id,
                "created_at": rfc3339(session.created_ms),
                "expires_at": rfc3339(session.expires_ms),
            },
            "version": self._version,
            "heartbeat_s": self._heartbeat_s,
        }


def name_of(person: Person) -> dict[str, Any]:
    """What everybody who is signed in sees of a person."""
    return {"login": person.login, "name": person.name, "role": person.role}


def _visit(ask: Ask) -> Visit:
    return Visit(ask.caller.address, ask.request.headers.get("user-agent", ""), ask.request_id)


def _context(ask: Ask) -> Context:
    return Context(ask.actor, None, ask.request_id)
