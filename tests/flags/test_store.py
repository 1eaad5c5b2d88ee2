"""Flags as documents of a hub: what an edit writes, tells and refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.flags.flags_given import ANN, BEN, NEW, audited, gather, made, one, told
from tests.harness.sockets import patience

from tricast import BadRequest, Conflict, Forbidden, Hub, NotFound, TooLarge, Write
from tricast.flags.edits import (
    Archive,
    Configure,
    Context,
    Copy,
    Create,
    Delete,
    Patch,
    Restore,
    Revert,
    Toggle,
)
from tricast.flags.merging import VersionConflict
from tricast.flags.store import Flags
from tricast.flags.stored import EnvironmentFlags

pytestmark = pytest.mark.anyio
ON = {"environments": {"production": {"state": "ENABLED"}}}


async def test_a_new_flag_is_told_of_in_each_environment_and_accounted_for_once(
    hub: Hub, flags: Flags
) -> None:
    outcome = await one(flags, Create("new-checkout", NEW))
    assert outcome.stored is not None
    assert (outcome.stored.version, outcome.before) == (1, None)
    for environment in ("development", "production"):
        (event,) = await told(hub, f"shop/flags/{environment}")
        assert (event.type, event.subject) == ("flag.created", "new-checkout")
        assert event.envelope["source"] == "/shop/ann"
        data = event.data
        assert (data["version"], data["previous_version"], data["before"]) == (1, None, None)
        assert data["flag"]["state"] == "DISABLED"
        assert data["actor"] == {"subject": "ann", "role": "editor"}
        assert data["reason"] == "because"
    (entry,) = await audited(hub)
    assert (entry["action"], entry["kind"], entry["key"]) == ("flag.created", "flag", "new-checkout")
    assert entry["environments"] == ["development", "production"]
    assert entry["actor"]["credential"] == "key:1"
    assert entry["request_id"] == "req-1"


async def test_a_change_is_told_of_only_where_it_is_seen(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    outcome = await one(flags, Patch("a", ON, 1))
    assert outcome.changed == ("/environments/production/state",)
    assert [event.type for event in await told(hub, "shop/flags/development")] == ["flag.created"]
    event = (await told(hub, "shop/flags/production"))[-1]
    assert (event.type, event.data["changed"]) == ("flag.updated", ["/state"])
    assert (event.data["before"]["state"], event.data["flag"]["state"]) == ("DISABLED", "ENABLED")
    assert (event.data["previous_version"], event.data["version"], event.data["flag"]["version"]) == (1, 2, 2)
    stored = flags.get("shop", "a")
    assert stored is not None
    development = stored.seen_in("development")
    assert development is not None
    assert (stored.version, development["version"], development["updated_by"]) == (2, 1, "ann")


async def test_no_change_writes_nothing(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    head = hub.bounds.head
    outcome = await one(flags, Patch("a", {"name": "New checkout"}, 1))
    assert (outcome.changed, outcome.stored and outcome.stored.version) == ((), 1)
    assert hub.bounds.head == head


async def test_archiving_and_restoring_have_types_of_their_own(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    await one(flags, Archive("a", 1))
    assert "a" not in flags.environment("shop", "production").flags
    assert [stored.flag.key for stored in flags.list("shop")] == ["a"]
    await one(flags, Restore("a", 2))
    assert "a" in flags.environment("shop", "production").flags
    types = [event.type for event in await told(hub, "shop/flags/production")]
    assert types == ["flag.created", "flag.archived", "flag.restored"]
    assert [entry["action"] for entry in await audited(hub)] == types


async def test_a_deleted_flag_is_told_of_with_what_it_was_and_its_next_life_begins_at_1(
    hub: Hub, flags: Flags
) -> None:
    await made(flags, "a")
    assert (await one(flags, Delete("a", 1))).stored is None
    event = (await told(hub, "shop/flags/production"))[-1]
    assert (event.type, event.data["version"], event.data["flag"]) == ("flag.deleted", 2, None)
    assert event.data["before"]["key"] == "a"
    await made(flags, "a")
    stored = flags.get("shop", "a")
    assert stored is not None
    assert stored.version == 1


async def test_taking_a_flag_out_of_an_environment_is_its_deletion_there(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    await one(flags, Patch("a", {"environments": {"production": None}}, 1))
    assert (await told(hub, "shop/flags/production"))[-1].type == "flag.deleted"
    assert [event.type for event in await told(hub, "shop/flags/development")] == ["flag.created"]
    assert "a" not in flags.environment("shop", "production").flags
    await one(flags, Copy("a", "development", "production", 2))
    assert (await told(hub, "shop/flags/production"))[-1].type == "flag.created"


async def test_a_stale_patch_is_merged_where_nobody_touched_the_same(flags: Flags) -> None:
    await made(flags, "a")
    await one(flags, Patch("a", ON, 1), BEN)
    outcome = await one(flags, Patch("a", {"description": "why"}, 1))
    assert outcome.merged is not None
    assert (outcome.merged.given, outcome.merged.onto) == (1, 2)
    assert outcome.merged.since[0]["actor"] == "ben"
    stored = flags.get("shop", "a")
    assert stored is not None
    assert stored.flag.environments["production"].state == "ENABLED"
    assert (stored.version, stored.flag.description) == (3, "why")


@pytest.mark.parametrize(
    "patch",
    [
        {"environments": {"production": {"state": "DISABLED"}}},
        {"environments": {"production": None}},
        {"name": "x", "environments": {"production": {"state": "ENABLED"}}},
        {"environments": None},
    ],
)
async def test_a_stale_patch_of_the_same_is_refused_with_who_did_what(flags: Flags, patch: dict) -> None:
    await made(flags, "a")
    await one(flags, Patch("a", ON, 1), BEN)
    with pytest.raises(VersionConflict, match="ben") as refused:
        await one(flags, Patch("a", patch, 1))
    members = refused.value.members
    assert members["version"] == 2
    assert [change["version"] for change in members["since"]] == [2]
    assert members["collisions"]
    assert members["flag"]["environments"]["production"]["state"] == "ENABLED"


@pytest.mark.parametrize("edit", [Archive("a", 1), Restore("a", 1), Delete("a", 1)])
async def test_what_is_about_the_whole_flag_is_not_merged(
    flags: Flags, edit: Archive | Restore | Delete
) -> None:
    await made(flags, "a")
    await one(flags, Patch("a", {"name": "x"}, 1), BEN)
    with pytest.raises(VersionConflict):
        await one(flags, edit)


async def test_a_merge_that_would_not_be_a_flag_is_a_conflict(flags: Flags) -> None:
    await made(flags, "a", type="string", variants={"red": "r", "blue": "b"})
    await one(flags, Patch("a", {"variants": {"blue": None}}, 1), BEN)
    with pytest.raises(VersionConflict, match="blue"):
        await one(flags, Patch("a", {"environments": {"production": {"defaultVariant": "blue"}}}, 1))


async def test_a_version_beyond_what_is_kept_says_so(flags: Flags) -> None:
    await made(flags, "a")
    for count in range(40):
        await one(flags, Patch("a", {"description": str(count)}, None))
    with pytest.raises(VersionConflict, match="too long ago"):
        await one(flags, Patch("a", {"owner": "me"}, 1))
    with pytest.raises(VersionConflict, match="no version 99"):
        await one(flags, Patch("a", {"owner": "me"}, 99))
    merged = (await one(flags, Patch("a", {"owner": "me"}, 10))).merged
    assert merged is not None
    assert [change["version"] for change in merged.since] == list(range(11, 42))


async def test_a_rule_is_replaced_whole(flags: Flags) -> None:
    await made(flags, "a")
    for rule in ({"if": [{"==": [{"var": "x"}, 1]}, "on", "off"]}, {"fractional": [["on", 50], ["off", 50]]}):
        await one(flags, Patch("a", {"environments": {"production": {"targeting": rule}}}, None))
        stored = flags.get("shop", "a")
        assert stored is not None
        assert stored.flag.environments["production"].targeting == rule


async def test_a_batch_is_all_or_nothing_and_names_the_change(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    head = hub.bounds.head
    edits = [Toggle("a", "production", None, 1), Create("b", NEW), Patch("a", {"name": 7}, None)]
    with pytest.raises(BadRequest, match=r"changes\.2") as refused:
        await flags.apply("shop", edits, ANN, places=["changes.0", "changes.1", "changes.2"])
    assert refused.value.field == "changes.2/name"
    assert hub.bounds.head == head
    assert flags.get("shop", "b") is None


async def test_later_edits_of_a_batch_see_earlier_ones(hub: Hub, flags: Flags) -> None:
    edits = [Create("a", NEW), Toggle("a", "production", "ENABLED", 1), Patch("a", {"name": "x"}, 2)]
    outcomes = await flags.apply("shop", edits, ANN)
    assert [outcome.stored and outcome.stored.version for outcome in outcomes] == [1, 2, 3]
    assert [entry["version"] for entry in await audited(hub)] == [1, 2, 3]
    versions = [event.data["version"] for event in await told(hub, "shop/flags/production")]
    assert versions == [1, 2, 3]


async def test_what_an_entry_tells_of_can_be_taken_back(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    await one(flags, Patch("a", {"name": "B", **ON}, 1))
    cursor = (await told(hub, "tricast/audit/shop"))[-1].cursor
    assert cursor is not None
    await one(flags, Patch("a", {"owner": "me"}, None))
    outcome = await one(flags, Revert("a", cursor, False, None))
    assert set(outcome.changed) == {"/name", "/environments/production/state"}
    assert outcome.stored is not None
    assert (outcome.stored.flag.name, outcome.stored.flag.owner) == ("New checkout", "me")
    again = await one(flags, Revert("a", cursor, False, None))
    assert (again.changed, again.stored) == ((), outcome.stored)
    await one(flags, Patch("a", {"name": "C"}, None))
    with pytest.raises(VersionConflict, match="force") as refused:
        await one(flags, Revert("a", cursor, False, None))
    assert refused.value.members["collisions"] == ["/name"]


async def test_a_deletion_can_be_taken_back_and_a_creation_too(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    await one(flags, Patch("a", {"description": "kept", **ON}, 1))
    await one(flags, Delete("a", 2))
    created, _, deleted = [event.cursor or "" for event in await told(hub, "tricast/audit/shop")]
    outcome = await one(flags, Revert("a", deleted, False, None))
    assert outcome.stored is not None
    assert outcome.stored.flag.description == "kept"
    assert outcome.stored.flag.environments["production"].state == "ENABLED"
    with pytest.raises(VersionConflict):
        await one(flags, Revert("a", created, False, None))
    assert (await one(flags, Revert("a", created, True, None))).stored is None


@pytest.mark.parametrize("change", ["none-1", "x", "", "-", "shop-99999999999999999999"])
async def test_what_is_no_entry_about_the_flag_can_not_be_reverted(flags: Flags, change: str) -> None:
    await made(flags, "a")
    with pytest.raises((NotFound, BadRequest), match="audit trail"):
        await one(flags, Revert("a", change, False, None))


async def test_an_entry_about_another_flag_is_not_this_one_s(hub: Hub, flags: Flags) -> None:
    await made(flags, "a", "b")
    event = (await told(hub, "tricast/audit/shop"))[-1]
    assert event.data["key"] == "b"
    with pytest.raises(NotFound):
        await one(flags, Revert("a", event.cursor or "", False, None))


async def test_who_belongs_to_an_environment_changes_nothing_else(flags: Flags) -> None:
    await made(flags, "a")
    own = Context(ANN.actor, environment="production")
    assert (await one(flags, Patch("a", ON, 1), own)).changed == ("/environments/production/state",)
    for edit in (
        Patch("a", {"name": "x"}, None),
        Patch("a", {"environments": {"development": {"state": "ENABLED"}}}, None),
        Toggle("a", "development", None, None),
        Archive("a", None),
        Delete("a", None),
        Copy("a", "production", "development", None),
        Create("b", {**NEW, "environments": {"development": {"state": "ENABLED", "defaultVariant": "on"}}}),
    ):
        with pytest.raises(Forbidden, match="production") as refused:
            await one(flags, edit, own)
        assert refused.value.field == "environment"
    made_here = await one(flags, Create("mine", NEW), own)
    assert made_here.stored is not None
    assert set(made_here.stored.flag.environments) == {"production"}
    await one(flags, Patch("mine", {"name": "x"}, 1), own)
    await one(flags, Delete("mine", 2), own)
    with pytest.raises(Forbidden):
        await one(flags, Configure("development", metadata={"x": 1}), own)


async def test_there_is_a_limit_of_flags_also_for_those_that_are_being_made(hub: Hub) -> None:
    flags = Flags(hub, max_flags=3)
    async with hub:
        results = await gather(*[made(flags, f"f{count}") for count in range(6)])
        assert sum(result is None for result in results) == 3
        assert all(isinstance(result, TooLarge) for result in results if result is not None)
        assert len(flags.list("shop")) == 3


async def test_racing_writers_of_one_process_lose_nothing(hub: Hub, flags: Flags) -> None:
    await made(flags, "a", type="number", variants={"n": 0})
    edits = [Patch("a", {"variants": {f"v{count}": count}}, None) for count in range(12)]
    results = await gather(*[one(flags, edit) for edit in edits])
    assert not [result for result in results if isinstance(result, Exception)]
    stored = flags.get("shop", "a")
    assert stored is not None
    assert stored.version == 13
    assert set(stored.flag.variants) == {"n", *(f"v{count}" for count in range(12))}
    assert [entry["version"] for entry in await audited(hub)] == list(range(1, 14))


async def test_one_that_is_made_twice_at_once_is_made_once(flags: Flags) -> None:
    results = await gather(made(flags, "a"), made(flags, "a"), made(flags, "a"))
    assert sum(result is None for result in results) == 1
    assert all(isinstance(result, Conflict) for result in results if result is not None)


# Environments as evaluations see them


async def test_a_view_is_the_same_object_until_its_environment_changes(flags: Flags) -> None:
    await made(flags, "a", "b")
    before = flags.environment("shop", "production")
    development = flags.environment("shop", "development")
    assert flags.environment("shop", "production") is before
    await one(flags, Patch("a", ON, None))
    after = flags.environment("shop", "production")
    assert flags.environment("shop", "development") is development
    assert after.version > before.version
    assert after.flags["a"].state == "ENABLED"
    assert (before.flags["a"].state, before.flags["b"]) == ("DISABLED", after.flags["b"])
    assert before.flags["b"] is after.flags["b"]


async def test_the_etag_is_the_cursor_of_the_environment_s_last_event(hub: Hub, flags: Flags) -> None:
    seen: list[tuple[str, str, EnvironmentFlags]] = []
    flags.on_change(lambda app, name: seen.append((app, name, flags.environment(app, name))))
    await made(flags, "a")
    await one(flags, Patch("a", ON, None))
    assert [(app, name) for app, name, _ in seen] == [
        ("shop", "development"),
        ("shop", "production"),
        ("shop", "production"),
    ]
    for _, name, view in (seen[0], seen[2]):
        assert view.etag == (await told(hub, f"shop/flags/{name}"))[-1].cursor
    assert seen[2][2].flags["a"].state == "ENABLED"


async def test_etags_and_flags_survive_a_restart(tmp_path: Path) -> None:
    async def views(flags: Flags) -> list[EnvironmentFlags]:
        return [flags.environment("shop", name) for name in ("development", "production")]

    hub = Hub(f"sqlite:///{tmp_path}/log.db")
    flags = Flags(hub)
    async with hub:
        await flags.load()
        await made(flags, "a", "b")
        await one(flags, Patch("a", ON, 1))
        await hub.publish("shop/other", 1)
        before = await views(flags)
    again = Hub(f"sqlite:///{tmp_path}/log.db")
    flags = Flags(again)
    async with again:
        await flags.load()
        after = await views(flags)
        assert [view.etag for view in after] == [view.etag for view in before]
        assert [view.flags for view in after] == [view.flags for view in before]
        assert flags.apps() == ["shop"]


async def test_a_change_that_somebody_else_wrote_shows_too(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    view = flags.environment("shop", "production")
    stored = flags.get("shop", "a")
    assert stored is not None
    document = stored.document()
    document["environments"]["production"]["state"] = "ENABLED"
    told_of: list[str] = []
    flags.on_change(lambda _, name: told_of.append(name))
    await hub.append((), (Write("flag", "shop/a", document),))
    await hub.publish("shop/any", 1)
    after = flags.environment("shop", "production")
    assert (told_of, after.flags["a"].state) == (["production"], "ENABLED")
    assert after.etag != view.etag


async def test_asking_for_apps_that_there_are_not_remembers_none(flags: Flags) -> None:
    for count in range(50):
        assert flags.environment(f"nobody{count}", "production").flags == {}
    assert flags.apps() == []
    with pytest.raises(NotFound, match="development, production"):
        flags.environment("shop", "staging")


async def test_an_app_s_environments_can_be_set_but_not_dropped_while_flags_are_there(
    hub: Hub, flags: Flags
) -> None:
    names = ["development", "staging", "production"]
    app = await flags.put_app("shop", name="The shop", environments=names, version=0, context=ANN)
    assert (app.version, flags.environments("shop")) == (1, tuple(names))
    await made(flags, "a")
    assert set(flags.environment("shop", "staging").flags) == {"a"}
    with pytest.raises(Conflict, match="1 flag"):
        await flags.put_app("shop", name=None, environments=names[:2], version=1, context=ANN)
    with pytest.raises(VersionConflict):
        await flags.put_app("shop", name="x", environments=None, version=0, context=ANN)
    for wrong in (["Prod"], [""], ["a", "a"], [f"e{count}" for count in range(33)], ["x/y"]):
        with pytest.raises(BadRequest, match="environments"):
            await flags.put_app("shop", name=None, environments=wrong, version=None, context=ANN)
    same = await flags.put_app("shop", name="The shop", environments=names, version=1, context=ANN)
    assert same.version == 1
    assert [entry["action"] for entry in await audited(hub)] == ["app.created", "flag.created"]


async def test_an_evaluator_in_use_can_not_go_and_a_restored_flag_needs_its_own(flags: Flags) -> None:
    rule = {"in": ["@x.com", {"var": "email"}]}
    await flags.apply("shop", [Configure("production", {"isX": rule}, {"v": 1}, "s")], ANN)
    targeting = {"if": [{"$ref": "isX"}, "on", "off"]}
    there = {"state": "ENABLED", "defaultVariant": "off", "targeting": targeting}
    await made(flags, "a", environments={"production": there})
    empty = Configure("production", {}, {}, replace=True)
    with pytest.raises(Conflict, match="'a' refers to it"):
        await one(flags, empty)
    await one(flags, Archive("a", None))
    await one(flags, empty)
    settings = flags.environment("shop", "production")
    assert (settings.evaluators, settings.metadata, settings.schema) == ({}, {}, "s")
    with pytest.raises(Conflict, match="isX"):
        await one(flags, Restore("a", None))


async def test_after_a_race_the_etag_is_that_of_the_last_event(hub: Hub, flags: Flags) -> None:
    await made(flags, *[f"f{count}" for count in range(8)])
    await gather(*[one(flags, Toggle(f"f{count % 8}", "production", None, None)) for count in range(40)])
    last = (await told(hub, "shop/flags/production"))[-1]
    assert flags.environment("shop", "production").etag == last.cursor


async def test_a_write_whose_caller_went_away_is_told_of_all_the_same(hub: Hub, flags: Flags) -> None:
    await made(flags, "a")
    heard = asyncio.Event()
    flags.on_change(lambda app, environment: heard.set())
    work = asyncio.create_task(one(flags, Patch("a", ON, 1)))
    await asyncio.sleep(0)  # (the append is under way)
    work.cancel()
    async with patience():
        await heard.wait()
    view = flags.environment("shop", "production")
    assert (view.flags["a"].state, view.etag) == (
        "ENABLED",
        (await told(hub, "shop/flags/production"))[-1].cursor,
    )


async def test_the_largest_flag_can_be_changed_whole(hub: Hub, flags: Flags) -> None:
    large = {f"v{count}": "\u2028" * 330 for count in range(60)}  # three bytes each
    await made(flags, "a", type="string", variants=large)
    other = {f"v{count}": "\u2029" * 330 for count in range(60)}
    outcome = await one(flags, Patch("a", {"variants": other}, 1))
    assert len(outcome.changed) == 60
    outcome = await one(flags, Patch("a", {"name": "x"}, 1))
    assert outcome.merged is not None
    assert outcome.merged.since[0]["changed"] == ["/variants"], "too many to keep each"
    await one(flags, Delete("a", None))
    with pytest.raises(BadRequest, match="65536"):
        await made(flags, "b", type="string", variants={"v": "x" * 65_536})


async def test_settings_have_a_limit(flags: Flags) -> None:
    with pytest.raises(TooLarge, match="100000"):
        await one(flags, Configure("production", {"a": {"in": ["x" * 100_000, {"var": "b"}]}}))
