"""What goes into one transaction: changes of documents, and the entries that account for them."""

from __future__ import annotations

from dataclasses import dataclass

from tricast.event import Draft
from tricast.hub.hub import Hub
from tricast.log.base import Write


@dataclass(frozen=True, slots=True)
class Unit:
    """Audit entries and writes, all or nothing."""

    entries: tuple[Draft, ...] = ()
    writes: tuple[Write, ...] = ()

    def __add__(self, other: Unit) -> Unit:
        return Unit(self.entries + other.entries, self.writes + other.writes)

    async def append_to(self, hub: Hub) -> None:
        """Do it. Raises Conflict where one of the documents has another version by now."""
        await hub.append(self.entries, self.writes)
