"""What the audit trail is made of."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricast import ABSENT, Actor, Change, audit_entry, diff, pointer, segments

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def apply(value: object, changes: tuple[Change, ...]) -> object:
    """`value` with `changes` made, by the letter of RFC 6901."""
    for change in changes:
        value = _put(value, segments(change.path), change.after)
    return value


def _put(value: object, names: tuple[str, ...], after: object) -> object:
    if not names:
        return after
    assert isinstance(value, dict)
    changed = dict(value)
    changed[names[0]] = _put(changed.get(names[0], ABSENT), names[1:], after)
    return {name: member for name, member in changed.items() if member is not ABSENT}


@given(values, values)
def test_what_differs_leads_from_the_one_to_the_other_and_back(before: object, after: object) -> None:
    changes = diff(before, after)
    assert json.dumps(apply(before, changes), sort_keys=True) == json.dumps(after, sort_keys=True)
    back = tuple(Change(change.path, change.after, change.before) for change in reversed(changes))
    assert json.dumps(apply(after, back), sort_keys=True) == json.dumps(before, sort_keys=True)


def test_nothing_differs_from_itself_and_what_python_takes_for_equal_does_differ() -> None:
    assert diff({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}) == ()
    assert diff({"a": 1}, {"a": True}) == (Change("/a", 1, True),)
    assert diff({"a": [0]}, {"a": [False]}) == (Change("/a", [0], [False]),)


def test_what_comes_and_what_goes_has_no_other_side() -> None:
    came, went = diff({"old": None}, {"new": None})[::-1]
    assert came.to_json() == {"path": "/new", "after": None}
    assert went.to_json() == {"path": "/old", "before": None}
    assert [Change.of_json(change.to_json()) for change in (came, went)] == [came, went]


@pytest.mark.parametrize("name", ["a", "a/b", "a~b", "~1", "", "é/~0"])
def test_a_path_gives_back_the_names_that_it_was_made_of(name: str) -> None:
    assert segments(pointer("x", name, "y")) == ("x", name, "y")


def test_an_entry_says_who_what_when_and_why_where_no_wildcard_reaches() -> None:
    entry = audit_entry(
        "flag.updated",
        app="shop",
        kind="flag",
        key="checkout",
        actor=Actor("ann", "editor", "token:7", "192.0.2.1"),
        changes=diff({"on": 1}, {"on": 2}),
        version=3,
        previous_version=2,
        reason="launch",
        request_id="r1",
        environments=("production",),
    )
    assert (entry.topic, entry.shelf, entry.type, entry.subject) == (
        "tricast/audit/shop",
        "audit",
        "flag.updated",
        "checkout",
    )
    data = json.loads(b"{" + entry.body)["data"]
    assert data["actor"] == {
        "subject": "ann",
        "role": "editor",
        "credential": "token:7",
        "address": "192.0.2.1",
    }
    assert data["changes"] == [{"path": "/on", "before": 1, "after": 2}]
    assert (data["version"], data["previous_version"], data["reason"]) == (3, 2, "launch")


def test_an_entry_of_no_app_stands_above_those_of_the_apps() -> None:
    entry = audit_entry("key.created", app=None, kind="key", key="1", actor=Actor("root"))
    assert entry.topic == "tricast/audit"
