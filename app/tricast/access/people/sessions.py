"""Sessions: where somebody is signed in. Documents of kind "session", bounded per person.

A session is of one *generation* of its person: a new password, or being disabled,
begins the next, and what was made in the old one is no longer good, even if it was
in the making at that moment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tricast.access.people.cookies import RENEW_AFTER_S, SESSION_TTL_S
from tricast.access.people.unit import Unit
from tricast.errors import Conflict, LogFull, Unavailable
from tricast.event import new_id, rfc3339
from tricast.hub.hub import Hub
from tricast.log.base import Document, Write

SESSION_KIND: Final = "session"
PERSON_USAGE_KIND: Final = "person-usage"
MAX_SESSIONS: Final = 50
USAGE_EVERY_S: Final = 300
MAX_USER_AGENT_CHARS: Final = 256

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """From where somebody comes: an address, and what their browser calls itself."""

    address: str = ""
    user_agent: str = ""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One place where a person is signed in. Times in milliseconds since 1970."""

    id: str
    login: str
    generation: str
    created_ms: int
    expires_ms: int
    seen_ms: int
    address: str
    user_agent: str

    def to_json(self) -> dict[str, Any]:
        return {
            "login": self.login,
            "generation": self.generation,
            "created_ms": self.created_ms,
            "expires_ms": self.expires_ms,
            "seen_ms": self.seen_ms,
            "address": self.address,
            "user_agent": self.user_agent,
        }

    def told(self) -> dict[str, Any]:
        """What the audit trail says of it."""
        return {"login": self.login, "address": self.address, "user_agent": self.user_agent}


def session_of(id: str, value: Mapping[str, Any]) -> Session:
    """The session that a document holds."""
    return Session(
        id=id,
        login=value["login"],
        generation=value["generation"],
        created_ms=value["created_ms"],
        expires_ms=value["expires_ms"],
        seen_ms=value["seen_ms"],
        address=value["address"],
        user_agent=value["user_agent"],
    )


class Sessions:
    """All sessions of all people: made, found, ended, and when they were last used."""

    def __init__(self, hub: Hub, *, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._clock = clock
        self._documents = hub.projection(SESSION_KIND)
        self._usage = hub.projection(PERSON_USAGE_KIND)
        self._seen_ms: dict[str, int] = {}

    def get(self, session_id: str) -> Session | None:
        """The session, until it ends or expires."""
        document = self._documents.get(session_id)
        if document is None or document.value["expires_ms"] <= self._now_ms():
            return None
        return self._session(document)

    def of(self, login: str) -> list[Session]:
        """Where `login` is signed in, last used first."""
        now_ms = self._now_ms()
        found = [
            self._session(document)
            for document in self._documents.items().values()
            if document.value["login"] == login and document.value["expires_ms"] > now_ms
        ]
        return sorted(found, key=lambda session: (-session.seen_ms, session.id))

    def by_login(self) -> dict[str, list[Session]]:
        """All of them."""
        found: dict[str, list[Session]] = {}
        now_ms = self._now_ms()
        for document in self._documents.items().values():
            if document.value["expires_ms"] > now_ms:
                found.setdefault(document.value["login"], []).append(self._session(document))
        return found

    def last_seen_at(self, login: str, sessions: Iterable[Session]) -> str | None:
        """When somebody was last seen: in one of their `sessions`, or before those."""
        usage = self._usage.get(login)
        seen = [rfc3339(session.seen_ms) for session in sessions]
        if usage is not None:
            seen.append(usage.value["last_seen_at"])
        return max(seen, default=None)

    def new(self, login: str, generation: str, visit: Visit) -> Session:
        """A session that begins now (to be kept by `opening`)."""
        now_ms = self._now_ms()
        agent = "".join(c for c in visit.user_agent if c.isprintable())[:MAX_USER_AGENT_CHARS]
        expires_ms = now_ms + SESSION_TTL_S * 1000
        return Session(new_id(), login, generation, now_ms, expires_ms, now_ms, visit.address, agent)

    def opening(self, session: Session, *, ending: Iterable[Session] = ()) -> Unit:
        """What keeps a new session, ends those of `ending`, and of the person's others those beyond
        the limit that were used longest ago."""
        ended = {one.id: one for one in ending}
        kept = [one for one in self.of(session.login) if one.id not in ended]
        write = Write(SESSION_KIND, session.id, session.to_json(), expected=0)
        usage = Write(PERSON_USAGE_KIND, session.login, {"last_seen_at": rfc3339(session.seen_ms)})
        return Unit(writes=(write, usage)) + self.ending((*ended.values(), *kept[MAX_SESSIONS - 1 :]))

    def ending(self, sessions: Iterable[Session]) -> Unit:
        """What ends `sessions`, whatever has become of them meanwhile."""
        return Unit(writes=tuple(Write(SESSION_KIND, session.id, None) for session in sessions))

    def moving(self, session: Session, generation: str) -> Unit:
        """What takes a session over into the next generation. Conflicts where it has changed or ended."""
        document = self._documents.get(session.id)
        if document is None:
            raise Conflict("the session has ended meanwhile; sign in again")
        value = {**document.value, "generation": generation}
        return Unit(writes=(Write(SESSION_KIND, session.id, value, expected=document.version),))

    def seen(self, session_id: str) -> None:
        """It is used now."""
        self._seen_ms[session_id] = self._now_ms()

    async def renew(self, session: Session) -> Session:
        """The session, good for another 30 days if its last renewal was a day ago.

        Where nothing can be written it is good as long as it was.
        """
        self.seen(session.id)
        if session.expires_ms - self._now_ms() < (SESSION_TTL_S - RENEW_AFTER_S) * 1000:
            try:
                await self._write_down(session.id, self._now_ms())
            except (LogFull, Unavailable) as error:
                _log.warning("a session could not be renewed: %s", error.detail)
        return self.get(session.id) or session

    async def flush_usage(self) -> int:
        """Write down, silently, when sessions were last used: each once in five minutes; how many.

        That renews them too.
        """
        written = 0
        for session_id, seen_ms in list(self._seen_ms.items()):
            document = self._documents.get(session_id)
            if document is None:
                del self._seen_ms[session_id]
            elif seen_ms - document.value["seen_ms"] >= USAGE_EVERY_S * 1000:
                await self._write_down(session_id, seen_ms)
                written += 1
        return written

    async def _write_down(self, session_id: str, seen_ms: int) -> None:
        document = self._documents.get(session_id)
        if document is None:
            return
        value = {**document.value, "seen_ms": max(seen_ms, document.value["seen_ms"])}
        expires_ms = seen_ms + SESSION_TTL_S * 1000
        if expires_ms - value["expires_ms"] >= RENEW_AFTER_S * 1000:
            value["expires_ms"] = expires_ms
        usage = Write(PERSON_USAGE_KIND, value["login"], {"last_seen_at": rfc3339(value["seen_ms"])})
        try:
            # (only where it is still there: a session that has ended stays so)
            write = Write(SESSION_KIND, session_id, value, expected=document.version)
            await self._hub.append((), (write, usage))
        except Conflict:
            _log.debug("session %s changed meanwhile", session_id)

    async def drop(self, is_good: Callable[[str], bool]) -> int:
        """Delete, silently, those whose id `is_good` denies; how many went."""
        dropped = [document for document in self._documents.items().values() if not is_good(document.key)]
        for document in dropped:
            try:
                await self._hub.append((), (Write(SESSION_KIND, document.key, None, document.version),))
            except Conflict:
                _log.debug("session %s was renewed meanwhile", document.key)
        return len(dropped)

    def _session(self, document: Document) -> Session:
        session = session_of(document.key, document.value)
        seen_ms = self._seen_ms.get(document.key, 0)
        if seen_ms <= session.seen_ms:
            return session
        return session_of(document.key, {**document.value, "seen_ms": seen_ms})

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
