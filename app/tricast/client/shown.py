"""What a client shows of itself, the same in both kinds."""

from __future__ import annotations

from tricast.client.core import Core
from tricast.client.latency import Latency
from tricast.client.options import TransportName
from tricast.client.state import Counts, State
from tricast.errors import TricastError


class Shown:
    """Reads what a core has come to. It may be read from any thread."""

    def __init__(self, core: Core, latency: Latency) -> None:
        self._core = core
        self._latency = latency

    @property
    def state(self) -> State:
        """connecting, replaying, live, reconnecting, offline, failed (`error` says why) or closed."""
        return self._core.state

    @property
    def error(self) -> TricastError | None:
        """Why it failed: nothing happens any more until the application acts."""
        return self._core.error

    @property
    def transport(self) -> TransportName | None:
        """What the connection goes over now; None: there is none."""
        return self._core.transport

    @property
    def cursor(self) -> str | None:
        """The last cursor that came. (Up to where events were handled: the cursor of the last of them.)"""
        return self._core.position.cursor

    @property
    def counts(self) -> Counts:
        """What happened so far."""
        return self._core.counts

    @property
    def latency_ms(self) -> float | None:
        """The last round trip, or from a publish of ours to its delivery here. None: not known yet."""
        return self._latency.ms
