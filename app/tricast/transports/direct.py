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
        """The client has gone; it is not answered."""
        ...

    def hurry(self) -> None:
        """The client waits for nothing more: it is answered now, with what there is."""
        ...


class DirectRequest(Protocol):
    """One HTTP request's way to its socket. Dead once the connection or the request is over."""

    def respond(self, response: bytes) -> None:
        """Write head and body in one piece and complete the response."""
        ...

    def park(self, poll: WaitingPoll) -> None:
        """Let the ASGI call return now and `respond` later; `poll` is told if the client goes."""
        ...

    def stream(self, head: bytes, *, chunked: bool) -> Outlet:
        """Write `head` and take the connection over: an SSE outlet that ends with the connection.

        `chunked`: `head` says that the body is.
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
        """Name who gets the messages, and read them, unless it stays `held`."""
        ...

    def limit(self, max_message_bytes: int) -> int:
        """Refuse larger messages from now on, while they arrive (1009); the limit that held before."""
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
        """A command was refused: if the client has sent its Close behind it, that is answered with the
        close code of `problem`, as 1000 says that everything was carried out (DELIVERY.md 29)."""
        ...


def of(scope: MutableMapping[str, Any]) -> Any:
    """The extension, a DirectRequest or DirectHandshake as the scope's type has it; or None."""
    extensions = scope.get("extensions")
    return extensions.get(EXTENSION) if extensions else None
