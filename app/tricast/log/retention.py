"""How much of a retention class must go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tricast.log.base import Retention

TRIM_STEP = 1000


class Held(NamedTuple):
    """What retention needs to know of a kept event."""

    offset: int
    time_ms: int
    size: int
    topic: str


def doomed(oldest: Iterable[Held], keep: Retention, *, events: int, size: int, now_ms: int) -> list[Held]:
    """Those of `oldest` (a class's first events, in order) that one step takes away.

    `events` and `size` are what the class holds in all. At most `TRIM_STEP` go.
    """
    too_old = None if keep.age_s is None else now_ms - keep.age_s * 1000
    gone: list[Held] = []
    for held in oldest:
        if not (
            (keep.events is not None and events > keep.events)
            or (keep.bytes is not None and size > keep.bytes)
            or (too_old is not None and held.time_ms < too_old)
        ):
            break
        gone.append(held)
        if len(gone) == TRIM_STEP:
            break
        events -= 1
        size -= held.size
    return gone
