"""The Python client: stays connected to a tricast hub anywhere, and gives each event once, in order.

    from tricast.client import Client

    async with Client("https://events.example", token=get_token) as client:
        async for event in client.subscribe("shop/**"):
            print(event.topic, event.data)

`tricast.client.sync` has the same for scripts without an event loop.
"""

from tricast.client.client import Client
from tricast.client.members import Member
from tricast.client.message import Event
from tricast.client.options import Options, TransportName
from tricast.client.presence import Presence
from tricast.client.problems import BufferFull, Closed
from tricast.client.publishing import Receipt
from tricast.client.state import Counts, State
from tricast.client.subscription import Subscription

__all__ = [
    "BufferFull",
    "Client",
    "Closed",
    "Counts",
    "Event",
    "Member",
    "Options",
    "Presence",
    "Receipt",
    "State",
    "Subscription",
    "TransportName",
]
