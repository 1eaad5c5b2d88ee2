"""What an audit entry tells of a flag, to be taken back."""

from __future__ import annotations

import re
from typing import Any

from tricast import BadRequest, Change, Hub, NotFound
from tricast.flags.stored import FLAG_KIND

_CURSOR = re.compile(r"[a-z0-9]{1,32}-([0-9]{1,18})")


async def changes_at(hub: Hub, app: str, key: str, cursor: str) -> tuple[Change, ...]:
    """The changes that the entry at `cursor` of the audit trail tells of, if it is about that flag.

    Raises BadRequest where `cursor` is none, NotFound where no such entry is kept.
    """
    data = await _entry(hub, app, cursor)
    if data is None or data.get("kind") != FLAG_KIND or data.get("key") != key:
        raise NotFound(
            f"there is no entry {cursor!r} about the flag {key!r} in the audit trail of {app!r}; "
            "GET /v1/audit lists those there are",
            field="change",
        )
    return tuple(Change.of_json(change) for change in data["changes"])


async def _entry(hub: Hub, app: str, cursor: str) -> dict[str, Any] | None:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest(
            f"change {cursor[:80]!r} is not the id of an entry of the audit trail", field="change"
        )
    offset, bounds = int(found[1]), hub.bounds
    if not 0 < offset <= bounds.head or bounds.cursor(offset) != cursor:
        return None
    before = bounds.cursor(offset + 1) if offset < bounds.head else None
    past = await hub.history(before, f"tricast/audit/{app}", limit=1)
    if not past.events or past.events[0].offset != offset:
        return None
    data = past.events[0].data
    return data if isinstance(data, dict) else None
