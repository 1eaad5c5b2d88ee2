"""`/openapi.json` says what the server does: no more, no less."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Mount, Route
from tests.api.documents import Document
from tests.api.served import Served, serve

from tricast.api.schemas import errors
from tricast.server.app import EVENTS_PATH, Service
from tricast.settings import Settings
from tricast.transports.http import METHODS

EVENTS = "/v1/events"
SERVICE = ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json"]


def test_every_schema_is_one_and_every_reference_leads_somewhere(openapi: Document) -> None:
    assert openapi.json["openapi"] == "3.1.0"
    for name, schema in openapi.json["components"]["schemas"].items():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
        for example in schema.get("examples", []):
            openapi.check(name, example)
    assert all(openapi.find(ref) is not None for ref in openapi.refs())


def test_every_route_is_documented_and_everything_documented_is_there(openapi: Document) -> None:
    routes: dict[str, set[str]] = {EVENTS_PATH: {*METHODS.decode().split(", ")}}
    for route in Service(Settings(log="memory:", dev=True)).routes:
        if isinstance(route, Mount):
            routes[f"{route.path}/{{path}}"] = {"GET"}
        else:
            assert isinstance(route, Route)
            routes.setdefault(route.path.replace(":path", ""), set()).update(
                (route.methods or set()) - {"HEAD"}
            )
    documented = {
        path: {method.upper() for method in operations} for path, operations in openapi.json["paths"].items()
    }
    assert documented == routes


def test_every_error_has_a_problem_type(openapi: Document) -> None:
    for error in errors():
        openapi.check("Problem", error("why", field="topic", retry_after_s=1.5).problem())


@pytest.mark.parametrize("path", SERVICE)
def test_the_service_answers_as_documented(served: Served, openapi: Document, path: str) -> None:
    with served.http() as client:
        answer = client.get(path)
        assert answer.status_code == 200
        openapi.check_answer("get", path, answer)


@pytest.mark.parametrize("folder", ["static", "joined"])
def test_the_pages_files_are_served_or_not_found(served: Served, openapi: Document, folder: str) -> None:
    with served.http() as client:
        for path in ("index.html", "none", "../pyproject.toml", "%2e%2e/pyproject.toml", "a%00b", "x" * 5000):
            answer = client.get(f"/{folder}/{path}")
            assert answer.status_code == (200 if path == "index.html" else 404), path
            if path != "../pyproject.toml":  # (which the client makes another path of)
                openapi.check_answer("get", f"/{folder}/{{path}}", answer)
        assert client.post(f"/{folder}/index.html").status_code == 405
        module = client.get("/client/index.js")
        assert module.status_code == 200
        assert module.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path", [*SERVICE, EVENTS, "/v1/tokens", "/v1/tokens/revoke", "/v1/keys", "/v1/keys/x"]
)
def test_other_methods_are_405_and_allow_names_those_that_there_are(
    served: Served, openapi: Document, path: str
) -> None:
    documented = "/v1/keys/{id}" if path == "/v1/keys/x" else path
    there = openapi.json["paths"][documented]
    with served.http() as client:
        for method in {"get", "post", "put", "patch", "delete"} - set(there):
            answer = client.request(method.upper(), path)
            assert answer.status_code == 405
            openapi.check("Problem", answer.json())
            assert answer.json()["type"] == "/problems/method-not-allowed"
            allowed = set(answer.headers["allow"].lower().split(", "))
            assert allowed - {"head", "options"} == set(there) - {"head", "options"}


PUBLISHED: list[tuple[str, dict[str, Any]]] = [
    ("an event", {"json": {"topic": "shop/orders", "type": "order.paid", "data": {"id": 1}}}),
    ("only a topic", {"json": {"topic": "shop/orders"}}),
    ("all members", {"json": {
        "topic": "shop/orders", "type": "t", "id": "all-1", "source": "/x", "subject": "s", "data": None,
        "time": "2026-01-01T12:00:00.5+02:00", "datacontenttype": "application/x+json", "specversion": "1.0",
        "cursor": "mine", "priority": 3, "urgent": True, "trace": "abc",
    }}),
    ("bytes", {"json": {"topic": "shop/orders", "data_base64": "AAEC"}}),
    ("a batch", {"json": [{"topic": "shop/orders"}, {"topic": "shop/bills", "id": "b1"}]}),
    ("text", {"content": "hello", "params": {"topic": "shop/orders", "type": "greeting"}}),
    ("a form, as curl has it", {
        "content": "hello", "params": {"topic": "shop/orders"},
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    }),
    ("other bytes", {"content": b"\xff\x00", "params": {"topic": "shop/orders"}}),
    ("JSON as data", {"json": [1, 2], "params": {"topic": "shop/orders"}}),
    ("structured", {
        "json": {"specversion": "1.0", "id": "s1", "source": "/s", "type": "t", "topic": "shop/orders"},
        "headers": {"content-type": "application/cloudevents+json; charset=utf-8"},
    }),
    ("structured, topic in the query", {
        "json": {"specversion": "1.0", "id": "s2", "source": "/s", "type": "t"},
        "params": {"topic": "shop/orders"}, "headers": {"content-type": "application/cloudevents+json"},
    }),
    ("batched", {
        "json": [{"specversion": "1.0", "id": "s3", "source": "/s", "type": "t", "topic": "shop/orders"}],
        "headers": {"content-type": "application/cloudevents-batch+json"},
    }),
    ("binary", {
        "content": "<x/>",
        "headers": {
            "content-type": "text/xml", "ce-specversion": "1.0", "ce-id": "s4", "ce-source": "/s",
            "ce-type": "t", "ce-topic": "shop/orders", "ce-subject": "%E2%82%AC%20and%20%C3%A9",
        },
    }),
    ("an idempotency key", {"json": {"topic": "shop/orders"}, "headers": {"idempotency-key": "k1"}}),
    ("the same again", {"json": {"topic": "shop/orders"}, "headers": {"idempotency-key": "k1"}}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "asked"), PUBLISHED, ids=[what for what, _ in PUBLISHED])
def test_what_is_published_in_each_form_is_read_as_documented(
    served: Served, openapi: Document, what: str, asked: dict[str, Any]
) -> None:
    with served.http() as client:
        answer = client.post(EVENTS, **asked)
        assert answer.status_code == 201, answer.text
        openapi.check_answer("post", EVENTS, answer)
        ids = {event["id"] for event in answer.json()["events"]}
        read = client.get(EVENTS, params={"topic": "shop/**", "cursor": "earliest", "timeout": "0"})
        openapi.check_answer("get", EVENTS, read)
        assert ids <= {event["id"] for event in read.json()["events"]}


def test_in_binary_mode_attributes_are_percent_decoded(served: Served) -> None:
    headers = {"ce-type": "t", "ce-topic": "pct/a", "ce-subject": "%E2%82%AC%20%22x%22"}
    with served.http() as client:
        client.post(EVENTS, content="x", headers=headers)
        read = client.get(EVENTS, params={"topic": "pct/a", "cursor": "earliest", "timeout": "0"}).json()
    assert read["events"][0]["subject"] == '€ "x"'


REFUSED: list[tuple[int, str, dict[str, Any]]] = [
    (400, "get", {}),
    (400, "get", {"params": {"topic": "a", "cursor": "never"}}),
    (400, "post", {"content": "{"}),
    (403, "post", {"json": {"topic": "tricast/x"}}),
    (
        409,
        "post",
        {"json": {"topic": "shop/orders", "data": "another"}, "headers": {"idempotency-key": "k9"}},
    ),
    (413, "post", {"json": {"topic": "a", "data": "x" * 300_000}}),
    (413, "post", {"content": b" " * 1_100_000}),
]


@pytest.mark.parametrize(("status", "method", "asked"), REFUSED)
def test_refusals_are_documented_problems(
    served: Served, openapi: Document, status: int, method: str, asked: dict[str, Any]
) -> None:
    with served.http() as client:
        client.post(EVENTS, json={"topic": "shop/orders"}, headers={"idempotency-key": "k9"})
        answer = client.request(method.upper(), EVENTS, **asked)
    assert answer.status_code == status
    openapi.check_answer(method, EVENTS, answer)
    assert answer.json()["field"]


def test_without_credentials_it_is_401_with_a_challenge(guarded: Served, openapi: Document) -> None:
    with guarded.http(headers={}) as client:
        for path, operations in openapi.json["paths"].items():
            for method, operation in operations.items():
                if operation.get("security") == [] or path in ("/openapi.json", "/asyncapi.json"):
                    continue
                answer = client.request(method.upper(), re.sub(r"\{\w+\}", "x", path), params={"topic": "a"})
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"].startswith("Bearer")
                openapi.check_answer(method, path, answer)


def test_beyond_the_rights_it_is_403_that_names_what(guarded: Served, openapi: Document) -> None:
    with guarded.http() as admin:
        token = admin.post("/v1/tokens", json={"subject": "u", "subscribe": ["shop/a"]}).json()["token"]
    with guarded.http(headers={"Authorization": f"Bearer {token}"}) as client:
        read = client.get(EVENTS, params={"topic": "shop/**"})
        assert (read.status_code, read.json()["field"]) == (403, "topic")
        assert "shop/**" in read.json()["detail"]
        openapi.check_answer("get", EVENTS, read)
        write = client.post(EVENTS, json={"topic": "shop/a"})
        assert write.status_code == 403
        openapi.check_answer("post", EVENTS, write)


def test_keys_and_tokens_are_made_listed_and_revoked_as_documented(
    guarded: Served, openapi: Document
) -> None:
    with guarded.http() as client:
        made = client.post("/v1/keys", json={"name": "web", "app": "shop", "subscribe": ["shop/**"]})
        openapi.check_answer("post", "/v1/keys", made)
        listed = client.get("/v1/keys")
        openapi.check_answer("get", "/v1/keys", listed)
        assert made.json()["id"] in [key["id"] for key in listed.json()["keys"]]
        minted = client.post("/v1/tokens", json={"subject": "u", "subscribe": ["shop/a"], "ttl_s": 60})
        openapi.check_answer("post", "/v1/tokens", minted)
        revoked = client.post("/v1/tokens/revoke", json={"id": minted.json()["id"]})
        assert revoked.status_code == 204
        openapi.check_answer("post", "/v1/tokens/revoke", revoked)
        gone = client.delete(f"/v1/keys/{made.json()['id']}")
        openapi.check_answer("delete", "/v1/keys/{id}", gone)
        missing = client.delete("/v1/keys/none")
        assert missing.status_code == 404
        openapi.check_answer("delete", "/v1/keys/{id}", missing)
        bad = client.post("/v1/tokens", json={"subject": "u", "wish": 1})
        assert bad.status_code == 400
        openapi.check_answer("post", "/v1/tokens", bad)


def test_head_and_options_answer_as_documented(served: Served, openapi: Document) -> None:
    with served.http() as client:
        head = client.head(EVENTS, params={"topic": "a"})
        assert head.status_code == 200
        openapi.check("Cursor", head.headers["tricast-cursor"])
        assert client.head(EVENTS).status_code == 400
        stream = client.head(EVENTS, params={"topic": "a"}, headers={"accept": "text/event-stream"})
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        options = client.options(EVENTS)
        assert options.status_code == 204
        openapi.check_answer("options", EVENTS, options)


def test_an_event_stream_is_made_of_documented_events(served: Served, openapi: Document) -> None:
    served.publish("sse/a", {"n": 1})
    with served.events("topic=sse/*&cursor=earliest") as stream:
        assert stream.head.status == 200
        seen = []
        for fields, event in stream.until("tricast.heartbeat"):
            seen.append(openapi.check_event(event))
            assert fields.get("event") == (event["type"] if event["type"].startswith("tricast.") else None)
            assert fields.get("id") == event.get("cursor")
    assert seen[:3] == ["Hello", "Event", "Live"]


def test_a_cursor_of_another_log_is_reset_as_documented(served: Served, openapi: Document) -> None:
    with served.events("topic=a&cursor=other-7") as stream:
        seen = [openapi.check_event(event) for _, event in stream.until("tricast.live")]
    assert seen == ["Hello", "Reset", "Live"]
    with served.http() as client:
        answer = client.get(EVENTS, params={"topic": "a", "cursor": "other-7"})
    openapi.check_answer("get", EVENTS, answer)
    openapi.check("ResetData", answer.json()["reset"])


def test_too_many_is_429_on_http_and_a_farewell_on_event_streams(openapi: Document) -> None:
    few = ("--set", "publish_rate=0.1", "--set", "publish_burst=1", "--set", "max_connections=1")
    with serve(*few) as served, served.http() as client, served.events("topic=a") as first:
        assert first.head.status == 200
        first.next()
        assert client.post(EVENTS, json={"topic": "a"}).status_code == 201
        for asked in (client.post(EVENTS, json={"topic": "a"}), client.get(EVENTS, params={"topic": "a"})):
            assert asked.status_code == 429
            assert int(asked.headers["retry-after"]) >= 1
            openapi.check_answer(asked.request.method, EVENTS, asked)
        with served.events("topic=a") as second:
            assert second.head.status == 200
            fields, event = second.next()
            assert openapi.check_event(event) == "Goodbye"
            assert int(fields["retry"]) == event["data"]["reconnect_after_ms"] >= 1000
            assert second.head.header("content-length") is not None


def test_a_stopping_server_says_goodbye_as_documented(openapi: Document) -> None:
    with serve() as served, served.events("topic=a") as stream:
        list(stream.until("tricast.live"))
        served.process.terminate()
        *_, (_, event) = stream.until("tricast.goodbye")
        assert openapi.check_event(event) == "Goodbye"
        assert event["data"]["reason"] == "draining"


def test_pages_of_other_origins_get_no_leave_to_read(served: Served) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    with served.http() as client:
        own = client.options(EVENTS, headers={"origin": served.url, **asked})
        assert own.headers["access-control-allow-origin"] == served.url
        assert "POST" in own.headers["access-control-allow-methods"]
        assert "Idempotency-Key" in own.headers["access-control-allow-headers"]
        other = client.options(EVENTS, headers={"origin": "https://other.example", **asked})
        assert other.status_code == 204
        assert not [name for name in other.headers if name.startswith("access-control-")]
