"""tricast: one event log, three transports.

The public names of the microframework: a `Hub`, `endpoints` to mount, and what
goes in and out of them.


Imported when they are first used: the command line needs few of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tricast.api.events import endpoints
    from tricast.errors import (
        BadCursor,
        BadRequest,
        Conflict,
        Draining,
        Forbidden,
        LogFull,
        NotFound,
        NotStarted,
        TooLarge,
        TooMany,
        TricastError,
        Unauthorized,
        Unavailable,
    )
    from tricast.event import Draft, Event, draft
    from tricast.hub.caller import Caller
    from tricast.hub.gate import Gate, Grant
    from tricast.hub.hub import Hub, HubOptions, Stats
    from tricast.log.base import (
        ANY_VERSION,
        Appended,
        Bounds,
        Document,
        Log,
        Receipt,
        Retention,
        Write,
    )

__all__ = [
    "ANY_VERSION",
    "Appended",
    "BadCursor",
    "BadRequest",
    "Bounds",
    "Caller",
    "Conflict",
    "Document",
    "Draft",
    "Draining",
    "Event",
    "Forbidden",
    "Gate",
    "Grant",
    "Hub",
    "HubOptions",
    "Log",
    "LogFull",
    "NotFound",
    "NotStarted",
    "Receipt",
    "Retention",
    "Stats",
    "TooLarge",
    "TooMany",
    "TricastError",
    "Unauthorized",
    "Unavailable",
    "Write",
    "draft",
    "endpoints",
]

_HOMES = {
    "ANY_VERSION": "tricast.log.base",
    "Appended": "tricast.log.base",
    "BadCursor": "tricast.errors",
    "BadRequest": "tricast.errors",
    "Bounds": "tricast.log.base",
    "Caller": "tricast.hub.caller",
    "Conflict": "tricast.errors",
    "Document": "tricast.log.base",
    "Draft": "tricast.event",
    "Draining": "tricast.errors",
    "Event": "tricast.event",
    "Forbidden": "tricast.errors",
    "Gate": "tricast.hub.gate",
    "Grant": "tricast.hub.gate",
    "Hub": "tricast.hub.hub",
    "HubOptions": "tricast.hub.hub",
    "Log": "tricast.log.base",
    "LogFull": "tricast.errors",
    "NotFound": "tricast.errors",
    "NotStarted": "tricast.errors",
    "Receipt": "tricast.log.base",
    "Retention": "tricast.log.base",
    "Stats": "tricast.hub.hub",
    "TooLarge": "tricast.errors",
    "TooMany": "tricast.errors",
    "TricastError": "tricast.errors",
    "Unauthorized": "tricast.errors",
    "Unavailable": "tricast.errors",
    "Write": "tricast.log.base",
    "draft": "tricast.event",
    "endpoints": "tricast.api.events",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tricast' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *_HOMES))
