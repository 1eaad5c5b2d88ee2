"""The last answer of a connection says that it is (RFC 9112 §9.6): exactly one `connection: close`."""

from __future__ import annotations

import pytest
from tests.api.served import Answer, Raw, Served

HOST = b"Host: localhost\r\n"
LONG = b"x" * 200_000
ASKED: dict[str, tuple[int, bytes, bytes, bytes]] = {
    # what it is: the status, the request line up to the version, headers, the body
    "a poll that has events": (200, b"GET /v1/events?topic=last/*&cursor=earliest", b"", b""),
    "a poll that waits for nothing": (200, b"GET /v1/events?topic=last/no&timeout=0", b"", b""),
    "a poll that waits": (200, b"GET /v1/events?topic=last/no&timeout=0.2", b"", b""),
    "a poll that is refused": (400, b"GET /v1/events?topic=last/no&cursor=x", b"", b""),
    "a poll of a page": (
        200,
        b"GET /v1/events?topic=last/no&timeout=0",
        b"Origin: http://localhost\r\n",
        b"",
    ),
    "the head of a poll": (200, b"HEAD /v1/events?topic=last/no&timeout=0", b"", b""),
    "a preflight": (204, b"OPTIONS /v1/events", b"", b""),
    "a publish": (201, b"POST /v1/events?topic=last/a", b"", b"x"),
    "a large publish": (201, b"POST /v1/events?topic=last/a", b"", LONG),
    "a publish that is refused": (400, b"POST /v1/events?topic=**", b"", b"x"),
    "a method that there isn't": (405, b"DELETE /v1/events", b"", b""),
    "a path that there isn't": (404, b"GET /nothing", b"", b""),
    "credentials that are none": (401, b"POST /v1/tokens", b"Authorization: Bearer x\r\n", b"{}"),
    "health": (200, b"GET /healthz", b"", b""),
    "metrics": (200, b"GET /metrics", b"", b""),
    "a document": (200, b"GET /openapi.json", b"", b""),
    "a file": (200, b"GET /client/index.js", b"", b""),
    "a list": (200, b"GET /v1/flags?app=last", b"", b""),
    "an export": (200, b"GET /v1/audit?format=ndjson", b"", b""),
}
CLOSING = {"1.1": b"Connection: close\r\n", "1.0": b"", "1.0 that would go on": b"Connection: keep-alive\r\n"}


def closes(answer: Answer, connection: Raw) -> None:
    """It says once that it is the last, and it is."""
    assert [value for name, value in answer.headers if name == "connection"] == ["close"]
    connection.rest()


def ask(line: bytes, headers: bytes, body: bytes, *, how: str = "1.1") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    version = how.encode()[:3]
    return line + b" HTTP/" + version + b"\r\n" + HOST + CLOSING[how] + headers + length + b"\r\n" + body


@pytest.mark.parametrize("how", CLOSING)
@pytest.mark.parametrize("what", ASKED)
def test_who_asks_for_one_answer_is_told_that_it_is_the_last(served: Served, what: str, how: str) -> None:
    status, line, headers, body = ASKED[what]
    served.publish("last/event", "x")
    with served.raw() as connection:
        connection.send(ask(line, headers, body, how=how))
        answer = connection.head()
        assert answer.status == status
        closes(answer, connection)


@pytest.mark.parametrize("how", CLOSING)
def test_a_stream_says_that_nothing_comes_after_it(served: Served, how: str) -> None:
    line, headers = b"GET /v1/events?topic=last/no", b"Accept: text/event-stream\r\n"
    with served.raw() as connection:
        connection.send(ask(line, headers, b"", how=how))
        head = connection.head()
        assert head.status == 200
        assert [value for name, value in head.headers if name == "connection"] == ["close"]


@pytest.mark.parametrize("how", CLOSING)
def test_a_poll_that_is_answered_by_a_publish_says_that_it_is_the_last(served: Served, how: str) -> None:
    with served.http() as client:
        before = client.get("/v1/events", params={"topic": "last/new", "timeout": 0}).json()["cursor"]
    with served.raw() as connection:
        line = b"GET /v1/events?topic=last/new&timeout=20&cursor=" + before.encode()
        connection.send(ask(line, b"", b"", how=how))
        served.publish("last/new", "x")
        closes(connection.head(), connection)


@pytest.mark.parametrize("how", CLOSING)
def test_a_body_that_is_too_large_is_refused_with_the_last_answer(served: Served, how: str) -> None:
    head = b"POST /v1/events?topic=a HTTP/" + how.encode()[:3] + b"\r\n" + HOST + CLOSING[how]
    with served.raw() as connection:
        connection.send(head + b"Content-Length: 4194304\r\n\r\n")
        answer = connection.head()
        assert answer.status == 413
        closes(answer, connection)


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"GARBAGE\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nx: " + b"z" * 65_536),
        (413, b"POST /v1/events?topic=a HTTP/1.1\r\n" + HOST + b"Content-Length: 4194304\r\n\r\n"),
    ],
)
def test_a_refusal_that_ends_a_kept_connection_says_so(served: Served, status: int, sent: bytes) -> None:
    with served.raw() as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        kept = connection.answer()
        assert (kept.status, kept.header("connection")) == (200, None)
        connection.send(sent)
        answer = connection.head()
        assert answer.status == status
        closes(answer, connection)


UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


@pytest.mark.parametrize("headers", [b"Sec-WebSocket-Key: short\r\n", KEY + b"a: b\r\n" * 200])
def test_a_handshake_that_is_refused_says_that_the_connection_ends(served: Served, headers: bytes) -> None:
    with served.raw() as connection:
        connection.send(b"GET /v1/events HTTP/1.1\r\n" + HOST + UPGRADE + headers + b"\r\n")
        answer = connection.head()
        assert answer.status == 400
        closes(answer, connection)
