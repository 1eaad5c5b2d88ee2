"""Feature flags for scripts without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails

from tricast.client import flags
from tricast.client.flagset import FlagChange
from tricast.client.thread import Closing, LoopThread
from tricast.errors import TricastError

T = TypeVar("T")


class Flags(Closing):
    """The flags of an app in an environment, evaluated here: only `ready` waits.

    While there is no connection the last state holds, and `stale` says so.
    """

    def __init__(self, inner: flags.Flags, thread: LoopThread) -> None:
        self._inner = inner
        self._thread = thread

    def ready(self, timeout_s: float | None = None) -> None:
        """Wait for the first snapshot. Raises TimeoutError, the TricastError of a refusal, or Closed."""
        self._thread.wait(self._inner.ready, timeout_s)

    @property
    def error(self) -> TricastError | None:
        """Why they can't be read now; the last state holds."""
        return self._inner.error

    @property
    def stale(self) -> bool:
        """Whether there may be changes that are not known here, as there is no connection."""
        return self._inner.stale

    def get(self, key: str, default: T, context: Mapping[str, Any] | EvaluationContext | None = None) -> T:
        """A flag's value for `context` (`targetingKey` and attributes); `default` where there is none.

        It has the type of `default`: a flag of another type gives `default`.
        """
        return self._inner.get(key, default, context)

    def evaluate(
        self, key: str, default: Any, context: Mapping[str, Any] | EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        """As `get`, with variant, reason and metadata. Raises an OpenFeatureError where there is no value."""
        return self._inner.evaluate(key, default, context)

    def all(self, context: Mapping[str, Any] | EvaluationContext | None = None) -> dict[str, Any]:
        """Every flag's value for `context`, by key; None where there is none."""
        return self._inner.all(context)

    def on_change(self, listener: Callable[[list[FlagChange]], object]) -> Callable[[], None]:
        """Call `listener` with what changed, in the client's thread.

        The function that is given back ends that.
        """
        return self._inner.on_change(listener)

    def on_stale(self, listener: Callable[[bool], object]) -> Callable[[], None]:
        """Call `listener` with whether it is stale, each time that changes, in the client's thread."""
        return self._inner.on_stale(listener)

    def on_error(self, listener: Callable[[TricastError | None], object]) -> Callable[[], None]:
        """Call `listener` with why they can't be read, and with None when they can be again."""
        return self._inner.on_error(listener)

    def close(self) -> None:
        """Follow the flags no more; the last state stays. Once the client is closed, that is no error."""
        self._thread.end(self._inner.close)
