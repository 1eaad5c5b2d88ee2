"""The writer: one thread that takes all appends that wait into one commit."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple

from tricast.errors import TricastError
from tricast.log.commit import COMMIT_DRAFTS
from tricast.log.sqlite.committer import Committer, Ticket

COMMIT_BYTES = 4 * 1024 * 1024

_logger = logging.getLogger("tricast.log")


class _Task(NamedTuple):
    """Something else for the writer to do between two commits."""

    run: Callable[[], Any]
    future: asyncio.Future[Any]


class Writer:
    """Runs a `Committer` on its thread. The loop only puts into a queue and gets called back."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: SimpleQueue[Ticket | _Task | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, committer: Committer, closed: Callable[[], None]) -> None:
        """Begin. `closed` is called on the thread when all is done and the file is closed."""
        self._thread = threading.Thread(
            target=self._run, args=(committer, closed), name="tricast-log-writer", daemon=True
        )
        self._thread.start()

    def put(self, ticket: Ticket) -> None:
        """Hand an append over. No lock is waited for; who calls bounds how many wait."""
        self._queue.put(ticket)

    async def call(self, run: Callable[[], Any]) -> Any:
        """What `run()` returns or raises, on the writer's thread, between two commits."""
        future = self._loop.create_future()
        self._queue.put(_Task(run, future))
        return await future

    async def stop(self) -> None:
        """Do all that waits, and close."""
        self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def post(self, call: Callable[..., None], *args: Any) -> None:
        """Have the loop call; nobody waits any more if it is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def _run(self, committer: Committer, closed: Callable[[], None]) -> None:
        try:
            while self._turn(committer):
                pass  # (nothing is held here: the next append may be long in coming)
            committer.close()
        finally:
            closed()

    def _turn(self, committer: Committer) -> bool:
        """Do what waits, or comes next; whether to go on."""
        items = self._take()
        tickets = [item for item in items if isinstance(item, Ticket)]
        if tickets:
            self._commit(committer, tickets)
        for item in items:
            if isinstance(item, _Task):
                self._perform(item)
        committer.checkpoint_if_due()
        return items[-1] is not None

    def _take(self) -> list[Ticket | _Task | None]:
        """All that waits, up to one commit's worth; nothing comes after None."""
        items: list[Ticket | _Task | None] = []
        drafts = size = 0
        while True:
            item = self._queue.get()
            items.append(item)
            if isinstance(item, Ticket):
                drafts += len(item.unit.drafts) or 1
                size += item.weight
            if item is None or drafts >= COMMIT_DRAFTS or size >= COMMIT_BYTES or self._queue.empty():
                return items

    def _commit(self, committer: Committer, tickets: list[Ticket]) -> None:
        try:
            committer.commit(tickets)
        except Exception as error:
            _logger.exception("the log's writer failed")
            committer.fail(tickets, error)

    def _perform(self, task: _Task) -> None:
        try:
            result = task.run()
        except Exception as error:
            if not isinstance(error, TricastError):
                _logger.exception("the log's writer failed")
            self.post(_raise, task.future, error)
        else:
            self.post(_answer, task.future, result)


def _answer(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _raise(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
