"""`/v1/connections` of a real server: who is there, as documented, to whom it is told, and how one ends."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.api.documents import Document
from tests.api.served import Served, serve

PATH = "/v1/connections"
ONE = "/v1/connections/{id}"


def grant(served: Served, subject: str, **body: Any) -> dict[str, str]:
    with served.http() as client:
        answer = client.post("/v1/tokens", json={"subject": subject, "app": "conns", **body})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def listed(served: Served, headers: dict[str, str] | None = None, **asked: Any) -> dict[str, Any]:
    with served.http() as client:
        answer = client.get(PATH, params=asked, headers=headers or {})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def waiting_poll(served: Served, headers: dict[str, str]) -> tuple[threading.Thread, list[Any]]:
    """A poll that waits, on a thread of its own; and where its answer will be."""
    answers: list[Any] = []

    def ask() -> None:
        with served.http(headers=headers) as client:
            answers.append(client.get("/v1/events", params={"topic": "conns/**", "timeout": "20"}))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, answers


def until_listed(served: Served, subject: str) -> dict[str, Any]:
    while not (found := listed(served, subject=subject)["connections"]):
        pass
    connection: dict[str, Any] = found[0]
    return connection


def test_all_transports_are_listed_as_documented_and_without_a_secret(
    guarded: Served, openapi: Document
) -> None:
    headers = grant(guarded, "ann-1", subscribe=["conns/**"])
    topics = "&".join(f"topic=conns/t{number}" for number in range(11))
    with (
        guarded.websocket(topics, additional_headers=headers) as talk,
        guarded.events("topic=conns/**", headers) as stream,
    ):
        talk.until("tricast.live")
        list(stream.until("tricast.live"))
        thread, answers = waiting_poll(guarded, headers)
        while listed(guarded, subject="ann-1")["total"] < 3:
            pass
        with guarded.http() as client:
            answer = client.get(PATH, params={"subject": "ANN-*"})
        openapi.check_answer("get", PATH, answer)
        found = {each["transport"]: each for each in answer.json()["connections"]}
        assert answer.json()["total"] == 3
        assert set(found) == {"websocket", "sse", "poll"}
        assert {each["state"] for each in found.values()} == {"live", "waiting"}
        assert len(found["websocket"]["topics"]) == 8
        assert found["websocket"]["more"] == 3
        for each in found.values():
            assert (each["subject"], each["address"], each["app"]) == ("ann-1", "127.0.0.1", "conns")
            assert each["credential"].startswith("token:")
            assert headers["Authorization"].removeprefix("Bearer ") not in answer.text
        assert listed(guarded, subject="ann-1", transport="sse")["total"] == 1
        assert listed(guarded, subject="ann-1", limit=2, sort="lag")["total"] == 3
        assert len(listed(guarded, subject="ann-1", limit=2)["connections"]) == 2
        guarded.publish("conns/t1", "enough")
        thread.join()
        assert answers[0].status_code == 200


def test_ending_a_stream_says_goodbye_and_the_client_may_come_back(
    guarded: Served, openapi: Document
) -> None:
    headers = grant(guarded, "bob-1", subscribe=["conns/**"])
    with guarded.events("topic=conns/**", headers) as stream, guarded.http() as client:
        *_, (_, live) = stream.until("tricast.live")
        id = listed(guarded, subject="bob-1")["connections"][0]["id"]
        ended = client.delete(f"{PATH}/{id}", params={"reason": "stuck"})
        openapi.check_answer("delete", ONE, ended)
        assert ended.status_code == 204
        *_, (fields, goodbye) = stream.until("tricast.goodbye")
        assert openapi.check_event(goodbye) == "Goodbye"
        assert goodbye["data"] == {"reason": "disconnected", "reconnect_after_ms": 2000}
        assert fields["retry"] == "2000"
        with pytest.raises(EOFError):
            stream.next()
        with guarded.events(f"topic=conns/**&cursor={live['cursor']}", headers) as again:
            assert again.next()[1]["data"]["recovered"] is True

        again_ended = client.delete(f"{PATH}/{id}")
        assert again_ended.status_code == 404
        openapi.check_answer("delete", ONE, again_ended)
        entry = client.get("/v1/audit", params={"action": "connection.ended", "key": id}).json()["entries"][0]
        assert entry["reason"] == "stuck"
        assert entry["app"] == "conns"
        assert entry["changes"][0]["before"]["subject"] == "bob-1"


def test_ending_a_websocket_closes_it_with_a_code_to_come_back(guarded: Served) -> None:
    headers = grant(guarded, "cid-1", subscribe=["conns/**"])
    with guarded.websocket("topic=conns/**", additional_headers=headers) as talk, guarded.http() as client:
        hello = talk.until("tricast.hello")
        assert client.delete(f"{PATH}/{hello['data']['connection']}").status_code == 204
        assert talk.until("tricast.goodbye")["data"]["reason"] == "disconnected"
        assert talk.closed() == 4503


def test_ending_a_poll_answers_it_with_a_problem_to_try_again(guarded: Served, openapi: Document) -> None:
    thread, answers = waiting_poll(guarded, grant(guarded, "dan-1", subscribe=["conns/**"]))
    id = until_listed(guarded, "dan-1")["id"]
    with guarded.http() as client:
        assert client.delete(f"{PATH}/{id}").status_code == 204
    thread.join()
    assert answers[0].status_code == 503
    assert answers[0].json()["type"] == "/problems/disconnected"
    assert answers[0].headers["retry-after"] == "2"
    openapi.check_answer("get", "/v1/events", answers[0])


def test_who_is_confined_to_an_app_sees_and_ends_only_its_own(guarded: Served) -> None:
    with guarded.http() as client:
        made = client.post("/v1/keys", json={"name": "other", "app": "other", "scopes": ["admin"]}).json()
    other = {"Authorization": f"Bearer {made['key']}"}
    with guarded.events("topic=conns/**") as stream:
        list(stream.until("tricast.live"))
        id = listed(guarded, sort="since")["connections"][0]["id"]
        assert listed(guarded, other)["total"] == 0
        with guarded.http(headers=other) as client:
            assert client.delete(f"{PATH}/{id}").status_code == 404
        assert id in [each["id"] for each in listed(guarded)["connections"]]


def test_without_the_scope_admin_nothing_is_told_and_nobody_ended(guarded: Served) -> None:
    headers = grant(guarded, "eve-1", subscribe=["conns/**"])
    with guarded.http(headers=headers) as client:
        for answer in (client.get(PATH), client.delete(f"{PATH}/x")):
            assert answer.status_code == 403
            assert "'admin'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"transport": "pigeon"}, "transport"),
        ({"sort": "size"}, "sort"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"subject": ""}, "subject"),
        ({"subject": "*" * 9}, "subject"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_can_not_be_asked_for_is_named(served: Served, asked: dict[str, str], field: str) -> None:
    with served.http() as client:
        answer = client.get(PATH, params=asked)
    assert answer.status_code == 400
    assert answer.json()["field"] == field


@pytest.mark.parametrize(
    ("believed", "seen"),
    [
        ("10.0.0.0/8", "127.0.0.1"),
        ("127.0.0.0/8", "198.51.100.1"),
        ("127.0.0.1, 198.51.100.0/24", "203.0.113.9"),
        ("*", "203.0.113.9"),
    ],
    ids=["another", "the last", "both", "everybody"],
)
def test_an_address_is_what_those_say_who_are_believed(believed: str, seen: str) -> None:
    told = {"x-forwarded-for": "203.0.113.9, 198.51.100.1"}
    with (
        serve("--set", f"forwarded_allow_ips={believed}", dev=False) as served,
        served.events("topic=conns/**", told) as stream,
        served.websocket("topic=conns/**", additional_headers=told) as talk,
    ):
        list(stream.until("tricast.live"))
        talk.until("tricast.live")
        assert [each["address"] for each in listed(served)["connections"]] == [seen, seen]
