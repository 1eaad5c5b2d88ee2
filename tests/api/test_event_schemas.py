"""`/v1/apps/{app}/schemas` of a real server: what a schema is, who may set one; all doors obey it."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from tests.api.documents import Document
from tests.api.served import Served, serve

from tricast.api.schema_store import MAX_SCHEMAS

LISTED = "/v1/apps/{app}/schemas"
ONE = "/v1/apps/{app}/schemas/{type}"
EVENTS = "/v1/events"
ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "An order",
    "type": "object",
    "required": ["id", "lines"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "at": {"type": "string", "format": "date-time"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
    },
    "$defs": {"line": {"type": "object", "properties": {"price": {"type": "number", "minimum": 0}}}},
}
GOOD = {"id": "o-1", "lines": [{"price": 1.5}]}
BAD = {"id": "o-2", "lines": [{"price": 1.5}, {"price": -4}]}


def put(
    client: httpx2.Client, app: str, type: str, schema: Any, version: str | None = None
) -> httpx2.Response:
    headers = {} if version is None else {"If-Match": version}
    return client.put(f"/v1/apps/{app}/schemas/{type}", json=schema, headers=headers)


def mismatch(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["type"] == "/problems/schema-mismatch"
    found: dict[str, Any] = problem["mismatch"]
    return found


def test_a_schema_is_set_read_changed_listed_and_removed_as_documented(
    served: Served, openapi: Document
) -> None:
    path = "/v1/apps/schemed-a/schemas/order.paid"
    with served.http() as client:
        made = put(client, "schemed-a", "order.paid", ORDER)
        openapi.check_answer("put", ONE, made)
        assert (made.status_code, made.json()["title"]) == (201, "An order")
        assert made.headers["etag"].startswith('"1.')
        assert put(client, "schemed-a", "order.paid", True).status_code == 428
        late = put(client, "schemed-a", "order.paid", True, '"7"')
        assert late.status_code == 409
        openapi.check_answer("put", ONE, late)
        same = put(client, "schemed-a", "order.paid", ORDER, '"1"')
        assert (same.status_code, same.json()["version"]) == (200, 1)
        changed = put(client, "schemed-a", "order.paid", {"type": "object"}, '"1"')
        assert (changed.status_code, changed.json()["version"]) == (200, 2)
        got = client.get(path)
        openapi.check_answer("get", ONE, got)
        assert got.json()["schema"] == {"type": "object"}
        assert got.headers["etag"].startswith('"2.')
        listed = client.get("/v1/apps/schemed-a/schemas")
        openapi.check_answer("get", LISTED, listed)
        assert [(each["type"], each["version"]) for each in listed.json()["schemas"]] == [("order.paid", 2)]

        assert client.delete(path).status_code == 428
        gone = client.delete(path, headers={"If-Match": "*"}, params={"reason": "no longer"})
        openapi.check_answer("delete", ONE, gone)
        assert gone.status_code == 204
        for answer in (client.get(path), client.delete(path, headers={"If-Match": "*"})):
            assert answer.status_code == 404
        entries = client.get("/v1/audit", params={"app": "schemed-a", "kind": "schema"}).json()["entries"]
        assert [each["action"] for each in entries] == ["schema.deleted", "schema.updated", "schema.created"]
        assert entries[0]["reason"] == "no longer"
        again = put(client, "schemed-a", "order.paid", {"type": "string"})
        assert again.status_code == 201
        event = {"topic": "schemed-a/x", "type": "order.paid", "data": {}}
        assert mismatch(client.post(EVENTS, json=event))["rule"] == "/type"


def test_data_that_does_not_fit_is_refused_with_place_value_and_rule(
    served: Served, openapi: Document
) -> None:
    with served.http() as client:
        put(client, "schemed-b", "order.paid", ORDER)
        event = {"topic": "schemed-b/orders", "type": "order.paid"}
        assert client.post(EVENTS, json={**event, "data": GOOD}).status_code == 201
        answer = client.post(EVENTS, json={**event, "data": BAD})
        openapi.check_answer("post", EVENTS, answer)
        found = mismatch(answer)
        assert found["path"] == "/lines/1/price"
        assert found["value"] == "-4"
        assert found["rule"] == "/$defs/line/properties/price/minimum"
        assert (found["app"], found["type"], found["version"]) == ("schemed-b", "order.paid", 1)
        assert answer.json()["detail"].startswith(
            "data/lines/1/price is -4: it is less than the minimum of 0"
        )
        assert answer.json()["field"] == "data"
        when = {**GOOD, "at": "yesterday"}
        assert mismatch(client.post(EVENTS, json={**event, "data": when}))["path"] == "/at"
        assert mismatch(client.post(EVENTS, json=event))["path"] == ""
        long = mismatch(client.post(EVENTS, json={**event, "data": {"id": 1, "lines": ["x" * 100_000]}}))
        assert len(json.dumps(long)) < 2000
        for other in ({**event, "topic": "schemed-c/orders"}, {**event, "type": "order.sent"}):
            assert client.post(EVENTS, json=other).status_code == 201


DOORS: list[tuple[str, dict[str, Any]]] = [
    ("a batch", {"json": [
        {"topic": "schemed-d/x", "type": "order.paid", "data": GOOD},
        {"topic": "schemed-d/x", "type": "order.paid", "data": BAD},
    ]}),
    ("any body", {"json": BAD, "params": {"topic": "schemed-d/x", "type": "order.paid"}}),
    ("text", {"content": "hello", "params": {"topic": "schemed-d/x", "type": "order.paid"}}),
    ("bytes", {"content": b"\xff\x00", "params": {"topic": "schemed-d/x", "type": "order.paid"}}),
    ("structured", {
        "json": {"specversion": "1.0", "id": "1", "source": "/s", "type": "order.paid",
                 "topic": "schemed-d/x", "data": BAD},
        "headers": {"content-type": "application/cloudevents+json"},
    }),
    ("batched", {
        "json": [{"specversion": "1.0", "id": "2", "source": "/s", "type": "order.paid",
                  "topic": "schemed-d/x", "data": BAD}],
        "headers": {"content-type": "application/cloudevents-batch+json"},
    }),
    ("binary", {
        "content": json.dumps(BAD),
        "headers": {"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "3",
                    "ce-source": "/s", "ce-type": "order.paid", "ce-topic": "schemed-d/x"},
    }),
]  # fmt: skip


@pytest.mark.parametrize(("what", "asked"), DOORS, ids=[what for what, _ in DOORS])
def test_every_form_of_publishing_is_held_against_it(
    served: Served, what: str, asked: dict[str, Any]
) -> None:
    with served.http() as client:
        put(client, "schemed-d", "order.paid", ORDER)
        answer = client.post(EVENTS, **asked)
        assert mismatch(answer)["app"] == "schemed-d"
        if what == "a batch":
            assert answer.json()["field"] == "[1].data"
            assert answer.json()["detail"].startswith("event 1 of the batch: ")
        read = client.get(EVENTS, params={"topic": "schemed-d/x", "cursor": "earliest", "timeout": "0"})
        assert read.json()["events"] == [], "nothing of it was published"


def test_a_websocket_is_told_in_the_reply_and_goes_on(served: Served, asyncapi: Document) -> None:
    with served.http() as client:
        put(client, "schemed-e", "order.paid", ORDER)
    command = {"op": "publish", "topic": "schemed-e/x", "type": "order.paid", "data": BAD, "ref": "r"}
    with served.websocket("topic=schemed-e/*") as talk:
        talk.say(command)
        reply = talk.until("tricast.reply")
        asyncapi.check("Reply", reply)
        assert reply["data"]["ok"] is False
        assert reply["data"]["error"]["mismatch"]["path"] == "/lines/1/price"
        assert talk.ask({**command, "data": GOOD})["ok"] is True


def test_events_that_are_there_stay_and_are_read(served: Served) -> None:
    cursor = served.publish("schemed-f/x", "anything")
    with served.http() as client:
        put(client, "schemed-f", "message", {"type": "integer"})
        read = client.get(EVENTS, params={"topic": "schemed-f/x", "cursor": "earliest", "timeout": "0"})
        assert [event["cursor"] for event in read.json()["events"]] == [cursor]


NO_SCHEMAS: list[tuple[str, Any, str]] = [
    ("a list", [], "a JSON object"),
    ("a keyword of the wrong kind", {"type": "nonsense"}, "at /type"),
    ("a pattern that is none", {"pattern": "("}, "at /pattern"),
    ("a reference into the network", {"$ref": "https://example.com/s.json"}, "nothing is fetched"),
    ("a reference to a file", {"$ref": "file:///etc/passwd"}, "nothing is fetched"),
    ("a reference to nothing", {"$ref": "#/$defs/none"}, "/$defs/none"),
    ("another draft", {"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema"),
    ("no name of a draft", {"$schema": 7}, "$schema"),
]


@pytest.mark.parametrize(("what", "schema", "says"), NO_SCHEMAS, ids=[what for what, _, _ in NO_SCHEMAS])
def test_what_is_no_schema_is_refused_and_says_why(served: Served, what: str, schema: Any, says: str) -> None:
    with served.http() as client:
        answer = put(client, "schemed-g", "order.paid", schema)
        assert answer.status_code == 400
        assert answer.json()["field"] in ("schema", "$schema")
        assert says in answer.json()["detail"]
        assert client.get("/v1/apps/schemed-g/schemas").json()["schemas"] == []


def test_a_deep_schema_and_a_large_one_are_refused(served: Served) -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"not": deep}
    with served.http() as client:
        assert put(client, "schemed-g", "deep", deep).status_code == 400
        large = put(client, "schemed-g", "large", {"description": "x" * 65_536})
        assert (large.status_code, large.json()["field"]) == (413, "body")


def test_a_pattern_that_would_take_for_ever_refuses_the_event_instead(served: Served) -> None:
    with served.http() as client:
        put(client, "schemed-h", "slow", {"pattern": "^(?!x)(a|b|ab)*?(?<!y)c$"})
        event = {"topic": "schemed-h/x", "type": "slow", "data": "ab" * 3000}
        assert mismatch(client.post(EVENTS, json=event))["rule"] == "/pattern"


@pytest.mark.parametrize(
    "type", ["flag.updated", "flag-environment.updated", "tricast.hello", "presence.left"]
)
def test_the_servers_own_events_can_not_be_held_against_anything(served: Served, type: str) -> None:
    with served.http() as client:
        answer = put(client, "schemed-i", type, {})
    assert (answer.status_code, answer.json()["field"]) == (400, "type")


@pytest.mark.parametrize(("app", "type"), [("tricast", "order.paid"), ("a b", "t"), ("x" * 300, "t")])
def test_an_app_that_can_not_be_one_has_no_schemas(served: Served, app: str, type: str) -> None:
    with served.http() as client:
        answer = put(client, app, type, {})
    assert (answer.status_code, answer.json()["field"]) == (400, "app")


def test_a_type_may_hold_a_slash(served: Served) -> None:
    with served.http() as client:
        assert put(client, "schemed-j", "https://x.example/order", {"type": "object"}).status_code == 201
        event = {"topic": "schemed-j/x", "type": "https://x.example/order", "data": 1}
        assert mismatch(client.post(EVENTS, json=event))["rule"] == "/type"


def test_reading_takes_flags_read_and_writing_admin_each_in_its_own_app(guarded: Served) -> None:
    with guarded.http() as client:
        keys = {
            name: client.post("/v1/keys", json={"name": name, "app": app, "scopes": [scope]}).json()["key"]
            for name, app, scope in (
                ("reader", "schemed-k", "flags:read"),
                ("admin", "schemed-k", "admin"),
                ("other", "schemed-l", "admin"),
                ("present", "schemed-k", "presence"),
            )
        }

    def of(name: str) -> httpx2.Client:
        return guarded.http(headers={"Authorization": f"Bearer {keys[name]}"})

    path = "/v1/apps/schemed-k/schemas"
    with of("admin") as admin, of("reader") as reader, of("other") as other, of("present") as present:
        assert put(admin, "schemed-k", "t", {"type": "object"}).status_code == 201
        assert reader.get(path).json()["schemas"][0]["updated_by"] == "admin"
        assert reader.get(f"{path}/t").status_code == 200
        assert put(reader, "schemed-k", "t", {}, "*").status_code == 403
        assert reader.delete(f"{path}/t", headers={"If-Match": "*"}).status_code == 403
        assert present.get(path).status_code == 403
        for answer in (other.get(path), other.get(f"{path}/t"), put(other, "schemed-k", "t", {}, "*")):
            assert (answer.status_code, answer.json()["field"]) == (403, "app")


def test_an_app_has_so_many_schemas_and_no_more(served: Served) -> None:
    with served.http() as client:
        for number in range(MAX_SCHEMAS):
            assert put(client, "schemed-m", f"t{number}", True).status_code == 201
        full = put(client, "schemed-m", "one-more", True)
        assert (full.status_code, full.json()["field"]) == (409, "app")
        assert put(client, "schemed-m", "t0", {"type": "object"}, "*").status_code == 200


def test_schemas_outlive_a_restart(tmp_path: Any) -> None:
    log = ("--log", f"sqlite:///{tmp_path}/tricast.db")
    event = {"topic": "shop/x", "type": "order.paid", "data": BAD}
    with serve(*log) as served, served.http() as client:
        put(client, "shop", "order.paid", ORDER)
    with serve(*log) as served, served.http() as client:
        assert mismatch(client.post(EVENTS, json=event))["version"] == 1
        client.delete("/v1/apps/shop/schemas/order.paid", headers={"If-Match": '"1"'})
        assert client.post(EVENTS, json=event).status_code == 201
