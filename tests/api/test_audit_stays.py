"""What is in the audit trail stays there: no route, no publisher and no limit of events takes it away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.routing import Route
from tests.api.documents import Document
from tests.api.served import Served
from tests.api.trail import START_MS, Given, trail

from tricast import Hub, HubOptions, Retention
from tricast.log.memory import MemoryLog
from tricast.server.app import Service
from tricast.settings import Settings

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
TOPICS = ("tricast/audit", "tricast/audit/shop", "tricast/anything")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_the_trail_has_one_route_that_reads_and_one_that_adds_a_change() -> None:
    routes = Service(Settings(log="memory:", dev=True)).routes
    found = [route for route in routes if isinstance(route, Route) and "audit" in route.path]
    assert [(route.path, route.methods) for route in found] == [
        ("/v1/audit", {"GET", "HEAD", "OPTIONS"}),
        ("/v1/audit/{change}/revert", {"POST", "OPTIONS"}),
    ]


def entries(served: Served) -> list[dict[str, Any]]:
    with served.http() as client:
        answer = client.get("/v1/audit", params={"format": "ndjson"})
        return [json.loads(line) for line in answer.text.splitlines()]


def test_no_request_changes_or_deletes_an_entry(guarded: Served, openapi: Document) -> None:
    with guarded.http() as client:
        key = client.post("/v1/keys", json={"name": "web", "app": "stays"}).json()
        before = entries(guarded)
        one = before[0]["id"]
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in ("/v1/audit", f"/v1/audit/{one}", f"/v1/audit?cursor={one}", "/v1/audit/"):
                answer = client.request(method, path, json={"id": one})
                assert answer.status_code == (404 if path.endswith(f"/{one}") else 405)
        for path, operations in openapi.json["paths"].items():
            for method in operations:
                for name in (key["id"], one):
                    asked = path.replace("{id}", name).replace("{path}", name)
                    if "{" not in asked and path != "/v1/events":
                        client.request(method.upper(), asked, json={"id": one, "subject": "nobody"})
    after = entries(guarded)
    assert len(after) > len(before)
    assert after[-len(before) :] == before


@pytest.mark.parametrize("topic", TOPICS)
def test_nobody_publishes_an_entry_from_outside(guarded: Served, topic: str) -> None:
    before = entries(guarded)
    forged = {"action": "key.created", "kind": "key", "key": "k", "actor": {"subject": "root"}}
    ce = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/tricast", "ce-type": "key.created"}
    cloud = {"specversion": "1.0", "id": "1", "source": "/tricast", "type": "key.created", "topic": topic}
    ways: list[dict[str, Any]] = [
        {"json": {"topic": topic, "type": "key.created", "data": forged}},
        {"json": [{"topic": "stays/a"}, {"topic": topic, "data": forged}]},
        {"json": forged, "params": {"topic": topic}},
        {"json": forged, "headers": {**ce, "ce-topic": topic}},
        {"json": {**cloud, "data": forged}, "headers": {"content-type": "application/cloudevents+json"}},
        {"json": [cloud], "headers": {"content-type": "application/cloudevents-batch+json"}},
    ]
    with guarded.http() as client:
        for way in ways:
            assert client.post("/v1/events", **way).status_code == 403, way
        made = client.post("/v1/keys", json={"name": "forger", "publish": ["**", "tricast/**", topic]}).json()
    with guarded.http(headers={"X-API-Key": made["key"]}) as client:
        for way in ways:
            assert client.post("/v1/events", **way).status_code == 403, way
    with guarded.websocket("topic=stays/a") as talk:
        reply = talk.ask({"op": "publish", "ref": 1, "topic": topic, "data": forged})
        assert reply["error"]["status"] == 403
    assert [entry["action"] for entry in entries(guarded)[: -len(before)]] == [
        "key.created"
    ]  # (the forger's)


async def test_the_trail_outlives_events_by_a_retention_of_its_own() -> None:
    options = HubOptions(
        retention=Retention(age_s=86_400, events=10), audit_retention=Retention(age_s=400 * 86_400)
    )
    async with trail(options) as given:
        for number in range(30):
            await given.hub.publish("shop/orders", number)
            await given.add(key=str(number))
            await given.add(key=f"hub {number}", app=None, kind="key")
        given.ms += 399 * DAY_MS
        assert await given.hub.trim() == 30
        assert len(await given.read()) == 60
        await given.add(key="late")
        given.ms += 2 * DAY_MS
        assert await given.hub.trim() == 60
        assert await given.keys() == ["late"]


async def test_a_cursor_of_what_is_gone_is_the_end_and_no_error() -> None:
    async with trail(HubOptions(audit_retention=Retention(age_s=60))) as given:
        first = await given.add(key="first")
        second = await given.add(key="second")
        given.ms += 120_000
        await given.add(key="third")
        await given.hub.trim()
        for cursor in (first, second):
            assert (await given.get(cursor=cursor)).json() == {"entries": [], "next": None}
        assert await given.keys() == ["third"]


async def test_400_days_are_what_is_kept_unless_something_else_is_set() -> None:
    for settings, age_s in (
        (Settings(log="memory:", dev=True), 400 * 86_400),
        (Settings(log="memory:", dev=True, audit_retention_age_s="7d"), 7 * 86_400),
        (Settings(log="memory:", dev=True, audit_retention_age_s="off"), None),
    ):
        assert Service(settings).hub.options.audit_retention == Retention(age_s=age_s)


async def test_a_restart_keeps_it() -> None:
    log = MemoryLog(clock=lambda: START_MS)
    async with Hub(log) as hub:
        given = Given(hub)
        cursor = await given.add()
    async with Hub(log) as hub, Given(hub).client as client:
        (entry,) = (await client.get("/v1/audit")).json()["entries"]
        assert entry["id"] == cursor
