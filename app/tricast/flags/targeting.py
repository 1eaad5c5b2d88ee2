"""Targeting rules: JSONLogic with flagd's operators, checked before anything is kept.

What flagd-core would only find out when asked, and then answer with the default
(an unknown operator, a variant that doesn't exist, weights that are no weights),
is refused here, by its place.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from openfeature.contrib.tools.flagd.core.targeting.targeting import OPERATORS

from tricast import pointer
from tricast.flags.logic import names_the_time, reads
from tricast.flags.operators import KNOWN_OPERATORS, arguments, quietly
from tricast.flags.values import as_json, as_object, listed, refuse, shown, step

MAX_OPERATORS: Final = 2_000
MAX_ARGUMENTS: Final = 20_000
MAX_OPERATOR_DEPTH: Final = 32
MAX_EVALUATORS_BYTES: Final = 262_144
MAX_WEIGHT: Final = 2_147_483_647

_ARITY: Final = {"sem_ver": 3, "starts_with": 2, "ends_with": 2}
_VERSION_OPERATORS: Final = ("=", "!=", "<", "<=", ">", ">=", "^", "~")
_ANSWERS_YES_OR_NO: Final = frozenset(
    {"==", "!=", "===", "!==", "<", "<=", ">", ">=", "!", "!!", "in", "all", "some", "none"}
)


_Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is known of a rule without evaluating it.

    `needs_targeting_key`: it divides people by their targetingKey (`fractional`),
    and can't without. `reads_timestamp`: its answer may change with time.
    `splits`: there is a `fractional` in it. `refs`: evaluators it depends on.
    """

    needs_targeting_key: bool
    reads_timestamp: bool
    splits: bool
    refs: frozenset[str]


def check_targeting(
    targeting: Any, *, variants: Collection[str], evaluators: Mapping[str, Any], path: str
) -> Rule:
    """What the rule does, if it can be evaluated; else BadRequest, `field` the pointer of the wrong place."""
    as_object(targeting, path)
    check = _Check(evaluators, variants, path)
    if targeting:
        check.rule(targeting, (), 1, last=True)
    return check.found()


def check_evaluators(evaluators: Any, path: str = "/$evaluators") -> dict[str, Any]:
    """The shared rules of an environment, if they can be evaluated and none refers to itself."""
    checked = as_object(evaluators, path)
    if len(as_json(checked, path)) > MAX_EVALUATORS_BYTES:
        raise refuse(path, f"is more than {MAX_EVALUATORS_BYTES} bytes of JSON; shorten or divide the rules")
    for name, rule in checked.items():
        inside = step(path, name)
        if not name:
            raise refuse(inside, "an evaluator needs a name")
        if len(as_object(rule, inside)) != 1:
            raise refuse(inside, "an evaluator is an object with one operator")
        _Check(checked, None, inside).rule(rule, (), 1, last=False)
    return checked


def refs(targeting: Any) -> frozenset[str]:
    """Names of the evaluators that a rule refers to itself (not through another)."""
    if isinstance(targeting, list):
        return frozenset().union(*map(refs, targeting))
    if not isinstance(targeting, dict):
        return frozenset()
    if len(targeting) == 1 and isinstance(name := targeting.get("$ref"), str):
        return frozenset({name})
    return refs(list(targeting.values()))


def variant_name(result: Any) -> str:
    """The variant that a rule's result names: true and false are names too."""
    if isinstance(result, bool):
        return "true" if result else "false"
    return str(result)


def _is_version(text: str) -> bool:
    with quietly():
        return OPERATORS["sem_ver"]({}, text, "=", text) is not None


class _Check:
    """One walk over one rule, into the evaluators that it refers to."""

    def __init__(self, evaluators: Mapping[str, Any], variants: Collection[str] | None, path: str) -> None:
        self._path = path
        self._evaluators = evaluators
        self._variants = variants
        self._operators = self._arguments = 0
        self._inside: list[str] = []
        self._refs: set[str] = set()
        self._needs_key = self._reads_time = self._splits = False

    def found(self) -> Rule:
        return Rule(
            needs_targeting_key=self._needs_key,
            reads_timestamp=self._reads_time,
            splits=self._splits,
            refs=frozenset(self._refs),
        )

    def rule(self, rule: Any, at: _Place, depth: int, *, last: bool) -> None:
        """Check `rule`; `last`: what it gives names the variant."""
        if not isinstance(rule, dict | list):
            if last:
                self._names_a_variant(rule, at)
            return
        if depth > MAX_OPERATOR_DEPTH:
            raise self._refuse(at, f"the rule is deeper than {MAX_OPERATOR_DEPTH} levels; make it flatter")
        if isinstance(rule, list):
            if any(isinstance(item, dict | list) for item in rule):
                self._each(rule, at, depth + 1)
            return
        operator, operand = self._operator(rule, at)
        if operator == "$ref":
            self._evaluator(operand, at, depth, last)
            return
        at = (*at, operator)
        if last and operator in _ANSWERS_YES_OR_NO:
            self._yes_or_no(operator, at)
        if operator in {"if", "?:", "and", "or"}:
            self._branch(operator, arguments(operand), at, depth, last)
        elif operator == "fractional":
            self._fractional(operand, at, depth, last)
        else:
            self._call(operator, arguments(operand), at, depth)

    def _refuse(self, at: _Place, detail: str) -> Exception:
        return refuse(
            self._path + pointer(*map(str, at)),
            f"in the evaluator {self._inside[-1]!r}, {detail}" if self._inside else detail,
        )

    def _operator(self, rule: dict[str, Any], at: _Place) -> tuple[str, Any]:
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            raise self._refuse(at, f"the rule has more than {MAX_OPERATORS} operators; divide it")
        if len(rule) != 1:
            names = ", ".join(shown(name) for name in list(rule)[:3]) or "none"
            raise self._refuse(
                at, f"an object in a rule has one operator, and this has {len(rule)} ({names}); "
                "a merge patch removes one by giving it null",
            )  # fmt: skip
        ((operator, operand),) = rule.items()
        if operator not in KNOWN_OPERATORS and operator != "$ref":
            near = difflib.get_close_matches(operator[:40], KNOWN_OPERATORS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(KNOWN_OPERATORS))}"
            raise self._refuse(at, f"there is no operator {shown(operator)}; {hint}")
        return operator, operand

    def _each(self, items: list[Any], at: _Place, depth: int) -> None:
        self._arguments += len(items)
        if self._arguments > MAX_ARGUMENTS:
            raise self._refuse(at, f"the rule has more than {MAX_ARGUMENTS} arguments; divide it")
        for index, item in enumerate(items):
            if isinstance(item, dict | list):
                self.rule(item, (*at, index), depth, last=False)

    def _evaluator(self, name: Any, at: _Place, depth: int, last: bool) -> None:
        if not isinstance(name, str) or name not in self._evaluators:
            known = listed(self._evaluators) or "none at all"
            raise self._refuse(at, f"there is no evaluator {shown(name)}; $evaluators has {known}")
        if name in self._inside:
            raise self._refuse(at, "it refers to itself")
        self._refs.add(name)
        self._inside.append(name)
        self.rule(self._evaluators[name], at, depth, last=last)
        self._inside.pop()

    def _names_a_variant(self, result: Any, at: _Place) -> None:
        if self._variants is None or result is None or variant_name(result) in self._variants:
            return
        there = listed(self._variants)
        raise self._refuse(at, f"there is no variant {shown(result)}; there are {there} (null: the default)")

    def _yes_or_no(self, operator: str, at: _Place) -> None:
        if self._variants is not None and not {"true", "false"} & set(self._variants):
            raise self._refuse(
                at, f"{operator!r} gives true or false, and no variant is called so; put it into an 'if'"
            )

    def _branch(self, operator: str, args: list[Any], at: _Place, depth: int, last: bool) -> None:
        for index, arg in enumerate(args):
            final = index == len(args) - 1
            if operator == "or":
                gives = final or bool(arg)
            elif operator == "and":
                gives = final
            else:
                gives = bool(index % 2) or final
            self.rule(arg, (*at, index), depth + 1, last=last and gives)

    def _call(self, operator: str, args: list[Any], at: _Place, depth: int) -> None:
        wanted = _ARITY.get(operator)
        if wanted is not None and len(args) != wanted:
            raise self._refuse(at, f"{operator!r} takes {wanted} arguments, and has {len(args)}")
        if operator == "sem_ver":
            self._sem_ver(args, at)
        elif operator == "var":
            self._reads_time |= not args or names_the_time(args[0])
        self._each(args, at, depth + 1)

    def _sem_ver(self, args: list[Any], at: _Place) -> None:
        if isinstance(args[1], str) and args[1] not in _VERSION_OPERATORS:
            possible = " ".join(_VERSION_OPERATORS)
            raise self._refuse((*at, 1), f"{shown(args[1])} compares no versions; there are {possible}")
        for index in (0, 2):
            if isinstance(args[index], str) and not _is_version(args[index]):
                raise self._refuse((*at, index), f"{shown(args[index])} is no version such as '1.4.2'")

    def _fractional(self, operand: Any, at: _Place, depth: int, last: bool) -> None:
        self._splits = True
        args = arguments(operand)
        buckets_begin = 0 if args and isinstance(args[0], list) else 1
        if len(args) <= buckets_begin:
            raise self._refuse(at, "'fractional' has nothing to choose from; add pairs such as ['on', 50]")
        self._needs_key |= buckets_begin == 0 or reads(args[0], "targetingKey")
        if buckets_begin:
            self.rule(args[0], (*at, 0), depth + 1, last=False)
        weights = [
            self._bucket(arg, (*at, index), depth, last)
            for index, arg in enumerate(args)
            if index >= buckets_begin
        ]
        known = [weight for weight in weights if weight is not None]
        if len(known) == len(weights) and not 0 < (total := sum(known)) <= MAX_WEIGHT:
            raise self._refuse(at, f"the weights add up to {total}; 1 to {MAX_WEIGHT} is possible")

    def _bucket(self, bucket: Any, at: _Place, depth: int, last: bool) -> int | None:
        """Its weight; None if that is computed."""
        if isinstance(bucket, dict):
            self.rule(bucket, at, depth + 1, last=False)
            return None
        if not isinstance(bucket, list) or not 1 <= len(bucket) <= 2:
            raise self._refuse(at, "each choice of 'fractional' is an array of a variant and its weight")
        self.rule(bucket[0], (*at, 0), depth + 2, last=last)
        if len(bucket) == 1:
            return 1
        if isinstance(bucket[1], dict):
            self.rule(bucket[1], (*at, 1), depth + 2, last=False)
            return None
        return self._weight(bucket[1], (*at, 1))

    def _weight(self, weight: Any, at: _Place) -> int:
        whole = isinstance(weight, int) or (isinstance(weight, float) and weight.is_integer())
        if not whole or isinstance(weight, bool) or weight < 0:
            raise self._refuse(at, f"the weight {shown(weight)} is not a whole number from 0 up")
        return int(weight)
