"""Flag files over HTTP: in and out unchanged, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from tests.api.documents import Document
from tests.api.served import Served

EXAMPLE = Path(__file__).parent / "data" / "shop.flagd.json"
MANY = 10_000
IMPORT, EXPORT = "/v1/flags/import", "/v1/flags/export"


def simple(state: str = "ENABLED", default: str = "off") -> dict[str, Any]:
    return {"state": state, "variants": {"on": True, "off": False}, "defaultVariant": default}


def send(
    client: httpx2.Client, app: str, file: Any, *, kind: str = "application/json", **query: str
) -> httpx2.Response:
    text = file if isinstance(file, str | bytes) else json.dumps(file)
    params = {"app": app, "environment": "production", **query}
    return client.post(IMPORT, params=params, content=text, headers={"content-type": kind})


def state_of(client: httpx2.Client, app: str) -> Any:
    answer = client.get("/v1/flags", params={"app": app, "archived": "true"}).json()
    return answer["flags"]


def events_of(client: httpx2.Client, topic: str, cursor: str = "earliest") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := (
        answer := client.get("/v1/events", params={"topic": topic, "cursor": cursor, "timeout": "0"}).json()
    )["events"]:
        found += page
        cursor = answer["cursor"]
    return found


def test_a_file_goes_in_and_comes_out_unchanged(flags_server: Served, described: Document) -> None:
    file = json.loads(EXAMPLE.read_bytes())
    with flags_server.http() as client:
        answer = send(client, "in-out", EXAMPLE.read_bytes())
        assert answer.status_code == 200, answer.text
        described.check_answer("post", IMPORT, answer)
        assert set(answer.json()["created"]) == set(file["flags"])
        query = {"app": "in-out", "environment": "production"}
        out = client.get(EXPORT, params=query)
        described.check_answer("get", EXPORT, out)
        assert out.json() == file
        for key, flag in file["flags"].items():
            assert json.dumps(out.json()["flags"][key]) == json.dumps(flag), "in the same order"
        as_yaml = client.get(EXPORT, params={**query, "format": "yaml"})
        assert yaml.safe_load(as_yaml.text) == file
        synced = client.get("/v1/flagd/in-out/production.json")
        assert synced.json() == file
        again = send(client, "in-out", as_yaml.text, kind="application/yaml").json()
        assert (again["created"], again["updated"], again["unchanged"]) == ([], [], len(file["flags"]))
        assert again["settings"] == []


def test_a_dry_run_says_what_would_change_and_changes_nothing(flags_server: Served) -> None:
    with flags_server.http() as client:
        send(client, "dry", {"flags": {"a": simple(), "b": simple()}})
        before = state_of(client, "dry")
        cursor = client.get("/v1/flags", params={"app": "dry"}).json()["cursor"]
        file = {"flags": {"a": simple("DISABLED"), "c": simple()}}
        said = send(client, "dry", file, dry_run="1", mode="replace").json()
        assert said["dry_run"] is True
        assert (said["created"], said["archived"], said["unchanged"]) == (["c"], ["b"], 0)
        (updated,) = said["updated"]
        path = "/environments/production/state"
        assert (updated["key"], updated["changed"]) == ("a", [path])
        assert updated["changes"] == [{"path": path, "before": "ENABLED", "after": "DISABLED"}]
        assert state_of(client, "dry") == before
        assert client.get("/v1/flags", params={"app": "dry"}).json()["cursor"] == cursor
        done = send(client, "dry", file, mode="replace").json()
        assert {name: done[name] for name in ("created", "archived")} == {"created": ["c"], "archived": ["b"]}


def test_replacing_takes_out_of_the_environment_what_is_elsewhere_too(flags_server: Served) -> None:
    with flags_server.http() as client:
        client.post("/v1/flags?app=both", json={"key": "shared", "type": "boolean"})
        send(client, "both", {"flags": {"here": simple()}, "metadata": {"v": 1}})
        done = send(client, "both", {"flags": {"new": simple()}}, mode="replace").json()
        assert (done["created"], done["archived"], done["removed"]) == (["new"], ["here"], ["shared"])
        assert done["settings"] == ["/metadata/v"]
        flags = {flag["key"]: flag for flag in state_of(client, "both")}
        assert list(flags["shared"]["environments"]) == ["development"]
        assert (flags["shared"]["archived"], flags["here"]["archived"]) == (False, True)
        back = send(client, "both", {"flags": {"here": simple()}}).json()
        assert back["updated"] == [{"key": "here", "changed": ["/archived"]}]


def test_an_import_is_told_of_and_accounted_for_like_any_edit(flags_server: Served) -> None:
    with flags_server.http() as client:
        answer = send(
            client, "told", {"flags": {"a": simple()}, "metadata": {"v": 1}}, reason="SHOP-1"
        ).json()
        kinds = [event["type"] for event in events_of(client, "told/flags/production")]
        assert kinds == ["flag.created", "flag-environment.updated"]
        assert events_of(client, "told/flags/development") == []
        entries = client.get("/v1/audit", params={"app": "told"}).json()["entries"]
        assert [(entry["kind"], entry["key"], entry["reason"]) for entry in entries] == [
            ("flag-environment", "production", "SHOP-1"),
            ("flag", "a", "SHOP-1"),
        ]
        assert events_of(client, "told/flags/*", answer["cursor"]) == []


BAD: list[tuple[str, str, str, str]] = [
    ("not JSON", '{"flags":\n {"a": }}', "application/json", "line 2"),
    ("a name twice", '{"flags": {"a": 1, "a": 2}}', "application/json", "a"),
    ("not YAML", "flags:\n  a: [1\n  b: 2\n", "application/yaml", "line 3"),
    ("a YAML tag", "flags: !!python/object/apply:os.system ['true']", "application/yaml", "line 1"),
    ("no flags", "{}", "application/json", "/flags"),
    ("no variants", '{"flags": {"x": {"state": "ENABLED"}}}', "application/json", "/flags/x"),
    (
        "a wrong state",
        json.dumps({"flags": {"ok": simple(), "x": simple("on")}}),
        "application/json",
        "/flags/x/state",
    ),
    (
        "a rule that is none",
        json.dumps({"flags": {"ok": simple(), "x": {**simple(), "targeting": {"nope": []}}}}),
        "application/json",
        "/flags/x/targeting",
    ),
    (
        "another type than it has",
        json.dumps({"flags": {"ok": simple(), "is": {**simple(), "variants": {"on": "1", "off": "0"}}}}),
        "application/json",
        "/flags/is/variants",
    ),
    (
        "one too large",
        json.dumps({"flags": {"ok": simple(), "x": {**simple(), "metadata": {"a": "x" * 70_000}}}}),
        "application/json",
        "/flags/x",
    ),
    ("an unknown member", '{"flags": {}, "more": 1}', "application/json", "/more"),
    ("text of no kind", "hello", "text/plain", "format"),
]


@pytest.mark.parametrize(("what", "text", "kind", "place"), BAD, ids=[what for what, *_ in BAD])
@pytest.mark.parametrize("mode", ["merge", "replace"])
def test_a_bad_file_names_line_or_place_and_changes_nothing(
    flags_server: Served, what: str, text: str, kind: str, place: str, mode: str
) -> None:
    with flags_server.http() as client:
        send(client, "bad", {"flags": {"is": simple()}})
        before = client.get("/v1/flags", params={"app": "bad"}).json()
        answer = send(client, "bad", text, kind=kind, mode=mode)
        assert answer.status_code in (400, 413), (what, answer.text)
        problem = answer.json()
        assert place in f"{problem['detail']} {problem.get('field')}", problem
        assert client.get("/v1/flags", params={"app": "bad"}).json() == before


def test_ten_thousand_flags_are_one_change(flags_server: Served) -> None:
    file = {"flags": {f"group-{count % 40}/flag-{count}": simple() for count in range(MANY)}}
    with flags_server.http() as client:
        client.timeout = 60
        answer = send(client, "many", file)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["created"]) == MANY
        listed = client.get("/v1/flags", params={"app": "many", "environment": "production"}).json()
        assert sorted(file["flags"]) == [flag["key"] for flag in listed["flags"]]
        offsets = [
            int(event["cursor"].rpartition("-")[2]) for event in events_of(client, "many/flags/production")
        ]
        assert len(offsets) == MANY
        assert offsets[-1] - offsets[0] == 2 * (MANY - 1), "one append: with the audit's, without a gap"
        again = send(client, "many", file).json()
        assert (again["unchanged"], again["updated"]) == (MANY, [])
        one_more = send(client, "many", {"flags": {**file["flags"], "one-more": simple()}}).json()
        assert (one_more["created"], one_more["unchanged"]) == (["one-more"], MANY)


def test_more_flags_than_an_app_may_have_are_refused_whole(flags_server: Served) -> None:
    file = {"flags": {f"flag-{count}": simple() for count in range(20_001)}}
    with flags_server.http() as client:
        client.timeout = 60
        answer = send(client, "too-many", file)
        assert answer.status_code == 413
        assert "20000" in answer.json()["detail"]
        assert state_of(client, "too-many") == []


def test_keys_of_one_environment_import_there_only(guarded_server: Served) -> None:
    with guarded_server.http() as admin:
        made = admin.post(
            "/v1/keys",
            json={
                "name": "prod",
                "app": "own",
                "environment": "production",
                "scopes": ["flags:read", "flags:write"],
            },
        ).json()
        admin.post("/v1/flags?app=own", json={"key": "both", "type": "boolean"})
    with guarded_server.http(headers={"Authorization": f"Bearer {made['key']}"}) as client:
        answer = client.post(IMPORT, json={"flags": {"mine": simple(), "both": simple()}})
        assert answer.status_code == 200, answer.text
        assert answer.json()["created"] == ["mine"]
        other = client.post(f"{IMPORT}?environment=development", json={"flags": {}})
        assert (other.status_code, other.json()["field"]) == (403, "environment")
        out = client.get(EXPORT).json()
        assert set(out["flags"]) == {"mine", "both"}
