"""What is no longer good: keys, tokens and subjects that were revoked.

A revocation is a document, kept until the longest-lived token that it could
concern has expired; every node hears of it and closes what is still connected.
The audit entry of what was revoked stands in the same unit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tricast.access.context import Context
from tricast.access.grants import EVERYWHERE, TokenGrant, key_name, subject_name, token_name
from tricast.access.sweep import Sweep
from tricast.audit import diff
from tricast.errors import Conflict, Unauthorized
from tricast.event import rfc3339
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub
from tricast.log.base import Document, Write

REVOCATION_KIND = "revocation"
MAX_TTL_S = 30 * 86_400
CLOCK_SKEW_S = 300

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Revocation:
    """What was revoked, how far (`realm`), and by whom."""

    what: Literal["key", "token", "subject"]
    value: str
    realm: str
    by: str

    @property
    def name(self) -> str:
        """The credential name under which it is kept."""
        if self.what == "key":
            return key_name(self.value)
        return (token_name if self.what == "token" else subject_name)(self.realm, self.value)


class Revocations:
    """All revocations, and the watch that closes what they concern."""

    def __init__(self, hub: Hub, *, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._clock = clock
        self._documents = hub.projection(REVOCATION_KIND)
        self._documents.on_change(self._on_change)
        self._sweep = Sweep(self.enforce, "what was revoked")

    def write(self, revocation: Revocation) -> Write:
        """The document that makes up `revocation`, to be appended with its audit entry."""
        at_ms = int(self._clock() * 1000)
        value = {
            "what": revocation.what,
            "value": revocation.value,
            "realm": revocation.realm,
            "by": revocation.by,
            "at": rfc3339(at_ms),
            "at_ms": at_ms,
        }
        until_ms = at_ms + (MAX_TTL_S + CLOCK_SKEW_S) * 1000
        return Write(REVOCATION_KIND, revocation.name, {**value, "until_ms": until_ms})

    async def revoke_token(
        self, token_id: str, *, realm: str = EVERYWHERE, by: Context, app: str | None = None
    ) -> None:
        """Refuse this token from now on, if `realm` holds it, and close its connections.

        `app` is whose audit trail it stands in (None: the hub's own).
        """
        await self._append(Revocation("token", token_id, realm, by.actor.subject), by, app)

    async def revoke_subject(
        self, subject: str, *, realm: str = EVERYWHERE, by: Context, app: str | None = None
    ) -> None:
        """Refuse all tokens of `subject` in `realm` issued until now; later ones are good."""
        await self._append(Revocation("subject", subject, realm, by.actor.subject), by, app)

    async def _append(self, revocation: Revocation, by: Context, app: str | None) -> None:
        write = self.write(revocation)
        told = {"revoked_at": write.value["at"], "realm": revocation.realm}
        entry = by.entry(
            f"{revocation.what}.revoked",
            app=app,
            kind=revocation.what,
            key=revocation.value,
            changes=diff({}, told),
        )
        await self._hub.append((entry,), (write,))

    def reason(self, grant: Grant) -> str | None:
        """Why `grant` is no longer good, or None. A few dictionary look-ups."""
        document = self._concerning(grant)
        if document is None:
            return None
        return f"the {document.value['what']} was revoked at {document.value['at']}"

    def revoked_ms(self, grant: Grant) -> int | None:
        """When `grant` was revoked, in milliseconds since 1970; None if it is good."""
        document = self._concerning(grant)
        return None if document is None else int(document.value["at_ms"])

    def _concerning(self, grant: Grant) -> Document | None:
        for name in grant.credentials:
            document = self._documents.get(name)
            if document is not None and _concerns(document, grant):
                return document
        return None

    def check(self, grant: Grant) -> None:
        """Raises Unauthorized if `grant` comes from something that was revoked."""
        reason = self.reason(grant)
        if reason is not None:
            raise Unauthorized(f"{reason}; ask for new credentials")

    def enforce(self) -> int:
        """Close all live connections of what was revoked; how many those were."""
        if not self._documents.items():
            return 0
        return self._hub.disconnect(
            lambda caller: self.reason(caller.grant) is not None,
            Unauthorized("the credentials were revoked; ask for new ones"),
            reason="revoked",
        )

    async def watch(self) -> None:
        """Close connections whenever something is revoked, on this node or another. Runs for ever."""
        await self._sweep.run()

    def _on_change(self, document: Document) -> None:
        if document.value is not None:
            self._sweep.due()

    async def drop_outlived(self) -> int:
        """Delete the revocations whose tokens have all expired by themselves; how many went."""
        now_ms = self._clock() * 1000
        outlived = [d for d in self._documents.items().values() if d.value["until_ms"] < now_ms]
        for document in outlived:
            try:
                await self._hub.append((), (Write(REVOCATION_KIND, document.key, None, document.version),))
            except Conflict:
                _log.debug("revocation %s was made again meanwhile", document.key)
        return len(outlived)


def _concerns(document: Document, grant: Grant) -> bool:
    if document.value["what"] != "subject":
        return True
    return not isinstance(grant, TokenGrant) or grant.issued_ms <= document.value["at_ms"]
