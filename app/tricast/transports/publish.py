"""Publishing, the same for HTTP and WebSocket: authorise, throttle, append, answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tricast.event import Draft
from tricast.hub.caller import Caller
from tricast.transports.door import Door


async def publish(door: Door, caller: Caller, drafts: Sequence[Draft]) -> dict[str, Any]:
    """Append `drafts` as one unit; the answer as a dict of JSON.

    Raises Forbidden, TooMany, Conflict, LogFull, Unavailable.
    """
    grant = caller.grant
    for topic in {draft.topic for draft in drafts}:
        grant.check_publish(topic)
    door.throttle(caller, len(drafts))
    appended = await door.hub.append(drafts, caller=caller)
    events: list[dict[str, Any]] = []
    for receipt in appended.receipts:
        event: dict[str, Any] = {"id": receipt.id, "cursor": receipt.cursor}
        if receipt.duplicate:
            event["duplicate"] = True
        events.append(event)
    return {"cursor": events[-1]["cursor"], "events": events}
