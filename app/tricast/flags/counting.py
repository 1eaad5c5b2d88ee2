"""Counting on the hot path: about a microsecond an answer, expanded when somebody looks."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping

Pairs = tuple[tuple[str, str | None], ...]
"""(flag key, variant or None) of each evaluation of a bulk answer."""

Counts = Mapping[tuple[str, str, int], Counter[tuple[str, str | None]]]
"""Evaluations by (app, environment, minute), then by (flag key, variant)."""

_MAX_WAITING_PAIRS = 200_000
_MAX_COUNTED = 50_000
_MAX_OPEN_MINUTES = 64


class Counting:
    """Evaluations until somebody takes them. Bounded: `overflow` is given them if nobody comes.

    `clock` gives seconds since 1970; a minute is one of its whole ones.
    """

    def __init__(self, clock: Callable[[], float], overflow: Callable[[Counts], None]) -> None:
        self._clock = clock
        self._overflow = overflow
        self._shared: OrderedDict[tuple[str, str, int, int], _Shared] = OrderedDict()
        self._waiting_pairs = 0
        self._minutes: dict[tuple[str, str, int], Counter[tuple[str, str | None]]] = {}

    def count(self, app: str, environment: str, key: str, variant: str | None) -> None:
        """Count one evaluation, now."""
        self._counter((app, environment, int(self._clock() // 60)))[key, variant] += 1

    def count_all(self, app: str, environment: str, pairs: Pairs, times: int) -> None:
        """Count `times` evaluations of each of `pairs`, now: quick if it is an object that came before."""
        if not pairs:
            return  # (whoever asks about an app that there isn't is given none, and leaves nothing behind)
        slot = (app, environment, int(self._clock() // 60), id(pairs))
        shared = self._shared.get(slot)
        if shared is not None:
            shared.times += times
            return
        self._shared[slot] = _Shared(pairs, times)
        self._waiting_pairs += len(pairs)
        while self._waiting_pairs > _MAX_WAITING_PAIRS:
            self._spread_oldest()

    def take(self) -> Counts:
        """Everything that was counted since the last time."""
        while self._shared:
            self._spread_oldest()
        taken, self._minutes = self._minutes, {}
        return taken

    def _spread_oldest(self) -> None:
        (app, environment, minute, _), shared = self._shared.popitem(last=False)
        self._waiting_pairs -= len(shared.pairs)
        counter = self._counter((app, environment, minute))
        if shared.times == 1:
            counter.update(shared.pairs)
            return
        for pair in shared.pairs:
            counter[pair] += shared.times

    def _counter(self, slot: tuple[str, str, int]) -> Counter[tuple[str, str | None]]:
        counter = self._minutes.get(slot)
        if counter is None or len(counter) >= _MAX_COUNTED:
            if counter is not None or len(self._minutes) >= _MAX_OPEN_MINUTES:
                full, self._minutes = self._minutes, {}
                self._overflow(full)
            counter = self._minutes[slot] = Counter()
        return counter


class _Shared:
    """An answer that was given `times` times. Holding `pairs` keeps their id from being given again."""

    __slots__ = ("pairs", "times")

    def __init__(self, pairs: Pairs, times: int) -> None:
        self.pairs = pairs
        self.times = times
