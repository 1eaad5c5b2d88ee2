"""Whatever is asked for wrongly, by long-poll or event stream."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from tests.api.served import Answer, Served, headers_of

SSE = ("Accept", "text/event-stream")


def get(served: Served, query: str, *headers: tuple[str, str]) -> Answer:
    sent = headers_of([("Host", "localhost"), *headers])
    return served.ask(f"GET /v1/events?{query} HTTP/1.1\r\n".encode() + sent + b"\r\n")


def refused(answer: Answer, status: int, field: str, *said: str) -> None:
    problem = answer.problem
    assert (answer.status, problem.get("field")) == (status, field), problem
    assert all(text in problem["detail"] for text in said), problem
    assert not any(trace in answer.body for trace in (b"Traceback", b'File "', b".py"))
    assert answer.header("content-length") == str(len(answer.body))


QUERIES: list[tuple[str, str, str]] = [
    ("", "topic", "?topic="),
    ("type=a", "topic", "?topic="),
    ("topic=", "topic", "empty"),
    ("topic=a%00b", "topic", "\\x00"),
    ("topic=a%0d%0aX:y", "topic", "\\r\\n"),
    ("topic=a//b", "topic", "not a name"),
    ("topic=/a", "topic", "not a name"),
    ("topic=a/", "topic", "not a name"),
    ("topic=***", "topic", "'***'"),
    ("topic=**/a", "topic", "'**'"),
    ("topic=a*", "topic", "'a*'"),
    ("topic=a+b", "topic", "'a b'"),
    ("topic=%E2%80%AEa", "topic", "\\u202e"),
    ("topic=" + "x" * 256, "topic", "256 bytes"),
    ("topic=" + "%C3%A9" * 128, "topic", "256 bytes"),
    ("topic=" + "/".join("a" * 17), "topic", "17 segments"),
    ("&".join(f"topic=a{n}" for n in range(129)), "topic", "129 topics"),
    ("&".join(f"topic=a{n}" for n in range(257)), "query", "256"),
    ("topic=%ff", "query", "UTF-8"),
    ("topic=%ed%a0%80", "query", "UTF-8"),
    ("topic=a&cursor=%ff", "cursor", "UTF-8"),
    ("topic=a&cursor=first", "cursor", "'first'"),
    ("topic=a&cursor=abc-", "cursor", "'abc-'"),
    ("topic=a&cursor=abc-01", "cursor", "'abc-01'"),
    ("topic=a&cursor=abc--1", "cursor", "'abc--1'"),
    ("topic=a&cursor=ABC-1", "cursor", "'ABC-1'"),
    ("topic=a&cursor=abc-" + "9" * 19, "cursor", "not a cursor"),
    ("topic=a&cursor=" + "a" * 33 + "-1", "cursor", "not a cursor"),
    ("topic=a&cursor=-1", "cursor", "'-1'"),
    ("topic=a&cursor=10", "cursor", "'10'"),
    ("topic=a&cursor=10y", "cursor", "'10y'"),
    ("topic=a&cursor=1e3s", "cursor", "'1e3s'"),
    ("topic=a&cursor=-10m", "cursor", "'-10m'"),
    ("topic=a&cursor=%D9%A1m", "cursor", "not a cursor"),
    ("topic=a&cursor=2026-13-01T00:00:00Z", "cursor", "RFC 3339"),
    ("topic=a&cursor=2026-01-01", "cursor", "'2026-01-01'"),
    ("topic=a&cursor=2026-01-01T00:00:00", "cursor", "RFC 3339"),
    ("topic=a&cursor=0000-01-01T00:00:00Z", "cursor", "RFC 3339"),
    ("topic=a&cursor=latest&cursor=latest", "cursor", "more than once"),
    ("topic=a&c%75rsor=latest", "cursor", "percent-encoded"),
    ("topic=a&limit=0", "limit", "'0'"),
    ("topic=a&limit=1001", "limit", "'1001'"),
    ("topic=a&limit=-1", "limit", "'-1'"),
    ("topic=a&limit=1e2", "limit", "'1e2'"),
    ("topic=a&limit=1.0", "limit", "'1.0'"),
    ("topic=a&limit=", "limit", "''"),
    ("topic=a&limit=%D9%A1", "limit", "from 1 to 1000"),
    ("topic=a&limit=1&limit=1", "limit", "more than once"),
    ("topic=a&timeout=-1", "timeout", "'-1'"),
    ("topic=a&timeout=60.1", "timeout", "'60.1'"),
    ("topic=a&timeout=NaN", "timeout", "'NaN'"),
    ("topic=a&timeout=inf", "timeout", "'inf'"),
    ("topic=a&timeout=1e1", "timeout", "'1e1'"),
    ("topic=a&timeout=", "timeout", "''"),
    ("topic=a&timeout=0&timeout=0", "timeout", "more than once"),
    ("topic=a&transport=websocket", "transport", "handshake"),
    ("topic=a&transport=ws", "transport", "'ws'"),
    ("topic=a&transport=", "transport", "one of"),
    ("topic=a&transport=poll&transport=poll", "transport", "more than once"),
    ("topic=a&token=x&token=x", "token", "more than once"),
    ("topic=a&type=", "type", "1-255"),
    ("topic=a&type=" + "*" * 9, "type", "8 '*'"),
    ("topic=a&" + "&".join(f"type=a{n}" for n in range(17)), "type", "17 types"),
    ("topic=a&subject=" + "x" * 256, "subject", "1-255"),
    ("topic=a&since=10m", "since", "allowed are"),
    ("topic=a&Topic=b", "Topic", "allowed are"),
    ("topic=a&%ff=b", "query", "UTF-8"),
    ("topic=a&" + "x" * 33_000, "query", "32768"),
]


@pytest.mark.parametrize("headers", [(), (SSE,)], ids=["poll", "sse"])
@pytest.mark.parametrize(("query", "field", "said"), QUERIES, ids=[query[:40] for query, _, _ in QUERIES])
def test_a_query_that_is_wrong_is_400_by_its_name(
    served: Served, query: str, field: str, said: str, headers: tuple[tuple[str, str], ...]
) -> None:
    refused(get(served, query, *headers), 400, field, said)


@pytest.mark.parametrize(
    "query",
    [
        "topic=..&timeout=0",
        "topic=../../etc&timeout=0",
        "topic=%F0%9F%98%80/%E2%9D%A4&timeout=0",
        "topic=%252F&timeout=0",
        "topic=" + "/".join("a" * 16) + "&timeout=0",
        "topic=" + "x" * 255 + "&timeout=0",
        "&".join(f"topic=a{n}" for n in range(128)) + "&timeout=0",
        "topic=a&topic=a&timeout=0",
        "topic=*/**&topic=**&timeout=0.0",
        "topic=a&cursor=&timeout=0",
        "topic=a&cursor=999999999d&timeout=0",
        "topic=a&cursor=0ms&timeout=0",
        "topic=a&cursor=0001-01-01T00:00:00%2B23:59&timeout=0",
        "topic=a&cursor=9999-12-31T23:59:59-23:59&timeout=0",
        "topic=a&cursor=2026-01-01t00:00:00z&timeout=0",
        "topic=a&cursor=2026-01-01T00:00:00+01:00&timeout=0",
        "topic=a&type=%5B%5D%5B!a%5D(.*)&timeout=0",
        "topic=a&limit=0001&timeout=0",
        "topic=a&timeout=0&",
        "&&topic=a&timeout=0",
        "topic=a&timeout=0#fragment",
    ],
)
def test_what_is_only_unusual_is_served(served: Served, query: str) -> None:
    answer = get(served, query)
    assert answer.status == 200, answer.body
    assert set(json.loads(answer.body)) == {"cursor", "events", "reset"}


@pytest.mark.parametrize(
    "value", ["x", "\x7f", "é", "abc-99 ", "ab-1-x", "a" * 3000, "latest", "10m", "-", "abc-01"]
)
def test_whatever_is_in_last_event_id_is_a_cursor_or_a_reset(served: Served, value: str) -> None:
    if value == "\x7f":
        assert get(served, "topic=a&timeout=0", ("Last-Event-ID", value)).status == 400  # (no header value)
        return
    answer = get(served, "topic=a&timeout=0", ("Last-Event-ID", value))
    assert answer.status == 200
    assert json.loads(answer.body)["reset"]["reason"] == "unknown"
    with served.events("topic=a", {"Last-Event-ID": value}) as stream:
        _, hello = stream.next()
        assert hello["type"] == "tricast.hello"
        assert (hello["data"]["recovered"], "cursor" in hello) == (False, False)
        fields, reset = stream.next()
        assert reset["data"]["reason"] == "unknown"
        assert fields["id"] == reset["cursor"]


def test_an_empty_last_event_id_is_none_and_a_good_one_wins_over_cursor(served: Served) -> None:
    first = served.publish("leid/a", 1)
    served.publish("leid/a", 2)
    empty = get(served, "topic=leid/a&timeout=0&cursor=earliest", ("Last-Event-ID", ""))
    assert len(json.loads(empty.body)["events"]) == 2
    both = get(served, "topic=leid/a&timeout=0&cursor=earliest", ("Last-Event-ID", first))
    assert [event["data"] for event in json.loads(both.body)["events"]] == [2]


HOSTILE = [
    "a\r\nX-Evil: 1",
    "a\nX-Evil: 1",
    ">; rel=evil, <http://evil",
    '"',
    "a b",
    "<a>",
    "é😀",
    "a;b,c",
    "\x00",
]


@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_nothing_in_a_query_reaches_the_link_header_unescaped(served: Served, value: str) -> None:
    answer = get(served, f"topic=a&timeout=0&type={quote(value)}&subject={quote(value)}")
    assert answer.status == 200, answer.body
    link = answer.header("link")
    assert link is not None
    assert link.startswith("<?topic=a&type=")
    assert link.endswith('>; rel="next"')
    assert link.count("<") == link.count(">") == 1
    assert not set(link[1:-13]) & set(' "\r\n\x00é')
    assert [name for name, _ in answer.headers if "evil" in name] == []
    following = get(served, link.partition("?")[2].partition(">")[0] + "&timeout=0")
    assert following.status == 200
    assert following.header("link") == link


@pytest.mark.parametrize("value", ["x\ny", "x\rid: 5", "x\r\n\r\nevent: y", "x\u2028y"])
def test_nothing_that_is_published_can_add_a_line_to_an_event_stream(served: Served, value: str) -> None:
    with served.http() as client:
        for name in ("type", "id", "source", "subject", "datacontenttype", "trace", "time", "topic"):
            asked = {"topic": "inject/a", name: value}
            assert client.post("/v1/events", json=asked).status_code == 400, name
        assert client.post("/v1/events", json={"topic": "inject/a", "data": value}).status_code == 201
    with served.events("topic=inject/a&cursor=earliest") as stream:
        blocks = list(stream.until("tricast.live"))
    events = [(fields, event) for fields, event in blocks if not event["type"].startswith("tricast.")]
    assert all(set(fields) == {"id", "data"} for fields, _ in events)
    assert events[-1][1]["data"] == value


@pytest.mark.parametrize(
    "accept", ["text/event-stream", "TEXT/Event-Stream, */*;q=0.9", "*/*, text/event-stream"]
)
def test_whoever_accepts_event_streams_gets_one_unless_transport_says_other(
    served: Served, accept: str
) -> None:
    with served.events("topic=a", {"Accept": accept}) as stream:
        assert stream.head.header("content-type") == "text/event-stream; charset=utf-8"
    poll = get(served, "topic=a&timeout=0&transport=poll", ("Accept", accept))
    assert poll.header("content-type") == "application/json"
    with served.events("topic=a&transport=sse", {"Accept": "application/json"}) as stream:
        assert stream.next()[1]["type"] == "tricast.hello"


@pytest.mark.parametrize(
    "accept",
    [
        ["application/json, text/event-stream;q=0"],
        ["application/json", "text/event-stream;q=0.5"],
        ["text/event-stream;q=0"],
        ["TEXT/Event-Stream;q=0.9, */*"],
    ],
)
def test_a_request_that_prefers_json_is_a_poll(served: Served, accept: list[str]) -> None:
    answer = get(served, "topic=a&timeout=0", *(("Accept", value) for value in accept))
    assert answer.header("content-type") == "application/json"


def test_all_lines_of_accept_count(served: Served) -> None:
    for first in ("application/json", "text/html"):
        with served.raw() as connection:
            connection.send(
                b"GET /v1/events?topic=a HTTP/1.1\r\nHost: localhost\r\n"
                + f"Accept: {first}\r\nAccept: text/event-stream\r\n\r\n".encode()
            )
            assert connection.head().header("content-type") == "text/event-stream; charset=utf-8"


LAST_EVENT_IDS = (
    "lastEventId",
    "lastEventID",
    "last_event_id",
    "last-event-id",
    "Last-Event-ID",
    "evs_last_event_id",
)


@pytest.mark.parametrize("name", LAST_EVENT_IDS)
def test_a_last_event_id_in_the_query_resumes_and_wins_over_cursor_but_not_over_the_header(
    served: Served, name: str
) -> None:
    first, second = served.publish("lei/b", 1), served.publish("lei/b", 2)

    def numbers(query: str, *headers: tuple[str, str]) -> list[object]:
        answer = get(served, f"topic=lei/b&timeout=0{query}", *headers)
        assert answer.status == 200, answer.body
        assert "last" not in str(answer.header("link")).lower()  # (the next cursor stands there)
        return [event["data"] for event in json.loads(answer.body)["events"]]

    assert numbers(f"&{name}={first}") == [2]
    assert numbers(f"&cursor=earliest&{name}={first}") == [2]
    assert numbers(f"&{name}={first}&cursor=x") == [2]
    assert numbers(f"&{name}={first}&{name}={second}") == []
    assert numbers(f"&{name}=&cursor={first}") == [2]
    assert numbers(f"&{name}={first}", ("Last-Event-ID", second)) == []
    with served.events(f"topic=lei/b&{name}={first}") as stream:
        assert stream.next()[1]["data"]["recovered"] is True
        assert stream.next()[1]["data"] == 2
    for odd in ("x", "%ff", "%E2%80%A8", "a" * 3000):
        answer = get(served, f"topic=lei/b&timeout=0&{name}={odd}")
        assert json.loads(answer.body)["reset"]["reason"] == "unknown"


def test_of_two_last_event_id_headers_the_first_counts(served: Served) -> None:
    twice = get(served, "topic=a&timeout=0", ("Last-Event-ID", "x"), ("Last-Event-ID", "y"))
    assert json.loads(twice.body)["reset"]["reason"] == "unknown"


def test_a_client_that_speaks_on_an_event_stream_is_cut_off(served: Served) -> None:
    with served.raw() as connection:
        connection.send(
            b"GET /v1/events?topic=a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
        )
        assert connection.head().status == 200
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"status" not in connection.rest()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "file://", "é", "x y"])
def test_the_page_of_another_origin_can_not_drive_an_open_server(served: Served, origin: str) -> None:
    for query in ("topic=a&timeout=0", "topic=a&timeout=0&transport=sse"):
        answer = get(served, query, ("Origin", origin))
        refused(answer, 403, "origin", "TRICAST_ALLOWED_ORIGINS")
        assert not [name for name, _ in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("host", ["evil.example", "", "localhost.evil.example", "127.0.0.1.nip.io", "[::2]"])
def test_a_host_that_is_not_this_machine_can_not_drive_an_open_server(served: Served, host: str) -> None:
    answer = served.ask(f"GET /v1/events?topic=a&timeout=0 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.status == 403
    assert "localhost" in answer.problem["detail"]
