"""Answers follow the flags of an environment, and are remembered within bounds."""

from __future__ import annotations

import json
from typing import Any

from tricast.flags.answers import Answers
from tricast.flags.flag import Definition
from tricast.flags.stored import EnvironmentFlags

PRO = {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}
BY_TIME = {"if": [{">": [{"var": "$flagd.timestamp"}, 1000]}, "on", "off"]}
SHARED = {"if": [{"$ref": "isPro"}, "on", "off"]}


def a_flag(default: str = "off", rule: Any = None, version: int = 1) -> Definition:
    return Definition("ENABLED", {"on": True, "off": False}, default, rule, version=version)


def a_view(version: int, evaluators: dict[str, Any] | None = None, **flags: Definition) -> EnvironmentFlags:
    return EnvironmentFlags(
        app="demo",
        environment="production",
        flags=flags,
        evaluators=evaluators or {},
        metadata={},
        schema=None,
        etag=f"e-{version}",
        version=version,
    )


def values(answers: Answers, view: EnvironmentFlags, **context: Any) -> dict[str, Any]:
    told = json.loads(b"{%b}" % answers.all(view, context).members)["flags"]
    return {flag["key"]: flag["value"] for flag in told}


def test_answers_follow_flags_that_are_added_changed_and_removed() -> None:
    answers = Answers()
    a, b = a_flag("off"), a_flag("off")
    assert values(answers, a_view(1, a=a, b=b)) == {"a": False, "b": False}
    assert values(answers, a_view(2, a=a, b=a_flag("on", version=2))) == {"a": False, "b": True}
    assert values(answers, a_view(3, b=a_flag("on", version=2), c=a_flag("on"))) == {"b": True, "c": True}
    assert values(answers, a_view(4)) == {}


def test_answers_follow_shared_rules() -> None:
    answers = Answers()
    flag = a_flag("off", SHARED)
    pro = {"isPro": {"==": [{"var": "plan"}, "pro"]}}
    free = {"isPro": {"==": [{"var": "plan"}, "free"]}}
    assert values(answers, a_view(1, pro, a=flag), plan="pro") == {"a": True}
    assert values(answers, a_view(2, free, a=flag), plan="pro") == {"a": False}


def test_the_same_question_is_answered_by_the_same_answer_until_something_changes() -> None:
    answers = Answers()
    first, second = a_view(1, a=a_flag("off", PRO)), a_view(2, a=a_flag("on", version=2))
    asked = answers.all(first, {"plan": "pro", "targetingKey": "ann"})
    assert answers.all(first, {"targetingKey": "ann", "plan": "pro"}) is asked, "in any order"
    assert answers.all(first, {"targetingKey": "bob", "plan": "pro"}) is not asked
    assert answers.all(first, {"targetingKey": "ann", "plan": 1}) is not asked
    assert answers.all(second, {"plan": "pro", "targetingKey": "ann"}) is not asked


def test_apps_and_environments_with_the_same_version_are_not_taken_for_each_other() -> None:
    answers = Answers()
    here = a_view(1, a=a_flag("on"))
    for other in (
        EnvironmentFlags("other", "production", {"a": a_flag("off")}, {}, {}, None, "e-1", 1),
        EnvironmentFlags("demo", "development", {"a": a_flag("off")}, {}, {}, None, "e-1", 1),
    ):
        assert values(answers, here) == {"a": True}
        assert values(answers, other) == {"a": False}


def test_an_answer_that_depends_on_the_time_is_not_remembered() -> None:
    now = 500.0
    answers = Answers(clock=lambda: now)
    view = a_view(1, a=a_flag("off", BY_TIME))
    assert values(answers, view) == {"a": False}
    now = 1500.0
    assert values(answers, view) == {"a": True}


def test_what_is_remembered_is_bounded_in_number_and_size() -> None:
    view = a_view(1, a=a_flag("on"))
    few = Answers(max_answers=2)
    asked = few.all(view, {"n": 1})
    few.all(view, {"n": 2})
    assert few.all(view, {"n": 1}) is asked, "and so it is 2 that goes next"
    few.all(view, {"n": 3})
    assert few.all(view, {"n": 1}) is asked
    small = Answers(max_bytes=1000)
    kept = small.all(view, {"n": 1})
    small.all(view, {"big": "x" * 1000})
    assert small.all(view, {"n": 1}) is not kept


def test_one_flag_is_answered_with_its_variant_and_the_sets_metadata() -> None:
    view = EnvironmentFlags("demo", "production", {"a": a_flag("on")}, {}, {"set": "x"}, None, "e-1", 1)
    reply, variant = Answers().one(view, "a", {})
    assert variant == "on"
    assert json.loads(reply.body)["metadata"] == {"version": 1, "set": "x"}
    missing, variant = Answers().one(view, "b", {})
    assert (missing.status, variant) == (404, None)
