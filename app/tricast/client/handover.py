"""When a second connection is opened to take over from the first, and what happens meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from tricast.client.backoff import Backoff
from tricast.client.link import Link, Purpose
from tricast.client.message import Event
from tricast.client.options import Options, TransportName

if TYPE_CHECKING:
    from tricast.client.core import Core


class Handover:
    """For a better transport; and, where no command can tell it, for other topics or a new token.

    For more topics the first connection's events are held: the second one replays from the same
    cursor, so that what it has of the new topics still stands in order with them.
    """

    def __init__(self, options: Options, random: Callable[[], float]) -> None:
        self._options = options
        self._backoff = Backoff(options.backoff_first_s, options.backoff_most_s, math.inf, random)
        self._not_before = -math.inf
        self._better_at: float | None = None
        self._probes: list[TransportName] = []
        self._held: list[Event] | None = None

    def due_at(self, core: Core) -> float | None:
        """When `begin` has something to say; None: not as things are."""
        link = core.link
        if link is None or core.next is not None or core.credential.asking:
            return None
        if _stale(core, link) is not None:
            return self._not_before  # (a better one would have the other topics without being waited for)
        return self._better_at if link.is_live else None

    def begin(self, core: Core, now: float) -> tuple[Purpose, TransportName] | None:
        """What to open now; None: nothing is due."""
        due_at, link = self.due_at(core), core.link
        if due_at is None or link is None or now < due_at:
            return None
        stale = _stale(core, link)
        if stale is None:
            return "better", self._probe(core, link, now)
        if stale == "topics":
            self._held = []
        return stale, link.transport

    def _probe(self, core: Core, link: Link, now: float) -> TransportName:
        if not self._probes:
            self._probes = list(core.fallback.better_than(link.transport))
        chosen = self._probes.pop(0)
        if not self._probes:
            self._better_at = now + self._options.better_every_s
        return chosen

    def was_live(self, core: Core, now: float) -> None:
        """The connection went live: if there is a better transport, try it in a while."""
        if core.link is None or not core.fallback.better_than(core.link.transport):
            self._better_at = None
            self._probes = []
        elif self._better_at is None:
            self._better_at = now + self._options.better_every_s

    @property
    def is_holding(self) -> bool:
        """Whether events of the first connection are to be held."""
        return self._held is not None

    def hold(self, event: Event) -> bool:
        """Hold an event. False: there are too many; the second connection will give them all."""
        if self._held is None or len(self._held) >= self._options.buffer:
            return False
        self._held.append(event)
        return True

    def failed(self, link: Link, now: float) -> list[Event]:
        """The second connection came to nothing; the events that were held."""
        if link.purpose in ("topics", "token"):
            self._not_before = now + self._backoff.delay_s()
        held, self._held = self._held, None
        return held or []

    def done(self) -> None:
        """One connection is left, whichever; what was held comes over it again."""
        self._held = None
        self._not_before = -math.inf
        self._backoff.forget()


def _stale(core: Core, link: Link) -> Purpose | None:
    """What the connection was opened with and isn't so any more."""
    if link.takes_commands:
        return None
    if core.topics - link.topics or core.presence > link.presence:
        return "topics"
    return "token" if core.credential.token != link.token else None
