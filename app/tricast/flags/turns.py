"""Who may write an app's flags now: all at once, each with luck; or one alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Whoever writes shows its task; whoever must not be disturbed is alone (in this process)."""

    def __init__(self) -> None:
        self._under_way: dict[str, set[asyncio.Task[None]]] = {}
        self._closed: dict[str, asyncio.Event] = {}

    def closed(self, app: str) -> asyncio.Event | None:
        """If somebody is alone with `app`: what tells of the end. Write only if nobody is."""
        return self._closed.get(app)

    def begin(self, app: str, task: asyncio.Task[None]) -> None:
        """`task` is writing flags of `app`."""
        self._under_way.setdefault(app, set()).add(task)
        task.add_done_callback(lambda done: self._ended(app, done))

    def _ended(self, app: str, task: asyncio.Task[None]) -> None:
        there = self._under_way[app]
        there.discard(task)
        if not there:
            del self._under_way[app]

    @asynccontextmanager
    async def alone(self, app: str) -> AsyncIterator[None]:
        """Inside, nobody else writes flags of `app`, or sets its environments."""
        while (closed := self._closed.get(app)) is not None:
            await closed.wait()
        closed = self._closed[app] = asyncio.Event()
        try:
            while tasks := self._under_way.get(app):
                await asyncio.wait(tasks)
            yield
        finally:
            del self._closed[app]
            closed.set()
