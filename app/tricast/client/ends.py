"""Why a connection is over, as far as it matters to what is done next.

Ended
├── Refused          the server said no, and will say so again
└── Dropped          it is gone, or isn't to be had yet: come back
    ├── Unreachable  nobody answered at all; that is not the transport's fault
    └── NoHello      it opened, but nothing of the server's came through
"""

from __future__ import annotations

from tricast.errors import TricastError

# However late somebody says to come back: nobody stays away for days because a proxy said so.
LONGEST_S = 3600.0


class Ended(Exception):
    """A connection is over; the message says why."""


class Refused(Ended):
    """The server said no; `error` is what it said."""

    def __init__(self, error: TricastError) -> None:
        super().__init__(error.detail)
        self.error = error


class Dropped(Ended):
    """`after_s`: when to come back, exactly, if that was said. `at_least_s`: not before. Up to an hour.

    `is_ours`: the server itself ended it, so the transport gets through.
    """

    def __init__(
        self,
        why: str,
        *,
        after_s: float | None = None,
        at_least_s: float = 0.0,
        is_ours: bool = False,
    ) -> None:
        super().__init__(why)
        self.after_s = None if after_s is None else min(max(after_s, 0.0), LONGEST_S)
        self.at_least_s = min(max(at_least_s, 0.0), LONGEST_S)
        self.is_ours = is_ours


class Unreachable(Dropped):
    """`no_network`: not even the way there is known."""

    def __init__(self, why: str, *, no_network: bool = False) -> None:
        super().__init__(why)
        self.no_network = no_network


class NoHello(Dropped):
    """Something holds back what the server says, as a buffering proxy does."""
