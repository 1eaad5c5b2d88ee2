"""OFREP's event stream as it is on the wire, from a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.served import TIMEOUT_S, Served, serve
from tests.flags.ofrep.hosted import App, Blocks, boolean

OK = {"retry": "1000", "": "ok"}


def test_a_stream_begins_with_where_the_environment_is(app: App) -> None:
    with app.stream() as stream:
        assert stream.head.status == 200
        assert stream.head.header("content-type") == "text/event-stream; charset=utf-8"
        assert stream.head.header("cache-control") == "no-store"
        assert stream.head.header("x-accel-buffering") == "no"
        assert stream.head.header("connection") == "close"
        assert stream.next() == OK
        at, news = stream.news()
    assert news == {"type": "refetchEvaluation", "etag": at}


def test_who_comes_back_with_the_present_is_owed_nothing(app: App) -> None:
    with app.stream() as stream:
        at, _ = stream.news()
    with app.stream(**{"Last-Event-ID": at}) as again:
        assert again.next() == OK
        assert again.next() == {"": ""}, "a heartbeat, and no news"
        app.toggle("banner")
        later, _ = again.news()
    assert offset(later) > offset(at)


@pytest.mark.parametrize("name", ["lastEventId", "last_event_id", "evs_last_event_id"])
def test_a_polyfill_that_comes_back_with_the_present_in_its_query_is_owed_nothing(
    app: App, name: str
) -> None:
    with app.stream() as stream:
        at, _ = stream.news()
    with app.stream(f"{app.stream_path}?{name}={at}") as again:
        assert again.next() == OK
        assert again.next() == {"": ""}, "a heartbeat, and no news"


@pytest.mark.parametrize("last", ["0-0", "nonsense", "k3v9q2-999999999", "-"])
def test_any_other_last_event_id_is_told_at_once(app: App, last: str) -> None:
    with app.stream() as stream:
        at, _ = stream.news()
    with app.stream(**{"Last-Event-ID": last}) as again:
        assert again.news()[0] == at


def test_a_missed_change_is_one_event_with_the_last_id(app: App) -> None:
    with app.stream() as stream:
        before, _ = stream.news()
    for _ in range(3):
        app.toggle("banner")
    with app.stream(**{"Last-Event-ID": before}) as again:
        missed, _ = again.news()
        assert again.next() == {"": ""}
    with app.stream() as fresh:
        assert fresh.news()[0] == missed


def test_changes_are_told_as_they_happen_and_only_of_this_environment(app: App) -> None:
    with app.stream() as stream:
        at, _ = stream.news()
        app.load({"banner": boolean("off")}, environment="development")
        app.toggle("banner")
        changed, news = stream.news()
        assert offset(changed) > offset(at)
        assert news == {"type": "refetchEvaluation", "etag": changed}
        app.delete("color")
        assert offset(stream.news()[0]) > offset(changed)


def offset(cursor: str) -> int:
    return int(cursor.rpartition("-")[2])


def test_what_is_told_can_be_asked_for(app: App) -> None:
    """The flags are as the event says by the time that it says so."""
    with app.stream() as stream, app.http() as client:
        stream.news()
        for version in range(2, 22):
            app.toggle("banner")
            at, _ = stream.news()
            answer = client.post(app.bulk, params={"flagConfigEtag": at}, json={})
            banner = next(flag for flag in answer.json()["flags"] if flag["key"] == "banner")
            assert banner["metadata"]["version"] == version


def test_a_quiet_stream_has_heartbeats(app: App) -> None:
    with app.stream() as stream:
        stream.news()
        assert [stream.next() for _ in range(3)] == [{"": ""}] * 3


def test_a_head_request_has_the_head_and_ends(app: App) -> None:
    with app.http() as client:
        answer = client.head(app.stream_path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


def test_an_http_1_0_client_gets_a_stream(app: App) -> None:
    with app.served.raw() as connection:
        key = app.served.headers["Authorization"]
        head = f"GET {app.stream_path} HTTP/1.0\r\nAuthorization: {key}\r\n\r\n"
        connection.send(head.encode())
        assert Blocks(connection).news()[1]["type"] == "refetchEvaluation"


@pytest.mark.parametrize(
    ("credentials", "status"), [("none", 401), ("wrong", 401), ("without the scope", 403)]
)
def test_who_may_not_read_flags_is_refused_with_a_status(app: App, credentials: str, status: int) -> None:
    value = {
        "none": "",
        "wrong": "Bearer tck_nobody_" + "x" * 32,
        "without the scope": f"Bearer {app.key('presence')}",
    }[credentials]
    with app.stream(Authorization=value) as stream:
        assert stream.head.status == status


def test_a_token_of_another_environment_is_refused(app: App) -> None:
    token = app.token("flags:read", environment="development")
    with app.stream(f"{app.stream_path}?token={token}", Authorization="") as stream:
        assert stream.head.status == 403


def test_the_url_that_a_bulk_answer_gives_is_a_stream(app: App) -> None:
    key = app.key("flags:read")
    [told] = app.evaluate(authorization=f"Bearer {key}").json()["eventStreams"]
    with app.stream(told["endpoint"]["requestUri"], Authorization="") as stream:
        assert stream.head.status == 200
        stream.news()
        app.toggle("banner")
        stream.news()


def test_a_streams_token_reads_these_flags_and_can_do_nothing_else(app: App) -> None:
    key = app.key("flags:read", "flags:write")
    [told] = app.evaluate(authorization=f"Bearer {key}").json()["eventStreams"]
    token = told["endpoint"]["requestUri"].partition("token=")[2]
    with app.http(headers={"authorization": f"Bearer {token}"}) as client:
        assert client.post(app.bulk, json={}).status_code == 200
        assert client.post("/v1/events", json={"topic": f"{app.name}/x", "data": 1}).status_code == 403
        assert client.post(app.bulk.replace("production", "development"), json={}).status_code == 403


def test_a_stream_ends_when_its_token_expires_and_says_so(app: App) -> None:
    token = app.token("flags:read", ttl_s=3)
    with app.stream(f"{app.stream_path}?token={token}", Authorization="") as stream:
        stream.news()
        *_, last = stream.rest()
    assert last == {"": "goodbye expired"}
    with app.stream(f"{app.stream_path}?token={token}", Authorization="") as again:
        assert again.head.status == 401


def test_a_stream_ends_when_its_key_is_revoked(app: App) -> None:
    key = app.key("flags:read")
    [told] = app.evaluate(authorization=f"Bearer {key}").json()["eventStreams"]
    with app.stream(told["endpoint"]["requestUri"], Authorization="") as stream:
        stream.news()
        with app.http() as client:
            [mine] = [each for each in client.get("/v1/keys").json()["keys"] if each["id"] in key]
            assert client.delete(f"/v1/keys/{mine['id']}").is_success
        *_, last = stream.rest()
    assert last[""].startswith("goodbye")


@pytest.fixture
def crowded() -> Iterator[Served]:
    with serve("--set", "max_connections=2", "--set", "drain_s=3", dev=False) as server:
        yield server


def test_streams_are_the_hubs_connections_and_go_when_their_clients_do(crowded: Served) -> None:
    app = App(crowded, "counted")

    def streams() -> int:
        with app.http() as client:
            lines = client.get("/metrics").text.splitlines()
        [line] = [each for each in lines if each.startswith('tricast_connections{transport="sse"}')]
        return int(float(line.split()[-1]))

    with app.stream() as stream:
        stream.news()
        assert streams() == 1
    until = time.monotonic() + TIMEOUT_S
    while streams() and time.monotonic() < until:
        pass
    assert streams() == 0


def test_one_stream_too_many_is_told_to_come_back_in_a_way_that_event_source_survives(
    crowded: Served,
) -> None:
    app = App(crowded, "crowded")
    app.load({"banner": boolean("on")})
    with app.stream() as first, app.stream() as second:
        first.news()
        second.news()
        with app.stream() as third:
            assert third.head.status == 200
            [block] = third.rest()
        assert int(block["retry"]) >= 1000
        assert block[""] == "goodbye too-many-requests"
        app.toggle("banner")
        first.news()


def test_a_server_that_stops_tells_streams_when_to_come_back(crowded: Served) -> None:
    app = App(crowded, "stopping")
    app.load({"banner": boolean("on")})
    with app.stream() as stream:
        stream.news()
        crowded.process.terminate()
        *_, last = stream.rest()
    assert last[""] == "goodbye draining"
    assert int(last["retry"]) >= 500
    assert crowded.process.wait(10) == 0
    assert "Traceback" not in crowded.log


def test_a_restart_owes_nothing_to_who_has_seen_it_all(tmp_path: Any) -> None:
    log = f"sqlite:///{tmp_path / 'flags.db'}"
    with serve("--log", log) as first:
        app = App(first, "demo")
        app.load({"banner": boolean("on")})
        tag = app.evaluate().headers["etag"]
        with app.stream() as stream:
            seen, _ = stream.news()
    with serve("--log", log) as second:
        app = App(second, "demo")
        assert app.evaluate().headers["etag"] == tag
        with app.stream(**{"Last-Event-ID": seen}) as again:
            assert again.next() == OK
            app.toggle("banner")
            assert offset(again.news()[0]) > offset(seen)
