"""Where a subscriber's bytes go. Transports implement it; the hub only writes."""

from __future__ import annotations

from typing import Protocol

from tricast.wire.frames import Format, Payload


class Sink(Protocol):
    """Whom an outlet tells of its socket. All calls are synchronous, on the event loop."""

    def stalled(self) -> None:
        """The socket is full. (May be called from inside `write`, which has taken everything.)"""
        ...

    def drained(self) -> None:
        """The socket takes bytes again."""
        ...

    def lost(self) -> None:
        """The connection is gone; called once, also after `finish` and `abort`."""
        ...


class Outlet(Protocol):
    """A connection to write to. Belongs to one request; dead once the connection is."""

    format: Format

    @property
    def is_stalled(self) -> bool:
        """Between `stalled` and `drained`."""
        ...

    @property
    def pending(self) -> int:
        """Bytes that the socket hasn't taken yet."""
        ...

    def is_silent(self, for_s: float) -> bool:
        """Whether the peer owes a sign of life, where the transport can tell.

        That is a pong, or an acknowledgement when the last one is `for_s` seconds old.
        """
        ...

    def attach(self, sink: Sink) -> None:
        """Name who is told; before the first write."""
        ...

    def write(self, data: Payload, /) -> None:
        """Take all of `data`; never blocks. Does nothing once detached, closing or dead."""
        ...

    def finish(self, last: Payload, *, code: int = 1000, reason: str = "") -> None:
        """Detach, then write `last`, then end (WebSocket: with a Close frame of `code`)."""
        ...

    def abort(self) -> None:
        """Drop the connection without another byte."""
        ...

    def beat(self) -> None:
        """Ask the peer for a sign of life; abort if it owes two (where the transport can tell)."""
        ...
