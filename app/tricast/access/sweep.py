"""Closing, soon after a change, the live connections that it concerns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

SWEEP_EVERY_S: Final = 0.25
_log = logging.getLogger(__name__)


class Sweep:
    """Calls `enforce` whenever something is `due`; `what` says in the log what that closes."""

    def __init__(self, enforce: Callable[[], object], what: str) -> None:
        self._enforce = enforce
        self._what = what
        self._changed = asyncio.Event()

    def due(self) -> None:
        """Something has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Sweep, for ever.

        Many changes share a sweep, and a second one follows `SWEEP_EVERY_S` later: it
        finds those that passed the gate before and joined after.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            for _ in range(2):
                try:
                    self._enforce()
                except (RuntimeError, OSError):  # of one socket; the others wait for the next sweep
                    _log.exception("closing %s failed; trying again", self._what)
                    self._changed.set()
                await asyncio.sleep(SWEEP_EVERY_S)
