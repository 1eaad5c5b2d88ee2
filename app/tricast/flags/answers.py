"""OFREP's answers for the flags as they are now, prepared and remembered.

An evaluator is kept for each environment and follows its changes, flag by flag.
Bulk answers are remembered by environment, version and context, so that asking
again costs a look-up: providers ask after each change, and most contexts recur.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from tricast.flags import ofrep
from tricast.flags.evaluation import Evaluator
from tricast.flags.ofrep import Bulk, Reply
from tricast.flags.stored import EnvironmentFlags

MAX_ENVIRONMENTS: Final = 256
MAX_ANSWERS: Final = 4096
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024

_Key = tuple[str, str, int, bytes]


class Answers:
    """Evaluates the flags of an environment as `Flags.environment` gives them.

    At most `max_answers` bulk answers of together `max_bytes` are remembered; what
    was asked for longest ago is forgotten first.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        max_answers: int = MAX_ANSWERS,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        self._clock = clock
        self._max_answers = max_answers
        self._max_bytes = max_bytes
        self._bytes = 0
        self._bulk: OrderedDict[_Key, Bulk] = OrderedDict()
        self._evaluators: OrderedDict[tuple[str, str], tuple[EnvironmentFlags, Evaluator]] = OrderedDict()

    def one(self, view: EnvironmentFlags, key: str, context: Mapping[str, Any]) -> tuple[Reply, str | None]:
        """The answer for one flag, and its variant."""
        evaluation = self._evaluator(view).evaluate(key, context)
        return ofrep.answer(evaluation, view.flags.get(key), view.metadata), evaluation.variant

    def all(self, view: EnvironmentFlags, context: Mapping[str, Any]) -> Bulk:
        """The answers for all flags."""
        evaluator = self._evaluator(view)
        if evaluator.reads_timestamp:
            # The next second's answer may be another.
            return ofrep.bulk(evaluator.evaluate_all(context), view.flags, view.metadata)
        asked = orjson.dumps(context, option=orjson.OPT_SORT_KEYS)
        key = (view.app, view.environment, view.version, asked)
        known = self._bulk.get(key)
        if known is None:
            known = ofrep.bulk(evaluator.evaluate_all(context), view.flags, view.metadata)
            self._remember(key, known)
        else:
            self._bulk.move_to_end(key)
        return known

    def _remember(self, key: _Key, bulk: Bulk) -> None:
        self._bulk[key] = bulk
        self._bytes += _size(key, bulk)
        while self._bytes > self._max_bytes or len(self._bulk) > self._max_answers:
            self._bytes -= _size(*self._bulk.popitem(last=False))

    def _evaluator(self, view: EnvironmentFlags) -> Evaluator:
        place = (view.app, view.environment)
        known = self._evaluators.get(place)
        if known is not None and known[0].version == view.version:
            self._evaluators.move_to_end(place)
            return known[1]
        evaluator = self._prepare(view) if known is None else self._follow(*known, view)
        self._evaluators[place] = (view, evaluator)
        self._evaluators.move_to_end(place)
        if len(self._evaluators) > MAX_ENVIRONMENTS:
            self._evaluators.popitem(last=False)
        return evaluator

    def _prepare(self, view: EnvironmentFlags) -> Evaluator:
        return Evaluator(view.flags, view.evaluators, clock=self._clock)

    def _follow(self, old: EnvironmentFlags, evaluator: Evaluator, view: EnvironmentFlags) -> Evaluator:
        if old.evaluators != view.evaluators:
            return self._prepare(view)
        before = old.flags
        changed = {
            key: definition
            for key, definition in view.flags.items()
            if (known := before.get(key)) is not definition and known != definition
        }
        return evaluator.with_changes(changed, before.keys() - view.flags.keys())


def _size(key: _Key, bulk: Bulk) -> int:
    return len(key[3]) + len(bulk.members) + 16 * len(bulk.answered)
