"""What every transport does for a client."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from tricast.client.message import Message


class Transport(Protocol):
    """One connection, from connecting to its end.

    `messages` connects, gives a hello before anything else, then events and control events in the
    order in which they came, and raises what ended it (one of `tricast.client.ends`). Closing the
    generator closes the connection. `say` sends a command, where the transport takes commands; what
    can't be sent any more is dropped, since the end is told by `messages`.
    """

    def messages(self) -> AsyncGenerator[Message]: ...

    async def say(self, command: dict[str, Any]) -> None: ...
