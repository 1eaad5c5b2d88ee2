"""Any change is taken back by the id of its audit entry, over HTTP; or it is said why not."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from tests.api.documents import Document
from tests.api.served import Served

REVERT = "/v1/audit/{change}/revert"
BY_EMAIL = {"ends_with": [{"var": "email"}, "@shop.example"]}


def latest(client: httpx2.Client, app: str, kind: str) -> dict[str, Any]:
    entry: dict[str, Any] = client.get("/v1/audit", params={"app": app, "kind": kind}).json()["entries"][0]
    return entry


def revert(client: httpx2.Client, entry: dict[str, Any], **body: Any) -> httpx2.Response:
    return client.post(f"/v1/audit/{entry['id']}/revert", json=body)


def flag(client: httpx2.Client, app: str, key: str = "a", **value: Any) -> None:
    answer = client.post("/v1/flags", params={"app": app}, json={"key": key, "type": "boolean", **value})
    assert answer.status_code == 201, answer.text


def put_app(client: httpx2.Client, app: str, **body: Any) -> None:
    answer = client.put(f"/v1/apps/{app}", json=body, headers={"if-match": "*"})
    assert answer.is_success, answer.text


def import_file(client: httpx2.Client, app: str, **file: Any) -> None:
    params = {"app": app, "environment": "production"}
    answer = client.post("/v1/flags/import", params=params, json={"flags": {}, **file})
    assert answer.is_success, answer.text


def key(server: Served, **more: str) -> dict[str, str]:
    with server.http() as admin:
        made = admin.post("/v1/keys", json={"name": "k", "scopes": ["flags:read", "flags:write"], **more})
    return {"Authorization": f"Bearer {made.json()['key']}"}


def test_a_flag_is_put_back_as_by_its_own_route(flags_server: Served, described: Document) -> None:
    with flags_server.http() as client:
        flag(client, "any-flag")
        made = latest(client, "any-flag", "flag")
        patch: dict[str, Any] = {"params": {"app": "any-flag"}, "headers": {"if-match": "*"}}
        client.patch("/v1/flags/a", json={"name": "B"}, **patch)
        renamed = latest(client, "any-flag", "flag")
        undone = revert(client, renamed, reason="not yet")
        described.check_answer("post", REVERT, undone)
        assert (undone.json()["name"], undone.json()["changed"]) == ("", ["/name"])
        assert undone.headers["etag"].startswith('"3.')
        entry = latest(client, "any-flag", "flag")
        assert (entry["reason"], entry["version"]) == ("not yet", 3)
        client.patch("/v1/flags/a", json={"name": "C"}, **patch)
        refused = revert(client, renamed)
        described.check_answer("post", REVERT, refused)
        assert (refused.status_code, refused.json()["collisions"]) == (409, ["/name"])
        assert revert(client, renamed, force=True).json()["name"] == ""
        gone = revert(client, made, force=True)
        described.check_answer("post", REVERT, gone)
        assert gone.status_code == 204


def test_an_app_gets_its_name_and_environments_back(flags_server: Served, described: Document) -> None:
    with flags_server.http() as client:
        put_app(client, "any-app", name="One", environments=["development", "production"])
        put_app(client, "any-app", name="Two", environments=["development", "qa", "production"])
        changed = latest(client, "any-app", "app")
        undone = revert(client, changed, reason="back")
        described.check_answer("post", REVERT, undone)
        told = undone.json()
        assert (told["name"], told["environments"]) == ("One", ["development", "production"])
        assert (told["version"], sorted(told["changed"])) == (3, ["/environments", "/name"])
        assert client.get("/v1/apps/any-app").json()["name"] == "One"
        entry = latest(client, "any-app", "app")
        assert (entry["reason"], entry["action"], entry["version"]) == ("back", "app.updated", 3)


def test_what_was_changed_again_of_an_app_is_overwritten_by_force_alone(
    flags_server: Served, described: Document
) -> None:
    with flags_server.http() as client:
        put_app(client, "any-again", name="One")
        put_app(client, "any-again", name="Two")
        changed = latest(client, "any-again", "app")
        put_app(client, "any-again", name="Three")
        refused = revert(client, changed)
        described.check_answer("post", REVERT, refused)
        problem = refused.json()
        assert (refused.status_code, problem["collisions"], problem["version"]) == (409, ["/name"], 3)
        assert client.get("/v1/apps/any-again").json()["name"] == "Three"
        assert revert(client, changed, force=True).json()["name"] == "One"
        again = revert(client, changed, force=True).json()
        assert (again["version"], again["changed"]) == (4, []), "nothing is left to be undone"


def test_an_environment_in_use_is_not_dropped_even_by_force(flags_server: Served) -> None:
    with flags_server.http() as client:
        put_app(client, "any-used", environments=["production"])
        put_app(client, "any-used", environments=["production", "qa"])
        added = latest(client, "any-used", "app")
        flag(client, "any-used")
        for force in (False, True):
            refused = revert(client, added, force=force)
            assert (refused.status_code, refused.json()["field"]) == (409, "environments")
            assert "qa" in refused.json()["detail"]
        assert client.get("/v1/apps/any-used").json()["environments"] == ["production", "qa"]


def test_the_settings_of_an_environment_are_put_back(flags_server: Served, described: Document) -> None:
    app, schema = "any-settings", "https://flagd.dev/schema/v0/flags.json"
    place = {"app": app, "environment": "production"}
    with flags_server.http() as client:
        import_file(client, app, metadata={"team": "web"})
        first = client.get("/v1/flags/export", params=place).json()
        import_file(client, app, **{"$evaluators": {"staff": BY_EMAIL}, "$schema": schema})
        changed = latest(client, app, "flag-environment")
        undone = revert(client, changed, reason="too early")
        described.check_answer("post", REVERT, undone)
        told = undone.json()
        assert told["settings"] == {"schema": None, "metadata": {"team": "web"}, "evaluators": {}}
        assert (sorted(told["changed"]), told["version"]) == (["/evaluators/staff", "/schema"], 3)
        assert client.get("/v1/flags/export", params=place).json() == first
        assert latest(client, app, "flag-environment")["reason"] == "too early"
        import_file(client, app, metadata={"team": "shop"})
        renamed = latest(client, app, "flag-environment")
        import_file(client, app, metadata={"team": "till"})
        refused = revert(client, renamed)
        described.check_answer("post", REVERT, refused)
        assert (refused.status_code, refused.json()["collisions"]) == (409, ["/metadata/team"])
        assert revert(client, renamed, force=True).json()["settings"]["metadata"] == {"team": "web"}


def test_an_evaluator_that_others_refer_to_stays(flags_server: Served) -> None:
    with flags_server.http() as client:
        import_file(client, "any-rules", **{"$evaluators": {"staff": BY_EMAIL}})
        by_flag = latest(client, "any-rules", "flag-environment")
        rule = {"if": [{"$ref": "staff"}, "on", "off"]}
        there = {"state": "ENABLED", "defaultVariant": "off", "targeting": rule}
        flag(client, "any-rules", environments={"production": there})
        refused = revert(client, by_flag, force=True)
        assert (refused.status_code, refused.json()["field"]) == (409, "/$evaluators")
        assert "'a'" in refused.json()["detail"]
        import_file(client, "any-refs", **{"$evaluators": {"staff": BY_EMAIL}})
        by_evaluator = latest(client, "any-refs", "flag-environment")
        both = {"staff": BY_EMAIL, "outside": {"!": [{"$ref": "staff"}]}}
        import_file(client, "any-refs", **{"$evaluators": both})
        refused = revert(client, by_evaluator)
        assert refused.status_code == 409, refused.text
        assert "staff" in refused.json()["detail"]


def test_a_key_is_not_taken_back_and_it_is_said_what_to_do(guarded_server: Served) -> None:
    with guarded_server.http() as admin:
        made = admin.post("/v1/keys", json={"name": "k", "scopes": ["flags:read"], "app": "any-keys"}).json()
        admin.delete(f"/v1/keys/{made['id']}")
        everywhere = admin.post("/v1/keys", json={"name": "k", "scopes": ["flags:read"]}).json()
        entries = admin.get("/v1/audit", params={"kind": "key"}).json()["entries"]
        for entry in [each for each in entries if each["key"] in (made["id"], everywhere["id"])]:
            refused = revert(admin, entry, force=True)
            assert (refused.status_code, refused.json()["field"]) == (409, "change"), refused.text
            assert "POST /v1/keys" in refused.json()["detail"]
        assert len(entries) >= 3


def test_credentials_reach_no_further_than_for_flags(guarded_server: Served) -> None:
    with guarded_server.http() as admin:
        put_app(admin, "any-mine", name="One")
        app_entry = latest(admin, "any-mine", "app")
        import_file(admin, "any-mine", metadata={"team": "web"})
        settings_entry = latest(admin, "any-mine", "flag-environment")
        flag(admin, "any-mine")
        flag_entry = latest(admin, "any-mine", "flag")
        reader = admin.post("/v1/keys", json={"name": "r", "scopes": ["flags:read"]}).json()["key"]
    entries = (app_entry, settings_entry, flag_entry)
    with guarded_server.http(headers={"Authorization": f"Bearer {reader}"}) as client:
        assert [revert(client, entry).status_code for entry in entries] == [403] * 3
    with guarded_server.http(headers=key(guarded_server, app="any-other")) as client:
        assert [revert(client, entry).status_code for entry in entries] == [404] * 3
        refused = client.post(f"/v1/audit/{flag_entry['id']}/revert", params={"app": "any-mine"})
        assert (refused.status_code, refused.json()["field"]) == (403, "app")
    with guarded_server.http(
        headers=key(guarded_server, app="any-mine", environment="development")
    ) as client:
        for entry in entries:
            refused = revert(client, entry)
            assert (refused.status_code, refused.json()["field"]) == (403, "environment"), refused.text
    with guarded_server.http(headers=key(guarded_server, app="any-mine", environment="production")) as client:
        assert revert(client, settings_entry).json()["settings"]["metadata"] == {}
    with guarded_server.http(headers=key(guarded_server, app="any-mine")) as client:
        assert revert(client, flag_entry).status_code == 204
        assert revert(client, app_entry).json()["name"] == "any-mine"


@pytest.mark.parametrize(
    ("change", "body", "status", "field"),
    [
        ("nonsense", {}, 400, "change"),
        ("abc-99999999", {}, 404, "change"),
        ("abc-1", {"force": 1}, 400, "force"),
        ("abc-1", {"change": "abc-1"}, 400, "change"),
        ("abc-1", {"reason": "x" * 501}, 400, "reason"),
    ],
)
def test_what_is_no_entry_or_no_body_is_refused(
    flags_server: Served, described: Document, change: str, body: dict[str, Any], status: int, field: str
) -> None:
    with flags_server.http() as client:
        refused = client.post(f"/v1/audit/{change}/revert", json=body)
    described.check_answer("post", REVERT, refused)
    assert (refused.status_code, refused.json()["field"]) == (status, field)
