"""What the hub did lately, in figures: the rates of the last ten seconds, and an hour in steps of ten.

All of it is in memory and bounded: 360 steps, a minute of small histograms.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tricast.hub.latency import Latency
from tricast.hub.options import Stats

STEP_S: Final = 10
STEPS: Final = 360
_log = logging.getLogger("tricast.hub")


@dataclass(frozen=True, slots=True)
class Step:
    """Ten seconds: how many were connected at their end, what went through, and how long it took.

    `p99_ms` is None where nothing was published.
    """

    websocket: int
    sse: int
    poll: int
    lagging: int
    publishes_per_s: float
    deliveries_per_s: float
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Events a second that were published, and that were written to subscribers."""

    publishes_per_s: float
    deliveries_per_s: float


class Figures:
    """The recent past of a hub. `run` is its one ticker; without it nothing is kept.

    `stats()` counts all connections, so it is asked once a step; `counted()`, events
    published and delivered so far, each second.
    """

    def __init__(
        self,
        stats: Callable[[], Stats],
        counted: Callable[[], tuple[int, int]],
        latency: Latency,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stats = stats
        self._counted = counted
        self._latency = latency
        self._clock = clock
        self._seconds: deque[tuple[float, int, int]] = deque(maxlen=STEP_S + 1)
        self._steps: deque[tuple[int, Step]] = deque(maxlen=STEPS)
        self._step = 0
        self.began_at = 0.0

    def begin(self) -> None:
        """The hub has started: what was before is forgotten."""
        self._latency.begin()
        self._seconds.clear()
        self._steps.clear()
        self.began_at = self._clock()
        self._step = int(self.began_at // STEP_S)
        self._seconds.append((self.began_at, *self._counted()))

    @property
    def uptime_s(self) -> float:
        return self._clock() - self.began_at

    async def run(self) -> None:
        """Look each second, without end."""
        while True:
            await asyncio.sleep(1.0)
            try:
                self.tick()
            except Exception:  # noqa: BLE001
                _log.exception("the hub's figures could not be taken")

    def tick(self) -> None:
        """A second has passed. (More, where the event loop was kept busy: a step may then be missing.)"""
        now = self._clock()
        self._latency.turn()
        self._seconds.append((now, *self._counted()))
        step = int(now // STEP_S)
        if step > self._step:
            self._steps.append((step - 1, self._look()))
            self._step = step

    def _look(self) -> Step:
        stats, rates = self._stats(), self.rates()
        (p99,) = self._latency.quantiles(STEP_S, 0.99)
        return Step(
            websocket=stats.websocket,
            sse=stats.sse,
            poll=stats.poll,
            lagging=stats.lagging,
            publishes_per_s=rates.publishes_per_s,
            deliveries_per_s=rates.deliveries_per_s,
            p99_ms=in_ms(p99),
        )

    def rates(self) -> Rates:
        """Those of the last ten seconds, or since the start."""
        first, last = self._seconds[0], self._seconds[-1]
        took = last[0] - first[0]
        if took <= 0:
            return Rates(0.0, 0.0)
        return Rates(round((last[1] - first[1]) / took, 3), round((last[2] - first[2]) / took, 3))

    def latency_ms(self, last_s: int) -> tuple[float | None, float | None]:
        """Median and 99th percentile of the last seconds (at most 60); None: nothing was published."""
        p50, p99 = self._latency.quantiles(last_s, 0.5, 0.99)
        return in_ms(p50), in_ms(p99)

    def series(self, steps: int) -> tuple[Sequence[Step | None], float]:
        """The last `steps` steps, oldest first (None: there was no server, or it had no time to look);
        and how many seconds ago the last one ended."""
        now = self._clock()
        last = self._step - 1
        known = dict(self._steps)
        return [known.get(last - back) for back in reversed(range(steps))], now - self._step * STEP_S


def in_ms(seconds: float | None) -> float | None:
    """Seconds as milliseconds, to a microsecond."""
    return None if seconds is None else round(seconds * 1000, 3)
