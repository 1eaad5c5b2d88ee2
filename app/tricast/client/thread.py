"""An event loop in a thread of its own, for those who have none."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Self, TypeVar

from tricast.client.problems import Closed
from tricast.errors import BadRequest

T = TypeVar("T")


class LoopThread:
    """Keeps `life` entered in a loop of its own, from `start` to `stop`; others `wait` for work done there.

    The thread is a daemon: a program that forgets to stop it ends all the same.
    """

    def __init__(self, life: AbstractAsyncContextManager[object]) -> None:
        self._life = life
        self._thread = threading.Thread(target=self._run, name="tricast-client", daemon=True)
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._over = asyncio.Event()
        self._lock = threading.RLock()  # (a signal handler may close what its own thread is about to use)
        # Both under the lock: what was handed to the loop is run, or cancelled, but never left waiting.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    def start(self) -> None:
        """Enter `life`. Raises what that raises, and BadRequest the second time."""
        if self._thread.ident is not None or self._stopped:
            raise BadRequest("this client was started before; make a new one", field="client")
        self._thread.start()
        try:
            self._started.result()
        except BaseException:  # (also an interrupt: nobody would stop it later)
            self.stop()
            raise

    def stop(self) -> None:
        """Leave `life`, and wait until that is done (in its own thread: don't wait). Again is no error."""
        with self._lock:
            self._stopped = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._over.set)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _live(self) -> None:
        async with self._life:
            with self._lock:
                self._loop = asyncio.get_running_loop()
                if self._stopped:
                    self._over.set()
            self._started.set_result(None)
            try:
                await self._over.wait()
            finally:
                with self._lock:
                    self._loop = None

    def wait(self, work: Callable[[], Awaitable[T]], timeout_s: float | None = None) -> T:
        """What `work()` gives, awaited in the thread.

        Raises TimeoutError after `timeout_s`, Closed if it is stopped (or is meanwhile), and BadRequest if
        it is not started, or this is its own thread (which would wait for itself).
        """

        async def done_in_time() -> T:
            # (here and not by the one who waits: what is done in time can't get lost on the way)
            async with asyncio.timeout(timeout_s):
                return await work()

        if self._thread is threading.current_thread():
            raise BadRequest(
                "this waits, and is called in the client's own thread (by a listener?); do it in another one",
                field="client",
            )
        with self._lock:
            if self._stopped:
                raise Closed("the client is closed; make a new one")
            loop = self._loop if self._thread.is_alive() else None
            if loop is None:
                raise BadRequest(
                    "the client is not started (in this process); use it by `with`", field="client"
                )
            done = asyncio.run_coroutine_threadsafe(done_in_time(), loop)
        try:
            return done.result()
        except concurrent.futures.CancelledError:
            raise Closed("the client was closed meanwhile") from None
        except BaseException:
            done.cancel()  # (an interrupt; else it is over anyway)
            raise

    def call(self, work: Callable[[], T]) -> T:
        """What `work()` gives, called in the thread. Raises as `wait` does."""

        async def called() -> T:
            return work()

        return self.wait(called)

    def end(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for `work()`, which closes something; if everything is closed already, that is no error."""
        if not self._stopped:
            with suppress(Closed):
                self.wait(work)


class Closing:
    """What is closed at the end of `with`."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
