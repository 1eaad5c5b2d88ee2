"""Waiting for what nobody announces, without taking the processor from those who are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOK_S = 0.005
PATIENCE_S = 60.0


async def until(wanted: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not wanted():  # noqa: ASYNC110 (there is no event to wait for)
            await asyncio.sleep(LOOK_S)
