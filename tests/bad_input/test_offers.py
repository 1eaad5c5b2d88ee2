"""What stands beside a request: an upgrade that is offered, Expect, codings, Host, a half-closed connection.

Whatever the head offers, the bytes that arrived are the request (DELIVERY.md 28).
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import uuid

import pytest
from tests.api.served import Raw, Served
from tests.bad_input.test_http import refused

HOST = b"Host: localhost\r\n"
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "several": b"Upgrade: TLS/1.0, h2c\r\nConnection: keep-alive, upgrade\r\n",
    "unknown": b"Connection: upgrade\r\nUpgrade: foo/2\r\n",
    "two lines": b"Connection: HTTP2-Settings\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: foo\r\n",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
}
SEGMENTS = ("one", "head and body", "byte by byte")


def stored(served: Served, topic: str) -> list[object]:
    with served.http() as client:
        query = {"topic": topic, "cursor": "earliest", "timeout": "0"}
        return [event["data"] for event in client.get("/v1/events", params=query).json()["events"]]


def send_in(connection: Raw, segments: str, head: bytes, body: bytes) -> None:
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if segments == "one":
        connection.send(head + body)
    elif segments == "head and body":
        connection.send(head)
        connection.send(body)
    else:
        for byte in head + body:
            connection.send(bytes((byte,)))


@pytest.mark.parametrize("segments", SEGMENTS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("offer", OFFERS)
def test_a_body_behind_an_upgrade_that_is_not_taken_is_the_requests(
    served: Served, offer: str, chunked: bool, segments: str
) -> None:
    topic = f"offers/{uuid.uuid4().hex}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN) if chunked else HIDDEN
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % len(body)
    request = b"POST /v1/events?topic=" + topic.encode() + b" HTTP/1.1\r\n" + HOST + OFFERS[offer] + framing
    with served.raw() as connection:
        for _ in range(2):  # (kept, as nothing was upgraded)
            send_in(connection, segments, request + b"\r\n", body)
            assert connection.answer().status == 201
        connection.send(HIDDEN)
        assert json.loads(connection.answer().body)["status"] == "ok"
        connection.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):  # nothing of a body was taken for a request
            connection.socket.recv(1)
    assert stored(served, topic) == [HIDDEN.decode()] * 2


@pytest.mark.parametrize("segments", SEGMENTS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(
    ("version", "offer"),
    [
        (b"1.1", b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"),
        (b"1.1", b"Connection: Upgrade\r\nUpgrade: h2c\r\nConnection: close\r\n"),
        (b"1.0", OFFERS["h2c"]),
        (b"1.0", OFFERS["websocket"]),
    ],
)
def test_an_offer_in_a_connections_last_request_is_ignored_too(
    served: Served, version: bytes, offer: bytes, chunked: bool, segments: str
) -> None:
    topic = f"offers/{uuid.uuid4().hex}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN) if chunked else HIDDEN
    framing = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % len(body)
    head = b"POST /v1/events?topic=%b HTTP/%b\r\n" % (topic.encode(), version) + HOST + offer + framing
    with served.raw() as connection:
        send_in(connection, segments, head + b"\r\n", body)
        answer = connection.answer()
        assert (answer.status, answer.header("connection")) == (201, "close")
        assert connection.rest() == b""
    assert stored(served, topic) == [HIDDEN.decode()]


def test_a_websocket_handshake_by_http_1_0_is_refused_at_once(served: Served) -> None:
    """As nginx sends it without `proxy_http_version 1.1`."""
    answer = served.ask(
        b"GET /v1/events?topic=a HTTP/1.0\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    refused(answer, 400, "Upgrade")


@pytest.mark.parametrize("offer", OFFERS)
def test_requests_in_one_segment_behind_an_offer_are_answered_in_order(served: Served, offer: str) -> None:
    topic = f"offers/{uuid.uuid4().hex}".encode()
    publish = b"POST /v1/events?topic=%b HTTP/1.1\r\n%b%bContent-Length: 5\r\n\r\nhello" % (
        topic,
        HOST,
        OFFERS[offer],
    )
    poll = b"GET /v1/events?topic=%b&timeout=0&cursor=earliest HTTP/1.1\r\n%b" % (topic, HOST)
    with served.raw() as connection:
        connection.send((publish + poll + OFFERS["h2c"] + b"\r\n") * 3)
        answers = [connection.answer() for _ in range(6)]
    assert [answer.status for answer in answers] == [201, 200] * 3
    assert [len(json.loads(answer.body)["events"]) for answer in answers[1::2]] == [1, 2, 3]


def test_an_evaluation_behind_an_offer_has_its_context(served: Served) -> None:
    with served.http() as client:
        created = client.post(
            "/v1/flags",
            params={"app": "offers"},
            json={
                "key": "who",
                "type": "string",
                "variants": {"ann": "ann", "none": "none"},
                "environments": {
                    "production": {
                        "state": "ENABLED",
                        "defaultVariant": "none",
                        "targeting": {"if": [{"==": [{"var": "targetingKey"}, "ann"]}, "ann", "none"]},
                    }
                },
            },
        )
    assert created.status_code in (201, 409), created.text
    body = b'{"context":{"targetingKey":"ann"}}'
    answer = served.ask(
        b"POST /v1/apps/offers/production/ofrep/v1/evaluate/flags/who HTTP/1.1\r\n"
        + HOST
        + OFFERS["h2c"]
        + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )
    assert (answer.status, json.loads(answer.body)["value"]) == (200, "ann")


def test_curl_publishes_with_an_offer_of_http_2(served: Served) -> None:
    curl = shutil.which("curl")
    assert curl is not None, "install curl"
    topic = f"offers/{uuid.uuid4().hex}"
    url = f"{served.url}/v1/events?topic={topic}"
    for data in ("hello", "x" * 100_000):
        done = subprocess.run(
            [curl, "-sS", "--noproxy", "*", "--http2", "-d", data, url], capture_output=True, timeout=20
        )
        assert b'"cursor"' in done.stdout, (done.stdout, done.stderr)
    assert stored(served, topic) == ["hello", "x" * 100_000]


def test_a_websocket_among_other_protocols_is_taken(served: Served) -> None:
    with served.raw() as connection:
        connection.send(
            b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"Connection: keep-alive, Upgrade\r\n"
            b"Upgrade: h2c, WebSocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert connection.head().status == 101


@pytest.mark.parametrize("version", [b"14", b"8", b"", b"13, 14"])
def test_a_websocket_of_another_version_is_refused(served: Served, version: bytes) -> None:
    answer = served.ask(
        b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: " + version + b"\r\n\r\n"
    )
    refused(answer, 426, "Sec-WebSocket-Version")
    assert answer.header("sec-websocket-version") == "13"
    assert answer.header("upgrade") == "websocket"


def test_http_1_0_is_not_told_to_continue(served: Served) -> None:
    head = (
        b"POST /v1/events?topic=a HTTP/1.0\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    )
    with served.raw() as connection:
        connection.send(head + b"hello")
        assert connection.head().status == 201  # (and no 100 before it)


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip,chunked", b"identity, chunked"])
@pytest.mark.parametrize("path", [b"/v1/events?topic=a", b"/v1/tokens", b"/v1/flags?app=a"])
def test_a_transfer_coding_that_is_not_chunked_is_501(served: Served, path: bytes, coding: bytes) -> None:
    answer = served.ask(
        b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
        b"Transfer-Encoding: " + coding + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    refused(answer, 501, "Transfer-Encoding")
    assert repr(coding.decode()) in answer.problem["detail"]


@pytest.mark.parametrize("upgrade", [b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"])
@pytest.mark.parametrize(
    ("hosts", "shown"),
    [
        (b"", "0 Host headers"),
        (HOST * 2, "2 Host headers"),
        (HOST + b"Host: evil.example\r\n", "2 Host headers"),
        (b"Host: local host\r\n", "local host"),
        (b"Host: a/b\r\n", "a/b"),
        (b"Host: user@localhost\r\n", "user@localhost"),
        (b"Host: localhost:port\r\n", "localhost:port"),
    ],
)
@pytest.mark.parametrize("path", [b"/v1/events?topic=a&timeout=0", b"/healthz", b"/", b"/static/icon.svg"])
def test_http_1_1_names_one_host(
    served: Served, path: bytes, hosts: bytes, shown: str, upgrade: bytes
) -> None:
    answer = served.ask(b"GET " + path + b" HTTP/1.1\r\n" + hosts + upgrade + b"\r\n")
    refused(answer, 400, "Host")
    assert shown in answer.problem["detail"]
    assert answer.header("connection") == "close"


@pytest.mark.parametrize(
    "host", [b"", b"localhost", b"localhost:8080", b"[::1]:80", b"a_b.example", b"1.2.3.4"]
)
def test_a_host_that_can_be_one_is_not_refused_for_its_form(served: Served, host: bytes) -> None:
    answer = served.ask(b"GET /healthz HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert answer.status == 200


def test_http_1_0_needs_no_host_but_has_one_at_most(served: Served) -> None:
    assert served.ask(b"GET /healthz HTTP/1.0\r\n\r\n").status == 200
    refused(served.ask(b"GET /healthz HTTP/1.0\r\n" + HOST * 2 + b"\r\n"), 400, "Host")


def test_a_second_request_that_is_none_does_not_take_the_place_of_the_first_ones_answer(
    served: Served,
) -> None:
    """RFC 9112 §9.3.2: what is stored is acknowledged, and the connection ends."""
    publish = b"POST /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\nx"
    for garbage in (b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        with served.raw() as connection:
            connection.send(publish + publish + garbage)
            answers = [connection.answer(), connection.answer()]
            assert [answer.status for answer in answers] == [201, 201]
            assert answers[1].header("connection") == "close"
            assert connection.rest() == b""


PUBLISH = b"POST /v1/events?topic=half/a HTTP/1.1\r\n" + HOST
HALF_CLOSED = {
    "publish": (b"POST /v1/events?topic=half/a HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", 201),
    "publish behind an offer": (
        b"POST /v1/events?topic=half/a HTTP/1.1\r\n"
        + HOST
        + OFFERS["h2c"]
        + b"Content-Length: 5\r\n\r\nhello",
        201,
    ),
    "cookie": (
        b"POST /v1/events?topic=half/a HTTP/1.1\r\n" + HOST + b"Cookie: a=b\r\nContent-Length: 1\r\n\r\nx",
        201,
    ),
    "1.0": (b"POST /v1/events?topic=half/a HTTP/1.0\r\n" + HOST + b"Content-Length: 1\r\n\r\nx", 201),
    "poll": (b"GET /v1/events?topic=half/b&timeout=60 HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "poll with a cookie": (
        b"GET /v1/events?topic=half/b&timeout=60 HTTP/1.1\r\n" + HOST + b"Cookie: a=b\r\n\r\n",
        200,
    ),
    "history": (b"GET /v1/events?topic=check/**&cursor=earliest HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "list": (b"GET /v1/apps HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "page": (b"GET /static/dashboard/main.js HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "audit": (b"GET /v1/audit?format=ndjson HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "refusal": (b"POST /v1/events HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\nx", 400),
}


@pytest.mark.parametrize("what", HALF_CLOSED)
def test_a_client_that_closes_its_side_is_answered(served: Served, what: str) -> None:
    """As `nc -N` does: a publish that is stored and not answered is sent again."""
    request, status = HALF_CLOSED[what]
    for together in (True, False):
        with served.raw() as connection:
            connection.send(request)
            if not together:
                connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.socket.shutdown(socket.SHUT_WR)
            answer = connection.answer()
            assert answer.status == status, answer
            rest = connection.rest()
            assert rest.endswith(b"0\r\n\r\n") if answer.header("transfer-encoding") else rest == b""


def test_requests_in_one_segment_are_all_answered_though_the_side_is_closed(served: Served) -> None:
    with served.raw() as connection:
        connection.send(HALF_CLOSED["publish"][0] * 3 + HALF_CLOSED["poll"][0])
        connection.socket.shutdown(socket.SHUT_WR)
        assert [connection.answer().status for _ in range(4)] == [201, 201, 201, 200]
        assert connection.rest() == b""


@pytest.mark.parametrize("garbage", [b"o", b"hello", b"NONSENSE\r\n\r\n", b"GET /healthz HTT", b"\r\n"])
@pytest.mark.parametrize("what", ["publish", "cookie", "poll", "list"])
def test_what_follows_a_request_does_not_cost_it_its_answer_though_the_side_is_closed(
    served: Served, what: str, garbage: bytes
) -> None:
    """A Content-Length that is too short, or none: what was stored is acknowledged."""
    request, status = HALF_CLOSED[what]
    for together in (True, False):
        with served.raw() as connection:
            connection.send(request + garbage)
            if not together:
                connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.socket.shutdown(socket.SHUT_WR)
            assert connection.answer().status == status


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (PUBLISH + b"Content-Length: 6\r\n\r\nhello", "body"),
        (PUBLISH + b"Content-Length: 6\r\n\r\n", "body"),
        (PUBLISH + b"Cookie: a=b\r\nContent-Length: 6\r\n\r\nhello", "body"),
        (PUBLISH + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "body"),
        (PUBLISH + OFFERS["h2c"] + b"Content-Length: 6\r\n\r\nhello", "body"),
        (b"POST /v1/tokens HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n\r\n{}", "body"),
        (b"GET /healthz HTTP/1.1\r\nHost: loc", "request"),
        (b"GE", "request"),
    ],
)
def test_who_closes_its_side_in_the_middle_of_a_request_is_told_so(
    served: Served, request_: bytes, field: str
) -> None:
    with served.raw() as connection:
        connection.send(request_)
        connection.socket.shutdown(socket.SHUT_WR)
        refused(connection.answer(), 400, field)
        assert connection.rest() == b""


def test_a_connection_that_says_nothing_is_closed_without_a_word(served: Served) -> None:
    for said in (b"", HIDDEN):
        with served.raw() as connection:
            if said:
                connection.send(said)
                assert connection.answer().status == 200
            connection.socket.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("poll", ["poll", "poll with a cookie"])
def test_what_is_pipelined_behind_a_waiting_poll_does_not_hide_that_the_side_is_closed(
    served: Served, poll: str
) -> None:
    with served.raw() as connection:
        connection.send(HALF_CLOSED[poll][0] + HALF_CLOSED["publish"][0] * 2)
        connection.socket.shutdown(socket.SHUT_WR)
        assert [connection.answer().status for _ in range(3)] == [200, 201, 201]
        assert connection.rest() == b""


def test_what_came_in_further_segments_behind_a_waiting_poll_is_answered_though_the_side_is_closed(
    served: Served,
) -> None:
    sent = HALF_CLOSED["poll"][0] + HALF_CLOSED["publish"][0] + HALF_CLOSED["poll"][0]
    for cut in range(len(HALF_CLOSED["poll"][0]), len(sent), 40):
        with served.raw() as connection:
            for part in (sent[:cut], sent[cut:]):
                connection.send(part)
                assert served.ask(HIDDEN).status == 200  # (behind it: the server has read the part)
            connection.socket.shutdown(socket.SHUT_WR)
            assert [connection.answer().status for _ in range(3)] == [200, 201, 200], cut
            assert connection.rest() == b""


def test_a_request_that_is_none_and_a_closed_side_take_no_answer_away(served: Served) -> None:
    for garbage in (b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        with served.raw() as connection:
            connection.send(HALF_CLOSED["publish"][0] * 2 + garbage)
            connection.socket.shutdown(socket.SHUT_WR)
            assert [connection.answer().status for _ in range(2)] == [201, 201]
            assert connection.rest() == b""
