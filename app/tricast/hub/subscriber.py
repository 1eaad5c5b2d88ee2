"""A push subscriber: a cursor over the log with an outlet, in one of four states.

    replaying ──▶ live ⇄ lagging ──▶ closed

A first connect, a reconnect and a slow reader take one path: write the spans
after the position until fan-out's position is reached, and join it there, in one
synchronous step.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Literal

from tricast.cursor import ResetReason
from tricast.errors import TricastError
from tricast.hub.caller import Caller
from tricast.hub.fanout import NEVER, Fanout, Group
from tricast.hub.history import Span, Trimmed, Waiver
from tricast.hub.outlet import Outlet
from tricast.hub.subscription import Subscription
from tricast.log.base import Bounds
from tricast.wire import control
from tricast.wire.control import Control

State = Literal["replaying", "live", "lagging", "closed"]
_log = logging.getLogger("tricast.subscriber")


class Subscriber:
    """One connection's cursor. Made by `Hub.open`; all methods are synchronous."""

    __slots__ = (
        "__weakref__",
        "_bounds",
        "_fanout",
        "_loading",
        "_outlet",
        "_scheduled",
        "caller",
        "expires_at",
        "format",
        "group",
        "lagging_since",
        "on_closed",
        "pending_seen",
        "position",
        "seen",
        "send",
        "since",
        "state",
        "subscription",
        "waiver",
    )

    def __init__(
        self,
        fanout: Fanout,
        outlet: Outlet,
        *,
        caller: Caller,
        subscription: Subscription,
        position: int,
        waiver: Waiver | None,
        bounds: Callable[[], Bounds],
    ) -> None:
        self._fanout = fanout
        self._outlet = outlet
        self._bounds = bounds
        self._loading: asyncio.Task[None] | None = None
        self._scheduled = False
        self.caller = caller
        self.subscription = subscription
        self.position = position
        self.waiver = waiver
        self.format = outlet.format
        self.group: Group | None = None
        self.seen = NEVER
        self.send = outlet.write
        self.state: State = "replaying"
        self.expires_at: float | None = None
        self.since = 0.0
        self.lagging_since = 0.0
        self.pending_seen = 0
        self.on_closed: Callable[[Subscriber], None] = lambda _: None

    @property
    def cursor(self) -> str:
        """Up to where everything was written, as a cursor."""
        return self._bounds().cursor(self.where())

    def where(self) -> int:
        """The offset up to which everything was written."""
        return max(self.seen, self._fanout.done) if self.state == "live" else self.position

    # Writing

    def control(self, message: Control) -> None:
        """Write a control event, in order with the events."""
        if self.state != "closed":
            self.send(message.payload(self.format))

    def advance(self) -> None:
        """Write what waits, a span at a time, and join fan-out where it ends (DELIVERY.md 1)."""
        self._fanout.before_batch()  # (nothing is written after expiry, in any state: DELIVERY.md 22)
        if self.state not in ("replaying", "lagging") or self._loading is not None:
            return
        if self._outlet.is_stalled:
            self.state = "lagging"
            return
        self.state = "replaying"
        fanout = self._fanout
        target = fanout.position
        if self.position >= target or not self.subscription.patterns:
            self._join(None)
            return
        span = fanout.history.find(self.position, target, self.subscription, waiver=self.waiver)
        if span is None:
            self._loading = asyncio.ensure_future(self._load(target))
        elif span.scanned >= target:
            self._join(span)
        else:
            self._write(span)
            self._later()

    def _join(self, span: Span | None) -> None:
        # Live first: writing may report that the socket is full, which is then a live one's leaving.
        self.position = self._fanout.position
        self.waiver = None
        self.state = "live"
        self._fanout.join(self, self.subscription)
        if span is not None and span.events:
            self.send(span.payload(self.format))
            self._fanout.deliveries += len(span.events)
        self.control(control.live(self._bounds().cursor(self.position)))
        if self.subscription.presence:  # (what was told meanwhile was not told here: DELIVERY.md 25)
            self.control(self._fanout.roll(self.subscription))

    def _write(self, span: Span) -> None:
        self.position = span.scanned
        if span.events:
            self.send(span.payload(self.format))
            self._fanout.deliveries += len(span.events)

    def _later(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._now)

    def _now(self) -> None:
        self._scheduled = False
        self.advance()

    async def _load(self, target: int) -> None:
        try:
            found = await self._fanout.history.load(self.position, target, self.subscription, self.waiver)
        except TricastError as error:
            self._loading = None
            self.close(error, reconnect_after_ms=1000)
            return
        except Exception:  # noqa: BLE001
            _log.exception("replay failed")
            self._loading = None
            self._outlet.abort()
            return
        self._loading = None
        if self.state == "closed":
            return
        if isinstance(found, Trimmed):
            self.reset("trimmed")
        else:
            self._write(found)
            self.advance()

    def reset(self, reason: ResetReason) -> None:
        """Tell that the cursor can't be served, and go on from where fan-out is."""
        bounds = self._bounds()
        self.position = self._fanout.position
        oldest = bounds.cursor(bounds.oldest(self.subscription.patterns))
        self.control(control.reset(reason, bounds.cursor(self.position), oldest))
        self.advance()

    # Changes of what is asked for

    def resubscribe(
        self,
        subscription: Subscription,
        announce: Callable[[str | None], None],
        *,
        position: int | None = None,
        waiver: Waiver | None = None,
        reason: ResetReason | None = None,
    ) -> None:
        """Change patterns at the position that `announce` is told of (DELIVERY.md 11).

        None if a reset follows: it names the position, and nothing before it may (DELIVERY.md 7).
        """
        if self.state == "closed":
            return
        if self.state == "live":
            self.position = self._fanout.leave(self)
        if self._loading is not None:
            self._loading.cancel()
            self._loading = None
        if position is not None:
            self.position = position
        elif not self.subscription.patterns:
            self.position = self._fanout.position
        self.waiver = waiver
        self.subscription = subscription
        if self.state == "live":
            self.state = "replaying"
        announce(self.cursor if reason is None else None)
        if reason is not None:
            self.reset(reason)
        else:
            self.advance()

    # What the outlet tells

    def stalled(self) -> None:
        """The socket is full: leave the live set; nothing is queued meanwhile."""
        if self.state == "live":
            self.position = self._fanout.leave(self)
        if self.state in ("live", "replaying"):
            self.state = "lagging"
            self.lagging_since = asyncio.get_running_loop().time()
            self.pending_seen = self._outlet.pending

    def drained(self) -> None:
        """The socket takes bytes again: replay from the position."""
        if self.state == "lagging":
            self._later()

    def lost(self) -> None:
        """The connection is gone."""
        self._closed()

    def broken(self, error: Exception) -> None:
        """Writing failed; drop the connection (its cursor is still good)."""
        _log.debug("write failed: %r", error)
        self._outlet.abort()
        self._closed()

    def replay(self) -> None:
        """Leave the live set and come back by reading."""
        if self.state == "live":
            self.position = self._fanout.leave(self)
            self.state = "replaying"
            self._later()

    def beat(self) -> None:
        self._outlet.beat()

    def heartbeat(self) -> None:
        """While replaying: the position that the scan has reached (DELIVERY.md 8)."""
        if self.state == "replaying" and not self._outlet.is_stalled:
            try:
                self.control(control.heartbeat(self.cursor))
                self._outlet.beat()
            except Exception as error:  # noqa: BLE001
                self.broken(error)

    def is_silent(self, now: float, beat_s: float) -> bool:
        """Whether the peer owes a sign of life; a lagging one does when it takes no byte for a beat."""
        if self.state == "lagging":
            return now - self.lagging_since >= beat_s
        return self._outlet.is_silent(beat_s / 2)

    def check_lag(self, now: float, limit_s: float) -> None:
        """Abort a lagging connection whose socket has taken no byte for `limit_s`."""
        if self.state != "lagging":
            return
        pending = self._outlet.pending
        if pending != self.pending_seen:
            self.pending_seen, self.lagging_since = pending, now
        elif now - self.lagging_since >= limit_s:
            self.broken(TimeoutError("no byte was taken"))

    # The end

    def close(self, problem: TricastError, *, reason: str | None = None, reconnect_after_ms: int = 0) -> None:
        """End the stream with a goodbye that says why; the cursor stays good."""
        self._end(problem, control.goodbye(reason or problem.code, reconnect_after_ms))

    def refuse(self, problem: TricastError) -> None:
        """End the stream with an error: what the client sent can't be gone on from."""
        self._end(problem, control.error(problem))

    def _end(self, problem: TricastError, message: Control) -> None:
        if self.state == "closed":
            return
        last = message.payload(self.format)
        self._closed()
        try:
            self._outlet.finish(last, code=problem.close_code, reason=problem.detail)
        except Exception:  # noqa: BLE001
            _log.exception("a goodbye could not be written")
            self._outlet.abort()

    def abort(self) -> None:
        """Drop the connection without another byte."""
        self._closed()
        self._outlet.abort()

    def _closed(self) -> None:
        if self.state == "closed":
            return
        if self.state == "live":
            self.position = self._fanout.leave(self)
        self.state = "closed"
        if self._loading is not None:
            self._loading.cancel()
            self._loading = None
        self.on_closed(self)
