"""What `tricast flags` makes of its options, and how flags and changes look: without a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tricast.audit import diff
from tricast.cli.failure import USAGE, Failure
from tricast.cli.flags.difference import change_lines, flag_changes, patch_between
from tricast.cli.flags.given import Given, parse_targeting, parse_variant
from tricast.cli.flags.imported import import_lines, summary
from tricast.cli.flags.sheet import flag_sheet
from tricast.flags.changes import merge_patch

FLAG: dict[str, Any] = {
    "key": "banner",
    "type": "boolean",
    "name": "Banner",
    "description": "",
    "tags": ["web", "old"],
    "owner": "ann",
    "archived": False,
    "variants": {"on": True, "off": False},
    "environments": {
        "production": {"state": "ENABLED", "defaultVariant": "off", "targeting": {"if": [True, "on", None]}},
        "development": {"state": "DISABLED", "defaultVariant": "on", "variants": {"on": True}},
    },
    "version": 4,
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-02T12:00:00Z",
    "updated_by": "ann",
}


def patch_of(given: Given, environment: str | None = "production") -> Any:
    return patch_between(FLAG, given.onto(FLAG, environment))


@pytest.mark.parametrize(
    ("given", "patch"),
    [
        (Given(name="New"), {"name": "New"}),
        (Given(name="Banner"), {}),
        (Given(owner=""), {"owner": None}),
        (Given(tags=["new", "web"], untag=["old"]), {"tags": ["web", "new"]}),
        (Given(variants=["maybe=false"]), {"variants": {"maybe": False}}),
        (Given(remove_variants=["off"], variants=["no=false"]), {"variants": {"off": None, "no": False}}),
        (Given(default="on"), {"environments": {"production": {"defaultVariant": "on"}}}),
        (Given(default=""), {"environments": {"production": {"defaultVariant": None}}}),
        (Given(state="off"), {"environments": {"production": {"state": "DISABLED"}}}),
        (Given(targeting=""), {"environments": {"production": {"targeting": None}}}),
        (
            Given(targeting='{"var":"on"}'),
            {"environments": {"production": {"targeting": {"if": None, "var": "on"}}}},
        ),
    ],
)
def test_options_become_the_smallest_patch(given: Given, patch: Any) -> None:
    assert patch_of(given) == patch


def test_variants_go_to_an_environment_that_has_its_own() -> None:
    patch = patch_of(Given(variants=["off=false"]), "development")
    assert patch == {"environments": {"development": {"variants": {"off": False}}}}


def test_an_environment_that_the_flag_is_not_in_yet_is_added() -> None:
    patch = patch_of(Given(state="enabled", default="on"), "staging")
    assert patch == {"environments": {"staging": {"state": "ENABLED", "defaultVariant": "on"}}}


values = st.recursive(
    st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(objects, objects)
def test_the_patch_between_two_objects_leads_from_one_to_the_other(before: Any, after: Any) -> None:
    assert diff(merge_patch(before, patch_between(before, after)), after) == ()


@pytest.mark.parametrize(
    ("text", "type", "found"),
    [
        ("on=true", "boolean", ("on", True)),
        ("red=#FF0000", "string", ("red", "#FF0000")),
        ('red="#FF0000"', "string", ("red", "#FF0000")),
        ("seven=7", "string", ("seven", "7")),
        ("seven=7", "number", ("seven", 7)),
        ("eq=a=b", "string", ("eq", "a=b")),
        ('o={"a":[null]}', "object", ("o", {"a": [None]})),
    ],
)
def test_a_variant_is_json_or_for_texts_any_text(text: str, type: str, found: Any) -> None:
    assert parse_variant(text, type) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("on", "NAME=VALUE"),
        ("=true", "NAME=VALUE"),
        ("on=yes", "not JSON"),
        ('o={"a":{"b":null}}', "import a file"),
    ],
)
def test_a_variant_that_is_none_says_what_one_looks_like(text: str, says: str) -> None:
    with pytest.raises(Failure, match=says) as caught:
        parse_variant(text, "object")
    assert caught.value.code == USAGE


@pytest.mark.parametrize("text", ["{", "[]", "true", "@/nowhere/at/all", "@."])
def test_targeting_that_is_none_says_so(text: str) -> None:
    with pytest.raises(Failure, match="--targeting"):
        parse_targeting(text)


def test_a_variant_that_is_not_there_can_not_be_removed() -> None:
    with pytest.raises(Failure, match="there are: on, off"):
        patch_of(Given(remove_variants=["nope"]))


def test_changes_are_shown_by_path_before_and_after() -> None:
    after = Given(default="on", targeting="", variants=["no=false"]).onto(FLAG, "production")
    lines = [line.plain for line in change_lines(flag_changes(FLAG, {**after, "version": 5}))]
    assert lines == [
        "  + /variants/no  false",
        '  ~ /environments/production/defaultVariant  "off" → "on"',
        '  - /environments/production/targeting  {"if":[true,"on",null]}',
    ]


def test_nothing_in_a_flag_can_move_the_cursor_or_colour_the_line() -> None:
    wicked = "\x1b[2J\u202e[red]x[/red]\n"
    flag = {**FLAG, "key": wicked, "name": wicked, "description": wicked, "tags": [wicked], "owner": wicked}
    flag["environments"] = {wicked: {"state": "ENABLED", "defaultVariant": wicked, "targeting": {wicked: 1}}}
    flag["variants"] = {wicked: wicked}
    usage = {"environments": {wicked: {"evaluations": 1, "variants": {wicked: {"evaluations": 1}}}}}
    lines = [*flag_sheet(flag, usage), *change_lines(diff({"a": 1}, {wicked: wicked}))]
    imported = {"created": [wicked], "updated": [{"key": wicked}], "archived": [wicked]}
    lines += [*import_lines(imported)]
    assert lines
    for line in lines:
        assert "\x1b" not in line.plain
        assert "\u202e" not in line.plain
        assert "\n" not in line.plain.removeprefix("\n")
        assert isinstance(line, Text)  # never markup
        if "[red]" in line.plain:
            assert "[/red]" in line.plain


def test_a_sheet_tells_of_use_and_staleness() -> None:
    used = {
        "evaluations": 1204,
        "variants": {"off": {"evaluations": 204}, "on": {"evaluations": 1000}},
        "last_evaluated_at": "2026-01-02T12:00:00Z",
        "served_only": "on",
    }
    usage = {"environments": {"production": used}, "stale": {"why": "never evaluated, last changed x"}}
    text = "\n".join(line.plain for line in flag_sheet(FLAG, usage))
    assert "1,204 evaluations: on 1,000, off 204; last 2026-01-02" in text
    assert "served only on for long" in text
    assert "never, as far as is known" in text  # (development)
    assert "never evaluated, last changed x" in text


def test_a_summary_counts_what_an_import_did() -> None:
    answer = {"created": ["a"], "updated": [{"key": "b"}, {"key": "c"}], "archived": [], "unchanged": 1}
    done = summary(answer, "shop/production").plain
    assert done == "shop/production: 1 created, 2 updated, 1 unchanged"
    assert "nothing was written" in summary({**answer, "dry_run": True}, "shop/production").plain
    nothing = {"created": [], "updated": [], "archived": [], "unchanged": 9}
    assert summary(nothing, "shop/x").plain == "shop/x: nothing to change, 9 flags as in the file"
