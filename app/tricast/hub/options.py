"""How a hub is told to behave, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from tricast.errors import BadRequest
from tricast.event import MAX_EVENT_BYTES
from tricast.hub.poll import PACE_S
from tricast.log.base import Retention


@dataclass(frozen=True, slots=True)
class HubOptions:
    """How a hub behaves. Sizes in bytes, times in seconds."""

    heartbeat_s: float = 15.0
    recent_bytes: int = 32 * 1024 * 1024
    max_event_bytes: int = MAX_EVENT_BYTES
    retention: Retention = field(default_factory=Retention)
    audit_retention: Retention = field(default_factory=lambda: Retention(age_s=400 * 86400.0))
    lag_limit_s: float = 60.0
    slice_writes: int = 256
    poll_pace_s: float = PACE_S
    presence_linger_s: float = 5.0
    synchronous: str = "FULL"

    def __post_init__(self) -> None:
        for name in ("heartbeat_s", "max_event_bytes", "slice_writes"):
            if getattr(self, name) <= 0:
                raise BadRequest(f"{name} {getattr(self, name)!r} must be above 0", field=name)
        for name in ("recent_bytes", "lag_limit_s", "poll_pace_s", "presence_linger_s"):
            if getattr(self, name) < 0:
                raise BadRequest(f"{name} {getattr(self, name)!r} must be 0 or more", field=name)


@dataclass(slots=True)
class Stats:
    """What the hub is doing: plain integers, as of the call."""

    websocket: int = 0
    sse: int = 0
    poll: int = 0
    live: int = 0
    lagging: int = 0
    replaying: int = 0
    published: int = 0
    deliveries: int = 0
    writes: int = 0
    answers: int = 0
    answered: int = 0
    resets: int = 0
    reads: int = 0
    head: int = 0
    position: int = 0
    presence_topics: int = 0
    presence_members: int = 0
    presence_changes: int = 0
