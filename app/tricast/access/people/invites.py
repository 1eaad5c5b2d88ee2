"""Invitations: a code that makes one person, or gives one a new password. Used once.

A document of kind "invite" with the hash of its code. It is good for as long as who
made it could make another: an admin who was demoted, or a key that was revoked,
leaves no door open.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tricast.access.context import Context
from tricast.access.keys import Keys
from tricast.access.people.people import People
from tricast.access.people.person import PERSON_KIND, Role, check_login, check_name, check_role, person_of
from tricast.access.people.unit import Unit
from tricast.audit import ABSENT, diff
from tricast.errors import BadRequest, Conflict, NotFound, TooMany
from tricast.event import rfc3339
from tricast.hub.hub import Hub
from tricast.log.base import Document, Write

INVITE_KIND: Final = "invite"
MIN_TTL_S: Final = 60
MAX_TTL_S: Final = 30 * 86_400
DEFAULT_TTL_S: Final = 7 * 86_400
DEFAULT_RESET_TTL_S: Final = 86_400
MAX_OPEN: Final = 1000
MAX_CODE_CHARS: Final = 128
_ALPHABET = string.ascii_letters + string.digits
_ID_CHARS = 12
_SECRET_CHARS = 24  # 142 bits
_CODE = re.compile(r"([A-Za-z0-9]{1,32})_([A-Za-z0-9]{16,64})")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation without the hash of its code.

    `login` and `name` None: for whoever uses it to choose. `generation` is set where it
    is to a new password: that of the person, so that it ends with another new password.
    `by` is who made it: a subject, and what was shown.
    """

    id: str
    role: Role
    login: str | None
    name: str | None
    generation: str | None
    by: str
    by_credential: str | None
    created_at: str
    expires_ms: int
    reason: str | None = None

    @property
    def reset(self) -> bool:
        """Whether it is to a new password for somebody who is there."""
        return self.generation is not None

    @property
    def expires_at(self) -> str:
        return rfc3339(self.expires_ms)

    @property
    def by_person(self) -> bool:
        """Whether `by` is the login of a person."""
        return (self.by_credential or "").startswith("session:")

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for audit entries and answers."""
        return {
            "id": self.id,
            "role": self.role,
            "login": self.login,
            "name": self.name,
            "reset": self.reset,
            "by": self.by,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "reason": self.reason,
        }


class Invites:
    """All invitations that are open: made, looked at, revoked, used."""

    def __init__(self, hub: Hub, people: People, keys: Keys, *, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._people = people
        self._keys = keys
        self._clock = clock
        self._documents = hub.projection(INVITE_KIND)
        self._ended: set[str] = set()
        hub.projection(PERSON_KIND).on_change(self._on_person)

    async def create(
        self,
        *,
        role: str | None = None,
        login: str | None = None,
        name: str | None = None,
        ttl_s: float | None = None,
        by: Context,
    ) -> tuple[Invite, str]:
        """A new invitation and its code, which can't be had again.

        With the login of somebody who is there it is for a new password. It is good for
        `ttl_s` (seven days; for a new password, one). Raises BadRequest naming the field,
        Conflict for who is disabled, TooMany.
        """
        if ttl_s is not None and not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            raise BadRequest(
                f"ttl_s {ttl_s!r} must lie between {MIN_TTL_S} and {MAX_TTL_S} (30 days)", field="ttl_s"
            )
        if len(self._documents.items()) >= MAX_OPEN:
            raise TooMany(
                f"{MAX_OPEN} invitations are open, which is the limit; revoke some", retry_after_s=60
            )
        login = None if login is None else check_login(login)
        name = None if name is None else check_name(name)
        wanted, generation = self._role(role, login)
        if ttl_s is None:
            ttl_s = DEFAULT_TTL_S if generation is None else DEFAULT_RESET_TTL_S
        now_ms = int(self._clock() * 1000)
        invite = Invite(
            id=_random(_ID_CHARS),
            role=wanted,
            login=login,
            name=name,
            generation=generation,
            by=by.actor.subject,
            by_credential=by.actor.credential,
            created_at=rfc3339(now_ms),
            expires_ms=now_ms + int(ttl_s * 1000),
            reason=by.reason or None,
        )
        secret = _random(_SECRET_CHARS)
        entry = by.entry(
            "invite.created",
            app=None,
            kind=INVITE_KIND,
            key=invite.id,
            changes=diff(ABSENT, invite.to_json()),
            version=1,
        )
        write = Write(INVITE_KIND, invite.id, _document(invite, secret), expected=0)
        await Unit((entry,), (write,)).append_to(self._hub)
        return invite, f"{invite.id}_{secret}"

    def _role(self, role: str | None, login: str | None) -> tuple[Role, str | None]:
        account = None if login is None else self._people.account(login)
        if account is None:
            if role is None:
                new = "" if login is None else f"there is nobody called {login!r} yet: "
                raise BadRequest(f"{new}which role? Give viewer, editor or admin", field="role")
            return check_role(role), None
        person = account.person
        if person.disabled_at is not None:
            raise Conflict(f"{login!r} is disabled: enable them first", field="login")
        if role is not None and check_role(role) != person.role:
            raise BadRequest(
                f"{login!r} is there already, as {person.role}: leave role out for a link to a new password, "
                "or change their role",
                field="role",
            )
        return person.role, account.generation

    def list(self) -> list[Invite]:
        """Those that are open, oldest first."""
        found = (_invite(document) for document in self._documents.items().values())
        return sorted((one for one in found if self._is_open(one)), key=lambda one: (one.created_at, one.id))

    def look(self, code: str) -> tuple[Invite, int]:
        """The open invitation that `code` is of, and its version. Raises NotFound, without repeating it."""
        match = _CODE.fullmatch(code)
        document = None if match is None else self._documents.get(match[1])
        expected = "" if document is None else document.value["code_sha256"]
        is_right = hmac.compare_digest(_hash("" if match is None else match[2]), expected)
        invite = _invite(document) if document is not None and is_right else None
        if document is None or invite is None or not self._is_open(invite):
            raise NotFound(
                "that invitation is not good: it was used or revoked, has expired, or was not copied whole; "
                "ask for a new one",
                field="code",
            )
        person = self._people.get(invite.login or "") if invite.reset else None
        if person is not None:  # (told as they are by now)
            invite = replace(invite, role=person.role, name=person.name)
        return invite, document.version

    def using(self, invite: Invite, version: int, *, by: Context) -> Unit:
        """What uses an invitation up. Conflicts where somebody else has used it."""
        entry = by.entry(
            "invite.used",
            app=None,
            kind=INVITE_KIND,
            key=invite.id,
            changes=diff(invite.to_json(), ABSENT),
            previous_version=version,
        )
        return Unit((entry,), (Write(INVITE_KIND, invite.id, None, expected=version),))

    async def revoke(self, invite_id: str, *, by: Context) -> Invite:
        """Take an invitation back. Raises NotFound."""
        document = self._documents.get(invite_id)
        if document is None:
            raise _no_invite(invite_id)
        invite = _invite(document)
        entry = by.entry(
            "invite.revoked",
            app=None,
            kind=INVITE_KIND,
            key=invite.id,
            changes=diff(invite.to_json(), ABSENT),
            previous_version=document.version,
        )
        unit = Unit((entry,), (Write(INVITE_KIND, invite.id, None, expected=document.version),))
        try:
            await unit.append_to(self._hub)
        except Conflict:  # (used or revoked meanwhile)
            raise _no_invite(invite_id) from None
        return invite

    async def drop_closed(self) -> int:
        """Delete, silently, what is not open any more; how many went."""
        closed = [d for d in self._documents.items().values() if not self._is_open(_invite(d))]
        for document in closed:
            try:
                await self._hub.append((), (Write(INVITE_KIND, document.key, None, document.version),))
            except Conflict:
                _log.debug("invite %s went meanwhile", document.key)
            self._ended.discard(document.key)
        return len(closed)

    def _on_person(self, document: Document) -> None:
        """What somebody made who is no admin any more has ended, also if they are one again soon."""
        if document.value is not None and person_of(document.value).is_admin:
            return
        for found in self._documents.items().values():
            invite = _invite(found)
            if invite.by_person and invite.by == document.key:
                self._ended.add(invite.id)

    def _is_open(self, invite: Invite) -> bool:
        if invite.id in self._ended or invite.expires_ms <= self._clock() * 1000:
            return False
        if invite.reset:
            account = self._people.account(invite.login or "")
            if account is None or account.generation != invite.generation:
                return False
        if invite.by_person:
            maker = self._people.get(invite.by)
            return maker is not None and maker.is_admin
        kind, _, value = (invite.by_credential or "").partition(":")
        if kind == "key":
            key = self._keys.get(value)
            return key is not None and key.revoked_at is None
        return True


def _invite(document: Document) -> Invite:
    value: Mapping[str, Any] = document.value
    return Invite(
        id=document.key,
        role=value["role"],
        login=value["login"],
        name=value["name"],
        generation=value["generation"],
        by=value["by"],
        by_credential=value["by_credential"],
        created_at=value["created_at"],
        expires_ms=value["expires_ms"],
        reason=value["reason"],
    )


def _document(invite: Invite, secret: str) -> dict[str, Any]:
    return {
        "role": invite.role,
        "login": invite.login,
        "name": invite.name,
        "generation": invite.generation,
        "by": invite.by,
        "by_credential": invite.by_credential,
        "created_at": invite.created_at,
        "expires_ms": invite.expires_ms,
        "reason": invite.reason,
        "code_sha256": _hash(secret),
    }


def _no_invite(invite_id: str) -> NotFound:
    return NotFound(
        f"there is no open invitation {invite_id[:80]!r}; GET /v1/invites lists those there are", field="id"
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _random(chars: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(chars))
