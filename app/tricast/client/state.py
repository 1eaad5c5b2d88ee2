"""What a client is doing, and what happened so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["connecting", "live", "replaying", "reconnecting", "offline", "failed", "closed"]
OVER: frozenset[State] = frozenset(("failed", "closed"))


@dataclass(slots=True)
class Counts:
    """What happened so far: plain integers. `bytes`: of messages, as they came."""

    events: int = 0
    duplicates: int = 0
    reconnects: int = 0
    resets: int = 0
    bytes: int = 0
