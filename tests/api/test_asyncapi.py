"""`/asyncapi.json` says what is said on a WebSocket: no more, no less."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import orjson
import pytest
from tests.api.documents import CONTROLS, Document
from tests.api.served import Served, serve
from websockets.exceptions import ConnectionClosed

from tricast.api.schemas import errors

COMMANDS = ["subscribe", "unsubscribe", "publish", "presence", "auth", "ping"]


def schema_of(op: str) -> str:
    return f"{op.capitalize()}Command"


def test_every_schema_is_one_and_every_reference_leads_somewhere(asyncapi: Document) -> None:
    assert asyncapi.json["asyncapi"] == "3.0.0"
    for schema in asyncapi.json["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "http://json-schema.org/draft-07/schema#", **schema})
    assert all(asyncapi.find(ref) is not None for ref in asyncapi.refs())


def test_shared_schemas_are_the_same_in_both_documents(openapi: Document, asyncapi: Document) -> None:
    both = [document.json["components"]["schemas"] for document in (openapi, asyncapi)]
    shared = both[0].keys() & both[1].keys()
    assert {"Event", "Cursor", "Problem", "Published", *CONTROLS.values()} <= shared
    assert all(both[0][name] == both[1][name] for name in shared)


def test_the_commands_documented_are_those_that_there_are(asyncapi: Document, served: Served) -> None:
    with served.websocket() as talk:
        refused = talk.ask({"op": "?"})["error"]["detail"]
    known = re.fullmatch(r"op '\?' must be one of (.*)", refused)
    assert known is not None
    assert sorted(known[1].split(", ")) == sorted(COMMANDS)
    received = [
        operation["messages"][0]["$ref"].rpartition("/")[2]
        for operation in asyncapi.json["operations"].values()
        if operation["action"] == "receive"
    ]
    assert sorted(received) == sorted(COMMANDS)


def test_every_close_code_is_documented(asyncapi: Document) -> None:
    documented = asyncapi.json["channels"]["events"]["x-close-codes"]
    for error in errors():
        assert str(error.close_code) in documented
    assert {"1000", "1002", "1007", "1009"} <= documented.keys()


SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"op": "ping"}, {}),
    ({"op": "ping", "ref": "a"}, {"ref": "a"}),
    ({"op": "ping", "ref": 7}, {"ref": 7}),
    ({"op": "ping", "ref": None}, {}),
    ({"op": "subscribe", "topics": ["talk/b", "talk/*/c"]}, {"topics": ["talk/*/c", "talk/a", "talk/b"]}),
    ({"op": "subscribe", "topics": "talk/b"}, {"topics": ["talk/a", "talk/b"]}),
    ({"op": "subscribe", "topics": ["talk/b"], "cursor": None, "type": None}, {}),
    ({"op": "unsubscribe", "topics": ["talk/a"]}, {"topics": []}),
    ({"op": "unsubscribe", "topics": "talk/a", "ref": "u"}, {"ref": "u", "topics": []}),
    ({"op": "publish", "topic": "talk/a", "type": "t", "data": [1], "subject": "s", "level": 3}, {}),
    ({"op": "publish", "events": [{"topic": "talk/a"}, {"topic": "talk/b", "data_base64": "AA=="}]}, {}),
    ({"op": "publish", "events": {"topic": "talk/a"}}, {}),
]


@pytest.mark.parametrize(("command", "expected"), SAID)
def test_a_command_as_documented_is_carried_out_and_its_reply_is_as_documented(
    served: Served, asyncapi: Document, command: dict[str, Any], expected: dict[str, Any]
) -> None:
    asyncapi.check(schema_of(command["op"]), command)
    with served.websocket("topic=talk/a") as talk:
        talk.say(command)
        while asyncapi.check_event(event := talk.next()) != "Reply":
            pass
    data = event["data"]
    assert data["ok"] is True
    assert {name: data.get(name) for name in expected} == expected
    assert data["op"] == command["op"]
    # A cursor beside the data is a position of this connection; that of a publish is none.
    assert ("cursor" in event) == (command["op"] in ("ping", "subscribe", "unsubscribe"))


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"op": "nothing"}, 400, "op"),
    ({}, 400, "op"),
    ({"op": 1}, 400, "op"),
    ({"op": None}, 400, "op"),
    ({"op": {"a": []}, "ref": []}, 400, "ref"),
    ({"op": orjson.loads(b"[" * 900 + b"]" * 900)}, 400, "op"),
    ({"op": "ping", "loud": True}, 400, "loud"),
    ({"op": "ping", "ref": True}, 400, "ref"),
    ({"op": "ping", "ref": 1.5}, 400, "ref"),
    ({"op": "ping", "ref": {}}, 400, "ref"),
    ({"op": "ping", "ref": "x" * 129}, 400, "ref"),
    ({"op": "subscribe"}, 400, "topics"),
    ({"op": "subscribe", "topics": []}, 400, "topics"),
    ({"op": "subscribe", "topics": [1]}, 400, "topics"),
    ({"op": "subscribe", "topics": {"a": 1}}, 400, "topics"),
    ({"op": "subscribe", "topics": ["a//b"]}, 400, "topics"),
    ({"op": "subscribe", "topics": ["a/**/b"]}, 400, "topics"),
    ({"op": "subscribe", "topics": ["b"], "since": "1h"}, 400, "since"),
    ({"op": "subscribe", "topics": ["b"], "cursor": 7}, 400, "cursor"),
    ({"op": "unsubscribe", "topics": []}, 400, "topics"),
    ({"op": "publish"}, 400, "topic"),
    ({"op": "publish", "topic": 1}, 400, "topic"),
    ({"op": "publish", "topic": "a b"}, 400, "topic"),
    ({"op": "publish", "topic": "a", "type": "no space"}, 400, "type"),
    ({"op": "publish", "topic": "a", "Wrong": 1}, 400, "Wrong"),
    ({"op": "publish", "topic": "a", "weight": 1.5}, 400, "weight"),
    ({"op": "publish", "events": []}, 400, "events"),
    ({"op": "publish", "events": [{"topic": "a"}], "more": 1}, 400, "more"),
    ({"op": "publish", "events": 1}, 400, "events"),
    ({"op": "publish", "events": [{"topic": "a"}, {}]}, 400, "[1].topic"),
    ({"op": "auth"}, 400, "token"),
    ({"op": "auth", "token": ""}, 400, "token"),
]


@pytest.mark.parametrize(("command", "status", "field"), REFUSED)
def test_what_the_document_does_not_allow_is_refused_by_a_reply_and_the_connection_stays(
    served: Served, asyncapi: Document, command: dict[str, Any], status: int, field: str
) -> None:
    op = command.get("op")
    assert op not in COMMANDS or not asyncapi.accepts(schema_of(op), command)
    with served.websocket("topic=talk/a") as talk:
        # (first of two: the reply to the ping shows that the connection stayed)
        talk.say({"ref": "mine", **command})
        event = talk.until("tricast.reply")
        asyncapi.check("Reply", event)
        assert event["data"]["ok"] is False
        assert (event["data"]["error"]["status"], event["data"]["error"]["field"]) == (status, field)
        assert event["data"].get("ref") == (None if "ref" in command else "mine")
        assert talk.ask({"op": "ping", "ref": "after"})["ref"] == "after"


UNTOLD: list[tuple[dict[str, Any], int, str]] = [
    ({"op": "subscribe", "topics": [f"t{n}" for n in range(128)]}, 400, "topics"),
    ({"op": "subscribe", "topics": ["talk/b"], "cursor": "latest"}, 400, "cursor"),
    ({"op": "subscribe", "topics": ["talk/b"], "type": ["t"]}, 400, "type"),
    ({"op": "subscribe", "topics": ["talk/b"], "subject": "s"}, 400, "subject"),
    ({"op": "unsubscribe", "topics": ["talk/none"]}, 400, "topics"),
    ({"op": "publish", "topic": "tricast/x"}, 403, "topic"),
    ({"op": "publish", "topic": "talk/flags/x"}, 403, "topic"),
    ({"op": "publish", "topic": "talk/a", "type": "presence.join"}, 403, "type"),
    ({"op": "publish", "topic": "talk/a", "data": 1, "data_base64": "AA=="}, 400, "data_base64"),
    ({"op": "publish", "topic": "talk/a", "data": "x" * 300_000}, 413, "data"),
]


@pytest.mark.parametrize(("command", "status", "field"), UNTOLD)
def test_what_no_schema_can_say_is_refused_by_a_reply_too(
    served: Served, asyncapi: Document, command: dict[str, Any], status: int, field: str
) -> None:
    with served.websocket("topic=talk/a") as talk:
        talk.say(command)
        event = talk.until("tricast.reply")
        asyncapi.check("Reply", event)
        assert event["data"]["error"]["status"] == status
        assert event["data"]["error"]["field"] == field


def test_all_that_is_sent_on_a_connection_is_documented(served: Served, asyncapi: Document) -> None:
    start = served.publish("all/a", 1)
    served.publish("all/a", 2)
    seen = []
    with served.websocket(f"topic=all/*&cursor={start}") as talk:
        while not {"Reply", "Heartbeat"} <= {*seen}:  # (on a slow disk the reply is the later one)
            event = talk.next()
            seen.append(asyncapi.check_event(event))
            if seen[-1] == "Live":
                talk.say({"op": "publish", "topic": "all/b"})
    assert seen[:3] == ["Hello", "Event", "Live"]


def test_a_connection_without_topics_begins_by_a_command_at_a_cursor(
    served: Served, asyncapi: Document
) -> None:
    served.publish("later/a", 1)
    command = {"op": "subscribe", "topics": ["later/*"], "cursor": "earliest", "type": ["m*"], "subject": []}
    asyncapi.check("SubscribeCommand", command)
    with served.websocket() as talk:
        talk.until("tricast.live")
        talk.say(command)
        assert asyncapi.check_event(talk.next()) == "Reply"
        assert asyncapi.check_event(talk.next()) == "Event"


def test_a_cursor_that_can_not_be_served_is_a_documented_reset(served: Served, asyncapi: Document) -> None:
    with served.websocket("topic=a&cursor=other-3") as talk:
        seen = [talk.next() for _ in range(3)]
    assert [asyncapi.check_event(event) for event in seen] == ["Hello", "Reset", "Live"]
    assert "cursor" not in seen[0]


def test_a_refused_connection_gets_a_documented_error_and_its_close_code(
    served: Served, asyncapi: Document
) -> None:
    with served.websocket("topic=a&cursor=never") as talk:
        event = talk.next()
        assert asyncapi.check_event(event) == "Error"
        assert event["data"]["type"] == "/problems/bad-cursor"
        assert talk.closed() == 4400


def test_auth_renews_in_place_and_keeps_app_and_subject(guarded: Served, asyncapi: Document) -> None:
    def token(**asked: Any) -> str:
        with guarded.http() as client:
            answer = client.post("/v1/tokens", json={"subscribe": ["shop/**"], **asked})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    first, second = token(subject="u", ttl_s=60), token(subject="u", ttl_s=600)
    with guarded.websocket(f"topic=shop/a&token={first}", additional_headers={"Authorization": ""}) as talk:
        hello = talk.next()
        assert asyncapi.check_event(hello) == "Hello"
        assert 0 < hello["data"]["expires_in_s"] <= 60
        command = {"op": "auth", "token": second}
        asyncapi.check("AuthCommand", command)
        talk.say(command)
        event = talk.until("tricast.reply")
        asyncapi.check("Reply", event)
        assert 60 < event["data"]["expires_in_s"] <= 600
        for other in (token(subject="v"), token(subject="u", subscribe=["shop/b"])):
            talk.say({"op": "auth", "token": other})
            event = talk.until("tricast.reply")
            asyncapi.check("Reply", event)
            assert event["data"]["error"]["status"] == 403


def test_an_expired_token_ends_the_connection_with_goodbye_and_4401(
    guarded: Served, asyncapi: Document
) -> None:
    with guarded.http() as client:
        asked = {"subject": "u", "subscribe": ["shop/**"], "ttl_s": 1}
        token = client.post("/v1/tokens", json=asked).json()["token"]
    with guarded.websocket(f"topic=shop/a&token={token}", additional_headers={"Authorization": ""}) as talk:
        event = talk.until("tricast.goodbye")
        assert asyncapi.check_event(event) == "Goodbye"
        assert event["data"]["reason"] == "expired"
        assert talk.closed() == 4401


def test_a_revoked_key_ends_its_connections_as_documented(guarded: Served, asyncapi: Document) -> None:
    with guarded.http() as client:
        key = client.post("/v1/keys", json={"name": "k", "subscribe": ["shop/**"]}).json()
        with guarded.websocket(
            "topic=shop/a", additional_headers={"Authorization": f"Bearer {key['key']}"}
        ) as talk:
            talk.until("tricast.live")
            client.delete(f"/v1/keys/{key['id']}")
            event = talk.until("tricast.goodbye")
            assert asyncapi.check_event(event) == "Goodbye"
            assert event["data"]["reason"] == "revoked"
            assert talk.closed() == 4401


def test_too_many_connections_close_with_4529(asyncapi: Document) -> None:
    with serve("--set", "max_connections=1") as served, served.websocket("topic=a") as first:
        first.until("tricast.live")
        with served.websocket("topic=a") as second:
            event = second.next()
            assert asyncapi.check_event(event) == "Error"
            assert event["data"]["retry_after_s"] > 0
            assert second.closed() == 4529


def test_a_stopping_server_says_goodbye_and_closes_with_4503(asyncapi: Document) -> None:
    with serve() as served, served.websocket("topic=a") as talk:
        talk.until("tricast.live")
        served.process.terminate()
        event = talk.until("tricast.goodbye")
        assert asyncapi.check_event(event) == "Goodbye"
        assert event["data"]["reconnect_after_ms"] > 0
        with pytest.raises(ConnectionClosed):
            talk.next()
        assert talk.connection.close_code == 4503


def test_a_connection_elsewhere_closes_with_4404(served: Served, asyncapi: Document) -> None:
    with served.websocket(path="/v1/other") as talk:
        assert talk.closed() == 4404


@pytest.mark.parametrize(("offered", "taken"), [(["tricast.v1"], "tricast.v1"), (["x"], None), (None, None)])
def test_the_subprotocol_is_taken_where_it_is_offered(
    served: Served, offered: Any, taken: str | None
) -> None:
    with served.websocket("topic=a", subprotocols=offered) as talk:
        assert talk.connection.subprotocol == taken
        assert talk.next()["type"] == "tricast.hello"
