"""`python -m tests.dashboard.stage BEHIND serve …`: tricast with clocks that the screenshots can set.

The file BEHIND says by how many seconds the calendar's clock is behind. The clock of the
figures goes on by one of their steps ten times a second: an hour of them takes 36 s.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from tricast.hub.figures import STEP_S, Figures

TICK_S = 0.1
_now_s = 0.0


def set_clocks(behind: Path) -> None:
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() - float(behind.read_text())
    time.time_ns = lambda: now_ns() - int(float(behind.read_text()) * 1e9)
    assert Figures.__init__.__kwdefaults__ is not None
    Figures.__init__.__kwdefaults__["clock"] = lambda: _now_s
    Figures.run = _run  # type: ignore[method-assign]


async def _run(figures: Figures) -> None:
    global _now_s
    while True:
        await asyncio.sleep(TICK_S)
        _now_s += STEP_S
        figures.tick()


if __name__ == "__main__":
    set_clocks(Path(sys.argv.pop(1)))
    from tricast.cli import main

    main()
