"""A publisher of numbered events that goes on while servers come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

TOPIC = "demo/numbered"
# What `str.splitlines` takes for the end of a line, beside CR and LF.
LINE_BREAKS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"
BATCH = 10
EVERY_S = 0.02


def data_of(number: int) -> dict[str, object]:
    """Of different lengths, so that what cuts a stream cuts it anywhere; each with something to trip over."""
    odd = LINE_BREAKS[number % len(LINE_BREAKS)]
    return {"n": number, f"a{odd}": f"{odd}data: {odd}{odd}·{odd}" + "·" * (number * 37 % 101)}


class Numbered:
    """`acknowledged`: the events 0 up to it are in the log, in this order, each once."""

    def __init__(self, port: int) -> None:
        self.acknowledged = 0
        self._url = f"http://127.0.0.1:{port}/v1/events"
        self._stopping = asyncio.Event()

    def _batch(self) -> list[dict[str, object]]:
        numbers = range(self.acknowledged, self.acknowledged + BATCH)
        return [{"topic": TOPIC, "id": f"n{number}", "data": data_of(number)} for number in numbers]

    async def run(self) -> None:
        """A batch is repeated, with its ids, until it is acknowledged."""
        async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:
            while not self._stopping.is_set():
                try:
                    answer = await http.post(self._url, json=self._batch())
                except httpx2.TransportError:
                    pass
                else:
                    assert answer.status_code == 201, answer.text
                    self.acknowledged += BATCH
                await asyncio.sleep(EVERY_S)  # (the pace; nothing depends on it)

    def stop(self) -> None:
        """Let the batch that is under way be the last."""
        self._stopping.set()


@asynccontextmanager
async def publishing(port: int) -> AsyncIterator[Numbered]:
    """Events without end, until the block does; what was begun is then acknowledged."""
    numbered = Numbered(port)
    task = asyncio.ensure_future(numbered.run())
    try:
        yield numbered
        numbered.stop()
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
