"""People over HTTP: `/v1/people`, `/v1/invites`, `/v1/sessions`.

People are of the whole server: they are looked after by admins that are not confined
to an app, be it one of them or an API key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from tricast.access.access import Access
from tricast.access.context import Context
from tricast.access.gate import is_forwarded
from tricast.access.origins import LOOPBACK_HOSTS, hostname
from tricast.access.people.person import Person, fold_login, session_id_of
from tricast.access.people.sessions import Session
from tricast.api.answers import Api, Ask, json_answer, problem_response
from tricast.api.people_bodies import InviteRequest, PersonRequest
from tricast.api.sign_in import MAX_BODY_BYTES, name_of, signed_in, without_cookie
from tricast.errors import BadRequest, Forbidden, MethodNotAllowed, NotFound
from tricast.event import rfc3339
from tricast.hub.gate import Grant

_WORDS: Final = {"look": "GET, HEAD, OPTIONS, POST", "accept": "OPTIONS, POST"}


def people_routes(access: Access, api: Api) -> list[Route]:
    """The routes for people, their sessions and invitations."""
    people = _People(access)
    return [
        api.route(f"/v1{path}", handler, methods=[method], max_body_bytes=MAX_BODY_BYTES)
        for method, path, handler in (
            ("GET", "/people", people.list),
            ("PATCH", "/people/{login}", people.edit),
            ("DELETE", "/people/{login}", people.remove),
            ("GET", "/invites", people.list_invites),
            ("POST", "/invites", people.invite),
            ("DELETE", "/invites/{id}", people.revoke_invite),
            ("GET", "/sessions", people.list_sessions),
            ("DELETE", "/sessions", people.end_sessions),
            ("DELETE", "/sessions/{id}", people.end_session),
        )
    ]


class _People:
    def __init__(self, access: Access) -> None:
        self._access = access
        self._accounts = access.accounts

    async def list(self, ask: Ask) -> Response:
        ask.query()
        people = self._accounts.people.list()
        if _is_admin(ask.grant):
            sessions = self._accounts.sessions.by_login()
            return json_answer([self._person(person, sessions.get(person.login, ())) for person in people])
        if session_id_of(ask.grant) is None:
            need_admin(ask)
        return json_answer([name_of(person) for person in people])

    async def edit(self, ask: Ask) -> Response:
        ask.query()
        need_admin(ask)
        body = await ask.read(PersonRequest)
        if body.name is None and body.role is None and body.disabled is None:
            raise BadRequest("nothing to change: give name, role or disabled", field="body")
        person = await self._accounts.people.edit(
            fold_login(ask.path("login")),
            name=body.name,
            role=body.role,
            disabled=body.disabled,
            by=_context(ask, body.reason),
        )
        return json_answer(self._person(person, self._accounts.sessions.of(person.login)))

    async def remove(self, ask: Ask) -> Response:
        need_admin(ask)
        by = _context(ask, ask.query("reason").get("reason"))
        await self._accounts.people.remove(fold_login(ask.path("login")), by=by)
        return Response(status_code=204)

    def _person(self, person: Person, sessions: Sequence[Session]) -> dict[str, Any]:
        return {
            **name_of(person),
            "created_at": person.created_at,
            "last_seen_at": self._accounts.sessions.last_seen_at(person.login, sessions),
            "disabled_at": person.disabled_at,
            "sessions": len(sessions),
        }

    async def list_invites(self, ask: Ask) -> Response:
        ask.query()
        need_admin(ask)
        return json_answer([invite.to_json() for invite in self._accounts.invites.list()])

    async def invite(self, ask: Ask) -> Response:
        ask.query()
        need_admin(ask)
        body = await ask.read(InviteRequest)
        invite, code = await self._accounts.invites.create(
            role=body.role,
            login=body.login,
            name=body.name,
            ttl_s=body.ttl_s,
            by=_context(ask, body.reason),
        )
        link = f"{self._base(ask)}#/join/{code}"
        return json_answer({**invite.to_json(), "code": code, "link": link}, 201)

    def _base(self, ask: Ask) -> str:
        """The dashboard's URL, with a slash at the end.

        It is made from `public_url` or the first own origin, else from a loopback `Host`, else it is
        relative to the request's URL: no other `Host` is trusted, as a client can send any.
        """
        url, headers = ask.request.url, ask.request.scope["headers"]
        if self._access.public_url is not None:
            return f"{self._access.public_url}/"
        if hostname(url.netloc) in LOOPBACK_HOSTS and not is_forwarded(headers):
            return f"{url.scheme}://{url.netloc}{ask.request.scope.get('root_path', '')}/"
        return "../"

    async def revoke_invite(self, ask: Ask) -> Response:
        invite_id = ask.path("id")
        if invite_id in _WORDS:  # (a path of its own, which has no DELETE)
            refusal = problem_response(
                MethodNotAllowed(f"DELETE is not allowed here; use {_WORDS[invite_id]}")
            )
            refusal.headers["allow"] = _WORDS[invite_id]
            return refusal
        need_admin(ask)
        by = _context(ask, ask.query("reason").get("reason"))
        await self._accounts.invites.revoke(invite_id, by=by)
        return Response(status_code=204)

    async def list_sessions(self, ask: Ask) -> Response:
        login = self._whose(ask, ask.query("login").get("login"))
        return json_answer([_entry(one, ask.grant) for one in self._accounts.sessions.of(login)])

    async def end_sessions(self, ask: Ask) -> Response:
        asked = ask.query("login", "all", "reason")
        login = self._whose(ask, asked.get("login"))
        every = asked.get("all", "0")
        if every not in ("0", "1"):
            raise BadRequest(f"all {every[:80]!r} must be 1 (this session too) or 0", field="all")
        own = session_id_of(ask.grant)
        sessions = self._accounts.sessions.of(login)
        ending = [one for one in sessions if every == "1" or one.id != own]
        ended = await self._accounts.sign_in.end(ending, by=_context(ask, asked.get("reason")))
        answer = json_answer({"ended": ended})
        return without_cookie(self._access, ask, answer) if _holds(ending, own) else answer

    async def end_session(self, ask: Ask) -> Response:
        by = _context(ask, ask.query("reason").get("reason"))
        own = session_id_of(ask.grant)
        session = self._accounts.sessions.get(ask.path("id"))
        if own is None:
            need_admin(ask)
        if session is None or not (session.login == ask.grant.subject or _is_admin(ask.grant)):
            raise NotFound(
                f"there is no session {ask.path('id')[:80]!r}; GET /v1/sessions lists those there are",
                field="id",
            )
        await self._accounts.sign_in.end((session,), by=by)
        gone = Response(status_code=204)
        return without_cookie(self._access, ask, gone) if _holds((session,), own) else gone

    def _whose(self, ask: Ask, login: str | None) -> str:
        """Whose sessions are asked for: one's own, or to admins anybody's."""
        if session_id_of(ask.grant) is not None:
            own = signed_in(self._access, ask).person.login
            if login is None or fold_login(login) == own:
                return own
        need_admin(ask)
        if login is None:
            raise BadRequest("whose sessions? Give ?login=", field="login")
        return self._accounts.people.find(fold_login(login)).person.login


def need_admin(ask: Ask) -> None:
    """Raises Forbidden for whoever may not look after people."""
    grant = ask.grant
    if "admin" not in grant.scopes:
        raise Forbidden(f"{grant.subject!r} lacks the scope 'admin', which people are looked after with")
    if not _is_admin(grant):
        raise Forbidden(
            f"{grant.subject!r} belongs to the app {grant.app!r}, and people are of the whole server",
            field="app",
        )


def _is_admin(grant: Grant) -> bool:
    return "admin" in grant.scopes and grant.app is None and grant.environment is None


def _holds(sessions: Sequence[Session], session_id: str | None) -> bool:
    return any(session.id == session_id for session in sessions)


def _entry(session: Session, grant: Grant) -> dict[str, Any]:
    return {
        "id": session.id,
        "created_at": rfc3339(session.created_ms),
        "last_seen_at": rfc3339(session.seen_ms),
        "address": session.address,
        "user_agent": session.user_agent,
        "current": session.id == session_id_of(grant),
    }


def _context(ask: Ask, reason: str | None) -> Context:
    return Context(ask.actor, reason, ask.request_id)
