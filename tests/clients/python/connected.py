"""Clients that come to a server by a fault proxy, with short patience."""

from __future__ import annotations

from typing import Any

from tests.clients.dialects import BRISK
from tests.clients.faultproxy import FaultProxy
from tests.harness.server import Installation
from tests.harness.sockets import patience

from tricast.client import Client, Event, Options, Subscription
from tricast.hub.gate import Grant

ANN = Grant(subject="ann", subscribe=("demo/**",), publish=("demo/**",), scopes=frozenset({"presence"}))


class Reach:
    """Makes clients of one server."""

    def __init__(self, here: Installation, proxy: FaultProxy) -> None:
        self.here = here
        self.proxy = proxy

    def client(
        self, *transports: str, token: Any = None, cursor: str | None = None, **options: Any
    ) -> Client:
        """A client that has only these transports (none: all)."""
        given: dict[str, Any] = BRISK | {"trust_env": False} | options
        if transports:
            given["transports"] = transports
        return Client(self.proxy.url, token=token, cursor=cursor, memory={}, options=Options(**given))

    async def restart(self) -> None:
        """Another server on the same log."""
        await self.here.restart()
        self.proxy.upstream = self.here.port

    def admit(self, token: str, grant: Grant = ANN) -> str:
        """Let who shows `token` in; without one, anybody is."""
        self.here.server.tokens[token] = grant
        return token


async def take(subscription: Subscription, count: int) -> list[Event]:
    """The next `count` events."""
    async with patience():
        return [await anext(subscription) for _ in range(count)]


async def numbers(subscription: Subscription, count: int) -> list[int]:
    """The `n` of the next `count` events."""
    return [event.data["n"] for event in await take(subscription, count)]


async def active(subscription: Subscription) -> Subscription:
    """The subscription, once the server sends it."""
    async with patience():
        await subscription.active()
    return subscription
