"""A connection that somebody else writes to: counted, bounded and ended like the hub's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tricast.errors import TricastError
from tricast.hub.caller import Caller
from tricast.hub.loop import check_loop


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session is to end. `reconnect_after_ms` 0: not without a change."""

    problem: TricastError
    reason: str
    reconnect_after_ms: int


class Session:
    """A long-lived answer of an application's own. Made by `Hub.session`.

    `ended` is done when the grant has expired or was revoked, when somebody
    disconnects the caller, or when the hub stops; then write no more but a goodbye.
    """

    __slots__ = ("caller", "ended", "is_closed", "on_closed", "since")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.since = 0.0
        self.is_closed = False
        self.on_closed: Callable[[Session], None] = lambda _: None

    def close(self, problem: TricastError, *, reason: str | None = None, reconnect_after_ms: int = 0) -> None:
        """Tell its owner to end."""
        check_loop(self.ended.get_loop())
        if not self.ended.done():
            self.ended.set_result(Ending(problem, reason or problem.code, reconnect_after_ms))

    def lost(self) -> None:
        """It is over."""
        if not self.is_closed:
            self.is_closed = True
            self.on_closed(self)
