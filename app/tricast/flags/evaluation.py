"""What a flag's value is for a context: flagd's semantics, on openfeature-flagd-core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import orjson

from tricast.flags.flag import Definition
from tricast.flags.logic import Program, prepare
from tricast.flags.operators import BadRule, Run, TargetingKeyMissing, TooMuchWork, quietly, weight
from tricast.flags.targeting import variant_name
from tricast.flags.values import shown

Reason = Literal["STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "DISABLED", "ERROR"]
ErrorCode = Literal["FLAG_NOT_FOUND", "PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL"]

MAX_CONTEXT_BYTES: Final = 65_536
MAX_CONTEXT_VALUES: Final = 1_000

_FAILURES: Final = (  # what an operator of flagd-core does on values it was not made for
    ArithmeticError, AttributeError, LookupError, RecursionError, ReferenceError, TypeError, ValueError
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One answer. `variant` and `value` are None where the caller's own default holds, and in an error.

    `reason`: STATIC, there is no rule; TARGETING_MATCH, the rule named a variant;
    SPLIT, its `fractional` did; DEFAULT, it named none, or the flag has no default
    variant; DISABLED; ERROR, with `error_code` and `error_details`.
    """

    key: str
    value: Any
    variant: str | None
    reason: Reason
    metadata: Mapping[str, Any]
    version: int
    error_code: ErrorCode | None = None
    error_details: str | None = None


def context_problem(context: Any) -> str | None:
    """Why nothing can be evaluated with `context`, in a sentence; None if it can."""
    if not isinstance(context, dict):
        return f"the context is {shown(context)}; it must be an object"
    key = context.get("targetingKey")
    if key is not None and not isinstance(key, str):
        return f"the context's targetingKey is {shown(key)}; it must be a text"
    try:
        size = len(orjson.dumps(context))
    except orjson.JSONEncodeError:
        return "the context is nested too deeply, or holds what JSON can't; make it flatter"
    if size > MAX_CONTEXT_BYTES:
        return f"the context has {size} bytes of JSON; the limit is {MAX_CONTEXT_BYTES}: send what rules read"
    if size > MAX_CONTEXT_VALUES and weight(context, MAX_CONTEXT_VALUES) > MAX_CONTEXT_VALUES:
        return f"the context has more than {MAX_CONTEXT_VALUES} values; send what rules read"
    return None


class Evaluator:
    """An immutable snapshot of one environment's flags, ready to be asked. Never raises on any context."""

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        evaluators: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`metadata` of the set of flags is part of each answer's, where the flag has no other."""
        self._evaluators = evaluators
        self._metadata = metadata or {}
        self._clock = clock
        self._flags = {key: self._prepared(key, definition) for key, definition in definitions.items()}

    def evaluate(self, key: str, context: Mapping[str, Any]) -> Evaluation:
        """The answer for one flag; an unknown key is an Evaluation with FLAG_NOT_FOUND."""
        flag = self._flags.get(key)
        if flag is None:
            return _error(key, "FLAG_NOT_FOUND", f"there is no flag {shown(key)} here", self._metadata, 0)
        flag.prepare()
        if flag.fixed is not None:
            return flag.fixed
        if problem := context_problem(context):
            return flag.error("INVALID_CONTEXT", problem)
        with quietly():
            return flag.answer(self._data(context))

    def evaluate_all(self, context: Mapping[str, Any]) -> list[Evaluation]:
        """The answers for all flags, by key. DISABLED and failed ones are among them."""
        order = self._order
        answers = order.fixed.copy()
        if not order.ruled:
            return answers
        if problem := context_problem(context):
            for at, flag in order.ruled:
                answers[at] = flag.error("INVALID_CONTEXT", problem)
            return answers
        data = self._data(context)
        with quietly():
            for at, flag in order.ruled:
                answers[at] = flag.answer(data)
        return answers

    def with_changes(self, changed: Mapping[str, Definition], removed: Iterable[str] = ()) -> Evaluator:
        """This with some flags set and some gone; no other flag is prepared anew.

        Where `$evaluators` or the set's metadata change, make a new Evaluator.
        """
        other = Evaluator({}, self._evaluators, metadata=self._metadata, clock=self._clock)
        flags = self._flags.copy()
        for key in removed:
            flags.pop(key, None)
        flags.update((key, self._prepared(key, definition)) for key, definition in changed.items())
        other._flags = flags
        return other

    @cached_property
    def reads_timestamp(self) -> bool:
        """Whether any rule reads `$flagd.timestamp`, so that answers may change without a change of flags."""
        return any(flag.reads_timestamp for _, flag in self._order.ruled)

    @cached_property
    def _order(self) -> _Order:
        flags = [self._flags[key] for key in sorted(self._flags)]
        for flag in flags:
            flag.prepare()
        return _Order(
            # a place is held for those with a rule; `evaluate_all` fills all of them
            fixed=[flag.default for flag in flags],
            ruled=[(at, flag) for at, flag in enumerate(flags) if flag.fixed is None],
        )

    def _prepared(self, key: str, definition: Definition) -> _Prepared:
        return _Prepared(key, definition, self._metadata, self._evaluators)

    def _data(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """What rules read: the context, with what flagd adds to it."""
        return {
            **context,
            "targetingKey": context.get("targetingKey"),
            "$flagd": {"flagKey": "", "timestamp": int(self._clock())},
        }


@dataclass(frozen=True, slots=True)
class _Order:
    """All answers that no context changes, by key, and where the others belong."""

    fixed: list[Evaluation]
    ruled: list[tuple[int, _Prepared]]


class _Prepared:
    """A flag whose possible answers are made once: `prepare` it before asking for any."""

    __slots__ = (
        "_answers",
        "_definition",
        "_evaluators",
        "_key",
        "_metadata",
        "_program",
        "_ready",
        "default",
        "fixed",
    )
    default: Evaluation
    fixed: Evaluation | None

    def __init__(
        self, key: str, definition: Definition, metadata: Mapping[str, Any], evaluators: Mapping[str, Any]
    ) -> None:
        self._key = key
        self._definition = definition
        self._metadata = {**metadata, **definition.metadata} if definition.metadata else metadata
        self._answers: dict[tuple[str, bool], Evaluation] = {}
        self._program: Program | None = None
        self._evaluators = evaluators
        self._ready = False

    def prepare(self) -> None:
        """Get ready, once. (Not when it is made: 10,000 flags take 0.2 s, and few may ever be asked for.)"""
        if not self._ready:
            self.fixed = self._without_context(self._evaluators)
            self.default = self.fixed or self._fallback("DEFAULT")
            self._ready = True

    @property
    def reads_timestamp(self) -> bool:
        return self._program is not None and self._program.reads_timestamp

    def answer(self, data: dict[str, Any]) -> Evaluation:
        """The answer for a context (`data`: flagd's additions included)."""
        data["$flagd"]["flagKey"] = self._key
        run = Run(keyed=bool(data["targetingKey"]))
        try:
            result = self._program.step(data, run) if self._program else None
        except TargetingKeyMissing:
            return self.error(
                "TARGETING_KEY_MISSING", "the flag's rule divides by targetingKey; send one in the context"
            )
        except TooMuchWork as error:
            return self.error("GENERAL", str(error))
        except _FAILURES as error:
            return self.error("GENERAL", f"the flag's rule fails on this context ({type(error).__name__})")
        if result is None:
            return self.default
        return self._named(result, result is run.divided)

    def error(self, code: ErrorCode, details: str) -> Evaluation:
        return _error(self._key, code, details, self._metadata, self._definition.version)

    def _named(self, result: Any, split: bool) -> Evaluation:
        try:
            variant = variant_name(result)
        except _FAILURES:
            variant = ""
        known = self._answers.get((variant, split))
        if known is not None:
            return known
        if variant not in self._definition.variants:
            return self.error(
                "GENERAL", f"the flag's rule gives {shown(variant)}, which is none of its variants"
            )
        answer = self._evaluation(variant, "SPLIT" if split else "TARGETING_MATCH")
        self._answers[variant, split] = answer
        return answer

    def _without_context(self, evaluators: Mapping[str, Any]) -> Evaluation | None:
        definition = self._definition
        if definition.state == "DISABLED":
            return self._evaluation(None, "DISABLED")
        if not definition.targeting:
            return self._fallback("STATIC")
        try:
            self._program = prepare(definition.targeting, evaluators)
        except (BadRule, RecursionError) as error:
            return self.error("PARSE_ERROR", f"the flag's rule is wrong: {error}")
        return None

    def _fallback(self, reason: Reason) -> Evaluation:
        variant = self._definition.default_variant
        if variant is None:
            return self._evaluation(None, "DEFAULT")
        if variant not in self._definition.variants:
            return self.error(
                "GENERAL", f"the default variant {shown(variant)} is none of the flag's variants"
            )
        return self._evaluation(variant, reason)

    def _evaluation(self, variant: str | None, reason: Reason) -> Evaluation:
        value = None if variant is None else self._definition.variants[variant]
        return Evaluation(self._key, value, variant, reason, self._metadata, self._definition.version)


def _error(key: str, code: ErrorCode, details: str, metadata: Mapping[str, Any], version: int) -> Evaluation:
    return Evaluation(key, None, None, "ERROR", metadata, version, error_code=code, error_details=details)
