"""What our own server puts into `scope["extensions"]`: the way past ASGI to the socket.

`server/direct.py` implements these; where they are absent the portable path does
the same by ASGI messages, only slower.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Final, Protocol

from tricast.errors import TricastError
from tricast.hub.outlet import Outlet

EXTENSION: Final = "tricast.direct"


class WaitingPoll(Protocol):
    """A poll that is answered later, as the server sees it."""

    def lost(self) -> None:
        """The client's connection has ended: the poll is not answered."""
        ...

    def answer_now(self) -> None:
        """Answer with the events that there are, without waiting for more."""
        ...


class DirectRequest(Protocol):
    """One HTTP request's way to its socket. Dead once the connection or the request is over."""

    def respond(self, response: bytes) -> None:
        """Write head and body in one piece and complete the response."""
        ...

    def park(self, poll: WaitingPoll) -> None:
        """Let the ASGI call return now and `respond` later; `poll.lost` is called if the connection ends."""
        ...

    def stream(self, head: bytes, *, chunked: bool) -> Outlet:
        """Write `head` and take the connection over: an SSE outlet that ends with the connection.

        `chunked` says whether `head` announces a chunked body.
        """
        ...


class HotPath(Protocol):
    """What the server may ask of `/v1/events` before it makes a request of it."""

    def poll_now(self, scope: Any, way: DirectRequest, /) -> bool:
        """Open a poll at once, if it is one that nothing has to be waited for; False: nothing was done."""
        ...

    async def publish_now(self, scope: Any, body: bytes, /) -> None:
        """Publish a body that is there as a whole, and answer by the way in `scope`."""
        ...


class DirectHandshake(Protocol):
    """One WebSocket handshake's way to its socket."""

    def accept(self, subprotocol: str | None) -> WebSocketOutlet:
        """Complete the handshake and take the connection over."""
        ...


class WebSocketOutlet(Outlet, Protocol):
    """A WebSocket outlet also hears: messages in order, one at a time."""

    def listen(self, received: Callable[[str | bytes], None], *, held: bool = False) -> None:
        """Call `received` with each message. Reading begins now, unless `held`: then at `release`."""
        ...

    def limit(self, max_message_bytes: int) -> int:
        """Close with 1009 on messages beyond `max_message_bytes` from now on; returns the limit before."""
        ...

    def hold(self) -> None:
        """Read nothing more for the moment."""
        ...

    def release(self) -> None:
        """Read on."""
        ...

    async def writable(self) -> None:
        """Wait until it isn't stalled, or gone."""
        ...

    def refused(self, problem: TricastError) -> None:
        """Report that a command was refused.

        A Close that the client has sent after it is answered with the close code of `problem`, because 1000
        says that all commands were carried out (DELIVERY.md 29).
        """
        ...


def of(scope: MutableMapping[str, Any]) -> Any:
    """The extension, a DirectRequest or DirectHandshake as the scope's type has it; or None."""
    extensions = scope.get("extensions")
    return extensions.get(EXTENSION) if extensions else None
