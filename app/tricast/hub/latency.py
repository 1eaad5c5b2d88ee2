"""How long it takes from a publish that was accepted to the last write of its events.

One time stamp for each publish and one for each batch of fan-out, none for a
delivery: a batch of 100 events to 1,000 subscribers costs as much as one to nobody.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from math import ceil

_REMEMBERED = 16
_MANTISSA = 8  # steps from a power of two to the next: a bucket is at most 1/8 wide
KEPT_S = 60


def bucket_of(seconds: float) -> int:
    """The bucket that a duration is counted in: microseconds, in ever wider steps."""
    us = int(seconds * 1_000_000)
    if us < 2 * _MANTISSA:
        return max(us, 0)
    shift = us.bit_length() - 4
    return shift * _MANTISSA + (us >> shift)


def middle_of(bucket: int) -> float:
    """The middle of a bucket, in seconds."""
    if bucket < 2 * _MANTISSA:
        return (bucket + 0.5) / 1_000_000
    shift = bucket // _MANTISSA - 1
    return (bucket - shift * _MANTISSA + 0.5) * (1 << shift) / 1_000_000


def quantiles(histograms: Iterable[Counter[int]], *fractions: float) -> list[float | None]:
    """For each fraction (they rise) the seconds that so many took at most; None: there were none.

    Right but for a sixteenth.
    """
    together: Counter[int] = Counter()
    for one in histograms:
        together.update(one)
    total = together.total()
    if not total:
        return [None] * len(fractions)
    found: list[float | None] = []
    buckets = iter(sorted(together.items()))
    bucket, seen = next(buckets)
    for fraction in fractions:
        while seen < ceil(fraction * total):
            bucket, count = next(buckets)
            seen += count
        found.append(middle_of(bucket))
    return found


class Latency:
    """A histogram for the running second, and those of the minute before it.

    `accepted` and `delivered` come in either order: what few live outlets get is
    written before the append is answered, what many get goes on in slices after it.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._done: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)
        self._waiting: deque[tuple[int, float]] = deque()
        self._running: Counter[int] = Counter()
        self._past: deque[Counter[int]] = deque(maxlen=KEPT_S)

    def begin(self) -> None:
        """Forget who waits: the hub was entered (again)."""
        self._done.clear()
        self._waiting.clear()

    def accepted(self, offset: int, at: float) -> None:
        """What was accepted at `at` (of `clock`) stands in the log up to `offset`."""
        done = self._done
        if not done or done[-1][0] < offset:
            self._waiting.append((offset, at))
            return
        written = done[-1][1]
        if len(done) > 1 and done[-2][0] >= offset:  # (others were written meanwhile)
            written = next(when for upto, when in done if upto >= offset)
        if written >= at:  # (else a repetition: written long ago)
            self._running[bucket_of(written - at)] += 1

    def delivered(self, upto: int) -> None:
        """Fan-out has written everything up to that offset to who is live."""
        now = self.clock()
        self._done.append((upto, now))
        waiting = self._waiting
        while waiting and waiting[0][0] <= upto:
            self._running[bucket_of(now - waiting.popleft()[1])] += 1

    def turn(self) -> None:
        """A second has passed."""
        self._past.append(self._running)
        self._running = Counter()

    def quantiles(self, last_s: int, *fractions: float) -> list[float | None]:
        """Those of the last `last_s` whole seconds (at most 60), in seconds."""
        return quantiles(list(self._past)[-last_s:], *fractions)
