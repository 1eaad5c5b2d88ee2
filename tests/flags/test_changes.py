"""Merge patches, the places they touch, and taking changes back."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricast import ABSENT, Change, diff
from tricast.flags.changes import (
    Undone,
    collisions,
    describe,
    leaf_paths,
    merge_patch,
    put_at,
    undo,
    value_at,
)

RFC_7396_EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]

names = st.sampled_from(["a", "b", "c/d", "e~f", ""])
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(names, values, max_size=4)


def without_nulls(value: Any) -> Any:
    """What a merge patch can make: it has no way to set a member to null."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return value


@pytest.mark.parametrize(("target", "patch", "wanted"), RFC_7396_EXAMPLES)
def test_the_examples_of_rfc_7396_come_out_as_it_says(target: Any, patch: Any, wanted: Any) -> None:
    before = copy.deepcopy((target, patch))

    assert merge_patch(target, patch) == wanted
    assert (target, patch) == before


@given(values, values)
def test_a_patch_applied_twice_is_a_patch_applied_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)

    assert merge_patch(once, patch) == once


@given(objects, objects)
def test_only_the_places_that_a_patch_names_change(target: Any, patch: Any) -> None:
    patched = merge_patch(target, patch)

    named = set(leaf_paths(patch))
    for change in diff(target, patched):
        assert collisions([change.path], named) == (change.path,)


@given(objects, objects, objects)
def test_patches_that_do_not_collide_give_the_same_in_either_order(base: Any, one: Any, other: Any) -> None:
    if collisions(leaf_paths(one), leaf_paths(other)):
        return

    assert merge_patch(merge_patch(base, one), other) == merge_patch(merge_patch(base, other), one)


def test_the_leaves_of_a_patch_are_named_by_json_pointers() -> None:
    patch = {"name": "x", "a/b": {"c~d": None, "list": [1, {"in": "side"}]}, "empty": {}}

    assert leaf_paths(patch) == ("/name", "/a~1b/c~0d", "/a~1b/list", "/empty")


def test_paths_collide_when_equal_or_one_within_the_other_and_not_when_they_only_begin_alike() -> None:
    theirs = ["/environments/production/state", "/tags"]

    assert collisions(["/environments/production"], theirs) == ("/environments/production",)
    assert collisions(["/tags/0"], theirs) == ("/tags/0",)
    assert collisions(["/environments/production/state"], theirs) == ("/environments/production/state",)
    assert collisions(["/environments/production/stateful", "/tag", "/name"], theirs) == ()
    assert collisions([""], theirs) == ("",)
    assert collisions(["/name"], [""]) == ("/name",)


def test_a_value_can_be_looked_up_set_and_removed_by_its_pointer() -> None:
    value = {"a": {"b/c": 1}, "keep": True}

    assert value_at(value, "/a/b~1c") == 1
    assert value_at(value, "/a/none/there") is ABSENT
    assert value_at(value, "") == value
    assert put_at(value, "/a/b~1c", 2) == {"a": {"b/c": 2}, "keep": True}
    assert put_at(value, "/x/y", 3) == {"a": {"b/c": 1}, "keep": True, "x": {"y": 3}}
    assert put_at(value, "/a/b~1c", ABSENT) == {"a": {}, "keep": True}
    assert put_at(value, "/x/y", ABSENT) == value
    assert value == {"a": {"b/c": 1}, "keep": True}


@given(objects, objects)
def test_undoing_all_that_was_done_gives_what_was_before(before: Any, after: Any) -> None:
    undone = undo(after, diff(before, after))

    assert undone.collisions == ()
    assert not diff(undone.value, before)


def test_undoing_leaves_and_names_what_somebody_has_changed_since() -> None:
    changes = diff({"name": "a", "state": "on"}, {"name": "b", "state": "off", "new": 1})
    now = {"name": "c", "state": "off", "new": 1}

    careful = undo(now, changes)
    forced = undo(now, changes, force=True)

    assert careful.value == {"name": "c", "state": "on"}
    assert careful.collisions == forced.collisions == ("/name",)
    assert forced.value == {"name": "a", "state": "on"}


def test_what_is_as_it_was_before_is_no_collision() -> None:
    changes = diff({"name": "a", "state": "on"}, {"name": "b", "state": "off", "new": 1})
    now = {"name": "a", "state": "off", "other": 2}

    assert undo(now, changes) == Undone({"name": "a", "state": "on", "other": 2}, ())


def test_changes_are_undone_last_first() -> None:
    changes = [Change("/a", ABSENT, {}), Change("/a/b", ABSENT, 1)]

    assert undo({"a": {"b": 1}, "c": 2}, changes).value == {"c": 2}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            Change("/environments/production/state", "ENABLED", "DISABLED"),
            "production: state ENABLED → DISABLED",
        ),
        (
            Change("/environments/production/defaultVariant", "off", None),
            "production: default variant off → null",
        ),
        (Change("/environments/eu~1west", ABSENT, {"state": "ENABLED"}), "eu/west: added"),
        (Change("/environments/eu", {"state": "ENABLED"}, ABSENT), "eu: removed"),
        (Change("/environments/eu/targeting", ABSENT, {"if": []}), "eu: targeting added"),
        (Change("/environments/eu/targeting/if", [1], [2]), "eu: targeting changed"),
        (Change("/environments/eu/metadata/team", "a", "b"), "eu: metadata team a → b"),
        (Change("/variants/on", True, False), "variant on true → false"),
        (Change("/variants/new", ABSENT, {"x": 1}), 'variant new added: {"x":1}'),
        (Change("/owner", "ada", ABSENT), "owner removed, was ada"),
        (Change("/name", "", "Sale"), 'name "" → Sale'),
        (Change("/archived", False, True), "archived"),
        (Change("/archived", True, False), "restored"),
        (Change("/description", "", "x" * 100), 'description "" → ' + "x" * 59 + "…"),
    ],
)
def test_a_change_is_told_in_words(change: Change, words: str) -> None:
    assert describe(change) == words
