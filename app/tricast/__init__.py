"""tricast: one event log, three transports.

The public names of the microframework: a `Hub`, `endpoints` to mount, and what
goes in and out of them.


Imported when they are first used: the command line needs few of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tricast.api.answers import Api, Ask, Body, json_answer, packed, problem_response, version_tag
    from tricast.api.events import endpoints
    from tricast.api.presence import presence_routes
    from tricast.audit import ABSENT, Actor, Change, audit_entry, diff, pointer, segments
    from tricast.errors import (
        BadCursor,
        BadRequest,
        Conflict,
        Draining,
        Forbidden,
        LogFull,
        MethodNotAllowed,
        NotFound,
        NotStarted,
        PreconditionRequired,
        TooLarge,
        TooMany,
        TricastError,
        Unauthorized,
        Unavailable,
    )
    from tricast.event import Draft, Event, draft, rfc3339
    from tricast.hub.caller import Caller
    from tricast.hub.gate import Gate, Grant
    from tricast.hub.hub import Hub, HubOptions, Stats
    from tricast.hub.projection import Projection
    from tricast.hub.session import Ending, Session
    from tricast.log.base import ANY_VERSION, Appended, Bounds, Document, Log, Receipt, Retention, Write
    from tricast.pattern import check_topic
    from tricast.presence.base import Member, Presence

__all__ = [
    "ABSENT",
    "ANY_VERSION",
    "Actor",
    "Api",
    "Appended",
    "Ask",
    "BadCursor",
    "BadRequest",
    "Body",
    "Bounds",
    "Caller",
    "Change",
    "Conflict",
    "Document",
    "Draft",
    "Draining",
    "Ending",
    "Event",
    "Forbidden",
    "Gate",
    "Grant",
    "Hub",
    "HubOptions",
    "Log",
    "LogFull",
    "Member",
    "MethodNotAllowed",
    "NotFound",
    "NotStarted",
    "PreconditionRequired",
    "Presence",
    "Projection",
    "Receipt",
    "Retention",
    "Session",
    "Stats",
    "TooLarge",
    "TooMany",
    "TricastError",
    "Unauthorized",
    "Unavailable",
    "Write",
    "audit_entry",
    "check_topic",
    "diff",
    "draft",
    "endpoints",
    "json_answer",
    "packed",
    "pointer",
    "presence_routes",
    "problem_response",
    "rfc3339",
    "segments",
    "version_tag",
]

_HOMES = {
    "ABSENT": "tricast.audit",
    "ANY_VERSION": "tricast.log.base",
    "Actor": "tricast.audit",
    "Api": "tricast.api.answers",
    "Appended": "tricast.log.base",
    "Ask": "tricast.api.answers",
    "BadCursor": "tricast.errors",
    "BadRequest": "tricast.errors",
    "Body": "tricast.api.answers",
    "Bounds": "tricast.log.base",
    "Caller": "tricast.hub.caller",
    "Change": "tricast.audit",
    "Conflict": "tricast.errors",
    "Document": "tricast.log.base",
    "Draft": "tricast.event",
    "Draining": "tricast.errors",
    "Ending": "tricast.hub.session",
    "Event": "tricast.event",
    "Forbidden": "tricast.errors",
    "Gate": "tricast.hub.gate",
    "Grant": "tricast.hub.gate",
    "Hub": "tricast.hub.hub",
    "HubOptions": "tricast.hub.hub",
    "Log": "tricast.log.base",
    "LogFull": "tricast.errors",
    "Member": "tricast.presence.base",
    "MethodNotAllowed": "tricast.errors",
    "NotFound": "tricast.errors",
    "NotStarted": "tricast.errors",
    "PreconditionRequired": "tricast.errors",
    "Presence": "tricast.presence.base",
    "Projection": "tricast.hub.projection",
    "Receipt": "tricast.log.base",
    "Retention": "tricast.log.base",
    "Session": "tricast.hub.session",
    "Stats": "tricast.hub.hub",
    "TooLarge": "tricast.errors",
    "TooMany": "tricast.errors",
    "TricastError": "tricast.errors",
    "Unauthorized": "tricast.errors",
    "Unavailable": "tricast.errors",
    "Write": "tricast.log.base",
    "audit_entry": "tricast.audit",
    "check_topic": "tricast.pattern",
    "diff": "tricast.audit",
    "draft": "tricast.event",
    "endpoints": "tricast.api.events",
    "json_answer": "tricast.api.answers",
    "packed": "tricast.api.answers",
    "pointer": "tricast.audit",
    "presence_routes": "tricast.api.presence",
    "problem_response": "tricast.api.answers",
    "rfc3339": "tricast.event",
    "segments": "tricast.audit",
    "version_tag": "tricast.api.answers",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tricast' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *_HOMES))
