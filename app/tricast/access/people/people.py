"""The people: documents of kind "person", each with its login for a key.

Each change is one unit with its audit entry, which tells what `Person` has; the
hash of the password is in the document only. Whatever changes who is an admin also
writes the list of them, one document that all such changes compare-and-set: so there
is always an admin left, whoever demotes whom at the same time, on whichever node.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from tricast.access.context import Context
from tricast.access.people.person import PERSON_KIND, Person, check_name, check_role, person_of
from tricast.access.people.sessions import PERSON_USAGE_KIND, Sessions
from tricast.access.people.unit import Unit
from tricast.audit import ABSENT, diff
from tricast.errors import Conflict, NotFound
from tricast.event import new_id, rfc3339
from tricast.hub.hub import Hub
from tricast.log.base import Document, Write

ADMINS_KIND: Final = "admins"
ADMINS_KEY: Final = "all"
MAX_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Account:
    """A person as kept: also the hash of their password, and the generation of their sessions."""

    person: Person
    password: str
    generation: str
    version: int

    @staticmethod
    def of(document: Document) -> Account:
        value = document.value
        return Account(person_of(value), value["password"], value["generation"], document.version)

    def to_json(self) -> dict[str, Any]:
        return {**self.person.to_json(), "password": self.password, "generation": self.generation}


class People:
    """All people: found, made, changed, removed."""

    def __init__(self, hub: Hub, sessions: Sessions, *, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._sessions = sessions
        self._clock = clock
        self.documents = hub.projection(PERSON_KIND)
        self._admins = hub.projection(ADMINS_KIND)

    @property
    def is_empty(self) -> bool:
        """Whether there is nobody yet."""
        return not self.documents.items()

    def list(self) -> list[Person]:
        """Everybody, by login."""
        return [person_of(document.value) for _, document in sorted(self.documents.items().items())]

    def get(self, login: str) -> Person | None:
        document = self.documents.get(login)
        return None if document is None else person_of(document.value)

    def account(self, login: str) -> Account | None:
        """The person with what only signing in needs to know."""
        document = self.documents.get(login)
        return None if document is None else Account.of(document)

    def find(self, login: str) -> Account:
        """The person with that login. Raises NotFound."""
        account = self.account(login)
        if account is None:
            raise NotFound(
                f"there is nobody with the login {login[:80]!r}; GET /v1/people lists everybody",
                field="login",
            )
        return account

    def making(self, person: Person, password: str, *, by: Context) -> tuple[Account, Unit]:
        """A new person, and what makes them. Conflicts where the login is taken."""
        account = Account(person, password, new_id(), 1)
        entry = by.entry(
            "person.created",
            app=None,
            kind=PERSON_KIND,
            key=person.login,
            changes=diff(ABSENT, person.to_json()),
            version=1,
        )
        write = Write(PERSON_KIND, person.login, account.to_json(), expected=0)
        admins = self._enrolling(person.login, person.is_admin) if person.is_admin else ()
        return account, Unit((entry,), (write, *admins))

    def changing(self, before: Account, after: Account, action: str, *, by: Context) -> Unit:
        """What puts `after` in the place of `before`. Raises Conflict for the last admin.

        Conflicts where either the person or who is an admin has changed meanwhile.
        """
        login = before.person.login
        entry = by.entry(
            action,
            app=None,
            kind=PERSON_KIND,
            key=login,
            changes=diff(before.person.to_json(), after.person.to_json()),
            version=before.version + 1,
            previous_version=before.version,
        )
        writes = [Write(PERSON_KIND, login, after.to_json(), expected=before.version)]
        if before.person.is_admin != after.person.is_admin:
            if before.person.is_admin:
                self._check_not_last(login)
            writes += self._enrolling(login, after.person.is_admin)
        return Unit((entry,), tuple(writes))

    async def edit(
        self,
        login: str,
        *,
        name: str | None = None,
        role: str | None = None,
        disabled: bool | None = None,
        by: Context,
    ) -> Person:
        """Change a person. Disabling ends all their sessions.

        Raises NotFound, BadRequest naming the field, and Conflict where nobody would be
        left who is an admin.
        """
        for _ in range(MAX_TRIES):
            before = self.find(login)
            person = before.person
            if name is not None:
                person = replace(person, name=check_name(name))
            if role is not None:
                person = replace(person, role=check_role(role))
            if disabled is not None and disabled != (person.disabled_at is not None):
                person = replace(person, disabled_at=self.now() if disabled else None)
            if person == before.person:
                return person
            ends = person.disabled_at is not None and before.person.disabled_at is None
            after = replace(before, person=person, generation=new_id() if ends else before.generation)
            unit = self.changing(before, after, "person.updated", by=by)
            if ends:
                unit += self._sessions.ending(self._sessions.of(login))
            try:
                await unit.append_to(self._hub)
            except Conflict:
                continue
            return person
        raise too_busy(login)

    async def remove(self, login: str, *, by: Context) -> Person:
        """Remove a person and end all their sessions. Raises NotFound, and Conflict for the last admin."""
        for _ in range(MAX_TRIES):
            account = self.find(login)
            person = account.person
            entry = by.entry(
                "person.removed",
                app=None,
                kind=PERSON_KIND,
                key=login,
                changes=diff(person.to_json(), ABSENT),
                previous_version=account.version,
            )
            writes = [
                Write(PERSON_KIND, login, None, expected=account.version),
                Write(PERSON_USAGE_KIND, login, None),
            ]
            if person.is_admin:
                self._check_not_last(login)
                writes += self._enrolling(login, False)
            unit = Unit((entry,), tuple(writes)) + self._sessions.ending(self._sessions.of(login))
            try:
                await unit.append_to(self._hub)
            except Conflict:
                continue
            return person
        raise too_busy(login)

    def now(self) -> str:
        return rfc3339(int(self._clock() * 1000))

    def _check_not_last(self, login: str) -> None:
        if not any(person.is_admin for person in self.list() if person.login != login):
            raise Conflict(
                f"{login!r} is the last admin who can sign in: make somebody else an admin first",
                field="role",
            )

    def _enrolling(self, login: str, is_admin: bool) -> tuple[Write, ...]:
        admins = self._admins.get(ADMINS_KEY)
        logins = {person.login for person in self.list() if person.is_admin} - {login}
        value = {"admins": sorted(logins | {login} if is_admin else logins)}
        return (Write(ADMINS_KIND, ADMINS_KEY, value, expected=0 if admins is None else admins.version),)


def too_busy(login: str) -> Conflict:
    """What is raised when others kept changing the same thing."""
    return Conflict(f"{login!r} is being changed by others at this moment; look, and try again")
