"""HTTP that is unusual, and HTTP that is none."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from tests.api.served import Answer, Served

HOST = b"Host: localhost\r\n"


def refused(answer: Answer, status: int, field: str | None) -> None:
    problem = answer.problem
    assert (answer.status, problem.get("field")) == (status, field), problem
    assert not any(trace in answer.body for trace in (b"Traceback", b'File "', b".py"))


POST = b"POST /v1/events?topic=a HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NOT_HTTP: list[bytes] = [
    b"\r\n\r\nhello\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",  # TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
    b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v1/events?topic=\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / x HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET http:// HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET http://localhost HTTP/1.1\r\n" + HOST + b"\r\n",
    b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"no colon\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"a: b\x00c\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"a: b\rc: d\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"a : b\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"a\xc3\xa9: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n folded\r\n\r\n",
    POST + b"Content-Length: x\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
    CHUNKED + b"ffffffffffffffffff\r\n",
]  # fmt: skip


@pytest.mark.parametrize("request_", NOT_HTTP, ids=[repr(request[:60]) for request in NOT_HTTP])
def test_what_is_not_http_is_400_and_the_end(served: Served, request_: bytes) -> None:
    with served.raw() as connection:
        connection.send(request_)
        answer = connection.answer()
        refused(answer, 400, "request")
        assert answer.header("connection") == "close"
        assert connection.rest() == b""


def test_a_head_beyond_64_kib_is_431(served: Served) -> None:
    with served.raw() as connection:
        connection.send(b"GET / HTTP/1.1\r\n" + HOST + b"a: ")
        for _ in range(70):
            connection.send(b"x" * 1000)
        answer = connection.answer()
    refused(answer, 431, "request")
    assert "65536" in answer.problem["detail"]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://localhost/v1/events?topic=a&timeout=0", 200),
        (b"http://other.example:99/v1/events?topic=a&timeout=0", 200),
        (b"/v1/%65vents?topic=a&timeout=0", 200),
        (b"//v1/events?topic=a&timeout=0", 404),
        (b"/v1/events/?topic=a&timeout=0", 200),
        (b"/v1/events//?topic=a", 404),
        (b"/v1/events%00?topic=a", 404),
        (b"/v1/events%2f..%2fkeys", 404),
        (b"/v1/../v1/events?topic=a", 404),
        (b"/healthz/", 200),
        (b"/healthz//", 404),
        (b"/healthz%ff", 404),
        (b"/<script>", 404),
        (b"*", 404),
    ],
)
def test_targets_are_taken_as_they_are_or_not_found(served: Served, target: bytes, status: int) -> None:
    answer = served.ask(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.status == status, answer.body
    if status == 404:
        assert answer.problem["type"] == "/problems/not-found"


def test_http_1_0_is_answered_and_closed(served: Served) -> None:
    for request in (
        b"GET /v1/events?topic=a&timeout=0 HTTP/1.0\r\n" + HOST + b"\r\n",
        b"POST /v1/events?topic=a HTTP/1.0\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
        b"GET /healthz HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
        b"PUT /v1/events HTTP/1.0\r\n" + HOST + b"\r\n",
    ):
        with served.raw() as connection:
            connection.send(request)
            answer = connection.answer()
            assert answer.status in (200, 201, 405)
            assert answer.header("transfer-encoding") is None
            assert json.loads(answer.body)
            assert connection.rest() == b""


def test_an_event_stream_over_http_1_0_has_no_chunks_and_ends_with_the_connection(served: Served) -> None:
    with served.raw() as connection:
        connection.send(b"GET /v1/events?topic=a HTTP/1.0\r\n" + HOST + b"Accept: text/event-stream\r\n\r\n")
        head = connection.head()
        assert head.status == 200
        assert head.header("transfer-encoding") is None
        assert connection.file.readline() == b"event: tricast.hello\n"


def test_a_chunked_body_is_one_body(served: Served) -> None:
    head = b"POST /v1/events?topic=chunks/a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    with served.raw() as connection:
        for part in (head, b"3;ext=1\r\nhel\r\n", b"2\r\nl", b"o\r\n", b"0\r\nTrailer: x\r\n\r\n"):
            connection.send(part)
        assert connection.answer().status == 201
    with served.http() as client:
        read = client.get(
            "/v1/events", params={"topic": "chunks/a", "cursor": "earliest", "timeout": "0"}
        ).json()
    assert read["events"][0]["data"] == "hello"


def test_a_request_that_comes_byte_by_byte_is_served(served: Served) -> None:
    request = b"POST /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello"
    with served.raw() as connection:
        for byte in request:
            connection.send(bytes((byte,)))
        assert connection.answer().status == 201


def test_who_expects_100_continue_gets_it(served: Served) -> None:
    with served.raw() as connection:
        connection.send(
            b"POST /v1/events?topic=a HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.head().status == 100
        connection.send(b"hello")
        assert connection.answer().status == 201


def test_who_expects_100_continue_for_too_much_is_refused_before_sending_it(served: Served) -> None:
    with served.raw() as connection:
        connection.send(
            b"POST /v1/events?topic=a HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 9000000\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = connection.head()
        assert answer.status == 413
        # What would follow can't be told from a body: so nothing may.
        assert answer.header("connection") == "close"


@pytest.mark.parametrize("chunked", [False, True])
def test_who_sends_too_much_without_listening_still_reads_the_413(served: Served, chunked: bool) -> None:
    head = b"POST /v1/events?topic=a HTTP/1.1\r\n" + HOST
    with served.raw() as connection:
        if chunked:
            connection.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(64):
                connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        else:
            connection.send(head + b"Content-Length: 4194304\r\n\r\n")
            connection.send(b"x" * 4194304)
        answer = connection.answer()
        refused(answer, 413, "body")
        assert connection.rest() == b""


def test_a_refusal_that_reads_no_body_does_not_take_it_for_a_request(served: Served) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for size, parts in ((len(hidden), 1), (200_000, 1), (200_000, 8)):
        body = hidden + b"x" * (size - len(hidden))
        with served.raw() as connection:
            connection.send(
                b"POST /v1/tokens HTTP/1.1\r\n" + HOST + b"Authorization: Bearer x\r\n"
                b"Content-Length: %d\r\n\r\n" % size
            )
            assert connection.answer().status == 401
            for begin in range(0, size, size // parts):
                connection.send(body[begin : begin + size // parts])
                time.sleep(0.02 if parts > 1 else 0)  # (so that the server reads them one by one)
            connection.send(hidden)
            assert connection.answer().status in (200, 0)  # (or the connection is over)


def test_pipelined_requests_are_answered_in_their_order(served: Served) -> None:
    poll = b"GET /v1/events?topic=pipe/a&timeout=%b HTTP/1.1\r\n" + HOST + b"\r\n"
    health = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    publish = b"POST /v1/events?topic=pipe/b HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\nx"
    with served.raw() as connection:
        # In one segment, and behind a poll that waits.
        connection.send(poll % b"0.3" + health + publish + poll % b"0" + poll % b"0.1" + health)
        answers = [connection.answer() for _ in range(6)]
        connection.send(poll % b"0.2")
        connection.send(health)
        answers += [connection.answer(), connection.answer()]
    assert [answer.status for answer in answers] == [200, 200, 201, 200, 200, 200, 200, 200]
    polls = [b'"reset"' in answer.body for answer in answers]
    assert polls == [True, False, False, True, True, False, True, False]


def test_garbage_behind_a_waiting_poll_ends_the_connection_after_its_answer(served: Served) -> None:
    with served.raw() as connection:
        connection.send(b"GET /v1/events?topic=a&timeout=0.3 HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(0.05)  # (in a segment of its own; nothing depends on how long)
        connection.send(b"GARBAGE\r\n\r\n")
        assert connection.answer().status == 200
        assert connection.answer().status == 400
        assert connection.rest() == b""


def test_a_flood_behind_a_waiting_poll_is_cut_off(served: Served) -> None:
    with served.raw() as connection:
        connection.send(b"GET /v1/events?topic=a&timeout=20 HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(0.05)
        with suppress(ConnectionError):
            for _ in range(1000):
                connection.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n" * 500)
        assert connection.answer().status == 0


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "QUERY"])
def test_other_methods_are_405_with_allow(served: Served, method: str) -> None:
    answer = served.ask(f"{method} /v1/events HTTP/1.1\r\n".encode() + HOST + b"\r\n")
    refused(answer, 405, None)
    assert answer.header("allow") == "GET, HEAD, POST, OPTIONS"
    assert method in answer.problem["detail"]


def test_a_head_request_has_no_body_also_where_it_is_refused(served: Served) -> None:
    with served.raw() as connection:
        for query, status in ((b"topic=a", 200), (b"topic=", 400), (b"topic=a&cursor=x", 400)):
            connection.send(b"HEAD /v1/events?" + query + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            assert connection.head().status == status  # (a body would be read as the next head)


def test_a_preflight_is_answered_for_any_origin_but_allows_only_its_own(served: Served) -> None:
    for origin, own in ((b"http://localhost", True), (b"https://evil.example", False), (b"null", False)):
        answer = served.ask(
            b"OPTIONS /v1/events HTTP/1.1\r\n" + HOST + b"Origin: " + origin + b"\r\n"
            b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-evil\r\n\r\n"
        )
        assert answer.status == 204
        assert (answer.header("access-control-allow-origin") == origin.decode()) is own
        assert (answer.header("access-control-allow-credentials") == "true") is own
        assert ("x-evil" in str(answer.headers)) is own
        assert answer.header("vary") == ("Origin, Access-Control-Request-Headers" if own else "Origin")


def test_an_upgrade_to_something_else_is_no_upgrade(served: Served) -> None:
    with served.raw() as connection:
        for _ in range(2):  # (curl --http2 goes on like this on one connection)
            connection.send(
                b"GET /v1/events?topic=a&timeout=0 HTTP/1.1\r\n"
                + HOST
                + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
            )
            assert connection.answer().status == 200


@pytest.mark.parametrize(
    "credentials",
    [
        *("Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer tck_x_y", "Bearer é", "x", "Bearer a b"),
        "Bearer " + "x" * 9000,
    ],
)
def test_credentials_that_are_none_are_401_also_on_an_open_server(served: Served, credentials: str) -> None:
    answer = served.ask(
        b"GET /v1/events?topic=a&timeout=0 HTTP/1.1\r\n"
        + HOST
        + f"Authorization: {credentials}\r\n\r\n".encode("latin-1")
    )
    assert answer.status == 401
    assert answer.problem["type"] == "/problems/unauthorized"
    assert str(answer.header("www-authenticate")).startswith("Bearer")
    assert "x" * 100 not in answer.problem["detail"]


def test_a_client_that_goes_away_in_the_middle_costs_nothing(served: Served) -> None:
    for part in (
        b"POST /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"Content-Length: 50\r\n\r\nhello",
        b"POST /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST,
        b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"Accept: text/event-stream\r\n\r\n",
    ):
        for _ in range(5):
            with served.raw() as connection:
                connection.send(part)


@pytest.mark.parametrize("path", ["/v1/audit?format=ndjson", "/v1/apps/demo/production/ofrep/v1/stream"])
def test_a_stream_to_an_http_1_0_client_is_not_chunked(served: Served, path: str) -> None:
    with served.raw() as connection:
        connection.send(f"GET {path} HTTP/1.0\r\n".encode() + HOST + b"\r\n")
        head = connection.head()
        assert head.status == 200, head
        assert (head.header("transfer-encoding"), head.header("content-length")) == (None, None)
        if "stream" in path:
            assert connection.file.readline() in (b"retry: 1000\n", b": ok\n")
