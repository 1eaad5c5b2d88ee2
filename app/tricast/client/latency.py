"""How long a message takes: the last round trip, or from publishing to being given it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from tricast.client.engine import Engine

MAX_SENT = 100


class Latency:
    """`ms` is the last one that was measured, None before the first."""

    def __init__(self, engine: Engine) -> None:
        self.ms: float | None = None
        self._engine = engine
        self._sent: OrderedDict[str, float] = OrderedDict()
        self._pinging = False

    def ping(self) -> None:
        """Measure a round trip, where the connection takes commands."""
        if self._pinging:
            return
        began = self._engine.clock()
        reply = self._engine.command({"op": "ping"})
        if reply is None:
            return
        self._pinging = True

        def replied(done: asyncio.Future[dict[str, object]]) -> None:
            self._pinging = False
            if not done.cancelled() and done.exception() is None:
                self.ms = 1000 * (self._engine.clock() - began)

        reply.add_done_callback(replied)

    def sent(self, id: str) -> None:
        """An event with that id is being published."""
        self._sent[id] = self._engine.clock()
        while len(self._sent) > MAX_SENT:
            self._sent.popitem(last=False)

    def came(self, id: str) -> None:
        """An event with that id was given."""
        began = self._sent.pop(id, None) if self._sent else None
        if began is not None:
            self.ms = 1000 * (self._engine.clock() - began)
