"""The flag files that a flagd synchronizes with, from a real server."""

from __future__ import annotations

import json

import pytest
from tests.flags.ofrep.hosted import FLAGS, App, boolean


def path(app: App, environment: str = "production") -> str:
    return f"/v1/flagd/{app.name}/{environment}.json"


def test_the_file_is_what_was_loaded(app: App) -> None:
    app.load({}, metadata={"set": "main"})
    with app.http() as client:
        answer = client.get(path(app))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"metadata": {"set": "main"}, "flags": FLAGS}


def test_a_file_that_flagd_has_is_304(app: App) -> None:
    with app.http() as client:
        first = client.get(path(app))
        known = {"if-none-match": first.headers["etag"]}
        second = client.get(path(app), headers=known)
        assert (second.status_code, second.content) == (304, b"")
        assert second.headers["etag"] == first.headers["etag"]
        app.load({"banner": boolean("on")}, environment="development")
        assert client.get(path(app), headers=known).status_code == 304
        app.toggle("banner")
        third = client.get(path(app), headers=known)
        assert third.status_code == 200
        assert third.json()["flags"]["banner"]["state"] == "DISABLED"


def test_an_environment_without_flags_is_an_empty_file(app: App) -> None:
    with app.http() as client:
        assert client.get(path(app, "development")).json()["flags"] == {}
        assert client.get(path(app, "nowhere")).status_code == 404


def test_a_key_of_one_environment_reads_its_file_only(app: App) -> None:
    with app.http(headers={"authorization": f"Bearer {app.key('flags:read')}"}) as client:
        assert client.get(path(app)).status_code == 200
        assert client.get(path(app, "development")).status_code == 403
    with app.http(headers={}) as client:
        assert client.get(path(app)).status_code == 401
    with app.http(headers={"authorization": f"Bearer {app.key('presence')}"}) as client:
        assert client.get(path(app)).status_code == 403


def test_a_head_request_has_the_etag(app: App) -> None:
    with app.http() as client:
        head, whole = client.head(path(app)), client.get(path(app))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == whole.headers["etag"]


def test_shared_rules_are_in_the_file(app: App) -> None:
    shared = {"isPro": {"==": [{"var": "plan"}, "pro"]}}
    rule = {"if": [{"$ref": "isPro"}, "on", "off"]}
    app.load({"pro-too": boolean("off", targeting=rule)}, **{"$evaluators": shared})
    with app.http() as client:
        found = json.loads(client.get(path(app)).text)
    assert found["$evaluators"] == shared
    assert found["flags"]["pro-too"]["targeting"] == rule


@pytest.mark.parametrize("query", ["?format=yaml", "?app=x"])
def test_a_parameter_that_there_is_not_is_refused(app: App, query: str) -> None:
    with app.http() as client:
        assert client.get(path(app) + query).status_code == 400
