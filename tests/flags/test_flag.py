"""A flag from outside's JSON, as a document, and as others see it."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from tricast import BadRequest
from tricast.flags.body import edited_flag, new_flag, with_definition
from tricast.flags.changes import merge_patch
from tricast.flags.flag import Definition, EnvironmentFlag, Flag, Recent

SURROUNDINGS: dict[str, dict[str, Any]] = {"development": {}, "production": {"staff": {"var": "staff"}}}

BODY: dict[str, Any] = {
    "key": "new-checkout",
    "type": "string",
    "name": "New checkout",
    "description": "Which basket.\nAsk Ada.",
    "tags": ["checkout", "q3"],
    "owner": "ada",
    "variants": {"old": "a", "new": "b"},
    "environments": {
        "production": {
            "state": "ENABLED",
            "defaultVariant": "old",
            "targeting": {"if": [{"$ref": "staff"}, "new", None]},
            "metadata": {"ticket": 7},
        },
        "development": {"state": "DISABLED", "defaultVariant": None, "variants": {"new": "c"}},
    },
}


def a_flag() -> Flag:
    stamps = {"created_at": "2026-01-01T00:00:00Z", "created_by": "ada"}
    change = Recent(version=3, changed=("/name",), actor="bob", at="2026-01-02T00:00:00Z", reason="typo")
    return replace(new_flag(BODY, SURROUNDINGS), **stamps, recent=(change,))


def refused(body: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        new_flag(body, SURROUNDINGS)
    return caught.value


def test_a_flag_is_what_its_body_says() -> None:
    body = new_flag(BODY, SURROUNDINGS).body()

    assert body == {**BODY, "archived": False}
    assert list(body["environments"]) == ["production", "development"]


def test_a_flag_comes_back_from_its_document_unchanged() -> None:
    flag = a_flag()

    assert Flag.from_document(json.loads(json.dumps(flag.document()))) == flag


def test_a_flag_can_not_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        a_flag().name = "other"  # type: ignore[misc]


def test_what_is_kept_for_merging_is_in_no_answer() -> None:
    flag = a_flag()

    assert "recent" in flag.document()
    assert "recent" not in flag.whole(3)
    assert "recent" not in (flag.seen_in("production", 3) or {})
    assert flag.whole(3)["version"] == 3


def test_an_environment_sees_its_own_side_of_a_flag() -> None:
    seen = a_flag().seen_in("production", 4)

    assert seen is not None
    assert list(seen) == [
        "key", "type", "name", "description", "tags", "owner", "archived", "version", "state", "variants",
        "defaultVariant", "targeting", "metadata", "created_at", "updated_at", "updated_by",
    ]  # fmt: skip
    assert seen["version"] == 4
    assert seen["variants"] == {"old": "a", "new": "b"}
    other = a_flag().seen_in("development", 4)
    assert other is not None
    assert other["variants"] == {"new": "c"}
    assert "targeting" not in other


def test_an_environment_that_a_flag_is_not_in_sees_nothing() -> None:
    flag = a_flag()

    assert flag.seen_in("staging", 1) is None
    assert flag.definition("staging", 1) is None


def test_an_archived_flag_has_no_definition_but_can_be_seen() -> None:
    flag = replace(a_flag(), archived=True)

    assert flag.definition("production", 1) is None
    assert (flag.seen_in("production", 1) or {})["archived"] is True


def test_flagd_is_told_what_it_needs_and_no_more() -> None:
    definition = a_flag().definition("production", 9)

    assert definition is not None
    assert definition.version == 9
    assert json.dumps(definition.flagd()) == json.dumps(
        {
            "state": "ENABLED",
            "variants": {"old": "a", "new": "b"},
            "defaultVariant": "old",
            "targeting": {"if": [{"$ref": "staff"}, "new", None]},
            "metadata": {"ticket": 7},
        }
    )


def test_a_definition_is_written_in_the_order_it_was_read_in() -> None:
    definition = Definition("ENABLED", {"a": 1}, "a", layout=("variants", "defaultVariant", "state"))

    assert list(definition.flagd()) == ["variants", "defaultVariant", "state"]
    assert list(replace(definition, targeting={}).flagd()) == [
        "variants",
        "defaultVariant",
        "state",
        "targeting",
    ]
    assert "defaultVariant" not in Definition("ENABLED", {"a": 1}, layout=("state", "variants")).flagd()
    assert Definition("ENABLED", {"a": 1}).flagd()["defaultVariant"] is None


def test_the_least_that_makes_a_boolean_flag_is_its_key_and_type() -> None:
    flag = new_flag({"key": "x", "type": "boolean"}, SURROUNDINGS)

    there = EnvironmentFlag("DISABLED", "on")
    assert flag.variants == {"on": True, "off": False}
    assert flag.environments == {"development": there, "production": there}


def test_the_type_may_be_left_to_the_variants() -> None:
    assert new_flag({"key": "x", "variants": {"a": 1, "b": 2.5}}, SURROUNDINGS).type == "number"
    assert new_flag({"key": "x", "variants": {"a": {}, "b": []}}, SURROUNDINGS).type == "object"


@pytest.mark.parametrize("key", ["x", "a/b", "Ünï cödé", "x" * 200, "a.b", "v1..2", "日本"])
def test_keys_may_be_any_printable_text(key: str) -> None:
    assert new_flag({"key": key, "type": "boolean"}, SURROUNDINGS).key == key


@pytest.mark.parametrize(
    "key", ["", "x" * 201, "a\nb", "\x00", ".", "..", "a/../b", "./a", "\u200b", 7, None]
)
def test_what_urls_and_people_can_not_tell_is_no_key(key: Any) -> None:
    assert refused({"key": key, "type": "boolean"}).field == "/key"


def changed(**members: Any) -> dict[str, Any]:
    return {**BODY, **members}


def there(**members: Any) -> dict[str, Any]:
    return changed(environments={"production": {**BODY["environments"]["production"], **members}})


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "/"),
        (changed(extra=1), "/extra"),
        (changed(archived=True), "/archived"),
        (changed(type="text"), "/type"),
        ({"key": "x"}, "/type"),
        ({"key": "x", "type": "number"}, "/variants"),
        (changed(variants=[]), "/variants"),
        (changed(variants={}), "/variants"),
        (changed(variants={f"v{n}": "" for n in range(65)}), "/variants"),
        (changed(variants={"old": "a", "new": 1}), "/variants/new"),
        (changed(variants={"old": "a", "new": None}), "/variants/new"),
        (changed(variants={"x" * 201: "a"}), "/variants/" + "x" * 201),
        (changed(name=1), "/name"),
        (changed(name="a\nb"), "/name"),
        (changed(name="x" * 201), "/name"),
        (changed(description="x" * 2001), "/description"),
        (changed(description="a\x00"), "/description"),
        (changed(owner=""), "/owner"),
        (changed(tags="x"), "/tags"),
        (changed(tags=["x"] * 33), "/tags"),
        (changed(tags=["a", ""]), "/tags/1"),
        (changed(tags=["a", "a"]), "/tags/1"),
        (changed(environments=[]), "/environments"),
        (changed(environments={"staging": {"state": "ENABLED"}}), "/environments/staging"),
        (there(state=None), "/environments/production/state"),
        (there(state="enabled"), "/environments/production/state"),
        (there(defaultVariant="gone"), "/environments/production/defaultVariant"),
        (there(variants={"old": 1}), "/environments/production/variants/old"),
        (there(targeting={"if": [1, "gone"]}), "/environments/production/targeting/if/1"),
        (there(targeting={"$ref": "x"}), "/environments/production/targeting"),
        (there(metadata={"": 1}), "/environments/production/metadata/"),
        (there(metadata={"a": {}}), "/environments/production/metadata/a"),
        (there(layout=["state"]), "/environments/production/layout"),
    ],
)
def test_a_wrong_body_is_refused_by_the_place_that_is_wrong(body: Any, place: str) -> None:
    assert refused(body).field == place


def test_a_flag_beyond_64_kib_is_refused() -> None:
    error = refused(changed(variants={"old": "a", "new": "x" * 65_536}))

    assert "the limit is 65536" in error.detail


def test_a_value_nested_too_deeply_is_refused() -> None:
    deep: Any = {}
    for _ in range(70):
        deep = {"a": deep}

    assert "deeper than 64 levels" in refused({"key": "x", "variants": {"v": deep}}).detail


def test_names_may_hold_what_people_write() -> None:
    flag = new_flag(changed(name="Körbe 🧺\u200d – neu\u00a0!", description="a\n\tb"), SURROUNDINGS)

    assert flag.name == "Körbe 🧺\u200d – neu\u00a0!"


def patched(flag: Flag, patch: dict[str, Any], surroundings: Any = None) -> Flag:
    return edited_flag(flag, merge_patch(flag.body(), patch), surroundings or SURROUNDINGS)


def test_a_patch_changes_what_it_names_and_nothing_else() -> None:
    flag = a_flag()

    after = patched(
        flag, {"owner": None, "environments": {"production": {"state": "DISABLED", "metadata": None}}}
    )

    there = flag.environments["production"]
    assert after == replace(
        flag,
        owner=None,
        environments={**flag.environments, "production": replace(there, state="DISABLED", metadata=None)},
    )


@pytest.mark.parametrize(
    ("patch", "remedy"),
    [
        ({"key": "other"}, "make another flag"),
        ({"type": "number"}, "make another flag"),
        ({"archived": True}, "archive or restore"),
        ({"archived": 0}, "archive or restore"),
    ],
)
def test_what_a_flag_is_can_not_be_edited(patch: dict[str, Any], remedy: str) -> None:
    with pytest.raises(BadRequest, match=remedy):
        patched(a_flag(), patch)


def test_taking_away_a_variant_that_is_in_use_is_refused_where_it_is_used() -> None:
    with pytest.raises(BadRequest) as caught:
        patched(a_flag(), {"variants": {"new": None}})

    assert caught.value.field == "/environments/production/targeting/if/1"


def test_an_edit_elsewhere_is_not_refused_for_what_has_long_been_there() -> None:
    flag = a_flag()
    without_staff: dict[str, dict[str, Any]] = {"development": {}, "production": {}}

    assert patched(flag, {"name": "x"}, without_staff).name == "x"
    assert patched(flag, {"environments": {"development": {"state": "ENABLED"}}}, without_staff)
    with pytest.raises(BadRequest, match="no evaluator 'staff'"):
        patched(flag, {"environments": {"production": {"state": "DISABLED"}}}, without_staff)


def test_variants_of_an_environment_that_are_the_flags_own_are_not_kept_twice() -> None:
    flag = new_flag(there(variants=BODY["variants"]), SURROUNDINGS)

    assert flag.environments["production"].variants is None


def test_an_edit_keeps_the_order_of_the_file_that_a_flag_came_from() -> None:
    imported = Definition("ENABLED", {"a": 1}, "a", layout=("variants", "defaultVariant", "state"))
    flag = with_definition(None, key="x", environment="production", definition=imported)

    after = patched(flag, {"environments": {"production": {"state": "DISABLED"}}})

    definition = after.definition("production", 1)
    assert definition is not None
    assert list(definition.flagd()) == ["variants", "defaultVariant", "state"]


def test_an_import_makes_a_flag_of_the_type_of_its_variants() -> None:
    definition = Definition("ENABLED", {"a": 1, "b": 2.0}, "a", metadata={"x": 1})

    flag = with_definition(None, key="x", environment="production", definition=definition)

    assert (flag.key, flag.type, flag.variants) == ("x", "number", {"a": 1, "b": 2.0})
    assert flag.environments == {"production": EnvironmentFlag("ENABLED", "a", metadata={"x": 1})}


def test_an_import_changes_one_environment_and_the_others_keep_their_variants() -> None:
    flag = a_flag()
    definition = Definition("DISABLED", {"old": "a", "new": "z"}, "new")

    after = with_definition(flag, key=flag.key, environment="production", definition=definition)

    assert after.variants == flag.variants
    assert after.variants_in("production") == {"old": "a", "new": "z"}
    assert after.environments["development"] == flag.environments["development"]


def test_an_import_of_a_flag_that_is_nowhere_else_changes_its_variants() -> None:
    one = with_definition(None, key="x", environment="production", definition=Definition("ENABLED", {"a": 1}))

    two = with_definition(
        one, key="x", environment="production", definition=Definition("ENABLED", {"a": 1.0})
    )

    assert two.environments["production"].variants is None
    assert json.dumps(two.variants) == '{"a": 1.0}'


def test_an_import_takes_an_archived_flag_into_use_again() -> None:
    flag = replace(a_flag(), archived=True)
    definition = Definition("ENABLED", {"old": "a"})

    assert not with_definition(flag, key=flag.key, environment="production", definition=definition).archived


def test_an_import_of_another_type_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        with_definition(
            a_flag(), key="a/b", environment="production", definition=Definition("ENABLED", {"a": 1})
        )

    assert caught.value.field == "/flags/a~1b/variants"
