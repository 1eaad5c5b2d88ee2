"""Deadlines of grants: nothing is written to a connection after its grant has expired."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable, Hashable

_log = logging.getLogger("tricast.hub")


def remaining_s(expires_at: float | None) -> int | None:
    """Whole seconds until `expires_at` (seconds since 1970), at least 0; None: for ever."""
    return None if expires_at is None else max(0, int(expires_at - time.time()))


class Deadlines:
    """Calls back for each entry when its time has come. One timer, whatever the number of entries.

    `check` may be called at any time before a write: what is due then is called
    back first, even if the timer is late.
    """

    def __init__(self, expired: Callable[[Hashable], None]) -> None:
        self._expired = expired
        self._due: dict[Hashable, float] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._number = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, entry: Hashable, expires_at: float) -> None:
        """Call back for `entry` at `expires_at` (seconds since 1970)."""
        self._due[entry] = expires_at
        heapq.heappush(self._heap, (expires_at, next(self._number), entry))
        if self._heap[0][2] is entry:
            self._arm()

    def remove(self, entry: Hashable) -> None:
        if self._due.pop(entry, None) is not None and len(self._heap) > 64 + 2 * len(self._due):
            self._heap = [item for item in self._heap if self._due.get(item[2]) == item[0]]
            heapq.heapify(self._heap)

    def check(self) -> None:
        """Call back for everything that is due."""
        heap = self._heap
        if not heap or heap[0][0] > time.time():
            return
        now = time.time()
        while heap and heap[0][0] <= now:
            at, _, entry = heapq.heappop(heap)
            if self._due.get(entry) == at:
                del self._due[entry]
                try:
                    self._expired(entry)
                except Exception:  # noqa: BLE001
                    _log.exception("a connection whose grant has expired could not be ended")
            heap = self._heap
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            wait = min(max(0.0, self._heap[0][0] - time.time()), 3600.0) + 0.001
            self._timer = asyncio.get_running_loop().call_later(wait, self._rearm)

    def _rearm(self) -> None:
        self._timer = None
        self.check()
        if self._timer is None:
            self._arm()
