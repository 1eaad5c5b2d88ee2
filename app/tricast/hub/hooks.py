"""What an application hangs into the hub: sync or async; raising a TricastError refuses."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from tricast.hub.caller import Caller

Moment = Literal["connect", "subscribe", "publish", "disconnect"]
Hook = TypeVar("Hook", bound=Callable[..., Any])
_log = logging.getLogger("tricast.hub")


class Hooks:
    """Callables by the moment that they want to see, in the order in which they came."""

    def __init__(self) -> None:
        self._hooks: dict[Moment, list[Callable[..., Any]]] = {}
        self._running: set[asyncio.Future[Any]] = set()

    def add(self, moment: Moment, hook: Hook) -> Hook:
        """Remember `hook`; also gives it back, so that it may decorate."""
        self._hooks.setdefault(moment, []).append(hook)
        return hook

    def has(self, *moments: Moment) -> bool:
        """Whether there is a hook for any of these."""
        return any(moment in self._hooks for moment in moments)

    async def ask(self, moment: Moment, *args: Any) -> None:
        """Call each. Raises what the first that refuses raises."""
        for hook in self._hooks.get(moment, ()):
            result = hook(*args)
            if inspect.isawaitable(result):
                await result

    def tell_gone(self, caller: Caller) -> None:
        """Call the `disconnect` hooks; those that are async run by themselves. Raises nothing."""
        for hook in self._hooks.get("disconnect", ()):
            try:
                result = hook(caller)
                if inspect.isawaitable(result):
                    task = asyncio.ensure_future(_logged(result))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
            except Exception:  # noqa: BLE001
                _log.exception("an on_disconnect hook failed")

    def stop(self) -> None:
        """Cancel what still runs."""
        for task in list(self._running):
            task.cancel()


async def _logged(result: Awaitable[Any]) -> None:
    try:
        await result
    except Exception:  # noqa: BLE001
        _log.exception("an on_disconnect hook failed")
