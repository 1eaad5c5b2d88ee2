"""Pull subscribers: wait until there is something after a position, then are answered once.

Long-polls, `hub.subscribe()` and the portable paths are polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tricast.cursor import ResetReason
from tricast.errors import TricastError
from tricast.event import Event
from tricast.hub.caller import Caller
from tricast.hub.history import Waiver
from tricast.hub.subscription import Subscription
from tricast.wire.frames import poll_body

MAX_ANSWER_EVENTS = 1000
MAX_ANSWER_BYTES = 1024 * 1024
PACE_S = 0.07


@dataclass(slots=True, eq=False)
class Answer:
    """What a poll came to. `position` is a position of this poll, also without events."""

    position: int
    cursor: str
    events: Sequence[Event] = ()
    reset: ResetReason | None = None
    oldest: str = ""
    problem: TricastError | None = None
    presence: bytes | None = None
    _body: bytes | None = field(default=None)

    @property
    def body(self) -> bytes:
        """The JSON body, joined once for all who share this answer."""
        if self._body is None:
            reset = b"null"
            if self.reset is not None:
                reset = (
                    f'{{"reason":"{self.reset}","cursor":"{self.cursor}","oldest":"{self.oldest}"}}'
                ).encode()
            self._body = poll_body(self.cursor, self.events, reset, self.presence)
        return self._body


class Desk(Protocol):
    """Where a poll waits, as the poll sees it."""

    @property
    def first_hit(self) -> int | None: ...

    def remove(self, poll: Poll) -> None: ...


class Poll:
    """One waiting pull subscriber. `respond` is called once, synchronously, with the answer."""

    __slots__ = (
        "_expired",
        "_timer",
        "answered",
        "caller",
        "desk",
        "expires_at",
        "is_due",
        "limit",
        "on_closed",
        "paced",
        "position",
        "respond",
        "since",
        "stale",
        "subscription",
        "task",
        "waiver",
    )

    def __init__(
        self,
        *,
        caller: Caller,
        subscription: Subscription,
        position: int,
        waiver: Waiver | None,
        limit: int,
        respond: Callable[[Answer], None],
        paced: bool = True,
    ) -> None:
        self.caller = caller
        self.subscription = subscription
        self.position = position
        self.waiver = waiver
        self.limit = limit
        self.respond = respond
        self.paced = paced
        self.answered = False
        self.desk: Desk | None = None
        self.expires_at: float | None = None
        self.since = 0.0
        self.on_closed: Callable[[Poll], None] = lambda _: None
        self.task: asyncio.Task[None] | None = None
        # Whether it is to be answered soon all the same, with a list that has changed meanwhile.
        self.stale: Callable[[], bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired: Callable[[Poll], None] = lambda _: None
        self.is_due = False  # whether it is to be answered without waiting any longer

    def answer(self, answer: Answer) -> None:
        """Take the events and the cursor, and leave, in one step (DELIVERY.md 10)."""
        if self.answered:
            return
        self._end()
        self.respond(answer)

    def lost(self) -> None:
        """The connection is gone; nobody to answer."""
        if not self.answered:
            self._end()
            if self.task is not None:
                self.task.cancel()

    def wait_until(self, timeout_s: float | None, expired: Callable[[Poll], None]) -> None:
        """Arm the time-out."""
        self._expired = expired
        if timeout_s is not None:
            self._timer = asyncio.get_running_loop().call_later(timeout_s, expired, self)

    def answer_now(self) -> None:
        """Answer as at the time-out: now, or once the read from the log that is under way has ended."""
        self.is_due = True
        if self.task is None:
            self._expired(self)

    def _end(self) -> None:
        self.answered = True
        if self.desk is not None:
            self.desk.remove(self)
        if self._timer is not None:
            self._timer.cancel()
        self.on_closed(self)
