"""The first start: somebody must be able to make the first key."""

from __future__ import annotations

from tricast.access.context import TRICAST
from tricast.access.grants import SCOPES
from tricast.access.keys import Keys
from tricast.pattern import SYSTEM_APP

ROOT = "root"


async def ensure_root_key(keys: Keys, *, dev: bool = False) -> str | None:
    """Make an admin key named `root` if there is no key that is good; its text, to be shown once.

    None if there is one, or in dev mode. Revoking every key and starting again is
    therefore the way back in, for whoever may start the server and read its output.
    """
    if dev or any(key.revoked_at is None for key in keys.list()):
        return None
    _, text = await keys.create(
        ROOT, subscribe=("**", f"{SYSTEM_APP}/**"), publish=("**",), scopes=SCOPES, by=TRICAST
    )
    return text
