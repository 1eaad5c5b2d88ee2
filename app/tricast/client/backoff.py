"""How long to wait before the next attempt: full jitter, so that a fleet doesn't come back as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_DOUBLINGS = 30


@dataclass(slots=True)
class Backoff:
    """Delays of random(0, min(most, first * 2^n)) seconds; n rises until a connection was stable.

    `random` gives numbers from 0 up to 1.
    """

    first_s: float
    most_s: float
    stable_s: float
    random: Callable[[], float]
    attempts: int = 0

    def delay_s(self) -> float:
        """How long to wait now; the next one may be longer."""
        bound = min(self.most_s, self.first_s * 2.0 ** min(self.attempts, MAX_DOUBLINGS))
        self.attempts += 1
        return self.random() * bound

    def was_up(self, seconds: float) -> None:
        """A connection has ended that was up for so long."""
        if seconds >= self.stable_s:
            self.attempts = 0

    def forget(self) -> None:
        """Begin anew: what failed before says nothing any more (a network is back)."""
        self.attempts = 0
