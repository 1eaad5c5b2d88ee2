"""What an audit entry tells of a document, to be taken back."""

from __future__ import annotations

import re
from typing import Any

from tricast import BadRequest, Change, Hub, NotFound

_CURSOR = re.compile(r"[a-z0-9]{1,32}-([0-9]{1,18})")


async def entry_at(hub: Hub, app: str | None, cursor: str) -> dict[str, Any]:
    """The entry at `cursor` of the audit trail of an app (None: of all there is).

    Raises BadRequest where `cursor` is none, NotFound where no such entry is kept.
    """
    data = await _entry(hub, app, cursor)
    if data is None:
        raise _no_entry(app, cursor, "")
    return data


async def changes_at(hub: Hub, app: str, about: tuple[str, str], cursor: str) -> tuple[Change, ...]:
    """The changes that the entry at `cursor` tells of, if it is `about` the document of that kind and key.

    Raises BadRequest where `cursor` is none, NotFound where no such entry is kept.
    """
    data, (kind, key) = await _entry(hub, app, cursor), about
    if data is None or data.get("kind") != kind or data.get("key") != key:
        raise _no_entry(app, cursor, f" about the {kind} {key!r}")
    return changes_in(data)


def changes_in(entry: dict[str, Any]) -> tuple[Change, ...]:
    """The changes that an entry tells of."""
    return tuple(Change.of_json(change) for change in entry["changes"])


def _no_entry(app: str | None, cursor: str, about: str) -> NotFound:
    whose = "" if app is None else f" of {app!r}"
    return NotFound(
        f"there is no entry {cursor!r}{about} in the audit trail{whose}; GET /v1/audit lists those there are",
        field="change",
    )


async def _entry(hub: Hub, app: str | None, cursor: str) -> dict[str, Any] | None:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest(
            f"change {cursor[:80]!r} is not the id of an entry of the audit trail", field="change"
        )
    offset, bounds = int(found[1]), hub.bounds
    if not 0 < offset <= bounds.head or bounds.cursor(offset) != cursor:
        return None
    before = bounds.cursor(offset + 1) if offset < bounds.head else None
    topics = ("tricast/audit", "tricast/audit/*") if app is None else (f"tricast/audit/{app}",)
    past = await hub.history(before, topics, limit=1)
    if not past.events or past.events[0].offset != offset:
        return None
    data = past.events[0].data
    return data if isinstance(data, dict) else None
