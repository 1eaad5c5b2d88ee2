"""The published server-side providers, unchanged, against a real server.

npm @openfeature/ofrep-provider and PyPI openfeature-provider-ofrep.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.flags.ofrep.asking import ASKING, Asker
from tests.flags.ofrep.hosted import App, boolean


@pytest.fixture(scope="module", params=list(ASKING))
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ask(language: str, shared_app: App) -> Iterator[Asker]:
    with ASKING[language](shared_app.base_url, shared_app.headers) as asker:
        yield asker


@pytest.mark.parametrize(
    ("type", "key", "default", "value", "variant"),
    [
        ("boolean", "banner", False, True, "on"),
        ("string", "color", "none", "#00f", "blue"),
        ("integer", "retries", 0, 5, "many"),
        ("float", "ratio", 0.25, 3.0, "all"),
        ("float", "whole", 0.25, 3.0, "high"),
        ("object", "layout", {}, {"columns": 3, "gap": 1.5, "parts": ["a"]}, "wide"),
        ("boolean", "team/checkout new", False, True, "on"),
    ],
)
def test_a_value_of_each_type(
    ask: Asker, type: str, key: str, default: Any, value: Any, variant: str
) -> None:
    found = ask(type, key, default)
    assert (found["value"], found["variant"], found["reason"]) == (value, variant, "STATIC")
    assert found["errorCode"] is None


def test_rules_follow_the_context_of_each_question(ask: Asker) -> None:
    assert ask("boolean", "pro-banner", False, targetingKey="ann", plan="pro")["value"] is True
    free = ask("boolean", "pro-banner", True, targetingKey="ann", plan="free")
    assert (free["value"], free["variant"], free["reason"]) == (False, "off", "TARGETING_MATCH")
    assert ask("boolean", "pro-banner", True)["value"] is False, "without any context"


def test_the_same_person_stays_in_the_same_half(ask: Asker) -> None:
    halves = {}
    for person in [f"u{number}" for number in range(12)] * 2:
        found = ask("boolean", "experiment", False, targetingKey=person)
        assert found["reason"] == "SPLIT"
        assert halves.setdefault(person, found["variant"]) == found["variant"]
    assert set(halves.values()) == {"on", "off"}


@pytest.mark.parametrize(
    ("type", "key", "default"),
    [
        ("boolean", "hidden", True),
        ("boolean", "hidden", False),
        ("string", "hidden-color", "mine"),
        ("boolean", "undecided", True),
    ],
)
def test_a_flag_that_is_disabled_or_undecided_leaves_it_to_the_caller(
    ask: Asker, language: str, type: str, key: str, default: Any
) -> None:
    found = ask(type, key, default)
    assert found["value"] == default
    if language == "node":
        # Its version of the protocol has no answer without a value, which came with 0.2.0 (ADR 6).
        assert (found["reason"], found["errorCode"]) == ("ERROR", "GENERAL")
    else:
        assert found["reason"] == ("DEFAULT" if key == "undecided" else "DISABLED")
        assert found["errorCode"] is None


@pytest.mark.parametrize(
    ("type", "key", "default", "code", "says"),
    [
        ("boolean", "no-such-flag", True, "FLAG_NOT_FOUND", "no-such-flag"),
        ("string", "banner", "mine", "TYPE_MISMATCH", ""),
        ("boolean", "experiment", True, "TARGETING_KEY_MISSING", "targetingKey"),
    ],
)
def test_what_can_not_be_answered_is_the_callers_default_and_says_why(
    ask: Asker, type: str, key: str, default: Any, code: str, says: str
) -> None:
    found = ask(type, key, default)
    assert (found["value"], found["reason"], found["errorCode"]) == (default, "ERROR", code)
    assert says in found["errorMessage"]


def test_a_rule_that_names_no_variant_says_so(ask: Asker) -> None:
    found = ask("boolean", "named-by-context", True, variant="nonsense")
    assert (found["value"], found["errorCode"]) == (True, "GENERAL")
    assert "nonsense" in found["errorMessage"]


def test_a_whole_number_is_no_fraction_nor_the_other_way_round(shared_app: App) -> None:
    with ASKING["python"](shared_app.base_url, shared_app.headers) as ask:
        assert ask("float", "retries", 0.5)["errorCode"] == "TYPE_MISMATCH"
        assert ask("integer", "ratio", 7)["errorCode"] == "TYPE_MISMATCH"


def test_metadata_of_a_flag_has_its_version(ask: Asker) -> None:
    assert ask("boolean", "told", False)["flagMetadata"] == {"owner": "web", "level": 3, "version": 1}


@pytest.mark.parametrize("credentials", ["none", "wrong", "without the scope"])
def test_who_may_not_read_flags_gets_the_default(language: str, app: App, credentials: str) -> None:
    headers = {
        "none": {},
        "wrong": {"Authorization": "Bearer tck_nobody_" + "x" * 32},
        "without the scope": {"X-API-Key": app.key("presence")},
    }[credentials]
    with ASKING[language](app.base_url, headers) as ask:
        found = ask("boolean", "banner", False)
    assert (found["value"], found["reason"], found["errorCode"]) == (False, "ERROR", "GENERAL")


def test_a_key_that_belongs_to_one_environment_needs_no_base_url_that_says_it(
    language: str, app: App
) -> None:
    app.load({"banner": boolean("off")}, environment="development")
    key = app.key("flags:read", environment="development")
    with ASKING[language](app.served.url, {"X-API-Key": key}) as ask:
        assert ask("boolean", "banner", True)["value"] is False
        assert ask("string", "color", "mine")["errorCode"] == "FLAG_NOT_FOUND"


def test_a_key_of_one_environment_is_refused_by_another(language: str, app: App) -> None:
    key = app.key("flags:read", environment="development")
    with ASKING[language](app.base_url, {"X-API-Key": key}) as ask:
        assert ask("boolean", "banner", False)["errorCode"] == "GENERAL"


def test_an_environment_that_there_is_not_is_an_error_that_names_it(language: str, app: App) -> None:
    with ASKING[language](f"{app.served.url}/v1/apps/{app.name}/nowhere", app.headers) as ask:
        found = ask("boolean", "banner", False)
    assert (found["value"], found["errorCode"]) == (False, "FLAG_NOT_FOUND")
    assert "nowhere" in found["errorMessage"]
