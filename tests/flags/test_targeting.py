"""Rules are checked before they are kept: what could only fail later is refused, by its place."""

from __future__ import annotations

from typing import Any

import pytest

from tricast import BadRequest
from tricast.flags.targeting import Rule, check_evaluators, check_targeting, refs

EVALUATORS = {
    "staff": {"ends_with": [{"var": "email"}, "@shop.test"]},
    "office": {"or": [{"$ref": "staff"}, {"starts_with": [{"var": "ip"}, "10."]}]},
    "choice": {"if": [{"$ref": "staff"}, "on", "purple"]},
}


def checked(targeting: Any) -> Rule:
    return check_targeting(targeting, variants=("on", "off"), evaluators=EVALUATORS, path="/t")


def refused(targeting: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        checked(targeting)
    return caught.value


@pytest.mark.parametrize(
    "targeting",
    [
        {},
        {"if": [{"==": [{"var": "tier"}, "gold"]}, "on", "off"]},
        {"if": [{"var": "a"}, "on", {"var": "b"}, "off", None]},
        {"?:": [{"!": [{"missing": ["a", "b"]}]}, "on"]},
        {"var": "variant"},
        {"cat": ["o", "n"]},
        {"or": [{"var": "variant"}, "off"]},
        {"and": [{"var": "beta"}, "on"]},
        {"if": [{"some": [{"var": "groups"}, {"==": [{"var": ""}, "beta"]}]}, "on", None]},
        {"fractional": [["on"], ["off", 3]]},
        {"fractional": [{"var": "email"}, ["on", 12.0], ["off", {"var": "rest"}]]},
        {
            "fractional": [
                {"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]},
                ["on", 1],
                [{"var": "x"}, 1],
            ]
        },
        {"if": [{"sem_ver": [{"var": "version"}, "^", "v2"]}, "on", "off"]},
        {"if": [{"in": [{"var": "id"}, [str(n) for n in range(5_000)]]}, "on", "off"]},
        {"if": [{"$ref": "office"}, "on", "off"]},
    ],
)
def test_rules_that_flagd_takes_are_taken(targeting: Any) -> None:
    checked(targeting)


@pytest.mark.parametrize(
    ("targeting", "place", "words"),
    [
        (["on"], "/t", "an array is not an object"),
        ("on", "/t", "is not an object"),
        ({"iff": [True, "on"]}, "/t", "did you mean 'if'?"),
        ({"fractionalEvaluation": ["email", ["on", 1]]}, "/t", "did you mean 'fractional'?"),
        ({"log": "x"}, "/t", "there is no operator 'log'"),
        ({"if": [{"a": 1, "b": 2}, "on"]}, "/t/if/0", "has one operator, and this has 2 ('a', 'b')"),
        ({"if": [{}, "on"]}, "/t/if/0", "this has 0 (none)"),
        ({"if": [True, "purple", "off"]}, "/t/if/1", "no variant 'purple'; there are on, off"),
        ({"if": [True, "on", {"if": [True, "off", "blue"]}]}, "/t/if/2/if/2", "'blue'"),
        ({"if": [True, True, "off"]}, "/t/if/1", "no variant true"),
        ({"if": [True, 5, "off"]}, "/t/if/1", "no variant 5"),
        ({"or": [{"var": "x"}, "of"]}, "/t/or/1", "'of'"),
        ({"or": ["purple", "on"]}, "/t/or/0", "'purple'"),
        ({"and": [{"var": "x"}, "o/n"]}, "/t/and/1", "'o/n'"),
        ({"==": [{"var": "x"}, 1]}, "/t/==", "gives true or false"),
        (
            {"if": [{"$ref": "stuff"}, "on"]},
            "/t/if/0",
            "no evaluator 'stuff'; $evaluators has staff, office, choice",
        ),
        ({"if": [{"$ref": 1}, "on"]}, "/t/if/0", "no evaluator 1"),
        ({"$ref": "choice"}, "/t/if/2", "in the evaluator 'choice', there is no variant 'purple'"),
        ({"fractional": []}, "/t/fractional", "nothing to choose from"),
        ({"fractional": [{"var": "email"}]}, "/t/fractional", "nothing to choose from"),
        ({"fractional": [["on", 1], ["purple", 1]]}, "/t/fractional/1/0", "'purple'"),
        ({"fractional": [["on", 1], "off"]}, "/t/fractional/1", "an array of a variant and its weight"),
        ({"fractional": [["on", 1, 2]]}, "/t/fractional/0", "an array of a variant and its weight"),
        ({"fractional": [["on", 12.5]]}, "/t/fractional/0/1", "12.5 is not a whole number"),
        ({"fractional": [["on", -1]]}, "/t/fractional/0/1", "-1 is not a whole number"),
        ({"fractional": [["on", True]]}, "/t/fractional/0/1", "true is not a whole number"),
        ({"fractional": [["on", "50"]]}, "/t/fractional/0/1", "'50' is not a whole number"),
        ({"fractional": [["on", 0], ["off", 0]]}, "/t/fractional", "add up to 0"),
        ({"fractional": [["on", 2**30], ["off", 2**30]]}, "/t/fractional", "add up to 2147483648"),
        (
            {"if": [{"sem_ver": [{"var": "v"}, "1.0"]}, "on"]},
            "/t/if/0/sem_ver",
            "takes 3 arguments, and has 2",
        ),
        ({"if": [{"sem_ver": [{"var": "v"}, "=>", "1.0"]}, "on"]}, "/t/if/0/sem_ver/1", "'=>' compares no"),
        ({"if": [{"sem_ver": [{"var": "v"}, ">", "1.x"]}, "on"]}, "/t/if/0/sem_ver/2", "'1.x' is no version"),
        ({"if": [{"starts_with": ["a"]}, "on"]}, "/t/if/0/starts_with", "takes 2 arguments, and has 1"),
        ({"if": [{"ends_with": "a"}, "on"]}, "/t/if/0/ends_with", "takes 2 arguments, and has 1"),
        ({"if": [{"in": [1, [{"nope": 1}]]}, "on"]}, "/t/if/0/in/1/0", "no operator 'nope'"),
    ],
)
def test_a_wrong_rule_is_refused_by_the_place_that_is_wrong(targeting: Any, place: str, words: str) -> None:
    error = refused(targeting)

    assert error.field == place
    assert words in error.detail


def test_a_rule_may_give_true_and_false_where_variants_are_called_so() -> None:
    rule = {"in": ["@shop.test", {"var": "email"}]}

    check_targeting(rule, variants=("true", "false"), evaluators={}, path="/t")


@pytest.mark.parametrize(
    ("targeting", "needs"),
    [
        ({"fractional": [["on", 1], ["off", 1]]}, True),
        ({"fractional": [{"var": "targetingKey"}, ["on", 1]]}, True),
        ({"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": ["targetingKey"]}]}, ["on", 1]]}, True),
        ({"fractional": [{"var": "email"}, ["on", 1]]}, False),
        ({"if": [{"==": [{"var": "targetingKey"}, "ada"]}, "on", "off"]}, False),
    ],
)
def test_it_is_known_which_rules_divide_by_the_targeting_key(targeting: Any, needs: bool) -> None:
    rule = checked(targeting)

    assert rule.needs_targeting_key is needs
    assert rule.splits is ("fractional" in targeting)


@pytest.mark.parametrize(
    ("targeting", "reads"),
    [
        ({"if": [{">": [{"var": "$flagd.timestamp"}, 5]}, "on", "off"]}, True),
        ({"if": [{">": [{"var": ["$flagd.timestamp", 0]}, 5]}, "on", "off"]}, True),
        ({"if": [{"==": [{"var": {"cat": ["$flagd.", "timestamp"]}}, 5]}, "on", "off"]}, True),
        ({"if": [{"==": [{"var": ""}, 5]}, "on", "off"]}, True),
        ({"if": [{"==": [{"var": "$flagd.flagKey"}, 5]}, "on", "off"]}, False),
        ({"if": [{"==": [{"var": "timestamp"}, 5]}, "on", "off"]}, False),
    ],
)
def test_it_is_known_which_rules_may_read_the_time(targeting: Any, reads: bool) -> None:
    assert checked(targeting).reads_timestamp is reads


def test_it_is_known_which_evaluators_a_rule_depends_on() -> None:
    targeting = {"if": [{"$ref": "office"}, "on", "off"]}

    assert checked(targeting).refs == {"office", "staff"}
    assert refs(targeting) == {"office"}


def test_a_rule_nested_too_deeply_is_refused_and_not_walked_to_its_end() -> None:
    rule: Any = "on"
    for _ in range(5_000):
        rule = {"if": [True, rule]}

    error = refused(rule)

    assert "deeper than 32 levels" in error.detail
    assert error.field is not None
    assert error.field.count("/if/") == 32


def test_a_rule_of_too_many_operators_is_refused() -> None:
    assert "more than 2000 operators" in refused({"or": [{"var": "a"}] * 2_000}).detail


def test_evaluators_that_double_each_other_are_refused_before_they_fill_memory() -> None:
    evaluators: dict[str, Any] = {"e0": {"var": "x"}}
    for n in range(1, 25):
        evaluators[f"e{n}"] = {"or": [{"$ref": f"e{n - 1}"}, {"$ref": f"e{n - 1}"}]}

    with pytest.raises(BadRequest, match="more than 2000 operators"):
        check_evaluators(evaluators)


@pytest.mark.parametrize(
    ("evaluators", "place", "words"),
    [
        ([], "/$evaluators", "not an object"),
        ({"a": "x"}, "/$evaluators/a", "not an object"),
        ({"a": {}}, "/$evaluators/a", "one operator"),
        ({"": {"var": "x"}}, "/$evaluators/", "needs a name"),
        ({"a": {"or": [{"$ref": "b"}]}}, "/$evaluators/a/or/0", "no evaluator 'b'"),
        ({"a": {"or": [{"$ref": "a"}]}}, "/$evaluators/a/or/0/or/0", "refers to itself"),
        (
            {"a": {"!": {"$ref": "b"}}, "b": {"!": {"$ref": "a"}}},
            "/$evaluators/a/!/0/!/0/!/0",
            "refers to itself",
        ),
        ({"a": {"in": ["x" * 300_000, "y"]}}, "/$evaluators", "262144 bytes"),
    ],
)
def test_wrong_evaluators_are_refused_by_the_place_that_is_wrong(
    evaluators: Any, place: str, words: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        check_evaluators(evaluators)

    assert caught.value.field == place
    assert words in caught.value.detail
