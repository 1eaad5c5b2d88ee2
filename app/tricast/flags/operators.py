"""What a rule is made of: flagd-core's operators, and the bounds of what running them may cost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from openfeature.contrib.tools.flagd.core.targeting.targeting import OPERATORS

MAX_STEPS: Final = 20_000
MAX_GROWTH: Final = 65_536
MAX_VERSIONS_CHARS: Final = 1024

_HUGE: Final = 2**1023


class BadRule(Exception):
    """A rule that can't be prepared. The message says why."""


class TargetingKeyMissing(Exception):
    """The context has no targetingKey, and the rule divides people by it."""


class TooMuchWork(Exception):
    """A rule that goes beyond what one evaluation may cost. The message says where."""


class Run:
    """What one evaluation has used up, and what its last division gave."""

    __slots__ = ("divided", "keyed", "steps")

    def __init__(self, *, keyed: bool) -> None:
        """`keyed`: whether there is a targetingKey."""
        self.keyed = keyed
        self.steps = 0
        self.divided: Any = None

    def spend(self, steps: int) -> None:
        """Account for work that depends on the context. Raises TooMuchWork."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise TooMuchWork(f"the rule takes more than {MAX_STEPS} steps over the arrays of this context")


def truthy(value: Any) -> bool:
    """Whether JSONLogic takes `value` for true."""
    if value is True or value is False:
        return bool(value)
    return bool(OPERATORS["!!"](None, value))


def falsy(value: Any) -> bool:
    """The opposite."""
    return not truthy(value)


class _Quiet(logging.Filter):
    """Keeps flagd-core from printing what a caller sent: its complaints are about their contexts."""

    depth = 0

    def filter(self, record: logging.LogRecord) -> bool:
        return not self.depth


_QUIET = _Quiet()
logging.getLogger("openfeature.contrib").addFilter(_QUIET)


@contextmanager
def quietly() -> Iterator[None]:
    """While this is open flagd-core's operators log nothing."""
    _QUIET.depth += 1
    try:
        yield
    finally:
        _QUIET.depth -= 1


@lru_cache(maxsize=4096)
def _compared(one: str, operator: str, other: str) -> bool | None:
    answer: bool | None = OPERATORS["sem_ver"]({}, one, operator, other)
    return answer


def _sem_ver(data: Any, *args: Any) -> Any:
    if len(args) == 3:
        one, operator, other = args
        if type(one) is type(operator) is type(other) is str:
            length = len(one) + len(operator) + len(other)
            if length <= 128:
                return _compared(one, operator, other)
            if length > MAX_VERSIONS_CHARS:
                return None  # as for any text that is no version: reading 60 KiB of one takes milliseconds
    return OPERATORS["sem_ver"](data, *args)


def _bounded(operator: str) -> Callable[..., Any]:
    inner = OPERATORS[operator]

    def bounded(data: Any, *args: Any) -> Any:
        value = inner(data, *args)
        if isinstance(value, int):
            if not -_HUGE < value < _HUGE:
                raise TooMuchWork(f"a number out of {operator!r} grows beyond all bounds")
        elif isinstance(value, str | list) and len(value) > MAX_GROWTH:
            raise TooMuchWork(f"what {operator!r} puts together is longer than {MAX_GROWTH}")
        return value

    return bounded


BRANCHES: Final = frozenset(
    {"if", "?:", "and", "or", "filter", "reduce", "map", "all", "some", "none"}
)  # flagd-core's evaluator treats these itself: they are not among its OPERATORS
FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **{name: operator for name, operator in OPERATORS.items() if name != "log"},  # it prints
    **{name: _bounded(name) for name in ("cat", "merge", "+", "*")},
    "sem_ver": _sem_ver,
}
VAR: Final = OPERATORS["var"]
KNOWN_OPERATORS: Final = frozenset(FUNCTIONS) | BRANCHES


def arguments(operand: Any) -> list[Any]:
    """An operator's arguments: one need not stand in an array."""
    return operand if isinstance(operand, list) else [operand]


def weight(value: Any, limit: int = MAX_STEPS) -> int:
    """How many values there are in `value` (256 characters are one), or a number beyond `limit`.

    Each is counted as often as it is reached: `[x, x]` again and again doubles
    what any operator would then have to read.
    """
    total, waiting = 0, [value]
    while waiting and total <= limit:
        item = waiting.pop()
        if isinstance(item, str):
            total += len(item) // 256
        elif isinstance(item, list):
            total += len(item)
            waiting.extend(item)
        elif isinstance(item, dict):
            total += len(item)
            waiting.extend(item.values())
    return total
