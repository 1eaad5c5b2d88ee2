"""Presence for scripts without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tricast.client import presence
from tricast.client.members import Member
from tricast.client.thread import Closing, LoopThread


class Presence(Closing):
    """Who is on `topic` now; what was `set` is set again on every new connection."""

    def __init__(self, inner: presence.Presence, thread: LoopThread) -> None:
        self._inner = inner
        self._thread = thread

    @property
    def topic(self) -> str:
        return self._inner.topic

    def members(self) -> list[Member]:
        """Who is there, as far as is known: who came first first."""
        return self._inner.members()

    def ready(self, timeout_s: float | None = None) -> list[Member]:
        """Wait for the first list.

        Raises TimeoutError, Forbidden where presence may not be asked for, or Closed.
        """
        return self._thread.wait(self._inner.ready, timeout_s)

    def on_change(self, listener: Callable[[list[Member]], object]) -> Callable[[], None]:
        """Call `listener` with everybody at each change, in the client's thread.

        The function that is given back ends that.
        """
        return self._inner.on_change(listener)

    def set(self, state: Mapping[str, Any] | None = None) -> None:
        """Be there, with a state (a JSON object of up to 1 KiB), until `leave` or the end of the client.

        Raises the TricastError of a refusal (what was set before still holds), or Closed.
        """
        self._thread.wait(lambda: self._inner.set(state))

    def leave(self) -> None:
        """Be there no more."""
        self._thread.wait(self._inner.leave)

    def close(self) -> None:
        """Leave, and be told nothing more. Once the client is closed, that is no error."""
        self._thread.end(self._inner.close)
