"""Who wants to be told: a function in, a function out that takes it away again."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

from tricast.errors import BadRequest

_log = logging.getLogger("tricast.client")


class Listeners:
    """Functions by what they listen to. One that raises is logged, and the others are still called."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[object, Callable[..., object]]] = {}

    def add(self, kind: str, listener: Callable[..., object]) -> Callable[[], None]:
        """Call `listener` from now on; the function that is given back ends that.

        Raises BadRequest for an `async` function: nobody would await it.
        """
        if inspect.iscoroutinefunction(listener):
            raise BadRequest(
                "a listener must not be async; let it start a task, or iterate over a subscription",
                field="listener",
            )
        key = object()
        self._by_kind.setdefault(kind, {})[key] = listener

        def remove() -> None:
            self._by_kind.get(kind, {}).pop(key, None)

        return remove

    def tell(self, kind: str, *what: Any) -> None:
        """Call those of `kind`."""
        for listener in tuple(self._by_kind.get(kind, {}).values()):
            try:
                listener(*what)
            except Exception:  # noqa: BLE001 (it is the application's, and must not end the connection)
                _log.exception("a listener to %r failed", kind)

    def clear(self) -> None:
        """Call nobody any more."""
        self._by_kind.clear()
