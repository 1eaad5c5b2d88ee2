"""Which transport to use: the best that gets through, and what got through the last time."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TypeAlias

from tricast.client.options import TransportName

# By URL, what worked last. One for the process, unless a client is given another.
Memory: TypeAlias = MutableMapping[str, TransportName]
REMEMBERED: Memory = {}


class Fallback:
    """Goes round `transports` (best first), beginning with what `memory` has for `url`.

    After `tolerance` failures in a row a transport is left for the next one, after the last the first.
    """

    def __init__(
        self, transports: tuple[TransportName, ...], *, url: str, memory: Memory, tolerance: int
    ) -> None:
        self._transports = transports
        self._url = url
        self._memory = memory
        self._tolerance = tolerance
        self._failures = 0
        self._untried = set(transports)
        known = memory.get(url)
        self.current: TransportName = known if known in transports else transports[0]

    def failed(self, *, finally_: bool = False) -> bool:
        """Count a failure of the current one (`finally_`: the last that it may have).

        True if the next one's turn has come and it wasn't tried yet since something worked:
        then there is no reason to wait.
        """
        self._failures += 1
        self._untried.discard(self.current)
        if not finally_ and self._failures < self._tolerance:
            return False
        self._failures = 0
        place = self._transports.index(self.current) + 1
        self.current = self._transports[place % len(self._transports)]
        return self.current in self._untried

    def worked(self, name: TransportName) -> None:
        """`name` got through: use it from now on, and begin with it the next time."""
        self.current = self._memory[self._url] = name
        self._failures = 0
        self._untried = set(self._transports)

    def better_than(self, name: TransportName) -> tuple[TransportName, ...]:
        """Those before `name`, best first."""
        return self._transports[: self._transports.index(name)]
