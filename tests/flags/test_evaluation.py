"""What a flag's value is for a context, held to flagd-core's own answers."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from tricast import BadRequest
from tricast.flags.evaluation import Evaluation, Evaluator, context_problem
from tricast.flags.files import read_file
from tricast.flags.flag import Definition
from tricast.flags.targeting import check_targeting

SHOP = read_file((Path(__file__).parent / "data" / "shop.flagd.json").read_bytes(), "json")
SWITCH = {"on": True, "off": False}


def a_switch(targeting: Any = None, **members: Any) -> Definition:
    given = {"state": "ENABLED", "variants": SWITCH, "default_variant": "off", **members}
    return Definition(targeting=targeting, **given)


def asked(targeting: Any, context: dict[str, Any] | None = None, **members: Any) -> Evaluation:
    return Evaluator({"x": a_switch(targeting, **members)}, {}).evaluate("x", context or {})


def shop(key: str, context: dict[str, Any] | None = None) -> tuple[Any, str | None, str]:
    evaluator = Evaluator(SHOP.definitions, SHOP.evaluators or {}, metadata=SHOP.metadata)
    answer = evaluator.evaluate(key, context or {})
    assert answer.error_code is None, answer.error_details
    return answer.value, answer.variant, answer.reason


def test_each_reason_is_given_where_the_specification_gives_it() -> None:
    staff = {"email": "ada@shop.test"}

    assert shop("free-shipping") == (False, "off", "STATIC")
    assert shop("algorithm", staff) == ("memo", "memo", "TARGETING_MATCH")
    assert shop("algorithm") == ("loop", "loop", "DEFAULT")
    assert shop("colour", staff)[2] == "SPLIT"
    assert shop("rollout", {"targetingKey": "ada"})[2] == "SPLIT"
    assert shop("switched-off", staff) == (None, None, "DISABLED")


def test_without_a_default_variant_the_callers_default_holds() -> None:
    assert shop("code-default") == (None, None, "DEFAULT")
    assert shop("nothing-said") == (None, None, "DEFAULT")
    answer = asked({"if": [{"var": "x"}, "on", None]}, default_variant=None)
    assert (answer.value, answer.variant, answer.reason) == (None, None, "DEFAULT")


def test_every_type_of_value_is_given_as_it_is_kept() -> None:
    assert json.dumps(shop("discount")[0]) == "2.5"
    assert shop("greeting")[0] == "Hello"
    assert shop("layout", {"screen": {"width": 1500}})[:2] == ({"columns": 4}, "wide")
    assert shop("layout", {"screen": {"width": "1200"}})[1] == "narrow"


def test_true_and_false_are_variants_too() -> None:
    context = {"version": "2.1.0", "ip": "10.1.2.3"}

    assert shop("new-basket", context) == (True, "true", "TARGETING_MATCH")
    assert shop("new-basket", {**context, "version": "2.0.9"}) == (False, "false", "TARGETING_MATCH")
    assert shop("new-basket", {"version": "10.0", "ip": "1.1.1.1", "email": "a@shop.test"})[0] is True


def test_evaluators_may_refer_to_evaluators() -> None:
    assert shop("algorithm", {"ip": "10.0.0.7"})[1] == "memo"


def test_the_metadata_of_the_set_is_every_flags_unless_it_has_its_own() -> None:
    definitions = {"a": a_switch(metadata={"team": "x", "version": "flag"}), "b": a_switch()}
    evaluator = Evaluator(definitions, {}, metadata={"version": "set"})

    assert evaluator.evaluate("a", {}).metadata == {"team": "x", "version": "flag"}
    assert evaluator.evaluate("b", {}).metadata == {"version": "set"}


def test_an_answer_names_the_version_of_its_flag() -> None:
    assert asked(None, version=7).version == 7
    assert asked({"var": "v"}, {"v": "on"}, version=8).version == 8


def test_a_split_is_one_only_where_the_division_names_the_variant() -> None:
    divided = {"fractional": [{"var": "id"}, ["on", 1], ["off", 0]]}

    assert asked(divided, {"id": "1"}).reason == "SPLIT"
    assert asked({"if": [{"var": "id"}, divided, "off"]}, {"id": "1"}).reason == "SPLIT"
    assert asked({"or": [divided, "off"]}, {"id": "1"}).reason == "SPLIT"
    assert asked({"if": [{"==": [divided, "on"]}, "on", "off"]}, {"id": "1"}).reason == "TARGETING_MATCH"
    assert asked({"if": [{"var": "none"}, divided, "off"]}, {"id": "1"}).reason == "TARGETING_MATCH"


def test_people_are_divided_by_weight_and_stay_where_they_are() -> None:
    evaluator = Evaluator({"x": a_switch({"fractional": [["on", 25.0], ["off", 75]]})}, {})

    def variants() -> list[str | None]:
        return [evaluator.evaluate("x", {"targetingKey": f"user-{n}"}).variant for n in range(2_000)]

    assert variants() == variants()
    assert 420 <= variants().count("on") <= 580


@pytest.mark.parametrize(
    "targeting",
    [
        {"fractional": [["on", 1], ["off", 1]]},
        {"fractional": [{"var": "targetingKey"}, ["on", 1], ["off", 1]]},
        {"if": [{"var": "beta"}, {"fractional": [["on", 1], ["off", 1]]}, "off"]},
    ],
)
@pytest.mark.parametrize("key", [None, ""])
def test_a_rule_that_divides_by_a_targeting_key_that_is_not_there_says_so(targeting: Any, key: Any) -> None:
    answer = asked(targeting, {"beta": True, "targetingKey": key})

    assert (answer.error_code, answer.value, answer.variant) == ("TARGETING_KEY_MISSING", None, None)
    assert answer.error_details is not None
    assert "targetingKey" in answer.error_details


def test_a_missing_targeting_key_is_fine_where_the_rule_does_not_come_to_need_it() -> None:
    rule = {"if": [{"var": "beta"}, {"fractional": [["on", 1], ["off", 1]]}, "off"]}

    assert asked(rule, {}).variant == "off"
    assert asked({"if": [{"in": [{"var": "targetingKey"}, ["ada"]]}, "on", "off"]}, {}).variant == "off"


def test_a_flag_that_is_not_there_is_not_found() -> None:
    answer = Evaluator({}, {}).evaluate("gone", {})

    assert (answer.key, answer.error_code, answer.reason) == ("gone", "FLAG_NOT_FOUND", "ERROR")


@pytest.mark.parametrize(
    ("targeting", "code"),
    [
        ({"var": "v"}, "GENERAL"),
        ({"%": [1, 0]}, "GENERAL"),
        ({"cat": [{"var": "v"}, {"var": "v"}]}, "GENERAL"),
        ({"nope": 1}, "PARSE_ERROR"),
        ({"$ref": "gone"}, "PARSE_ERROR"),
        ({"log": "secret"}, "PARSE_ERROR"),
    ],
)
def test_a_rule_that_fails_gives_an_error_and_not_a_value(targeting: Any, code: str) -> None:
    answer = asked(targeting, {"v": "purple"})

    assert (answer.error_code, answer.reason, answer.value, answer.variant) == (code, "ERROR", None, None)
    assert answer.error_details


def test_one_failing_flag_spoils_no_other() -> None:
    definitions = {"a": a_switch(), "b": a_switch({"%": [1, 0]}), "c": a_switch({"var": "v"})}

    answers = Evaluator(definitions, {}).evaluate_all({"v": "on"})

    assert [(answer.key, answer.variant, answer.error_code) for answer in answers] == [
        ("a", "off", None),
        ("b", None, "GENERAL"),
        ("c", "on", None),
    ]


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ([], "must be an object"),
        ("x", "must be an object"),
        ({"targetingKey": 7}, "targetingKey is 7"),
        ({"x": "y" * 70_000}, "the limit is 65536"),
        ({"x": list(range(1_100))}, "more than 1000 values"),
        (deep(1_000), "nested too deeply"),
        ({"x": 2**70}, "what JSON can't"),
        ({"x": "\ud800"}, "what JSON can't"),
    ],
)
def test_a_context_that_can_not_be_evaluated_with_is_told_so(context: Any, words: str) -> None:
    assert words in (context_problem(context) or "")
    evaluator = Evaluator({"x": a_switch({"if": [{"==": [{"var": "a"}, 1]}, "on", "off"]})}, {})
    for answer in (evaluator.evaluate("x", context), *evaluator.evaluate_all(context)):
        assert answer.error_code == "INVALID_CONTEXT"


def test_flags_without_rules_are_answered_whatever_the_context() -> None:
    assert asked(None, {"x": "y" * 70_000}).variant == "off"


@pytest.mark.parametrize(
    "rule",
    [
        {"==": [{"var": "a"}, "x"]},
        {"===": [{"var": "a"}, {"var": "b"}]},
        {"in": [{"var": "a"}, {"var": "l"}]},
        {"cat": [{"var": "l"}, {"var": "a"}]},
        {"fractional": [{"var": "l"}, ["on", 1]]},
        {"sem_ver": [{"var": "l"}, "<", {"var": "a"}]},
        {"max": [{"var": "l"}, {"var": "a"}, {"var": "b"}]},
        {"-": [{"var": "b"}, {"var": "l"}]},
        {"substr": [{"var": "a"}, {"var": "b"}, {"var": "l"}]},
        {"missing": [{"var": "l"}]},
    ],
)
def test_strange_contexts_give_answers_and_never_raise(rule: Any) -> None:
    nested: Any = 1
    for _ in range(200):
        nested = [nested]
    strange: list[Any] = [
        None,
        True,
        0,
        -1.5,
        1e308,
        "",
        "x" * 9_000,
        "9" * 5_000,
        [],
        [[]],
        {},
        deep(200),
        nested,
    ]

    for one in strange:
        for other in strange:
            answer = asked(
                {"if": [rule, "on", "off"]}, {"a": one, "b": other, "l": [one, other], "targetingKey": "t"}
            )
            assert answer.variant in SWITCH or answer.error_code == "GENERAL"


ROWS = {"rows": list(range(900)), "text": "x" * 10_000}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"map": [{"var": "rows"}, {"map": [[1] * 99, {"+": [2, 3]}]}]}, "steps over the arrays"),
        ({"filter": [[1] * 500, {"map": [[1] * 500, {"map": [[1] * 500, 1]}]}]}, "steps over the arrays"),
        ({"reduce": [[1] * 999, {"*": [{"var": "accumulator"}, 99]}, 7]}, "grows beyond all bounds"),
        ({"reduce": [[1] * 1999, {"+": [{"var": "accumulator"}] * 2}, 7]}, "grows beyond all bounds"),
        ({"reduce": [[1] * 99, {"cat": [{"var": "accumulator"}] * 2}, "x"]}, "longer than 65536"),
        ({"reduce": [[1] * 99, {"merge": [{"var": "accumulator"}] * 2}, [1]]}, "steps over the arrays"),
        (
            {"reduce": [[1] * 99, [{"var": "accumulator"}, {"var": "accumulator"}], "x"]},
            "steps over the arrays",
        ),
        ({"cat": [{"var": "text"}] * 9}, "longer than 65536"),
    ],
)
def test_the_work_of_one_evaluation_is_bounded(rule: Any, words: str) -> None:
    check_targeting(rule, variants=SWITCH, evaluators={}, path="/t")

    answer = asked({"if": [rule, "on", "off"]}, ROWS)

    assert answer.error_code == "GENERAL"
    assert words in (answer.error_details or "")


def test_a_rule_over_a_hundred_rows_is_well_within_the_bounds() -> None:
    total = {"reduce": [{"var": "rows"}, {"+": [{"var": "accumulator"}, {"var": "current"}]}, 0]}

    assert asked({"if": [{"==": [total, 4950]}, "on", "off"]}, {"rows": list(range(100))}).variant == "on"


def test_nothing_of_a_context_is_printed_or_logged(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger("openfeature.contrib")
    context = {"version": "secret", "email": 5, "targetingKey": "secret"}

    asked({"if": [{"sem_ver": [{"var": "version"}, ">", "1.0"]}, "on", "off"]}, context)
    asked({"if": [{"starts_with": [{"var": "email"}, "a"]}, "on", "off"]}, context)
    asked({"fractional": [{"var": "none"}, ["on", 1]]}, context)
    with pytest.raises(BadRequest):
        check_targeting({"sem_ver": ["secret", "=", "1"]}, variants=SWITCH, evaluators={}, path="/t")

    assert caplog.text == ""
    assert capsys.readouterr() == ("", "")
    logger.error("others may still log")
    assert "others may still log" in caplog.text


def test_the_time_is_the_clocks() -> None:
    rule = {"if": [{">=": [{"var": "$flagd.timestamp"}, 1_000]}, "on", "off"]}
    now = [999.9]
    evaluator = Evaluator({"x": a_switch(rule)}, {}, clock=lambda: now[0])

    assert evaluator.reads_timestamp
    assert evaluator.evaluate("x", {}).variant == "off"
    now[0] = 1_000.5
    assert evaluator.evaluate("x", {}).variant == "on"
    assert not Evaluator({"x": a_switch({"var": "a"})}, {}).reads_timestamp


def test_a_caller_can_not_pretend_to_be_flagd() -> None:
    rule = {"if": [{"==": [{"var": "$flagd.flagKey"}, "x"]}, "on", "off"]}

    assert asked(rule, {"$flagd": {"flagKey": "other", "timestamp": 1}}).variant == "on"


def test_asking_changes_nothing() -> None:
    context = {"email": "ada@shop.test", "rows": [1, 2]}
    evaluator = Evaluator(SHOP.definitions, SHOP.evaluators or {})
    before = json.dumps([context, [definition.flagd() for definition in SHOP.definitions.values()]])

    first = evaluator.evaluate_all(context)

    assert evaluator.evaluate_all(context) == first
    assert json.dumps([context, [definition.flagd() for definition in SHOP.definitions.values()]]) == before


def test_all_flags_are_answered_in_order_of_key_as_one_by_one() -> None:
    evaluator = Evaluator(SHOP.definitions, SHOP.evaluators or {})
    context = {"email": "ada@shop.test", "targetingKey": "ada"}

    answers = evaluator.evaluate_all(context)

    assert [answer.key for answer in answers] == sorted(SHOP.definitions)
    assert answers == [evaluator.evaluate(answer.key, context) for answer in answers]


def test_a_change_gives_another_snapshot_and_leaves_the_first_as_it_was() -> None:
    first = Evaluator({"a": a_switch(), "b": a_switch(), "c": a_switch({"var": "v"})}, {}, clock=lambda: 5.0)
    first.evaluate_all({})

    second = first.with_changes(
        {"b": a_switch({"var": "v"}, version=2), "d": a_switch(version=1)}, ["a", "gone"]
    )

    assert [(a.key, a.variant) for a in first.evaluate_all({"v": "on"})] == [
        ("a", "off"),
        ("b", "off"),
        ("c", "on"),
    ]
    assert [(a.key, a.variant, a.version) for a in second.evaluate_all({"v": "on"})] == [
        ("b", "on", 2),
        ("c", "on", 0),
        ("d", "off", 1),
    ]
    assert second.evaluate("a", {}).error_code == "FLAG_NOT_FOUND"


def test_one_changed_flag_of_many_prepares_no_other_anew() -> None:
    first = Evaluator({f"f{n}": a_switch() for n in range(10_000)}, {})

    second = first.with_changes({"f7": a_switch(version=2)})

    before, after = first.evaluate_all({}), second.evaluate_all({})
    assert [one.key for one, other in zip(before, after, strict=True) if one is not other] == ["f7"]


NAMES = st.sampled_from(
    ["a", "b.c", "l", "n", "targetingKey", "$flagd.flagKey", "none", "l.0", "l.length", ""]
)
LITERALS = st.sampled_from(
    [None, True, False, 0, 1, 2.0, -3, "", "on", "off", "true", "1.2.3", "v1.0", "1", "x"]
)
UNARY = st.sampled_from(["!", "!!", "-", "+", "missing", "max", "cat", "merge", "and", "or"])
BINARY = st.sampled_from(
    ["==", "!=", "===", "!==", "<", "<=", ">", ">=", "in", "+", "*", "-", "min", "max", "cat",
     "merge", "and", "or", "starts_with", "ends_with", "map", "filter", "all", "some", "none",
     "missing_some", "substr"]
)  # fmt: skip
TERNARY = st.sampled_from(["if", "?:", "<", "<=", "and", "or", "substr", "cat"])
VERSION_OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "^", "~"])


def _operators(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    bucket = st.tuples(inner, st.integers(0, 9)).map(list)
    return st.one_of(
        st.tuples(UNARY, inner).map(lambda parts: {parts[0]: parts[1]}),
        st.tuples(BINARY, inner, inner).map(lambda parts: {parts[0]: list(parts[1:])}),
        st.tuples(TERNARY, inner, inner, inner).map(lambda parts: {parts[0]: list(parts[1:])}),
        st.tuples(inner, VERSION_OPERATORS, inner).map(lambda parts: {"sem_ver": list(parts)}),
        st.tuples(inner, inner, LITERALS).map(lambda parts: {"reduce": list(parts)}),
        st.lists(inner, max_size=5).map(lambda args: {"if": args}),
        st.lists(bucket, min_size=1, max_size=3).map(lambda buckets: {"fractional": buckets}),
        st.tuples(inner, bucket, bucket).map(lambda parts: {"fractional": list(parts)}),
        st.tuples(NAMES, LITERALS).map(lambda parts: {"var": list(parts)}),
        st.lists(inner, max_size=3),
    )


RULES = st.recursive(LITERALS | NAMES.map(lambda name: {"var": name}), _operators, max_leaves=12)
CONTEXTS = st.fixed_dictionaries(
    {"targetingKey": st.sampled_from(["ada", "bob"])},
    optional={
        "a": LITERALS,
        "b": st.dictionaries(st.just("c"), LITERALS),
        "l": st.lists(LITERALS | st.lists(LITERALS, max_size=2), max_size=4),
        "n": st.integers(-5, 5) | st.floats(-5, 5),
    },
)
VARIANTS = {"on": "ON", "off": "OFF", "true": "TRUE", "false": "FALSE", "1": "ONE", "x": "X"}


EDGES: list[Any] = [
    *[
        {operator: []}
        for operator in ("if", "?:", "and", "or", "map", "filter", "reduce", "all", "some", "none")
    ],
    *[{operator: [[]]} for operator in ("if", "and", "map", "filter", "reduce", "all", "some", "none")],
    *[{operator: [[], True]} for operator in ("map", "filter", "reduce", "all", "some", "none")],
    *[
        {operator: [{"var": "gone"}, True, "on"]}
        for operator in ("map", "filter", "reduce", "all", "some", "none")
    ],
    *[{operator: [[0, 1], {"var": ""}]} for operator in ("map", "filter", "reduce", "all", "some", "none")],
    {"if": [False, "on", False, "off"]},
    {"if": "on"},
    {"var": []},
    {"var": [None, "on"]},
    {"var": 1},
    {"var": "l.1"},
    {"var": ["l.9", "off"]},
    {"fractional": [{"var": "gone"}, ["on", 1]]},
    {"fractional": []},
    {"sem_ver": ["1", "=", {"var": "n"}]},
]


@pytest.mark.parametrize("rule", EDGES, ids=json.dumps)
def test_a_rule_at_the_edge_gives_what_flagd_core_gives(rule: Any) -> None:
    context = {"targetingKey": "ada", "l": ["off", "on"], "n": 1}
    for targeting in (rule, {"cat": [rule]}, {"if": [rule, "on", "off"]}):
        as_flagd_core_says(targeting, context)


def as_flagd_core_says(targeting: Any, context: dict[str, Any]) -> None:
    definition = Definition("ENABLED", VARIANTS, "off", targeting)
    core = FlagdCore()
    core.set_flags(json.dumps({"flags": {"x": definition.flagd()}}))
    attributes = {name: value for name, value in context.items() if name != "targetingKey"}

    answer = Evaluator({"x": definition}, {}).evaluate("x", json.loads(json.dumps(context)))

    if "steps over the arrays" in (answer.error_details or ""):
        return  # `{"reduce": [rows, {"var": ""}]}` holds itself, without end: the bound of the test above
    try:
        wanted = core.resolve_string_value("x", "", EvaluationContext(context["targetingKey"], attributes))
    except Exception:  # noqa: BLE001 - operators raise whatever Python does
        assert answer.error_code == "GENERAL"
        return
    assert answer.error_code is None, answer.error_details
    assert (answer.variant, answer.value or "") == (wanted.variant, wanted.value)
    assert ("TARGETING_MATCH" if answer.reason == "SPLIT" else answer.reason) == str(wanted.reason)


@settings(max_examples=1_000, deadline=None)
@given(RULES, CONTEXTS)
def test_any_rule_gives_what_flagd_core_gives(rule: Any, context: dict[str, Any]) -> None:
    as_flagd_core_says(rule if isinstance(rule, dict) else {"if": [True, rule]}, context)
