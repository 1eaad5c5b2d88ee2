"""`GET /v1/audit`: what it answers, to whom, and in what pieces."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.documents import Document
from tests.api.trail import ADMIN, ANN, START_MS, Given, flag_of, trail, whole

from tricast import Actor, Change, Grant
from tricast.api.audit import PARAMETERS
from tricast.api.openapi import openapi
from tricast.api.trail import MAX_SCAN

pytestmark = pytest.mark.anyio

GUIDE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def given() -> AsyncIterator[Given]:
    async with trail() as given:
        yield given


async def test_an_entry_tells_who_what_when_why_and_in_which_request(given: Given) -> None:
    cursor = await given.add(environments=["production"])
    answer = (await given.get()).json()
    assert answer == {
        "entries": [
            {
                "id": cursor,
                "time": "2100-01-01T00:00:00.000Z",
                "action": "flag.updated",
                "app": "shop",
                "environments": ["production"],
                "kind": "flag",
                "key": "new-checkout",
                "version": 2,
                "previous_version": 1,
                "changes": [{"path": "/name", "before": "a", "after": "b"}],
                "actor": {
                    "subject": "ann",
                    "role": "editor",
                    "credential": "key:k1",
                    "address": "192.0.2.1",
                },
                "reason": "why not",
                "request_id": "req-1",
            }
        ],
        "next": None,
    }


async def test_the_newest_comes_first_and_the_rest_by_its_cursor(given: Given) -> None:
    await given.add_many(25)
    seen: list[str] = []
    asked: dict[str, Any] = {"limit": 10}
    for expected in (10, 10, 5):
        answer = (await given.get(**asked)).json()
        assert len(answer["entries"]) == expected
        seen += [entry["key"] for entry in answer["entries"]]
        await given.add(key="newer")  # (is none of those that are older)
        asked["cursor"] = answer["next"]
    assert answer["next"] is None
    assert seen == [str(number) for number in reversed(range(25))]


async def test_an_entrys_id_is_a_cursor_to_go_on_from(given: Given) -> None:
    await given.add_many(5)
    entries = await given.read()
    assert await given.keys(cursor=entries[1]["id"]) == ["2", "1", "0"]


async def test_a_hundred_are_answered_unless_another_number_is_asked_for(given: Given) -> None:
    await given.add_many(1001)
    assert len(await given.read()) == 100
    assert len(await given.read(limit=1000)) == 1000


FILTERS: list[tuple[dict[str, str], str]] = [
    ({}, "abcdefg"),
    ({"app": "shop"}, "abcde"),
    ({"app": "nobody"}, ""),
    ({"environment": "production"}, "bcf"),
    ({"flag": "one"}, "abf"),
    ({"flag": "one", "app": "blog"}, "f"),
    ({"kind": "key"}, "eg"),
    ({"kind": "key", "key": "one"}, "e"),
    ({"key": "one"}, "abef"),
    ({"actor": "ann"}, "abcde"),
    ({"actor": "bob"}, "f"),
    ({"actor": "key:k2"}, "fg"),
    ({"action": "flag.*"}, "abcf"),
    ({"action": "flag.created"}, "a"),
    ({"action": "*.updated", "app": "shop"}, "bc"),
    ({"since": "2100-01-01T00:00:03Z"}, "defg"),
    ({"until": "2100-01-01T00:00:03Z"}, "abc"),
    ({"since": "2100-01-01T00:00:01Z", "until": "2100-01-01T00:00:04Z", "flag": "one"}, "b"),
    ({"since": "2100-01-01T01:00:03+01:00"}, "defg"),
    ({"since": "2100-01-01T01:00:00Z"}, ""),
    ({"until": "30d"}, ""),
    ({"since": "999999999w"}, "abcdefg"),
]


@pytest.mark.parametrize(("asked", "expected"), FILTERS)
async def test_only_what_is_asked_for_is_answered(given: Given, asked: dict[str, str], expected: str) -> None:
    entries: dict[str, dict[str, Any]] = {
        "a": {"action": "flag.created", "key": "one"},
        "b": {"action": "flag.updated", "key": "one", "environments": ["production"]},
        "c": {"action": "flag.updated", "key": "two", "environments": ["development", "production"]},
        "d": {"action": "app.created", "kind": "app", "key": "shop"},
        "e": {"action": "key.created", "kind": "key", "key": "one"},
        "f": {
            "app": "blog",
            "action": "flag.archived",
            "key": "one",
            "environments": ["production"],
            "actor": Actor("bob", None, "key:k2"),
        },
        "g": {"app": None, "action": "key.revoked", "kind": "key", "actor": Actor("eve", None, "key:k2")},
    }
    names = {}
    for name, entry in entries.items():
        names[await given.add(**entry)] = name
        given.ms += 1000
    found = [names[entry["id"]] for entry in await given.read(**asked)]
    assert "".join(reversed(found)) == expected
    if found:  # the same one by one
        one_by_one, cursor = [], {}
        while True:
            page = (await given.get(**asked, limit=1, **cursor)).json()
            one_by_one += [names[entry["id"]] for entry in page["entries"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert one_by_one == found


async def test_a_key_that_looks_like_a_glob_is_itself(given: Given) -> None:
    for key in ("a*", "ab", "a" * 300, "a" * 300 + "b", "*" * 9, "a[b]"):
        await given.add(key=key)
    for key in ("a*", "a" * 300, "*" * 9, "a[b]"):
        assert await given.keys(flag=key) == [key]


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("limit", {"limit": "0"}),
        ("limit", {"limit": "1001"}),
        ("limit", {"limit": "many"}),
        ("limit", {"limit": "0", "format": "csv"}),
        ("cursor", {"cursor": "latest"}),
        ("cursor", {"cursor": "nobody-7"}),
        ("cursor", {"cursor": "nobody-7", "format": "csv"}),
        ("since", {"since": "yesterday"}),
        ("since", {"since": "latest"}),
        ("until", {"until": "k3v9q2-1042"}),
        ("until", {"until": "2100-13-01T00:00:00Z"}),
        ("format", {"format": "xml"}),
        ("action", {"action": "*" * 9}),
        ("app", {"app": "a/b"}),
        ("app", {"app": ""}),
        ("flag", {"flag": "f", "kind": "key"}),
        ("wish", {"wish": "1"}),
    ],
)
async def test_what_makes_no_sense_is_refused_by_field(
    given: Given, field: str, asked: dict[str, str]
) -> None:
    await given.add()
    assert (await given.refused(400, **asked))["field"] == field


async def test_without_the_scope_nothing_is_seen(given: Given) -> None:
    given.grant = Grant("web", app="shop", scopes=frozenset({"presence", "flags:write"}))
    detail = (await given.refused(403))["detail"]
    assert "'admin'" in detail
    assert "'flags:read'" in detail


async def test_an_admin_of_an_app_sees_all_of_it_and_nothing_else(given: Given) -> None:
    for app in ("shop", "blog", None):
        await given.add("key.created", app=app, kind="key", key=f"of {app}")
    given.grant = Grant("boss", app="shop", scopes=frozenset({"admin"}))
    for asked in ({}, {"app": "shop"}):
        (entry,) = await given.read(**asked)
        assert entry["key"] == "of shop"
        assert entry["actor"] == ANN.to_json()
        assert entry["request_id"] == "req-1"
    assert (await given.refused(403, app="blog"))["field"] == "app"


async def test_who_reads_flags_sees_what_happened_to_them_without_credentials(given: Given) -> None:
    for kind in ("flag", "flag-environment", "app", "key", "token", "subject", "person"):
        await given.add(kind=kind, key=kind)
        await given.add(kind=kind, key=kind, app="blog")
    await given.add(app=None, kind="key", key="root")
    for app, count in ((None, 6), ("shop", 3)):
        given.grant = Grant("reader", app=app, scopes=frozenset({"flags:read"}))
        entries = await given.read()
        assert len(entries) == count
        assert {entry["kind"] for entry in entries} == {"flag", "flag-environment", "app"}
        for entry in entries:
            assert entry["actor"] == {
                "subject": "ann",
                "role": "editor",
                "credential": None,
                "address": None,
            }
            assert entry["request_id"] is None
    assert await given.read(actor="key:k1") == []  # nor is it to be guessed
    assert (await given.refused(403, kind="key"))["field"] == "kind"
    assert (await given.refused(403, app="blog"))["field"] == "app"


async def test_who_is_confined_to_an_environment_sees_nothing_of_another(given: Given) -> None:
    both = ["development", "production"]
    await given.add("flag.created", key="new", changes=whole(after=flag_of(*both)), environments=both)
    await given.add("flag.deleted", key="old", changes=whole(before=flag_of(*both)), environments=both)
    await given.add(
        key="changed",
        environments=both,
        changes=[
            Change("/name", "a", "b"),
            Change("/environments/development/state", "of development", "secret"),
            Change("/environments/production/state", "of production", "told"),
        ],
    )
    await given.add(
        key="placed",
        environments=both,
        changes=[Change("/environments", {}, flag_of(*both)["environments"])],
    )
    await given.add(key="elsewhere", environments=["development"])
    await given.add("flag-environment.updated", kind="flag-environment", key="development",
                    environments=["development"])  # fmt: skip
    await given.add("app.updated", kind="app", key="shop")
    given.grant = Grant(
        "reader", app="shop", environment="production", scopes=frozenset({"flags:read", "admin"})
    )
    entries = await given.read()
    assert [entry["key"] for entry in entries] == ["shop", "placed", "changed", "old", "new"]
    told = {entry["key"]: entry for entry in entries}
    assert "of development" not in repr(entries)
    assert "secret" not in repr(entries)
    assert told["changed"]["environments"] == ["production"]
    assert [change["path"] for change in told["changed"]["changes"]] == [
        "/name",
        "/environments/production/state",
    ]
    assert told["new"]["changes"] == [{"path": "", "after": flag_of("production")}]
    assert told["old"]["changes"] == [{"path": "", "before": flag_of("production")}]
    assert told["placed"]["changes"][0]["after"] == flag_of("production")["environments"]
    assert (await given.refused(403, environment="development"))["field"] == "environment"


async def test_one_answer_looks_at_so_many_and_says_where_to_go_on(given: Given) -> None:
    first = await given.add(key="needle", actor=Actor("eve"))
    await given.add_many(MAX_SCAN + 500)
    answer = (await given.get(actor="eve")).json()
    assert answer["entries"] == []
    answer = (await given.get(actor="eve", cursor=answer["next"])).json()
    assert [entry["id"] for entry in answer["entries"]] == [first]
    assert answer["next"] is None


@pytest.mark.parametrize("asked", [{"action": "flag.created"}, {"flag": "needle"}])
async def test_so_it_does_where_the_hub_itself_sorts_them_out(given: Given, asked: dict[str, str]) -> None:
    first = await given.add("flag.created", key="needle")
    await given.add_many(MAX_SCAN + 500)
    answer = (await given.get(**asked)).json()
    assert answer["entries"] == []
    answer = (await given.get(**asked, cursor=answer["next"])).json()
    assert [entry["id"] for entry in answer["entries"]] == [first]


async def test_nothing_before_since_is_looked_at(given: Given) -> None:
    await given.add_many(3000)
    given.ms += 10_000
    await given.add(key="new")
    answer = (await given.get(since="2100-01-01T00:00:05Z", actor="nobody")).json()
    assert answer == {"entries": [], "next": None}


async def test_what_others_publish_in_between_changes_nothing(given: Given) -> None:
    for number in range(5):
        await given.hub.publish("shop/orders", number)
        await given.add(key=str(number))
        await given.hub.publish("shop/flags/production", number)
    assert await given.keys() == ["4", "3", "2", "1", "0"]


async def test_an_event_on_the_trail_that_is_no_entry_is_passed_over(given: Given) -> None:
    await given.hub.publish("tricast/audit/shop", "hello")
    await given.hub.publish("tricast/audit/shop", {"actor": "ann"})
    await given.add(key="one")
    assert await given.keys() == ["one"]


async def test_time_is_when_the_log_took_it(given: Given) -> None:
    given.ms = START_MS + 1234
    await given.add()
    given.grant = ADMIN
    assert (await given.read())[0]["time"] == "2100-01-01T00:00:01.234Z"


def test_the_guide_shows_what_is_answered_and_all_that_can_be_asked_for() -> None:
    document = Document(openapi("0", paths={}, schemas={}))
    (answer,) = re.findall(r"^```json\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    document.check("Audit", json.loads(answer))
    (asked,) = re.findall(r"`GET /v1/audit\?([^`]*)`", GUIDE)
    assert asked.replace("=", "").split("&") == list(PARAMETERS)
    documented = document.json["paths"]["/v1/audit"]["get"]["parameters"]
    assert [parameter["name"] for parameter in documented] == list(PARAMETERS)
    (example,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    compile(example, "audit.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
