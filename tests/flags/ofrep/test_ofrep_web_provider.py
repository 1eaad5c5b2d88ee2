"""The published client-side provider, unchanged (npm @openfeature/ofrep-web-provider): evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.flags.ofrep.hosted import App, boolean
from tests.flags.ofrep.node import Program, Refused, running


@pytest.fixture(scope="module")
def ready(shared_app: App) -> Iterator[Program]:
    """A provider with the flags of the shared app, for somebody without a plan or a targeting key."""
    with running("web") as program:
        assert program.ask("init", baseUrl=shared_app.base_url, headers=shared_app.headers) == "READY"
        yield program


@pytest.mark.parametrize(
    ("type", "key", "default", "value", "variant", "reason"),
    [
        ("boolean", "banner", False, True, "on", "STATIC"),
        ("string", "color", "none", "#00f", "blue", "STATIC"),
        ("number", "retries", 0, 5, "many", "STATIC"),
        ("number", "ratio", 0, 3, "all", "STATIC"),
        ("object", "layout", {}, {"columns": 3, "gap": 1.5, "parts": ["a"]}, "wide", "STATIC"),
        ("boolean", "pro-banner", True, False, "off", "TARGETING_MATCH"),
        ("boolean", "team/checkout new", False, True, "on", "STATIC"),
    ],
)
def test_a_value_of_each_type(
    ready: Program, type: str, key: str, default: Any, value: Any, variant: str, reason: str
) -> None:
    found = ready.evaluate(type, key, default)
    assert (found["value"], found["variant"], found["reason"]) == (value, variant, reason)
    assert found.get("errorCode") is None


@pytest.mark.parametrize(
    ("type", "key", "default", "reason"),
    [
        ("boolean", "hidden", False, "DISABLED"),
        ("boolean", "hidden", True, "DISABLED"),
        ("string", "hidden-color", "mine", "DISABLED"),
        ("boolean", "undecided", True, "DEFAULT"),
    ],
)
def test_a_flag_that_is_disabled_or_undecided_leaves_it_to_the_caller(
    ready: Program, type: str, key: str, default: Any, reason: str
) -> None:
    found = ready.evaluate(type, key, default)
    assert (found["value"], found["reason"]) == (default, reason)
    assert found.get("errorCode") is None


@pytest.mark.parametrize(
    ("type", "key", "default", "code"),
    [
        ("boolean", "no-such-flag", True, "FLAG_NOT_FOUND"),
        ("string", "banner", "mine", "TYPE_MISMATCH"),
        ("boolean", "experiment", True, "TARGETING_KEY_MISSING"),
    ],
)
def test_what_can_not_be_answered_is_the_callers_default_and_says_why(
    ready: Program, type: str, key: str, default: Any, code: str
) -> None:
    found = ready.evaluate(type, key, default)
    assert (found["value"], found["reason"], found["errorCode"]) == (default, "ERROR", code)


def test_metadata_of_a_flag_has_its_version(ready: Program) -> None:
    assert ready.evaluate("boolean", "told", False)["flagMetadata"] == {
        "owner": "web",
        "level": 3,
        "version": 1,
    }


def test_rules_follow_the_context(web: Program, shared_app: App) -> None:
    pro = {"targetingKey": "ann", "plan": "pro", "variant": "nonsense"}
    web.ask("init", baseUrl=shared_app.base_url, headers=shared_app.headers, context=pro)
    assert web.evaluate("boolean", "pro-banner", False)["value"] is True
    assert web.evaluate("boolean", "experiment", False)["reason"] == "SPLIT"
    assert web.evaluate("boolean", "named-by-context", True)["errorCode"] == "GENERAL"
    web.ask("setContext", context={"targetingKey": "ann", "plan": "free", "variant": "on"})
    assert web.evaluate("boolean", "pro-banner", True)["value"] is False
    assert web.evaluate("boolean", "named-by-context", False)["value"] is True


def test_the_same_person_stays_in_the_same_half(web: Program, shared_app: App) -> None:
    web.ask("init", baseUrl=shared_app.base_url, headers=shared_app.headers, context={"targetingKey": "u0"})
    seen: dict[str, Any] = {}
    for _ in range(2):
        for person in (f"u{number}" for number in range(12)):
            web.ask("setContext", context={"targetingKey": person})
            variant = web.evaluate("boolean", "experiment", False)["variant"]
            assert seen.setdefault(person, variant) == variant
    assert set(seen.values()) == {"on", "off"}


def test_credentials_that_belong_to_one_environment_say_where_to_look(web: Program, app: App) -> None:
    app.load({"banner": boolean("off")}, environment="development")
    key = app.key("flags:read", environment="development")
    web.ask("init", baseUrl=app.served.url, headers={"X-API-Key": key})
    assert web.evaluate("boolean", "banner", True)["value"] is False
    # Development has no other flag.
    assert web.evaluate("string", "color", "mine")["errorCode"] == "FLAG_NOT_FOUND"


@pytest.mark.parametrize("credentials", ["none", "wrong", "without the scope"])
def test_who_may_not_read_flags_is_told_that_it_is_final(web: Program, app: App, credentials: str) -> None:
    headers = {
        "none": {},
        "wrong": {"Authorization": "Bearer tck_nobody_" + "x" * 32},
        "without the scope": {"Authorization": f"Bearer {app.key('presence')}"},
    }[credentials]
    with pytest.raises(Refused) as refused:
        web.ask("init", baseUrl=app.base_url, headers=headers)
    assert refused.value.name == "ProviderFatalError"
    found = web.evaluate("boolean", "banner", False)
    assert (found["value"], found["reason"]) == (False, "ERROR")
