"""The check that a hub is called on its own event loop."""

from __future__ import annotations

import asyncio
import threading


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Raises RuntimeError, which says how to make the call, unless `loop` is running in this thread."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is loop:
        return
    where = "another event loop" if here is not None else "outside of an event loop"
    raise RuntimeError(
        f"the hub was called from thread {threading.current_thread().name!r}, {where}; call it on the event "
        "loop that started it: from an 'async def' route or function; from a plain 'def' route of FastAPI or "
        "Starlette by anyio.from_thread.run(hub.publish, …) or "
        "anyio.from_thread.run_sync(hub.presence.join, …); "
        "from a thread of your own by asyncio.run_coroutine_threadsafe(hub.publish(…), loop)"
    )
