"""What tokens are signed with."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress

from tricast.errors import Conflict, Unavailable
from tricast.hub.hub import Hub
from tricast.log.base import Write

SECRET_KIND = "secret"
SECRET_KEY = "tokens"


async def load_secrets(hub: Hub, configured: Sequence[str]) -> tuple[str, ...]:
    """The secrets to use: those configured, else one that is made once and kept in the log.

    It is kept silently (no event) and of a kind that is never exported.
    """
    if configured:
        return tuple(configured)
    kept = await hub.log.list(SECRET_KIND, SECRET_KEY)
    if not kept:
        made = {"secrets": [secrets.token_urlsafe(32)]}
        with suppress(Conflict):  # another node was first: then its secret counts
            await hub.append((), (Write(SECRET_KIND, SECRET_KEY, made, expected=0),))
        kept = await hub.log.list(SECRET_KIND, SECRET_KEY)
    if not kept:
        raise Unavailable("the log took the secret for tokens, but doesn't give it back; try again")
    return tuple(kept[0].value["secrets"])
