"""What a review of the flags found: each of these once was otherwise."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest
from tests.api.served import Served
from tests.flags.flags_given import ANN, gather, made, one, told

from tricast import BadRequest, Conflict, Hub, TooLarge
from tricast.flags.edits import Archive, Copy, Create, Delete, Edit, Patch, Revert
from tricast.flags.files import FlagFile, read_file
from tricast.flags.importing import import_file
from tricast.flags.merging import VersionConflict
from tricast.flags.store import Flags
from tricast.flags.usage import Usage

ON_OFF: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
IMPORT = "/v1/flags/import?app=files&environment=production"


def a_file(*keys: str, **members: Any) -> FlagFile:
    return read_file(json.dumps({"flags": dict.fromkeys(keys, ON_OFF), **members}).encode(), "json")


def with_evaluator() -> FlagFile:
    rule = {"if": [{"$ref": "staff"}, "on", "off"]}
    value = {"flags": {"x": {**ON_OFF, "targeting": rule}}, "$evaluators": {"staff": {"==": [1, 1]}}}
    return read_file(json.dumps(value).encode(), "json")


# Files


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (r'{"flags": {"\ud800": {}}}', "/flags/\\ud800"),
        (r'{"flags": {}, "\ud800": 1}', "/\\ud800"),
        (r'{"flags": {"x": {"\udfff": 1}}}', "/flags/x/\\udfff"),
        (r'{"flags": {"x": {"state": "ENABLED", "variants": {"\ud800": 1}}}}', "/flags/x/variants/\\ud800"),
        (r'{"flags": {}, "$schema": "\ud800"}', "/$schema"),
        (r'{"flags": {"\ud800": 1, "\ud800": 2}}', "/flags/\\ud800"),
    ],
)
def test_half_a_surrogate_pair_in_a_file_is_refused_by_its_place(
    flags_server: Served, text: str, field: str
) -> None:
    with flags_server.http() as client:
        answer = client.post(IMPORT, content=text, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize(
    "value",
    [
        {"flags": {}, "n" * 100_000: 1},
        {"flags": {"n" * 100_000: ON_OFF}},
        {"flags": {"x": {**ON_OFF, "n" * 100_000: 1}}},
        {
            "flags": {"x": {**ON_OFF, "targeting": {"$ref": "q"}}},
            "$evaluators": {"n" * 100_000: {"==": [1, 1]}},
        },
    ],
)
def test_a_refusal_does_not_repeat_a_very_long_name(value: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        read_file(json.dumps(value).encode(), "json")

    assert len(caught.value.detail) < 1000
    assert len(caught.value.field or "") < 1000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"flags":\n{"x": {"state": "ENABLED", "variants": {"a": NaN}}}}', "/flags/x/variants/a"),
        ('{"flags": {},\n "metadata": {"a": -Infinity}}', "/metadata/a"),
        ('{"flags": {"[": "\\"[",\n"x":\n' + "[" * 100_000, "line 3"),
        ('{"flags": {"x": "' + "7" * 5000 + '"},\n"y":' + "7" * 5000 + "}", "line 2"),
    ],
)
def test_what_json_can_not_hold_is_named_by_line_or_path(text: str, place: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_file(text.encode(), "json")

    assert place in caught.value.detail


def test_what_yaml_can_not_hold_is_named_by_line() -> None:
    with pytest.raises(BadRequest, match="line 3"):
        read_file(b"flags: {}\nmetadata:\n  a: '\x00'\n", "yaml")


@pytest.mark.timeout(60)
def test_a_name_that_is_there_twice_among_very_many_is_found_at_once() -> None:
    """(Comparing each with each would take hours, and keep the server's threads.)"""
    names = ",".join(f'"k{number}": 1' for number in range(300_000))

    with pytest.raises(BadRequest, match="there twice") as caught:
        read_file(f'{{"flags": {{{names}, "z": 1, "z": 2}}}}'.encode(), "json")

    assert caught.value.field == "/flags/z"


# Usage


async def test_asking_about_apps_that_there_are_not_leaves_nothing_behind(hub: Hub) -> None:
    Flags(hub)
    usage = Usage(hub, flush_every_s=1000)
    async with hub, usage:
        for number in range(1000):
            usage.count_all(f"nonsense-{number}", "production", ())
            usage.count(f"nonsense-{number}", "production", "x", "on")
        usage.tally("shop", "production", "x")  # (which takes what was counted)

        assert not usage._tallies
        assert not usage._counting._shared


# Changes of flags beside changes of apps


@pytest.mark.parametrize("flags_before", [1, 26, 60])
@pytest.mark.parametrize("turns", range(8))
async def test_a_flag_is_never_in_an_environment_that_was_dropped_meanwhile(
    flags: Flags, flags_before: int, turns: int
) -> None:
    async def set_up(*environments: str) -> Any:
        return await flags.put_app("shop", name=None, environments=environments, version=None, context=ANN)

    async def drop() -> Any:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await set_up("development")

    await set_up("development", "staging")
    edits = [Create(f"f{number}", {"type": "boolean"}) for number in range(flags_before)]

    making, dropping = await gather(flags.apply("shop", edits, ANN), drop())

    there = set(flags.environments("shop"))
    assert all(there.issuperset(stored.flag.environments) for stored in flags.list("shop"))
    assert not isinstance(making, Exception)
    assert not isinstance(dropping, Exception) or isinstance(dropping, Conflict)


# Imports that replace, beside other changes


async def meanwhile(flags: Flags, other: Edit, turns: int) -> tuple[Any, Any]:
    """A file of many flags takes the place of what there is, and `other` is done in between."""

    async def do() -> Any:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await one(flags, other)

    file = a_file(*(f"new-{number}" for number in range(60)))
    importing = import_file(flags, "shop", "production", file, mode="replace", context=ANN)
    imported, done = await gather(importing, do())
    return imported, done


@pytest.mark.parametrize("turns", range(9))
async def test_a_flag_deleted_while_a_file_takes_its_place_is_no_error(flags: Flags, turns: int) -> None:
    await made(flags, "old")

    imported, done = await meanwhile(flags, Delete("old", None), turns)

    assert not isinstance(imported, Exception), imported
    assert not isinstance(done, Exception), done
    assert flags.get("shop", "old") is None


async def test_a_flag_copied_elsewhere_while_a_file_takes_its_place_is_not_archived(flags: Flags) -> None:
    outcomes = set()
    for turns in range(9):
        await made(flags, f"old-{turns}")
        await one(flags, Patch(f"old-{turns}", {"environments": {"development": None}}, None))
        await meanwhile(flags, Copy(f"old-{turns}", "production", "development", None), turns)
        stored = flags.get("shop", f"old-{turns}")
        assert stored is not None
        was_copied_first = stored.flag.recent[2].changed == ("/environments/development",)
        outcomes.add(was_copied_first)
        assert stored.flag.archived is not was_copied_first

    assert True in outcomes


# Evaluators that have gone


async def test_no_way_back_from_the_archive_leads_past_a_missing_evaluator(hub: Hub, flags: Flags) -> None:
    await import_file(flags, "shop", "production", with_evaluator(), mode="merge", context=ANN)
    await one(flags, Archive("x", None))
    entry = (await told(hub, "tricast/audit/shop"))[-1].cursor
    await import_file(flags, "shop", "production", a_file(), mode="replace", context=ANN)

    with pytest.raises(Conflict, match="'staff', which is not there any more"):
        await one(flags, Revert("x", entry or "", False, None))
    with pytest.raises(Conflict, match="'staff', which is not there any more"):
        await import_file(flags, "shop", "development", a_file("x"), mode="merge", context=ANN)

    await import_file(flags, "shop", "production", a_file("x"), mode="merge", context=ANN)
    assert "x" in flags.environment("shop", "production").flags


# Over HTTP


def create(client: httpx2.Client, app: str, key: str, **value: Any) -> None:
    answer = client.post("/v1/flags", params={"app": app}, json={"key": key, "type": "boolean", **value})
    assert answer.status_code == 201, answer.text


def test_another_flag_of_the_same_key_and_version_is_not_taken_for_unchanged(flags_server: Served) -> None:
    with flags_server.http() as client:
        path = "/v1/flags/again?app=again"
        create(client, "again", "again", name="first")
        seen = client.get(path)
        assert client.delete(path, headers={"if-match": '"1"'}).status_code == 204
        create(client, "again", "again", name="second")

        answer = client.get(path, headers={"if-none-match": seen.headers["etag"]})

    assert (answer.status_code, answer.json()["name"]) == (200, "second")


def test_a_token_sent_as_x_api_key_is_in_the_url_of_its_stream(guarded_server: Served) -> None:
    with guarded_server.http() as root:
        place = {"app": "tokens", "environment": "production"}
        made = root.post("/v1/keys", json={"name": "web", "scopes": ["flags:read"], **place}).json()
        key = {"x-api-key": made["key"]}
        minted = httpx2.post(
            f"{guarded_server.url}/v1/tokens",
            json={"subject": "ann", "scopes": ["flags:read"]},
            headers=key,
            trust_env=False,
        )
        token = minted.json()["token"]

    with guarded_server.http(headers={"x-api-key": token}) as client:
        bulk = client.post("/ofrep/v1/evaluate/flags", json={})

    (stream,) = bulk.json()["eventStreams"]
    assert stream["endpoint"]["requestUri"] == f"/ofrep/v1/stream?token={token}"


def test_who_belongs_to_one_environment_is_not_told_what_changed_in_others(guarded_server: Served) -> None:
    with guarded_server.http() as root:
        create(root, "confined", "x")
        asked = {"app": "confined", "environment": "production", "scopes": ["flags:read", "flags:write"]}
        key = root.post("/v1/keys", json={"name": "production", **asked}).json()["key"]
        both = (
            ("development", "for the secret launch"),
            ("production", "for all to know"),
        )
        for environment, reason in both:
            changed = root.post(
                "/v1/flags/x/toggle?app=confined",
                json={"environment": environment, "reason": reason},
                headers={"if-match": "*"},
            )
            assert changed.status_code == 200

    with guarded_server.http(headers={"x-api-key": key}) as client:
        stale = {"if-match": '"1"'}
        merged = client.patch(
            "/v1/flags/x", json={"environments": {"production": {"metadata": {"a": 1}}}}, headers=stale
        )
        refused = client.post("/v1/flags/x/toggle", json={"environment": "production"}, headers=stale)
        whole = client.post("/v1/flags/x/archive", headers=stale)
        copied = client.post(
            "/v1/flags/x/copy", json={"from": "development", "to": "production"}, headers=stale
        )

    assert merged.status_code == 200
    (since,) = merged.json()["merged"]["since"]
    assert (since["version"], since["reason"]) == (3, "for all to know")
    assert [answer.status_code for answer in (refused, whole, copied)] == [409, 409, 403]
    for answer in (merged, refused, whole, copied):
        assert "secret" not in answer.text
        assert "/environments/development" not in answer.text


async def test_a_long_import_has_its_turn_beside_others_quick_changes(flags: Flags) -> None:
    keys = [f"f{number}" for number in range(400)]
    await import_file(flags, "shop", "production", a_file(*keys), mode="merge", context=ANN)
    value = {"flags": {key: {**ON_OFF, "state": "DISABLED"} for key in keys}}
    is_over = asyncio.Event()

    async def change() -> int:
        done = 0
        while not is_over.is_set():
            await one(flags, Patch("f0", {"description": str(done)}, None))
            done += 1
        return done

    changing = asyncio.create_task(change())
    try:
        file = read_file(json.dumps(value).encode(), "json")
        await import_file(flags, "shop", "production", file, mode="merge", context=ANN)
    finally:
        is_over.set()
        done = await changing

    assert done > 1
    flag = flags.environment("shop", "production").flags["f0"]
    stored = flags.get("shop", "f0")
    assert stored is not None
    assert (flag.state, stored.flag.description) == ("DISABLED", str(done - 1))
    assert stored.version == 1 + 1 + done


async def test_many_who_change_one_flag_at_once_are_all_served(flags: Flags) -> None:
    await made(flags, "x")

    outcomes = await gather(*(one(flags, Patch("x", {"variants": {f"v{n}": True}}, None)) for n in range(60)))

    assert [each for each in outcomes if isinstance(each, Exception)] == []
    stored = flags.get("shop", "x")
    assert stored is not None
    assert (len(stored.flag.variants), stored.version) == (62, 61)


# Bounds


async def test_a_small_batch_can_not_come_to_gigabytes_of_events(hub: Hub, flags: Flags) -> None:
    """Each change of a large flag is told whole, before and after, to each of its environments."""
    environments = [f"e{number}" for number in range(32)]
    await flags.put_app("shop", name=None, environments=environments, version=None, context=ANN)
    await flags.apply("shop", [Create("x", {"type": "string", "variants": {"a": "x" * 60_000}})], ANN)
    before = hub.documents_at

    with pytest.raises(TooLarge, match=r"changes\.\d+: .*divide them"):
        await flags.apply(
            "shop",
            [Patch("x", {"name": str(number)}, None) for number in range(1000)],
            ANN,
            places=[f"changes.{number}" for number in range(1000)],
        )

    assert hub.documents_at == before


async def test_environments_that_come_and_go_are_not_remembered(flags: Flags) -> None:
    await flags.put_app("shop", name=None, environments=["a"], version=None, context=ANN)
    await made(flags, "x")
    for number in range(20):
        name = f"e{number}"
        await flags.put_app("shop", name=None, environments=["a", name], version=None, context=ANN)
        await one(flags, Patch("x", {"environments": {name: {"state": "ENABLED"}}}, None))
        assert "x" in flags.environment("shop", name).flags
        flags.collection("shop").joined(name, archived=False)
        await one(flags, Patch("x", {"environments": {name: None}}, None))
    await flags.put_app("shop", name=None, environments=["a"], version=None, context=ANN)

    assert set(flags._views._views["shop"]) <= {"a"}
    assert set(flags.collection("shop")._texts) <= {None, "a"}
    assert {environment for environment, _ in flags.collection("shop")._joined} <= {None, "a"}


async def test_a_deletion_is_not_reverted_over_a_flag_made_since_and_says_what_to_do(
    hub: Hub, flags: Flags
) -> None:
    await made(flags, "x")
    await one(flags, Delete("x", None))
    entry = (await told(hub, "tricast/audit/shop"))[-1].cursor
    await made(flags, "x")

    for force in (False, True):
        with pytest.raises(VersionConflict, match="delete this one first"):
            await one(flags, Revert("x", entry or "", force, None))
