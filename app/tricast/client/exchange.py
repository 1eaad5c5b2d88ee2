"""Between the one connection and all who use it: what comes is handed out, what is wanted is handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tricast.client.audience import Audience
from tricast.client.core import Core
from tricast.client.engine import AskForToken, Engine
from tricast.client.latency import Latency
from tricast.client.link import Action, Denied, Give, Open, Told
from tricast.client.listeners import Listeners
from tricast.client.message import Event
from tricast.client.presence import Presence
from tricast.client.state import OVER
from tricast.client.subscription import Feed
from tricast.client.transports.base import Transport
from tricast.errors import BadRequest, TricastError


class Exchange:
    """An engine, and its audience and listeners. Used in one event loop, that in which it is `opened`."""

    def __init__(
        self,
        core: Core,
        dial: Callable[[Open], Transport],
        *,
        clock: Callable[[], float],
        ask: AskForToken | None,
    ) -> None:
        self.engine = Engine(core, dial, clock=clock, ask=ask, tell=self._tell, changed=self._changed)
        self.latency = Latency(self.engine)
        self.listeners = Listeners()
        self._core = core
        self._audience = Audience()
        self._shown: dict[str, Any] = {"state": core.state, "transport": None}
        self._wants = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Raises BadRequest the second time."""
        if self._loop is not None:
            raise BadRequest("this client was started before; make a new one", field="client")
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """End everything, and wait until it is over."""
        try:
            await self.engine.stop()
        finally:
            self.listeners.clear()

    def check_usable(self) -> None:
        """Raises what the client failed with, Closed, or BadRequest where it can't be used from."""
        self.engine.raise_if_over()
        if self._loop is None:
            raise BadRequest(
                "the client is not started; use `async with Client(…) as client`", field="client"
            )
        with suppress(RuntimeError):
            if asyncio.get_running_loop() is self._loop:
                return
        raise BadRequest(
            "the client belongs to the event loop that it was started in; from threads, use the client of "
            "tricast.client.sync",
            field="client",
        )

    # Who uses it

    def subscribe(self, feed: Feed) -> None:
        """Give what its patterns match to `feed`, from now on."""
        self._audience.feeds.add(feed)
        self._want()

    def leave(self, feed: Feed) -> None:
        """A subscription is over. May be called by the garbage collector, so from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # (the loop is closed, and the subscription is long gone)
                self._loop.call_soon_threadsafe(self._left, feed)

    def _left(self, feed: Feed) -> None:
        if feed in self._audience.feeds:
            self._audience.feeds.discard(feed)
            self._want()

    def attend(self, presence: Presence) -> None:
        """Tell `presence` who is on its topic, from now on."""
        self._audience.presences.add(presence)
        self._want()

    def withdraw(self, presence: Presence, error: TricastError | None) -> None:
        """A presence is over."""
        if presence in self._audience.presences:
            self._audience.presences.discard(presence)
            presence.end(error)
            self._want()

    def _want(self) -> None:
        """Tell the core soon what is subscribed to: several changes in a row are one."""
        if not self._wants:
            self._wants = True
            asyncio.get_running_loop().call_soon(self._want_now)

    def _want_now(self) -> None:
        self._wants = False
        wanted = self._audience.topics
        self._core.want(wanted, self.engine.clock(), presence=bool(self._audience.presences))
        self.engine.step()

    # What the engine tells

    def _tell(self, action: Action) -> None:
        match action:
            case Give(event):
                self._give(event)
            case Told("reset", data):
                self.listeners.tell("reset", data)
            case Told("heartbeat"):
                self.latency.ping()
            case Told("presence", data):
                self._audience.listed(data)
            case Denied():
                self._audience.deny(action)
                self._want()

    def _give(self, event: Event) -> None:
        if self._audience.told_presence(event):
            return
        self.latency.came(event.id)
        for feed in self._audience.give(event):
            self._left(feed)
        self.listeners.tell("event", event)

    def _changed(self) -> None:
        core, audience = self._core, self._audience
        for name in ("state", "transport"):
            now = getattr(core, name)
            if now != self._shown[name]:
                self._shown[name] = now
                self.listeners.tell(name, now)
        audience.confirmed(core.confirmed)
        if core.state in OVER:
            audience.end(core.error)
            return
        for presence in audience.presences:
            if presence.is_owed:
                self.engine.start(presence.say_again())
