"""JSONLogic made ready to run: a rule becomes nested functions, prepared once and called for each context.

The operators are openfeature-flagd-core's own. What decides which parts run at
all (`if`, `and`, `map` …) is here: several times as fast as reading the rule anew
each time, and its work can be bounded. Tests hold it to flagd-core's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tricast.flags.operators import (
    BRANCHES,
    FUNCTIONS,
    VAR,
    BadRule,
    Run,
    TargetingKeyMissing,
    arguments,
    falsy,
    truthy,
    weight,
)

Step = Callable[[Any, Run], Any]

_MAX_SIZE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Program:
    """A rule made ready: `step(data, run)` gives its result."""

    step: Step
    reads_timestamp: bool


def prepare(rule: Any, evaluators: Mapping[str, Any]) -> Program:
    """`rule` with each `$ref` replaced by its evaluator, ready to run. Raises BadRule, RecursionError."""
    preparation = _Preparation(evaluators)
    step = preparation.step(rule, last=True)
    return Program(step, preparation.reads_timestamp)


def reads(rule: Any, name: str) -> bool:
    """Whether a rule has a `var` of this name anywhere."""
    if isinstance(rule, list):
        return any(reads(item, name) for item in rule)
    if not isinstance(rule, dict):
        return False
    return any(
        (operator == "var" and arguments(operand)[:1] == [name]) or reads(operand, name)
        for operator, operand in rule.items()
    )


def names_the_time(name: Any) -> bool:
    """Whether a `var` of this name (it may be computed) can read `$flagd.timestamp`."""
    return not isinstance(name, str) or name in {"", "$flagd", "$flagd.timestamp"}


class _Preparation:
    def __init__(self, evaluators: Mapping[str, Any]) -> None:
        self._evaluators = evaluators
        self._inside: list[str] = []
        self._size = 0
        self.reads_timestamp = False

    def step(self, rule: Any, *, last: bool = False) -> Step:
        """`last`: what this gives is what the whole rule gives."""
        self._size += 1
        if self._size > _MAX_SIZE:
            raise BadRule(f"it has more than {_MAX_SIZE} parts")
        if isinstance(rule, list):
            return self._array(rule)
        if not isinstance(rule, dict) or len(rule) != 1:
            return lambda data, run: rule
        ((operator, operand),) = rule.items()
        if operator == "$ref":
            return self._evaluator(operand, last)
        if operator == "var":
            return self._var(arguments(operand))
        if operator == "fractional":
            return self._fractional(arguments(operand), last)
        if operator in BRANCHES:
            return self._branch(operator, arguments(operand), last)
        function = FUNCTIONS.get(operator)
        if function is None:
            raise BadRule(f"there is no operator {operator[:80]!r}")
        return self._call(function, arguments(operand))

    def _array(self, rule: list[Any]) -> Step:
        if not any(isinstance(item, dict | list) for item in rule):
            self._size += len(rule)
            return lambda data, run: rule
        steps = [self.step(item) for item in rule]
        return lambda data, run: [step(data, run) for step in steps]

    def _call(self, function: Callable[..., Any], args: list[Any]) -> Step:
        """The general case is the last; those before are the frequent ones, and quicker."""
        steps = [self.step(arg) for arg in args]
        if len(steps) == 1:
            (only,) = steps
            return lambda data, run: function(data, only(data, run))
        if len(steps) == 2:
            one, two = steps
            if not isinstance(second := args[1], dict | list):
                return lambda data, run: function(data, one(data, run), second)
            return lambda data, run: function(data, one(data, run), two(data, run))
        if len(steps) == 3 and not any(isinstance(arg, dict | list) for arg in args[1:]):
            one, second, third = steps[0], args[1], args[2]
            return lambda data, run: function(data, one(data, run), second, third)
        return lambda data, run: function(data, *[step(data, run) for step in steps])

    def _evaluator(self, name: Any, last: bool) -> Step:
        if not isinstance(name, str) or name not in self._evaluators:
            raise BadRule(f"there is no evaluator {name!r}"[:160])
        if name in self._inside:
            raise BadRule(f"the evaluator {name!r} refers to itself")
        self._inside.append(name)
        step = self.step(self._evaluators[name], last=last)
        self._inside.pop()
        return step

    def _var(self, args: list[Any]) -> Step:
        self.reads_timestamp |= not args or names_the_time(args[0])
        if len(args) > 1 or not args or not isinstance(args[0], str) or not args[0]:
            return self._call(VAR, args)
        name = args[0]
        names = name.split(".")

        def read(data: Any, run: Run) -> Any:
            value = data
            for part in names:
                if type(value) is not dict:
                    return VAR(data, name)
                value = value.get(part)
            return value

        return read

    def _fractional(self, args: list[Any], last: bool) -> Step:
        function = FUNCTIONS["fractional"]
        by_key = bool(args) and reads(args[0], "targetingKey")
        steps = [self.step(_with_whole_weight(arg)) for arg in args]

        def divide(data: Any, run: Run) -> Any:
            values = [step(data, run) for step in steps]
            if (by_key or (values and isinstance(values[0], list))) and not run.keyed:
                raise TargetingKeyMissing
            variant = function(data, *values)
            if last:
                run.divided = variant
            return variant

        return divide

    def _branch(self, operator: str, args: list[Any], last: bool) -> Step:
        if operator in {"if", "?:"}:
            return self._if(args, last)
        if operator in {"and", "or"}:
            return _until(falsy if operator == "and" else truthy, [self.step(arg, last=last) for arg in args])
        return self._loop(operator, args)

    def _if(self, args: list[Any], last: bool) -> Step:
        pairs = [
            (self.step(args[at]), self.step(args[at + 1], last=last)) for at in range(0, len(args) - 1, 2)
        ]
        otherwise = self.step(args[-1] if len(args) % 2 else None, last=last)

        def decide(data: Any, run: Run) -> Any:
            for condition, consequence in pairs:
                if truthy(condition(data, run)):
                    return consequence(data, run)
            return otherwise(data, run)

        return decide

    def _loop(self, operator: str, args: list[Any]) -> Step:
        empty = _EMPTY[operator]
        if len(args) < (1 if operator in {"map", "reduce"} else 2):
            return lambda data, run: empty()
        items = self.step(args[0])
        before = self._size
        body = self.step(args[1] if len(args) > 1 else None)
        cost = self._size - before
        if operator == "reduce":
            return _reduce(items, body, cost, args[2] if len(args) > 2 else None)
        over = _LOOPS[operator]

        def loop(data: Any, run: Run) -> Any:
            values = items(data, run)
            if not isinstance(values, list) or not values:
                return empty()
            run.spend(len(values) * cost)
            return over(values, lambda item: body(item, run))

        return loop


def _until(settled: Callable[[Any], bool], steps: list[Step]) -> Step:
    def decide(data: Any, run: Run) -> Any:
        value = None
        for step in steps:
            value = step(data, run)
            if settled(value):
                return value
        return value

    return decide


def _reduce(items: Step, body: Step, cost: int, initial: Any) -> Step:
    def loop(data: Any, run: Run) -> Any:
        values = items(data, run)
        if not isinstance(values, list):
            return initial
        run.spend(len(values) * cost)
        scope = {"accumulator": initial}
        for value in values:
            scope["current"] = value
            scope["accumulator"] = so_far = body(scope, run)
            if isinstance(so_far, list | dict | str):
                run.spend(weight(so_far))
        return scope["accumulator"]

    return loop


def _with_whole_weight(bucket: Any) -> Any:
    """25.0 as 25: one number in JSON, and in flagd; flagd-core for Python takes the second only."""
    if isinstance(bucket, list) and len(bucket) == 2:
        variant, share = bucket
        if isinstance(share, float) and share.is_integer():
            return [variant, int(share)]
    return bucket


_EMPTY: Final[dict[str, Callable[[], Any]]] = {
    "filter": list,
    "map": list,
    "reduce": lambda: None,
    "all": bool,
    "some": bool,
    "none": lambda: True,
}
_LOOPS: Final[dict[str, Callable[[list[Any], Callable[[Any], Any]], Any]]] = {
    "filter": lambda values, of: [value for value in values if truthy(of(value))],
    "map": lambda values, of: [of(value) for value in values],
    "all": lambda values, of: all(truthy(of(value)) for value in values),
    "some": lambda values, of: any(truthy(of(value)) for value in values),
    "none": lambda values, of: not any(truthy(of(value)) for value in values),
}
