"""How often one flag gave which variant in one environment: totals, and the minutes of the last 3 h.

Minutes are whole ones since 1970, by the wall clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any, Final

WINDOW_MINUTES: Final = 180
MAX_VARIANTS: Final = 128
NO_VARIANT: Final = ""
"""Stands for evaluations that gave no variant: the caller's own default was used."""

_MAX_SLOT = 2**32 - 1


class VariantTally:
    """Evaluations of one variant. `last` is the last minute in which there was one."""

    __slots__ = ("_slots", "last", "total")

    def __init__(self, last: int) -> None:
        self.total = 0
        self.last = last
        self._slots = array("I", bytes(4 * WINDOW_MINUTES))

    def add(self, minute: int, times: int) -> None:
        """Count `times` evaluations in `minute`. (Of one before the window only the total is kept.)"""
        self.total += times
        if minute > self.last:
            for stale in range(self.last + 1, min(minute, self.last + WINDOW_MINUTES) + 1):
                self._slots[stale % WINDOW_MINUTES] = 0
            self.last = minute
        elif minute <= self.last - WINDOW_MINUTES:
            return
        slot = minute % WINDOW_MINUTES
        self._slots[slot] = min(self._slots[slot] + times, _MAX_SLOT)

    def minutes(self) -> dict[int, int]:
        """Evaluations by minute, oldest first, of the window that ends with `last`; without empty minutes."""
        window = range(self.last - WINDOW_MINUTES + 1, self.last + 1)
        return {minute: n for minute in window if (n := self._slots[minute % WINDOW_MINUTES])}

    def document(self) -> dict[str, Any]:
        """As kept: `minutes` are pairs of how long before `last`, and how often."""
        ago = [[self.last - minute, n] for minute, n in self.minutes().items()]
        return {"total": self.total, "last": self.last, "minutes": ago}

    @staticmethod
    def from_document(value: Mapping[str, Any]) -> VariantTally:
        """What `document()` gave."""
        found = VariantTally(value["last"])
        for ago, n in value["minutes"]:
            found.add(found.last - ago, n)
        found.total = value["total"]
        return found


class Tally:
    """Evaluations of one flag in one environment, from minute `since` on.

    `life` tells the flag from an earlier one of the same key.
    """

    __slots__ = ("life", "since", "variants")

    def __init__(self, life: str, since: int) -> None:
        self.life = life
        self.since = since
        self.variants: dict[str, VariantTally] = {}

    @property
    def last(self) -> int:
        """The last minute in which there was an evaluation."""
        return max((each.last for each in self.variants.values()), default=self.since)

    def add(self, variant: str, minute: int, times: int) -> None:
        """Count `times` evaluations that gave `variant` in `minute`."""
        found = self.variants.get(variant)
        if found is None:
            self._make_room()
            found = self.variants[variant] = VariantTally(minute)
        found.add(minute, times)
        if minute < self.since:
            self.since = minute

    def _make_room(self) -> None:
        """Forget the variant that was given longest ago, where a flag has had very many."""
        if len(self.variants) >= MAX_VARIANTS:
            del self.variants[min(self.variants, key=lambda name: self.variants[name].last)]

    def only_variant_since(self, minute: int) -> str | None:
        """The one variant that was given from `minute` on; None if several were, or counting began later."""
        recent = [name for name, each in self.variants.items() if each.last >= minute]
        return recent[0] if len(recent) == 1 and self.since <= minute else None

    def document(self) -> dict[str, Any]:
        """As kept: `from_document` gives the same tally back."""
        variants = {name: each.document() for name, each in self.variants.items()}
        return {"life": self.life, "since": self.since, "variants": variants}

    @staticmethod
    def from_document(value: Mapping[str, Any]) -> Tally:
        """What `document()` gave."""
        found = Tally(value["life"], value["since"])
        for name, each in value["variants"].items():
            found.variants[name] = VariantTally.from_document(each)
        return found
