"""Signing in and out: by password, by an invitation, by the set-up code."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from tricast.access.context import Context
from tricast.access.people.invites import Invites
from tricast.access.people.passwords import MAX_PASSWORD_CHARS, Passwords, check_password
from tricast.access.people.people import MAX_TRIES, Account, People, too_busy
from tricast.access.people.person import (
    PERSON_KIND,
    Person,
    Role,
    check_login,
    check_name,
    fold_login,
    session_name,
)
from tricast.access.people.sessions import SESSION_KIND, Session, Sessions, Visit
from tricast.access.people.setup import SetUp
from tricast.access.people.throttle import Throttle
from tricast.access.people.unit import Unit
from tricast.audit import ABSENT, Actor, Change, diff, pointer
from tricast.errors import BadRequest, Conflict, Forbidden, Unauthorized
from tricast.event import new_id
from tricast.hub.hub import Hub
from tricast.log.base import Write

_log = logging.getLogger(__name__)


class SignIn:
    """Whatever begins with a secret that somebody types, and ends with a session."""

    def __init__(
        self,
        hub: Hub,
        *,
        people: People,
        sessions: Sessions,
        invites: Invites,
        passwords: Passwords,
        setup: SetUp,
        throttle: Throttle,
    ) -> None:
        self._hub = hub
        self._people = people
        self._sessions = sessions
        self._invites = invites
        self._passwords = passwords
        self._setup = setup
        self._throttle = throttle

    async def sign_in(
        self, login: str, password: str, visit: Visit, *, replacing: Session | None = None
    ) -> Session:
        """A new session, if the password is right; `replacing` is what this browser had before.

        Raises Unauthorized, in the same words and after the same work whether there is
        no such login, it is disabled or the password is wrong; and TooMany.
        """
        login = fold_login(login)
        at_home = any(one.address == visit.address for one in self._sessions.of(login))
        right = self._throttle.sign_in(login, visit.address, at_home=at_home)
        known = self._people.account(login)
        is_right = await self._passwords.verify(
            password[: MAX_PASSWORD_CHARS + 1], None if known is None else known.password
        )
        account = self._people.account(login)  # (as it is by now)
        if (
            not is_right
            or known is None
            or account is None
            or account.password != known.password
            or account.person.disabled_at is not None
        ):
            _log.info("somebody at %s failed to sign in", visit.address)
            raise Unauthorized("the login or the password is wrong, or that person may not sign in")
        right()
        session = await self._open(account, visit, Unit(), replacing)
        await self._refresh(account, password)
        return session

    async def _open(self, account: Account, visit: Visit, unit: Unit, replacing: Session | None) -> Session:
        """Begin a session, in one unit with what led to it."""
        session = self._sessions.new(account.person.login, account.generation, visit)
        ending = () if replacing is None else (replacing,)
        await (unit + self._beginning(account.person, session, visit, ending)).append_to(self._hub)
        return session

    def _beginning(
        self, person: Person, session: Session, visit: Visit, ending: Iterable[Session] = ()
    ) -> Unit:
        actor = Actor(person.login, person.role, session_name(session.id), visit.address or None)
        change = Change(pointer("sessions", session.id), ABSENT, session.told())
        entry = Context(actor, None, visit.request_id).entry(
            "person.signed-in", app=None, kind=PERSON_KIND, key=person.login, changes=(change,)
        )
        return Unit((entry,)) + self._sessions.opening(session, ending=ending)

    async def _refresh(self, account: Account, password: str) -> None:
        """Hash the password anew where that costs another amount by now. (It is no other one.)"""
        if not self._passwords.is_outdated(account.password):
            return
        fresh = replace(account, password=await self._passwords.hash(password))
        write = Write(PERSON_KIND, account.person.login, fresh.to_json(), expected=account.version)
        try:
            await self._hub.append((), (write,))
        except Conflict:
            _log.debug("%s changed meanwhile", account.person.login)

    async def sign_out(self, session: Session, *, by: Context) -> None:
        """End a session where it is used."""
        change = Change(pointer("sessions", session.id), session.told(), ABSENT)
        entry = by.entry(
            "person.signed-out", app=None, kind=PERSON_KIND, key=session.login, changes=(change,)
        )
        await (Unit((entry,)) + self._sessions.ending((session,))).append_to(self._hub)

    async def end(self, sessions: Iterable[Session], *, by: Context) -> int:
        """End sessions from elsewhere; how many those were."""
        unit, ended = Unit(), 0
        for session in sessions:
            told = diff(session.told(), ABSENT)
            entry = by.entry("session.revoked", app=None, kind=SESSION_KIND, key=session.id, changes=told)
            unit += Unit((entry,)) + self._sessions.ending((session,))
            ended += 1
        if ended:
            await unit.append_to(self._hub)
        return ended

    async def change_password(self, session: Session, current: str, new: str, *, by: Context) -> None:
        """Give the person of `session` a new password; their other sessions end.

        Raises Forbidden where `current` is not theirs, BadRequest, TooMany.
        """
        login = session.login
        right = self._throttle.password(login)
        known = self._people.find(login)
        if not await self._passwords.verify(current[: MAX_PASSWORD_CHARS + 1], known.password):
            raise Forbidden("that is not your current password", field="current")
        right()
        check_password(new, login=login, field="new")
        if new == current:
            raise BadRequest("the new password is the current one: choose another", field="new")
        hashed = await self._passwords.hash(new)
        for _ in range(MAX_TRIES):
            account = self._people.find(login)
            if account.generation != known.generation:
                raise Conflict("your password was changed, or you were signed out, meanwhile; sign in again")
            after = self._renewed(account, hashed)
            others = [one for one in self._sessions.of(login) if one.id != session.id]
            unit = self._people.changing(account, after, "password.changed", by=by)
            unit += self._sessions.moving(session, after.generation) + self._sessions.ending(others)
            try:
                await unit.append_to(self._hub)
            except Conflict:  # (renamed, or the session's use was written down)
                continue
            return
        raise too_busy(login)

    def _renewed(self, account: Account, hashed: str) -> Account:
        person = replace(account.person, password_changed_at=self._people.now())
        return replace(account, person=person, password=hashed, generation=new_id())

    async def set_up(
        self,
        code: str,
        *,
        login: str,
        name: str,
        password: str,
        visit: Visit,
        replacing: Session | None = None,
    ) -> Session:
        """Make the first person, an admin, and sign them in.

        Raises Forbidden for another code, Conflict where there is somebody already,
        BadRequest naming the field, TooMany.
        """
        right = self._throttle.code(visit.address)
        if not self._setup.matches(code):
            raise Forbidden(
                "that is not the code of this start: take the link that the server printed last",
                field="code",
            )
        right()
        login, name = check_login(login), check_name(name)
        self._check_empty()
        hashed = await self._passwords.hash(check_password(password, login=login))
        now = self._people.now()
        person = Person(login, name, "admin", now, now)
        by = Context(Actor(login, "admin", "setup", visit.address or None), None, visit.request_id)
        for _ in range(MAX_TRIES):
            self._check_empty()
            account, unit = self._people.making(person, hashed, by=by)
            try:
                return await self._open(account, visit, unit, replacing)
            except Conflict:  # (somebody else was first: then it isn't empty)
                continue
        raise too_busy(login)

    def _check_empty(self) -> None:
        if not self._people.is_empty:
            raise Conflict("this server is set up already: sign in, or ask an admin for an invitation")

    async def accept(
        self,
        code: str,
        *,
        login: str | None,
        name: str | None,
        password: str,
        visit: Visit,
        replacing: Session | None = None,
    ) -> Session:
        """Use an invitation up: make its person, or give them a new password; and sign them in.

        A new password ends all their sessions. Raises NotFound where the code is not good
        (any more), Conflict where the login is taken, BadRequest naming the field, TooMany.
        """
        right = self._throttle.code(visit.address)
        invite, _ = self._invites.look(code)
        right()
        login = _chosen(login, invite.login)
        name = None if name is None else check_name(name)
        hashed = await self._passwords.hash(check_password(password, login=login))
        for _ in range(MAX_TRIES):
            invite, version = self._invites.look(code)  # (as it is by now: it may have been used)
            actor = Actor(login, invite.role, f"invite:{invite.id}", visit.address or None)
            by = Context(actor, None, visit.request_id)
            if invite.reset:
                account, unit = self._resetting(login, name, hashed, by=by)
                ending = self._sessions.of(login)
            else:
                account, unit = self._joining(login, name or invite.name, invite.role, hashed, by=by)
                ending = []
            if replacing is not None:
                ending.append(replacing)
            session = self._sessions.new(login, account.generation, visit)
            unit = self._invites.using(invite, version, by=by) + unit
            unit += self._beginning(account.person, session, visit, ending)
            try:
                await unit.append_to(self._hub)
            except Conflict:
                continue
            return session
        raise too_busy(login)

    def _joining(
        self, login: str, name: str | None, role: Role, hashed: str, *, by: Context
    ) -> tuple[Account, Unit]:
        if self._people.get(login) is not None:
            raise Conflict(f"the login {login!r} is taken: choose another", field="login")
        now = self._people.now()
        return self._people.making(Person(login, name or login, role, now, now), hashed, by=by)

    def _resetting(self, login: str, name: str | None, hashed: str, *, by: Context) -> tuple[Account, Unit]:
        before = self._people.find(login)
        after = self._renewed(before, hashed)
        if name is not None:
            after = replace(after, person=replace(after.person, name=name))
        return after, self._people.changing(before, after, "password.changed", by=by)


def _chosen(login: str | None, invited: str | None) -> str:
    """The login of who uses an invitation: theirs to choose, unless it says whose it is."""
    if invited is None:
        return check_login(login or "")
    if login is not None and fold_login(login) != invited:
        raise BadRequest(
            f"this invitation is for the login {invited!r}, not {login[:80]!r}: leave login out",
            field="login",
        )
    return invited
