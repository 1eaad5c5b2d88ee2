"""Flags over HTTP: what is asked, what is answered, who may."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from tests.api.documents import Document
from tests.api.served import Served

FLAGS = "/v1/flags"
FLAG = "/v1/flags/{key}"


def create(client: httpx2.Client, app: str, key: str, **value: Any) -> httpx2.Response:
    answer = client.post(FLAGS, params={"app": app}, json={"key": key, "type": "boolean", **value})
    assert answer.status_code == 201, answer.text
    return answer


def at(key: str, action: str = "") -> str:
    return f"{FLAGS}/{quote(key)}{action and '/' + action}"


def version(number: int | str) -> dict[str, str]:
    return {"if-match": number if isinstance(number, str) else f'"{number}"'}


def test_a_flag_is_made_read_changed_and_deleted_as_documented(
    flags_server: Served, described: Document
) -> None:
    app = {"app": "life"}
    with flags_server.http() as client:
        made = create(client, "life", "new checkout/α", name="New", reason="SHOP-1")
        described.check_answer("post", FLAGS, made)
        assert made.headers["etag"].startswith('"1.')
        assert client.get(made.headers["location"]).json()["name"] == "New"
        path = at("new checkout/α")
        got = client.get(path, params=app)
        described.check_answer("get", FLAG, got)
        seen = client.get(path, params={**app, "environment": "production"})
        described.check_answer("get", FLAG, seen)
        assert (seen.json()["state"], seen.headers["etag"]) == ("DISABLED", made.headers["etag"])
        steps: list[tuple[str, str, dict[str, Any], Any]] = [
            ("patch", "", {"environments": {"production": {"state": "ENABLED"}}}, "ENABLED"),
            ("post", "toggle", {"environment": "production", "reason": "off again"}, "DISABLED"),
            ("post", "toggle", {"environment": "development", "state": "ENABLED"}, "DISABLED"),
            ("post", "copy", {"from": "development", "to": "production"}, "ENABLED"),
            ("post", "archive", {"reason": "done"}, "ENABLED"),
            ("post", "restore", {}, "ENABLED"),
        ]
        for number, (method, action, body, state) in enumerate(steps, 1):
            template = f"{FLAG}/{action}" if action else FLAG
            answer = client.request(
                method.upper(),
                at("new checkout/α", action),
                params=app,
                json=body,
                headers=version(number),
            )
            assert answer.status_code == 200, answer.text
            described.check_answer(method, template, answer)
            assert (answer.headers["etag"].partition(".")[0], answer.json()["version"]) == (
                f'"{number + 1}',
                number + 1,
            )
            assert answer.json()["environments"]["production"]["state"] == state
        gone = client.delete(path, params={**app, "reason": "bye"}, headers=version(7))
        assert gone.status_code == 204
        described.check_answer("delete", FLAG, gone)
        missing = client.get(path, params=app)
        assert missing.status_code == 404
        described.check_answer("get", FLAG, missing)
        entries = client.get("/v1/audit", params={"app": "life"}).json()["entries"]
        assert [entry["action"].partition(".")[2] for entry in reversed(entries)] == [
            "created", "updated", "updated", "updated", "updated", "archived", "restored", "deleted",
        ]  # fmt: skip
        assert [entry["reason"] for entry in entries[:3]] == ["bye", None, "done"]


def test_an_edit_without_a_version_is_428_and_a_stale_one_409(
    flags_server: Served, described: Document
) -> None:
    app, path = {"app": "versions"}, at("a")
    with flags_server.http() as client:
        create(client, "versions", "a")
        for method, action in [
            ("PATCH", ""), ("DELETE", ""), ("POST", "archive"), ("POST", "restore"),
            ("POST", "copy"), ("POST", "toggle"),
        ]:  # fmt: skip
            answer = client.request(method, at("a", action), params=app, json={})
            assert (answer.status_code, answer.json()["field"]) == (428, "If-Match")
            described.check_answer(method, f"{FLAG}/{action}" if action else FLAG, answer)
        client.patch(path, params=app, json={"name": "x", "reason": "mine"}, headers=version(1))
        stale = client.patch(path, params=app, json={"name": "y"}, headers=version(1))
        assert stale.status_code == 409
        described.check_answer("patch", FLAG, stale)
        problem = stale.json()
        assert (problem["type"], problem["version"]) == ("/problems/version-conflict", 2)
        assert [(change["version"], change["reason"]) for change in problem["since"]] == [(2, "mine")]
        assert (problem["collisions"], problem["flag"]["name"]) == (["/name"], "x")
        merged = client.patch(path, params=app, json={"owner": "me"}, headers=version(1))
        described.check_answer("patch", FLAG, merged)
        told = merged.json()["merged"]
        assert (told["from"], told["onto"], [change["version"] for change in told["since"]]) == (1, 2, [2])
        any_version = client.patch(path, params=app, json={"name": "z"}, headers=version("*"))
        assert (any_version.status_code, any_version.json()["version"]) == (200, 4)
        nothing = client.patch(path, params=app, json={"name": "z"}, headers=version("*"))
        assert (nothing.status_code, nothing.json()["version"], nothing.json()["changed"]) == (200, 4, [])
        twice = client.post(FLAGS, params=app, json={"key": "a", "type": "boolean"})
        assert (twice.status_code, twice.json()["field"]) == (409, "key")
        described.check_answer("post", FLAGS, twice)


def test_a_change_is_undone_by_its_audit_entry(flags_server: Served, described: Document) -> None:
    app = {"app": "undo"}
    with flags_server.http() as client:
        create(client, "undo", "a")
        client.patch(at("a"), params=app, json={"name": "B"}, headers=version(1))
        entry = client.get("/v1/audit", params={"app": "undo", "flag": "a"}).json()["entries"][0]
        body = {"change": entry["id"], "reason": "no"}
        undone = client.post(at("a", "revert"), params=app, json=body)
        assert (undone.status_code, undone.json()["name"], undone.json()["version"]) == (200, "", 3)
        described.check_answer("post", f"{FLAG}/revert", undone)
        client.patch(at("a"), params=app, json={"name": "C"}, headers=version(3))
        refused = client.post(at("a", "revert"), params=app, json=body)
        assert (refused.status_code, refused.json()["collisions"]) == (409, ["/name"])
        described.check_answer("post", f"{FLAG}/revert", refused)
        forced = client.post(at("a", "revert"), params=app, json={**body, "force": True})
        assert forced.json()["name"] == ""
        nowhere = client.post(at("a", "revert"), params=app, json={"change": "none-1"})
        assert (nowhere.status_code, nowhere.json()["field"]) == (404, "change")


def test_a_batch_is_whole_and_names_what_is_wrong(flags_server: Served, described: Document) -> None:
    with flags_server.http() as client:
        create(client, "batch", "a")
        changes = [
            {"op": "create", "key": "b", "flag": {"type": "string", "variants": {"x": "1"}}},
            {"op": "patch", "key": "a", "version": 1, "patch": {"name": "A"}},
            {"op": "toggle", "key": "a", "version": None, "environment": "production"},
            {"op": "copy", "key": "a", "version": None, "from": "production", "to": "development"},
            {"op": "archive", "key": "b", "version": 1},
            {"op": "restore", "key": "b", "version": 2},
            {"op": "delete", "key": "b", "version": 3},
        ]
        answer = client.post(f"{FLAGS}/batch", json={"app": "batch", "reason": "all", "changes": changes})
        assert answer.status_code == 200, answer.text
        described.check_answer("post", "/v1/flags/batch", answer)
        assert [each["version"] for each in answer.json()["changes"]] == [1, 2, 3, 4, 2, 3, None]
        before = client.get(FLAGS, params={"app": "batch"}).json()
        for wrong, status, field in [
            ({"op": "patch", "key": "a", "version": 1, "patch": {"name": "X"}}, 409, "changes.1.version"),
            ({"op": "patch", "key": "none", "version": 1, "patch": {}}, 404, "changes.1.key"),
            ({"op": "patch", "key": "a", "version": 4, "patch": {"nme": 1}}, 400, "changes.1/nme"),
            ({"op": "toggle", "key": "a", "environment": "production"}, 400, "changes.1.toggle.version"),
            ({"op": "fly", "key": "a"}, 400, "changes.1"),
        ]:
            both = [{"op": "create", "key": "c", "flag": {"type": "boolean"}}, wrong]
            refused = client.post(f"{FLAGS}/batch?app=batch", json={"changes": both})
            assert (refused.status_code, refused.json()["field"]) == (status, field), refused.text
            described.check_answer("post", "/v1/flags/batch", refused)
        assert client.get(FLAGS, params={"app": "batch"}).json() == before


@pytest.fixture(scope="module")
def listed(flags_server: Served) -> str:
    """An app with flags to look for."""
    with flags_server.http() as client:
        create(client, "list", "alpha", name="First one", tags=["shop", "x"], owner="ann")
        create(client, "list", "beta", description="Straße", tags=["shop"])
        create(client, "list", "gamma/1")
        client.post(
            at("beta", "toggle"),
            params={"app": "list"},
            json={"environment": "production"},
            headers=version(1),
        )
        client.post(at("gamma/1", "archive"), params={"app": "list"}, headers=version(1))
    return "list"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["alpha", "beta"]),
        ({"archived": "true"}, ["alpha", "beta", "gamma/1"]),
        ({"archived": "only"}, ["gamma/1"]),
        ({"q": "FIRST"}, ["alpha"]),
        ({"q": "strasse"}, ["beta"]),
        ({"q": "ann"}, ["alpha"]),
        ({"tag": "shop"}, ["alpha", "beta"]),
        ({"tag": ["shop", "x"]}, ["alpha"]),
        ({"key": ["beta", "none"]}, ["beta"]),
        ({"state": "ENABLED"}, ["beta"]),
        ({"state": "ENABLED", "environment": "development"}, []),
        ({"state": "DISABLED", "environment": "development"}, ["alpha", "beta"]),
        ({"after": "alpha"}, ["beta"]),
        ({"stale": "true"}, []),
        ({"stale": "false"}, ["alpha", "beta"]),
        ({"q": "none"}, []),
    ],
)
@pytest.mark.parametrize("environment", [None, "production"])
def test_flags_are_found(
    flags_server: Served,
    described: Document,
    listed: str,
    query: dict[str, Any],
    found: list[str],
    environment: str | None,
) -> None:
    asked = {"app": listed, **({"environment": environment} if environment else {}), **query}
    with flags_server.http() as client:
        answer = client.get(FLAGS, params=asked)
    assert answer.status_code == 200, answer.text
    described.check_answer("get", FLAGS, answer)
    assert [flag["key"] for flag in answer.json()["flags"]] == found


def test_a_long_list_comes_in_pages(flags_server: Served, described: Document) -> None:
    with flags_server.http() as client:
        for count in range(7):
            create(client, "pages", f"f{count}")
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            answer = client.get(FLAGS, params={"app": "pages", "limit": "3", "after": after})
            described.check_answer("get", FLAGS, answer)
            found += [flag["key"] for flag in answer.json()["flags"]]
            after = answer.json()["next"]
    assert found == [f"f{count}" for count in range(7)]


def test_a_list_that_did_not_change_is_304_with_the_present_cursor(flags_server: Served) -> None:
    asked = {"app": "same", "environment": "production"}
    with flags_server.http() as client:
        create(client, "same", "a")
        first = client.get(FLAGS, params=asked)
        assert first.headers["tricast-cursor"] == first.json()["cursor"]
        moved = flags_server.publish("same/other", 1)
        again = client.get(FLAGS, params=asked, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.headers["tricast-cursor"]) == (304, moved)
        client.post(at("a", "toggle"), params={"app": "same"}, json={"environment": "development"},
                    headers=version("*"))  # fmt: skip
        still = client.get(FLAGS, params=asked, headers={"if-none-match": first.headers["etag"]})
        assert still.status_code == 304, "another environment's change is none here"
        client.post(at("a", "toggle"), params={"app": "same"}, json={"environment": "production"},
                    headers=version("*"))  # fmt: skip
        changed = client.get(FLAGS, params=asked, headers={"if-none-match": first.headers["etag"]})
        assert changed.status_code == 200
        whole = client.get(FLAGS, params={"app": "same"})
        assert whole.headers["etag"] != changed.headers["etag"]


def test_a_flag_may_be_called_like_a_route(flags_server: Served) -> None:
    app = {"app": "names"}
    with flags_server.http() as client:
        for key in ("export", "import", "batch", "a/archive", "a/usage", "a"):
            create(client, "names", key, name=key)
            patched = client.patch(at(key), params=app, json={"owner": key}, headers=version(1))
            assert (patched.status_code, patched.json()["owner"]) == (200, key)
            (found,) = client.get(FLAGS, params={**app, "key": key}).json()["flags"]
            assert found["name"] == key
        archived = client.post(at("a/archive", "archive"), params=app, headers=version(2))
        assert archived.json()["key"] == "a/archive"
        assert client.get(at("a/archive"), params=app).json()["archived"] is True
        assert client.delete(at("export"), params=app, headers=version(2)).status_code == 204


def test_apps_are_listed_and_set_up(flags_server: Served, described: Document) -> None:
    path = "/v1/apps/{app}"
    with flags_server.http() as client:
        fresh = client.get("/v1/apps/fresh")
        described.check_answer("get", path, fresh)
        assert fresh.json() == {
            "app": "fresh", "name": "fresh", "environments": ["development", "production"],
            "created_at": None, "version": 0, "flags": 0,
        }  # fmt: skip
        body = {"name": "Fresh", "environments": ["development", "staging", "production"]}
        made = client.put("/v1/apps/fresh", json=body)
        assert made.status_code == 201, made.text
        described.check_answer("put", path, made)
        create(client, "fresh", "a")
        flags = client.get(FLAGS, params={"app": "fresh", "environment": "staging"}).json()["flags"]
        assert [flag["key"] for flag in flags] == ["a"]
        missing = client.put("/v1/apps/fresh", json={"name": "x"})
        assert missing.status_code == 428
        stale = client.put("/v1/apps/fresh", json={"name": "x"}, headers=version(9))
        assert stale.status_code == 409
        described.check_answer("put", path, stale)
        dropped = client.put("/v1/apps/fresh", json={"environments": ["production"]}, headers=version(1))
        assert (dropped.status_code, dropped.json()["field"]) == (409, "environments")
        renamed = client.put("/v1/apps/fresh", json={"name": "x"}, headers=version(1))
        assert (renamed.status_code, renamed.json()["version"]) == (200, 2)
        listed = client.get("/v1/apps")
        described.check_answer("get", "/v1/apps", listed)
        assert ("x", 1) in [(app["name"], app["flags"]) for app in listed.json()["apps"]]


# Who may


def key(server: Served, *scopes: str, **more: str) -> dict[str, str]:
    with server.http() as admin:
        made = admin.post("/v1/keys", json={"name": "k", "scopes": list(scopes), **more})
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['key']}"}


def test_rights_are_asked_for(guarded_server: Served) -> None:
    with guarded_server.http() as admin:
        create(admin, "rights", "a")
    reads = [("GET", FLAGS), ("GET", at("a")), ("GET", f"{FLAGS}/export?environment=production"),
             ("GET", "/v1/apps"), ("GET", "/v1/apps/rights")]  # fmt: skip
    writes = [("POST", FLAGS), ("PATCH", at("a")), ("DELETE", at("a")), ("POST", at("a", "archive")),
              ("POST", at("a", "restore")), ("POST", at("a", "copy")), ("POST", at("a", "toggle")),
              ("POST", at("a", "revert")), ("POST", f"{FLAGS}/batch"), ("POST", f"{FLAGS}/import"),
              ("PUT", "/v1/apps/rights")]  # fmt: skip
    with guarded_server.http(headers=key(guarded_server, app="rights")) as nobody:
        for method, path in reads + writes:
            answer = nobody.request(method, path)
            assert answer.status_code == 403, (method, path)
            assert "flags:" in answer.json()["detail"]
    with guarded_server.http(headers=key(guarded_server, "flags:read", app="rights")) as reader:
        for method, path in reads:
            assert reader.request(method, path).status_code == 200, (method, path)
        for method, path in writes:
            answer = reader.request(method, path)
            assert (answer.status_code, "flags:write" in answer.json()["detail"]) == (403, True)


def test_credentials_of_an_app_or_environment_reach_no_further(guarded_server: Served) -> None:
    with guarded_server.http() as admin:
        create(admin, "reach", "a")
        create(
            admin,
            "reach",
            "dev-only",
            environments={"development": {"state": "ENABLED", "defaultVariant": "on"}},
        )
        create(admin, "elsewhere", "a")
    own = key(guarded_server, "flags:read", "flags:write", app="reach", environment="production")
    with guarded_server.http(headers=own) as client:
        listed = client.get(FLAGS).json()
        assert (listed["environment"], [flag["key"] for flag in listed["flags"]]) == ("production", ["a"])
        assert client.get("/v1/apps").json()["apps"][0]["environments"] == ["production"]
        for query in ({"app": "elsewhere"}, {"environment": "development"}):
            answer = client.get(FLAGS, params=query)
            assert (answer.status_code, answer.json()["field"]) == (403, next(iter(query)))
        assert client.get(at("dev-only")).status_code == 404
        flipped = client.post(at("a", "toggle"), json={"environment": "production"}, headers=version(1))
        assert (flipped.status_code, flipped.json()["state"]) == (200, "ENABLED")
        assert "environments" not in flipped.json()
        for method, action, body in [
            ("PATCH", "", {"name": "x"}),
            ("POST", "toggle", {"environment": "development"}),
            ("POST", "copy", {"from": "production", "to": "development"}),
            ("POST", "archive", {}),
            ("DELETE", "", {}),
        ]:
            refused = client.request(method, at("a", action), json=body, headers=version("*"))
            assert (refused.status_code, refused.json()["field"]) == (403, "environment"), refused.text
        stale = client.post(at("a", "toggle"), json={"environment": "production"}, headers=version(1)).json()
        assert "environments" not in stale["flag"]
        assert client.put("/v1/apps/reach", json={"name": "x"}).status_code == 403


def test_nobody_publishes_to_flags_from_outside(flags_server: Served) -> None:
    with flags_server.http() as client:
        answer = client.post("/v1/events", json={"topic": "shop/flags/production", "data": 1})
    assert answer.status_code == 403


def test_a_page_of_an_allowed_origin_may_read_and_write(flags_server: Served) -> None:
    asked = {"origin": flags_server.url, "access-control-request-method": "PATCH"}
    with flags_server.http() as client:
        create(client, "pages", "cors")
        options = client.options(at("cors"), headers=asked)
        assert options.status_code == 204
        assert "PATCH" in options.headers["access-control-allow-methods"]
        assert "If-Match" in options.headers["access-control-allow-headers"]
        read = client.get(at("cors"), params={"app": "pages"}, headers={"origin": flags_server.url})
        assert read.headers["access-control-allow-origin"] == flags_server.url
        assert "ETag" in read.headers["access-control-expose-headers"]


def test_a_request_id_stands_in_answer_and_audit(flags_server: Served) -> None:
    with flags_server.http() as client:
        answer = client.post(
            FLAGS,
            params={"app": "ids"},
            json={"key": "a", "type": "boolean"},
            headers={"x-request-id": "my-request.1"},
        )
        assert answer.headers["x-request-id"] == "my-request.1"
        (entry,) = client.get("/v1/audit", params={"app": "ids"}).json()["entries"]
        assert entry["request_id"] == "my-request.1"


def test_a_long_list_is_sent_as_gzip_to_whoever_takes_it(flags_server: Served) -> None:
    asked = {"app": "packed"}
    with flags_server.http(headers={**flags_server.headers, "accept-encoding": "gzip"}) as client:
        create(client, "packed", "short")
        assert "content-encoding" not in client.get(FLAGS, params=asked).headers
        create(client, "packed", "long", description="many words " * 150)
        packed = client.get(FLAGS, params=asked)
        plain = client.get(FLAGS, params=asked, headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        page = client.get(FLAGS, params=asked, headers={"origin": "http://localhost:5173"})
        assert page.headers["vary"] == "Accept-Encoding, Origin"
        assert "content-encoding" not in plain.headers
        assert packed.json() == plain.json()
        known = {"if-none-match": packed.headers["etag"]}
        assert client.get(FLAGS, params=asked, headers=known).status_code == 304
