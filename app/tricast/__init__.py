"""tricast: one event log, three transports.

The public names of the microframework: a `Hub`, `endpoints` to mount, and what
goes in and out of them.
"""

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
