"""Long work on the event loop in slices, without the pauses that very many new objects bring."""

from __future__ import annotations

import asyncio
import gc
from typing import Final

MANY: Final = 1_000
_COLLECTIONS: Final = 5


async def pause() -> None:
    """Let others have their turn, amid work on very many flags."""
    if gc.get_count()[1] >= _COLLECTIONS:
        keep_for_good()
    await asyncio.sleep(0)


def keep_for_good() -> None:
    """Have the garbage collector never look again at what there is: most of it stays.

    Or else, after so many of its rounds, it looks through all that an import has made: 0.3 s for
    10,000 flags, and nobody is served. (What nobody refers to any more is freed all the same; of
    cycles the youngest are freed now, and others stay.) Only where the process was set up so,
    by `gc.freeze()` when it started, as `tricast serve` does: it isn't for a library to decide.
    """
    if _Process.is_frozen():
        gc.collect(0)
        gc.freeze()


class _Process:
    _frozen = False

    @classmethod
    def is_frozen(cls) -> bool:
        """Whether somebody ever called `gc.freeze()`. (To ask takes the longer, the more there is.)"""
        cls._frozen = cls._frozen or gc.get_freeze_count() > 0
        return cls._frozen
