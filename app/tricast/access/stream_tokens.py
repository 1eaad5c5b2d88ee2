"""Tokens for the URL of a flag stream, which a client with an API key can't put its key into.

They are not minted for each request but follow from key, app, environment and
time: all answers of one *generation* of 12 hours carry the same text, so that it
may stand in an answer that is cached. A token is good for two generations:
whoever has the last one of the old is served until long after the new is told.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from tricast.access.environments import check_environment, environment_for, flags_topic
from tricast.access.grants import check_app, key_id_of
from tricast.access.revocation import Revocations
from tricast.access.tokens import Minted, Tokens
from tricast.errors import Forbidden
from tricast.hub.gate import Grant

GENERATION_S: Final = 12 * 3600
_GENERATION_MS = GENERATION_S * 1000
_NOBODY = "dev"


class StreamTokens:
    """Makes them, and remembers (bounded) those of the present generation."""

    def __init__(
        self,
        tokens: Tokens,
        revocations: Revocations,
        *,
        clock: Callable[[], float],
        remembered: int = 10_000,
    ) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._clock = clock
        self._remembered = remembered
        self._made: OrderedDict[tuple[str, str, str, int], Minted] = OrderedDict()

    def of(self, grant: Grant, app: str, environment: str) -> tuple[str | None, str]:
        """The token for whoever has `grant`, and a label that changes when the token does.

        For a key: a token that may read the flags of `environment` and nothing else,
        revoked with its key. None for a token (the caller has its own) and where no
        credentials are asked for. Raises Forbidden beyond the grant's app or
        environment, Unauthorized if the key was revoked.
        """
        key_id = key_id_of(grant)
        if key_id is None:
            return None, grant.credential or _NOBODY
        if grant.app not in (None, app):
            raise Forbidden(
                f"{grant.subject!r} belongs to the app {grant.app!r}, not to {app[:80]!r}", field="app"
            )
        environment_for(grant, environment)
        self._revocations.check(grant)
        token = self._token(grant, key_id, app, environment).token
        return token, blake2b(token.encode(), digest_size=6).hexdigest()

    def _token(self, grant: Grant, key_id: str, app: str, environment: str) -> Minted:
        began_ms = int(self._clock() * 1000) // _GENERATION_MS * _GENERATION_MS
        place = (key_id, app, environment, began_ms)
        made = self._made.get(place) or self._make(grant.subject, *place, issued_ms=began_ms)
        # One that was itself revoked is followed by a later one: else it would come again until the
        # generation is over, and its holders try in vain.
        while (revoked_ms := self._revocations.revoked_ms(made.grant)) is not None:
            issued_ms = max(made.grant.issued_ms, revoked_ms) + 1
            made = self._make(grant.subject, *place, issued_ms=issued_ms)
        self._made[place] = made
        self._made.move_to_end(place)
        if len(self._made) > self._remembered:
            self._made.popitem(last=False)
        return made

    def _make(
        self, subject: str, key_id: str, app: str, environment: str, began_ms: int, *, issued_ms: int
    ) -> Minted:
        named = f"{key_id}/{check_app(app)}/{check_environment(environment)}/{issued_ms}"
        return self._tokens.issue(
            id=blake2b(named.encode(), digest_size=13).hexdigest(),
            subject=subject,
            app=app,
            environment=environment,
            subscribe=(flags_topic(app, environment),),
            publish=(),
            scopes=("flags:read",),
            issued_ms=issued_ms,
            expires_ms=began_ms + 2 * _GENERATION_MS,
            key_id=key_id,
        )
