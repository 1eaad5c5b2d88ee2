"""From a cookie to what it may do, and the end of what it may do no longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from tricast.access.origins import OriginRules
from tricast.access.people.cookies import Cookies, Shown
from tricast.access.people.people import People
from tricast.access.people.person import PERSON_KIND, Person, grant_of, person_of, session_id_of
from tricast.access.people.sessions import SESSION_KIND, Session, Sessions
from tricast.access.sweep import Sweep
from tricast.errors import Forbidden, Unauthorized, Unavailable
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub
from tricast.log.base import Document

RECONNECT_AFTER_MS: Final = 250


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a request comes from, by its cookie. `shown` is what that said."""

    person: Person
    session: Session
    shown: Shown
    grant: Grant


@dataclass(frozen=True, slots=True)
class _Known:
    """A grant, and the document of the person that it was made of."""

    document: Document
    grant: Grant


class SessionDoor:
    """Lets in who shows the cookie of a session that is good: not ended, not expired, of a person who may.

    All is asked each time, in memory: it holds from the moment at which a change is written.
    """

    def __init__(
        self, hub: Hub, people: People, sessions: Sessions, cookies: Cookies, origins: OriginRules
    ) -> None:
        self._hub = hub
        self._people = people
        self._sessions = sessions
        self._cookies = cookies
        self._origins = origins
        self._known: dict[str, _Known] = {}
        self._sweep = Sweep(self.enforce, "the connections of ended sessions")
        hub.projection(SESSION_KIND).on_change(self._on_session)
        hub.projection(PERSON_KIND).on_change(lambda _: self._sweep.due())

    def grant(self, scope: Any) -> Grant | None:
        """What a request's cookie may do; None where it shows none that is good.

        Raises Forbidden if the request is from a page of an origin that is not the server's own,
        even one of `allowed_origins`: the page would act as the person signed in.
        """
        shown = self._cookies.read(scope)
        if shown is None:
            return None
        grant = self._current(shown.session_id)
        if grant is not None:
            self._origins.check_page(scope)
            self._sessions.seen(shown.session_id)
        return grant

    def has_cookie(self, scope: Any) -> bool:
        """Whether a request has a session cookie, valid or not."""
        return self._cookies.has_cookie(scope)

    def signed_in(self, scope: Any) -> SignedIn | None:
        """Who that is."""
        shown = self._cookies.read(scope)
        if shown is None:
            return None
        grant = self._current(shown.session_id)
        session = self._sessions.get(shown.session_id)
        if grant is None or session is None:
            return None
        return SignedIn(person_of(self._known[session.id].document.value), session, shown, grant)

    def is_good(self, session_id: str) -> bool:
        """Whether its cookie would be let in."""
        return self._current(session_id) is not None

    def check(self, grant: Grant) -> None:
        """Raises Unauthorized if the session of `grant` has ended since, Forbidden if it may do less."""
        match self._state(grant):
            case "ended":
                raise Unauthorized("the session has ended; sign in again")
            case "less":
                raise Forbidden("your role was changed; look what it allows, and try again")

    def _current(self, session_id: str) -> Grant | None:
        session = self._sessions.get(session_id)
        if session is None:
            self._known.pop(session_id, None)
            return None
        document = self._people.documents.get(session.login)
        known = self._known.get(session_id)
        if document is None or document.value["generation"] != session.generation:
            return None
        if document.value["disabled_at"] is not None:
            return None
        if known is None or known.document is not document:
            known = self._known[session_id] = _Known(
                document, grant_of(person_of(document.value), session_id)
            )
        return known.grant

    def _state(self, grant: Grant) -> Literal["good", "more", "less", "ended"]:
        session_id = session_id_of(grant)
        if session_id is None:
            return "good"
        now = self._current(session_id)
        if now is None or now.subject != grant.subject:
            return "ended"
        if now.role == grant.role:
            return "good"
        return "less" if grant.scopes - now.scopes else "more"

    def enforce(self) -> int:
        """Close the live connections of sessions that have ended, and those of people with another
        role by now, who may come back with it; how many those were."""
        ended = self._hub.disconnect(
            lambda caller: self._state(caller.grant) == "ended",
            Unauthorized("the session has ended; sign in again"),
            reason="revoked",
        )
        return ended + self._hub.disconnect(
            lambda caller: self._state(caller.grant) != "good",
            Unavailable("your role was changed; reconnect", retry_after_s=RECONNECT_AFTER_MS / 1000),
            reason="role-changed",
            reconnect_after_ms=RECONNECT_AFTER_MS,
        )

    def mark_connected(self) -> None:
        """Whoever is connected is seen."""
        for caller in self._hub.callers.values():
            session_id = session_id_of(caller.grant)
            if session_id is not None:
                self._sessions.seen(session_id)

    async def watch(self) -> None:
        """Close what is to be closed whenever a session ends or a person changes. Runs for ever."""
        await self._sweep.run()

    def _on_session(self, document: Document) -> None:
        if document.value is None:
            self._known.pop(document.key, None)
            self._sweep.due()
