"""Who is at the other end of a connection, and from where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from tricast.audit import Actor
from tricast.event import new_id
from tricast.hub.gate import Grant

Transport = Literal["websocket", "sse", "poll", "http", "hub"]

UNIX_ADDRESS: Final = "unix:"  # the address of clients of a Unix socket, as nginx writes it


@dataclass(frozen=True, slots=True)
class Caller:
    """The other end: what it may do, how it is connected. `connection` is unique."""

    grant: Grant
    transport: Transport
    address: str = ""
    connection: str = field(default_factory=new_id)

    @property
    def actor(self) -> Actor:
        """Who this is in the audit trail."""
        return Actor(self.grant.subject, self.grant.role, self.grant.credential, self.address or None)


HUB = Caller(Grant(subject="hub", subscribe=("**",), publish=("**",)), "hub", connection="hub")
