"""`/v1/presence` and presence on the wire, by a real server: as documented, and to who may."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.api.documents import Document
from tests.api.served import Served

from tricast import HubOptions
from tricast.hub.attendance import MAX_CLIENTS, MAX_PLACES, MAX_TOPICS, POLL_LINGER_S
from tricast.hub.roll import MAX_LISTED

ROOM = "crowd/room"


def grant(served: Served, **body: Any) -> dict[str, str]:
    with served.http() as client:
        answer = client.post("/v1/tokens", json={"app": "crowd", "subscribe": ["crowd/**"], **body})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_everything_on_the_wire_is_as_documented(
    served: Served, openapi: Document, asyncapi: Document
) -> None:
    with (
        served.http() as http,
        served.websocket("topic=crowd/*&presence=1") as talk,
        served.events("topic=crowd/*&presence=1") as stream,
    ):
        hello = stream.next()[1]
        fields = {block[1]["type"]: block for block in stream.until("tricast.presence")}
        listed = fields["tricast.presence"]
        assert listed[0]["event"] == "tricast.presence"
        assert "id" not in listed[0]
        asyncapi.check("Presence", listed[1])

        command = {"op": "presence", "topic": ROOM, "state": {"n": 1}, "ref": "r"}
        asyncapi.check("PresenceCommand", command)
        talk.say(command)
        reply = talk.until("tricast.reply")
        asyncapi.check("Reply", reply)
        assert reply["data"]["member"]["connections"] == 1
        joined = talk.until("presence.joined")
        assert asyncapi.check_event(joined) == "Event"
        asyncapi.check("Member", joined["data"])
        *_, (_, streamed) = stream.until("presence.joined")  # a heartbeat may come before it
        assert streamed == joined, "the same bytes on both"

        body = {"topic": ROOM, "state": {"n": 2}, "connection": hello["data"]["connection"]}
        openapi.check("PresenceChange", body)
        for sent in (body, {"topic": ROOM, "client": "tab-1"}):
            answer = http.post("/v1/presence", json=sent)
            assert answer.status_code == 200, answer.text
            openapi.check_answer("post", "/v1/presence", answer)
        assert answer.json()["member"]["connections"] == 3
        assert answer.json()["member"]["state"] == {"n": 2}

        answer = http.get("/v1/presence", params={"topic": "crowd/**"})
        openapi.check_answer("get", "/v1/presence", answer)
        assert answer.json()["counts"] == {ROOM: 1}
        assert http.head("/v1/presence", params={"topic": "crowd/**"}).status_code == 200

        answer = http.get(
            "/v1/events", params={"topic": "crowd/*", "presence": 1, "client": "tab-1", "timeout": 0}
        )
        openapi.check_answer("get", "/v1/events", answer)
        assert answer.json()["presence"]["counts"] == {ROOM: 1}
        assert "presence=1&client=tab-1&cursor=" in answer.headers["link"]

        for who in ({"client": "tab-1"}, {"connection": hello["data"]["connection"]}):
            left = http.post("/v1/presence", json={"topic": ROOM, "leave": True, **who})
            openapi.check_answer("post", "/v1/presence", left)
        assert left.json()["member"]["connections"] == 1
        assert talk.ask({"op": "presence", "topic": ROOM, "leave": True})["member"] is None


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"client": "a"}, 400, "topic"),
        ({"topic": "a//b", "client": "a"}, 400, "topic"),
        ({"topic": "crowd/*", "client": "a"}, 400, "topic"),
        ({"topic": ROOM}, 400, "connection"),
        ({"topic": ROOM, "client": "a", "connection": "b"}, 400, "connection"),
        ({"topic": ROOM, "client": "a b"}, 400, "client"),
        ({"topic": ROOM, "client": "x" * 65}, 400, "client"),
        ({"topic": ROOM, "client": ""}, 400, "client"),
        ({"topic": ROOM, "connection": "none"}, 404, "connection"),
        ({"topic": ROOM, "connection": "none", "leave": True}, 404, "connection"),
        ({"topic": ROOM, "client": "a", "state": [1]}, 400, "state"),
        ({"topic": ROOM, "client": "a", "state": {"text": "x" * 1024}}, 413, "state"),
        ({"topic": ROOM, "client": "a", "state": {}, "leave": True}, 400, "state"),
        ({"topic": ROOM, "client": "a", "leave": "yes"}, 400, "leave"),
        ({"topic": ROOM, "client": "a", "mood": "well"}, 400, "mood"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    served: Served, openapi: Document, body: dict[str, Any], status: int, field: str
) -> None:
    with served.http() as http:
        answer = http.post("/v1/presence", json=body)
        openapi.check_answer("post", "/v1/presence", answer)
        assert (answer.status_code, answer.json()["field"]) == (status, field)


@pytest.mark.parametrize(
    ("command", "status", "field"),
    [
        ({"op": "presence"}, 400, "topic"),
        ({"op": "presence", "topic": 1}, 400, "topic"),
        ({"op": "presence", "topic": "a b"}, 400, "topic"),
        ({"op": "presence", "topic": ROOM, "state": "well"}, 400, "state"),
        ({"op": "presence", "topic": ROOM, "state": {"text": "x" * 1024}}, 413, "state"),
        ({"op": "presence", "topic": ROOM, "leave": True, "state": {}}, 400, "state"),
        ({"op": "presence", "topic": ROOM, "leave": 1}, 400, "leave"),
        ({"op": "presence", "topic": ROOM, "client": "a"}, 400, "client"),
        ({"op": "subscribe", "topics": [ROOM], "presence": 1}, 400, "presence"),
    ],
)
def test_a_wrong_command_is_refused_by_a_reply(
    served: Served, command: dict[str, Any], status: int, field: str
) -> None:
    with served.websocket() as talk:
        error = talk.ask(command)["error"]
        assert (error["status"], error["field"]) == (status, field)
        assert talk.ask({"op": "ping"})["ok"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "topic"),
        ("topic=a//b", "topic"),
        ("topic=crowd/*&state=1", "state"),
        ("topic=crowd/a&" * 129, "topic"),
    ],
)
def test_a_wrong_question_is_refused_by_name(served: Served, query: str, field: str) -> None:
    with served.http() as http:
        answer = http.get(f"/v1/presence?{query}")
        assert (answer.status_code, answer.json()["field"]) == (400, field)


@pytest.mark.parametrize(("given", "field"), [("presence=yes", "presence"), ("client=a%20b", "client")])
def test_a_wrong_parameter_is_refused_by_name(served: Served, given: str, field: str) -> None:
    with served.http() as http:
        answer = http.get(f"/v1/events?topic=crowd/a&timeout=0&{given}")
        assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_presence_is_for_who_has_its_scope_and_the_right_to_subscribe(guarded: Served) -> None:
    member = grant(guarded, subject="ann", scopes=["presence"])
    reader = grant(guarded, subject="eve")
    with guarded.http(headers={}) as http:
        for headers, topic, expected in (
            (member, ROOM, 200),
            (member, "blog/room", 403),
            (reader, ROOM, 403),
            ({}, ROOM, 401),
        ):
            asked: list[Any] = [
                http.get("/v1/presence", params={"topic": topic}, headers=headers),
                http.post("/v1/presence", json={"topic": topic, "client": "a"}, headers=headers),
                http.get("/v1/events", params={"topic": topic, "presence": 1, "timeout": 0}, headers=headers),
            ]
            assert [answer.status_code for answer in asked] == [expected] * 3
        plain = http.get("/v1/events", params={"topic": ROOM, "timeout": 0}, headers=reader)
        assert plain.status_code == 200
        assert "presence" not in plain.json()


def test_a_revoked_subject_is_gone_at_once(guarded: Served) -> None:
    ann = grant(guarded, subject="ann", scopes=["presence"])
    with (
        guarded.http() as http,
        guarded.websocket(f"topic={ROOM}&presence=1", additional_headers=ann) as talk,
    ):
        assert talk.ask({"op": "presence", "topic": ROOM})["ok"]
        revoked = http.post("/v1/tokens/revoke", json={"subject": "ann"})
        assert revoked.status_code < 300, revoked.text
        assert talk.closed() == 4401
        assert http.get("/v1/presence", params={"topic": ROOM}).json()["counts"].get(ROOM, 0) == 0


def test_the_metrics_tell_how_many_are_there(served: Served) -> None:
    with served.http() as http, served.websocket("topic=crowd/metrics&presence=1") as talk:
        talk.ask({"op": "presence", "topic": "crowd/metrics"})
        talk.until("presence.joined")
        found = dict(
            line.split(" ")
            for line in http.get("/metrics").text.splitlines()
            if line.startswith("tricast_presence")
        )
        assert float(found["tricast_presence_members"]) >= 1
        assert float(found["tricast_presence_topics"]) >= 1
        assert float(found["tricast_presence_changes_total"]) >= 1


GUIDE = (Path(__file__).parents[2] / "docs" / "presence.md").read_text()
BLOCKS = re.findall(r"^<!-- schema: (\w+) -->\n```json\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("schema", "block"), BLOCKS)
def test_the_json_of_the_guide_is_as_documented(
    openapi: Document, asyncapi: Document, schema: str, block: str
) -> None:
    assert len(BLOCKS) == GUIDE.count("```json")
    (asyncapi if schema.endswith("Command") else openapi).check(schema, json.loads(block))


@pytest.mark.parametrize("script", re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
def test_the_shell_lines_of_the_guide_run(served: Served, script: str) -> None:
    host, port = served.address
    done = subprocess.run(
        ["bash", "-euc", script.replace("curl ", "curl -sS ").replace("localhost:8080", f"{host}:{port}")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
    )
    assert done.returncode == 0, done.stderr
    assert "/problems/" not in done.stdout, done.stdout


def test_the_guide_says_what_the_code_does() -> None:
    for said in (
        f"after {HubOptions().presence_linger_s:g} s (`presence_linger_s`)",
        f"{POLL_LINGER_S:g} s after the last poll",
        f"up to {MAX_TOPICS} topics, a subject has up to {MAX_CLIENTS:,} polling clients",
        f"{MAX_PLACES:,} places",
        f"first {MAX_LISTED:,} members",
        f"two heartbeats ({2 * HubOptions().heartbeat_s:g} s)",
    ):
        assert said in GUIDE, said
