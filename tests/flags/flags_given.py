"""What tests of flags begin with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tricast import Actor, Event, Hub
from tricast.flags.edits import Context, Create, Edit
from tricast.flags.store import Flags
from tricast.flags.stored import Outcome

ANN = Context(Actor("ann", "editor", "key:1", "10.0.0.1"), "because", "req-1")
BEN = Context(Actor("ben"))
NEW: dict[str, Any] = {"type": "boolean", "name": "New checkout", "tags": ["shop"]}


async def one(flags: Flags, edit: Edit, context: Context = ANN, app: str = "shop") -> Outcome:
    """What one edit came to."""
    return (await flags.apply(app, [edit], context))[0]


async def made(flags: Flags, *keys: str, app: str = "shop", **value: Any) -> None:
    """Flags with these keys."""
    await flags.apply(app, [Create(key, {**NEW, **value}) for key in keys], ANN)


async def told(hub: Hub, topic: str, cursor: str = "earliest") -> list[Event]:
    """The events that were told on `topic` until now, oldest first."""
    found: list[Event] = []
    before = None
    while True:
        past = await hub.history(before, topic, limit=1000)
        found += past.events
        before = past.next
        if before is None:
            break
    after = 0 if cursor == "earliest" else int(cursor.rpartition("-")[2])
    return [event for event in reversed(found) if (event.offset or 0) > after]


async def audited(hub: Hub, app: str = "shop") -> list[dict[str, Any]]:
    """The audit trail of an app, oldest first."""
    return [event.data for event in await told(hub, f"tricast/audit/{app}")]


def gather(*work: Any) -> asyncio.Future[Sequence[Any]]:
    """Do all at once; errors are among the results."""
    return asyncio.gather(*work, return_exceptions=True)
