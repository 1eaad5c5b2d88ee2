"""Whatever is published wrongly: a status that fits, and a problem that names field, value and remedy."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from tests.api.served import Answer, Served, headers_of

HOST = ("Host", "localhost")


def post(
    served: Served, body: bytes, *headers: tuple[str, str], query: str = "", kind: str = "application/json"
) -> Answer:
    sent = [HOST, ("Content-Type", kind), ("Content-Length", str(len(body))), *headers]
    return served.ask(f"POST /v1/events{query} HTTP/1.1\r\n".encode() + headers_of(sent) + b"\r\n" + body)


def refused(answer: Answer, status: int, field: str, *said: str) -> None:
    problem = answer.problem
    assert (answer.status, problem.get("field")) == (status, field), problem
    assert all(text in problem["detail"] for text in said), problem
    assert not any(trace in answer.body for trace in (b"Traceback", b'File "', b".py"))


def nested(depth: int) -> bytes:
    return b'{"topic":"a","data":' + b"[" * depth + b"]" * depth + b"}"


BODIES: list[tuple[bytes, str, str]] = [
    (b"", "body", "empty"),
    (b"{", "body", "JSON"),
    (b'{"topic":"a"} x', "body", "after document"),
    (b'{"topic":"a",}', "body", "JSON"),
    (b"{'topic':'a'}", "body", "JSON"),
    (b'{"topic":"a","data":NaN}', "body", "char 20"),
    (b'{"topic":"a","data":Infinity}', "body", "char 20"),
    (b'{"topic":"a","data":1e400}', "body", "infinity"),
    (b'{"topic":"a","data":01}', "body", "JSON"),
    (b'{"topic":"a","data":"\\ud800"}', "body", "surrogate"),
    (b'{"topic":"a","data":"\xed\xa0\x80"}', "body", "UTF-8"),
    (b'{"topic":"a","data":"\xff"}', "body", "UTF-8"),
    (b'{"topic":"a","data":"\x00"}', "body", "control character"),
    (b'\xff\xfe{\x00"\x00', "body", "JSON"),
    (b"null", "body", "object"),
    (b"7", "body", "object"),
    (b'"text"', "body", "object"),
    (b"[]", "body", "1 to 1000"),
    (b"[" + b",".join([b'{"topic":"a"}'] * 1001) + b"]", "body", "1001"),
    (b"[[]]", "[0]", "event 0"),
    (b'[{"topic":"a"},null]', "[1]", "event 1"),
    (b'[{"topic":"a"},{"topic":"a b"}]', "[1].topic", "'a b'"),
    (nested(65), "data", "64 levels"),
    (nested(300), "data", "64 levels"),
    (nested(1000), "data", "64 levels"),
    (b'{"topic":"a","specversion":' + b"[" * 1000 + b"]" * 1000 + b"}", "specversion", "list"),
    (b'{"topic":' + b"[" * 1000 + b"]" * 1000 + b"}", "topic", "list"),
    (b'{"topic":"a","trace":' + b"[" * 1000 + b"]" * 1000 + b"}", "trace", "32-bit"),
    (nested(10_000), "body", "64 levels"),
    (b"[" * 100_000, "body", "64 levels"),
]


@pytest.mark.parametrize(("body", "field", "said"), BODIES, ids=[repr(body[:30]) for body, _, _ in BODIES])
def test_a_body_that_is_no_event_is_400_and_told_where(
    served: Served, body: bytes, field: str, said: str
) -> None:
    refused(post(served, body), 400, field, said)


MEMBERS: list[tuple[dict[str, Any], str, str]] = [
    ({}, "topic", "?topic="),
    ({"topic": None}, "topic", "missing"),
    ({"topic": 1}, "topic", "int"),
    ({"topic": ["a"]}, "topic", "list"),
    ({"topic": ""}, "topic", "empty"),
    ({"topic": "/a"}, "topic", "'/a'"),
    ({"topic": "a/"}, "topic", "'a/'"),
    ({"topic": "a//b"}, "topic", "'a//b'"),
    ({"topic": "a/*"}, "topic", "'*'"),
    ({"topic": "**"}, "topic", "'**'"),
    ({"topic": "a b"}, "topic", "white space"),
    ({"topic": "a\u00a0b"}, "topic", "white space"),
    ({"topic": "a\nb"}, "topic", "control character"),
    ({"topic": "a\x00b"}, "topic", "control character"),
    ({"topic": "a\x7fb"}, "topic", "control character"),
    ({"topic": "a\u202eb"}, "topic", "\\u202e"),
    ({"topic": "a\u200bb"}, "topic", "\\u200b"),
    ({"topic": "a\ufeffb"}, "topic", "\\ufeff"),
    ({"topic": "x" * 256}, "topic", "256 bytes"),
    ({"topic": "é" * 128}, "topic", "256 bytes"),
    ({"topic": "/".join("a" * 17)}, "topic", "17 segments"),
    ({"topic": "a", "type": 5}, "type", "int"),
    ({"topic": "a", "type": ""}, "type", "1-128"),
    ({"topic": "a", "type": "with space"}, "type", "'with space'"),
    ({"topic": "a", "type": "x\r\nevent: y"}, "type", "1-128"),
    ({"topic": "a", "type": "é"}, "type", "1-128"),
    ({"topic": "a", "type": "t" * 129}, "type", "1-128"),
    ({"topic": "a", "id": 5}, "id", "int"),
    ({"topic": "a", "id": ""}, "id", "1-255"),
    ({"topic": "a", "id": "x" * 256}, "id", "1-255"),
    ({"topic": "a", "id": "x\nid: 7"}, "id", "control"),
    ({"topic": "a", "id": "x\x85y"}, "id", "control"),
    ({"topic": "a", "id": "x\u2028y"}, "id", "control"),
    ({"topic": "a", "source": "x\r\ny"}, "source", "control"),
    ({"topic": "a", "subject": "x\x00y"}, "subject", "control"),
    ({"topic": "a", "subject": {}}, "subject", "dict"),
    ({"topic": "a", "time": "yesterday"}, "time", "'yesterday'"),
    ({"topic": "a", "time": "2026-02-30T00:00:00Z"}, "time", "RFC 3339"),
    ({"topic": "a", "time": "2026-01-01 00:00:00Z"}, "time", "RFC 3339"),
    ({"topic": "a", "time": "2026-01-01T00:00:00"}, "time", "RFC 3339"),
    ({"topic": "a", "time": 1}, "time", "int"),
    ({"topic": "a", "datacontenttype": "x\ny"}, "datacontenttype", "control"),
    ({"topic": "a", "data_base64": "!"}, "data_base64", "RFC 4648"),
    ({"topic": "a", "data_base64": "AAE"}, "data_base64", "RFC 4648"),
    ({"topic": "a", "data": 1, "data_base64": "AAEC"}, "data_base64", "both"),
    ({"topic": "a", "specversion": "0.3"}, "specversion", "'1.0'"),
    ({"topic": "a", "specversion": 1}, "specversion", "'1.0'"),
    ({"topic": "a", "Unknown": 1}, "Unknown", "lower-case"),
    ({"topic": "a", "un_known": 1}, "un_known", "lower-case"),
    ({"topic": "a", "": 1}, "", "lower-case"),
    ({"topic": "a", "x" * 41: 1}, "x" * 41, "lower-case"),
    ({"topic": "a", "weight": 1.5}, "weight", "32-bit"),
    ({"topic": "a", "weight": 2**31}, "weight", "32-bit"),
    ({"topic": "a", "weight": []}, "weight", "32-bit"),
    ({"topic": "a", "weight": "x\ny"}, "weight", "control"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "field", "said"), MEMBERS, ids=[repr(event)[:50] for event, _, _ in MEMBERS]
)
def test_a_member_that_is_wrong_is_400_by_its_name(
    served: Served, event: dict[str, Any], field: str, said: str
) -> None:
    refused(post(served, json.dumps(event).encode()), 400, field, said)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"topic": "tricast"}, "topic"),
        ({"topic": "tricast/keys"}, "topic"),
        ({"topic": "shop/flags/production"}, "topic"),
        ({"topic": "shop/flags"}, "topic"),
        ({"topic": "a", "type": "tricast.hello"}, "type"),
        ({"topic": "a", "type": "presence.join"}, "type"),
    ],
)
def test_what_is_the_servers_own_is_403(served: Served, event: dict[str, Any], field: str) -> None:
    refused(
        post(served, json.dumps(event).encode()), 403, field, "server" if field == "type" else event["topic"]
    )
    refused(post(served, json.dumps([{"topic": "a"}, event]).encode()), 403, f"[1].{field}")


GOOD: list[dict[str, Any]] = [
    {"topic": "..", "data": 1},
    {"topic": "../../etc/passwd"},
    {"topic": "😀/👩‍👩‍👧".replace("\u200d", "")},
    {"topic": "%2F%00"},
    {"topic": "<script>"},
    {"topic": "x" * 255},
    {"topic": "é" * 127},
    {"topic": "/".join("a" * 16)},
    {"topic": "shop/flagship"},
    {"topic": "tricasts/x"},
    {"topic": "a", "type": None, "id": None, "subject": None, "data_base64": None, "trace": None},
    {"topic": "a", "data": "\x00\u2028\u202e\ufffe</script>"},
    {"topic": "a", "data": {"": "", "data": {"topic": "b"}, "cursor": "x"}},
    {"topic": "a", "data": 2**63},
    {"topic": "a", "data": -(2**63)},
    {"topic": "a", "cursor": {"any": "thing"}},
    {"topic": "a", "weight": -(2**31), "flag": False, "empty": ""},
]


@pytest.mark.parametrize("event", GOOD, ids=[ascii(event)[:60] for event in GOOD])
def test_what_is_only_unusual_is_published_and_read_as_it_was_sent(
    served: Served, event: dict[str, Any]
) -> None:
    answer = post(served, json.dumps(event).encode())
    assert answer.status == 201, answer.body
    cursor = json.loads(answer.body)["cursor"]
    epoch, _, offset = cursor.rpartition("-")
    with served.http() as client:
        before = f"{epoch}-{int(offset) - 1}" if offset != "1" else "earliest"
        asked = {"topic": event["topic"], "cursor": before, "timeout": "0"}
        read = client.get("/v1/events", params=asked).json()["events"][-1]
    assert read["topic"] == event["topic"]
    assert read["data"] == event.get("data")
    assert read["cursor"] == cursor


def test_64_levels_are_not_too_deep(served: Served) -> None:
    assert post(served, nested(64)).status == 201
    assert post(served, b'{"topic":"a","data":"' + b"{[" * 1000 + b'"}').status == 201


def test_a_number_beyond_64_bits_loses_precision_and_nothing_else(served: Served) -> None:
    assert post(served, b'{"topic":"big/a","data":123456789012345678901234567890}').status == 201
    with served.http() as client:
        read = client.get(
            "/v1/events", params={"topic": "big/a", "cursor": "earliest", "timeout": "0"}
        ).json()
    assert read["events"][0]["data"] == pytest.approx(123456789012345678901234567890)


def test_of_a_member_that_is_given_twice_the_last_counts(served: Served) -> None:
    assert post(served, b'{"topic":"twice/a","topic":"twice/b"}').status == 201
    with served.http() as client:
        read = client.get(
            "/v1/events", params={"topic": "twice/*", "cursor": "earliest", "timeout": "0"}
        ).json()
    assert [event["topic"] for event in read["events"]] == ["twice/b"]


def test_an_event_beyond_the_limit_is_413_and_a_body_too(served: Served) -> None:
    refused(post(served, b'{"topic":"a","data":"' + b"x" * 262_144 + b'"}'), 413, "data", "262144")
    refused(post(served, b" " * 1_048_577), 413, "body", "1048577", "1048576")
    refused(post(served, b"x" * 262_144, query="?topic=a", kind="text/plain"), 413, "data", "262144")
    batch = [{"topic": "a"}, {"topic": "a", "data": "x" * 262_144}]
    refused(post(served, json.dumps(batch).encode()), 413, "[1].data", "event 1")


def test_the_same_id_with_other_content_is_409_and_with_the_same_the_first_answer(served: Served) -> None:
    first = post(served, b'{"topic":"idem/a","id":"i1","data":1}')
    again = post(served, b'{"data":1,"id":"i1","topic":"idem/a"}')
    assert (first.status, again.status) == (201, 201)
    assert json.loads(again.body)["events"][0] == {
        **json.loads(first.body)["events"][0],
        "duplicate": True,
    }
    refused(post(served, b'{"topic":"idem/a","id":"i1","data":2}'), 409, "id", "'i1'")
    refused(post(served, b'{"topic":"idem/b","id":"i1","data":1}'), 409, "id", "'i1'")
    clash = b'[{"topic":"idem/a","id":"i2"},{"topic":"idem/a","id":"i1","data":2}]'
    refused(post(served, clash), 409, "id", "'i1'")
    assert post(served, b'{"topic":"idem/a","id":"i2","data":"not written before"}').status == 201
    assert post(served, b'{"topic":"idem/a","id":"i1","source":"/another","data":2}').status == 201


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([""], "1-255"),
        (["x" * 251], "250"),
        (["x\u0085y"], "UTF-8"),
        (["a", "b"], "more than once"),
        (["tab\there"], "control"),
    ],
)
def test_an_idempotency_key_that_is_none_is_400(served: Served, keys: list[str], said: str) -> None:
    refused(
        post(served, b'{"topic":"a"}', *(("Idempotency-Key", key) for key in keys)),
        400,
        "Idempotency-Key",
        said,
    )


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("?topic=a&topic=b", "topic", "more than once"),
        ("?topic=%ff", "query", "UTF-8"),
        ("?topic=a&colour=red", "colour", "allowed are"),
        ("?topic=a&limit=5", "limit", "allowed are"),
        ("?topic=a&data_base64=AA", "data_base64", "allowed are"),
        ("?topic=a//b", "topic", "'a//b'"),
        ("?topic=a&type=%0d%0aX:y", "type", "1-128"),
        ("?topic=a&id=%0d%0aX:y", "id", "control"),
        ("?topic=a&" + "x" * 300, "x" * 80, "allowed are"),
        ("?" + "&".join(f"topic=a{n}" for n in range(300)), "query", "256"),
    ],
)
def test_a_query_that_is_wrong_is_400_by_its_name(served: Served, query: str, field: str, said: str) -> None:
    refused(post(served, b"x", query=query, kind="text/plain"), 400, field, said)


FORMS: list[tuple[str, bytes, tuple[tuple[str, str], ...], str, str, str]] = [
    ("application/cloudevents+json", b"[]", (), "", "body", "object"),
    ("application/cloudevents+json", b'{"specversion":"0.3","topic":"a"}', (), "", "specversion", "'1.0'"),
    ("application/cloudevents+json", b'{"type":"t"}', (), "", "topic", "missing"),
    ("application/cloudevents+json", b"hello", (("ce-topic", "a"),), "", "body", "JSON"),
    ("application/cloudevents+json", b'{"topic":"a"}', (), "?topic=b", "topic", "'b'"),
    ("application/cloudevents-batch+json", b"{}", (), "", "body", "list"),
    ("application/cloudevents-batch+json", b'[{"topic":"a"}]', (), "?type=t", "type", "batch"),
    ("application/json", b'[{"topic":"a"}]', (), "?type=t", "type", "batch"),
    ("application/json", b'{"topic":"a","type":"t"}', (), "?type=u", "type", "'u'"),
    ("application/x-www-form-urlencoded", b"hello", (), "", "topic", "?topic="),
    ("text/plain", b"hello", (), "", "topic", "?topic="),
    ("", b"hello", (), "", "topic", "?topic="),
    ("application/json", b"{", (), "?topic=a", "body", "JSON"),
    ("application/vnd.x+json", b"{", (), "?topic=a", "body", "JSON"),
    ("text/plain\x01", b"x", (), "?topic=a", "request", "HTTP"),
    ("text/plain", b"x", (("ce-topic", "a"), ("ce-id", "%FF")), "", "ce-id", "UTF-8"),
    ("text/plain", b"x", (("ce-topic", "a"), ("ce-id", "1"), ("ce-id", "1")), "", "ce-id", "more than once"),
    ("text/plain", b"x", (("ce-topic", "a"), ("ce-type", "a%20b")), "", "type", "'a b'"),
    ("text/plain", b"x", (("ce-topic", "a"), ("ce-id", "a%0d%0ab")), "", "id", "control"),
    ("text/plain", b"x", (("ce-topic", "a"), ("ce-specversion", "0.3")), "", "specversion", "'1.0'"),
    (
        "text/plain",
        b"x",
        (("ce-topic", "a"), ("ce-datacontenttype", "x/y")),
        "",
        "ce-datacontenttype",
        "body",
    ),
    ("text/plain", b"x", (("ce-topic", "a"), ("ce-data", "y")), "", "ce-data", "body"),
    ("text/plain", b"x", (("ce-topic", "a"),), "?topic=b", "topic", "'b'"),
    ("text/plain", b"x", (("ce-type", "t"),), "", "topic", "missing"),
    ("text/plain", b"x", (("ce-topic", "a"), ("ce-my-trace", "1")), "", "my-trace", "lower-case"),
    ("text/plain", b"x", (("Content-Encoding", "gzip"),), "?topic=a", "Content-Encoding", "'gzip'"),
    ("text/plain", b"x", (("Content-Type", "text/html"),), "?topic=a", "Content-Type", "more than once"),
    ("garbage", b"x", (), "?topic=a", "Content-Type", "'garbage'"),
    ("a b/c", b"x", (), "?topic=a", "Content-Type", "'a b/c'"),
    ("text/", b"x", (("ce-topic", "a"),), "", "Content-Type", "'text/'"),
    ("text/plain; a=" + "b" * 300, b"x", (), "?topic=a", "Content-Type", "255"),
    ("application/json; charset=utf-16", b"{}", (), "?topic=a", "Content-Type", "UTF-8"),
    ("application/cloudevents+xml", b"<a/>", (("ce-topic", "a"),), "", "Content-Type", "cloudevents+json"),
]


@pytest.mark.parametrize(("kind", "body", "headers", "query", "field", "said"), FORMS)
def test_a_wrong_combination_of_type_headers_and_body_is_400(
    served: Served,
    kind: str,
    body: bytes,
    headers: tuple[tuple[str, str], ...],
    query: str,
    field: str,
    said: str,
) -> None:
    refused(post(served, body, *headers, query=query, kind=kind), 400, field, said)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json; charset=utf-8", b'{"a":1}', ("application/json; charset=utf-8", {"a": 1})),
        ("application/vnd.x+json", b"[1]", ("application/vnd.x+json", [1])),
        ("APPLICATION/JSON", b"null", ("APPLICATION/JSON", None)),
        ("application/json", b"", ("application/json", None)),
        ("text/csv; header=absent", b"1,2", ("text/csv; header=absent", "1,2")),
        ("application/x-www-form-urlencoded", b"a=1", ("text/plain", "a=1")),
        ("", b"\xc3\xa9", ("text/plain", "é")),
        ("Application/X-WWW-Form-URLencoded", b"a=1", ("text/plain", "a=1")),
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            b"a=1",
            ("application/x-www-form-urlencoded; charset=UTF-8", "a=1"),
        ),
        ("application/xml", b"<a/>", ("application/xml", "<a/>")),
        ("image/svg+xml", b"<svg/>", ("image/svg+xml", "<svg/>")),
        ("application/x-ndjson", b"1\n2\n", ("application/x-ndjson", "1\n2\n")),
        ("application/vnd.x; charset=utf-8", b"x", ("application/vnd.x; charset=utf-8", "x")),
        ("text/plain; charset=UTF-8", "é".encode(), ("text/plain; charset=UTF-8", "é")),
        ("text/html", b"", ("text/html", "")),
        ('text/plain; charset="UTF-8"', "é".encode(), ('text/plain; charset="UTF-8"', "é")),
        ('text/plain; x="; charset=latin1"', b"x", ('text/plain; x="; charset=latin1"', "x")),
        ('application/json; x="; charset=latin1"', b"1", ('application/json; x="; charset=latin1"', 1)),
        ("", b"", ("text/plain", "")),
    ],
)
def test_with_a_topic_in_the_query_any_body_is_data(
    served: Served, kind: str, body: bytes, expected: tuple[str, Any]
) -> None:
    answer = post(served, body, query="?topic=any/data&type=form", kind=kind)
    assert answer.status == 201, answer.body
    with served.http() as client:
        read = client.get(
            "/v1/events", params={"topic": "any/data", "cursor": "earliest", "timeout": "0"}
        ).json()
    last = read["events"][-1]
    assert (last["datacontenttype"], last["data"]) == expected


BOUNDARY = "multipart/form-data; boundary=----x1"


@pytest.mark.parametrize("mode", ["?topic=", "binary"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("image/x", b"\xff\x00"),
        ("image/png", b"only ASCII"),  # (by the type alone: never once a string and once bytes)
        ("application/octet-stream", b"hello"),
        ("application/x-protobuf", b"\x08\x96\x01"),
        (BOUNDARY, b"------x1\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n------x1--\r\n"),
        ("text/plain", b"\xff"),
        ("text/plain; charset=iso-8859-1", "Ã©".encode("latin-1")),  # (which is UTF-8, of other letters)
        ("text/plain; charset=utf-16", "a".encode("utf-16")),
        ("", b"\xff"),
    ],
)
def test_what_is_no_text_is_kept_as_base64_with_its_type(
    served: Served, kind: str, body: bytes, mode: str
) -> None:
    topic = f"any/{uuid.uuid4().hex}"
    headers = (("ce-topic", topic), ("ce-specversion", "1.0")) if mode == "binary" else ()
    query = "" if mode == "binary" else f"?topic={topic}"
    assert post(served, body, *headers, query=query, kind=kind).status == 201
    with served.http() as client:
        asked = {"topic": topic, "cursor": "earliest", "timeout": "0"}
        [event] = client.get("/v1/events", params=asked).json()["events"]
    assert event["datacontenttype"] == kind or (kind, event["datacontenttype"]) == (
        "",
        "application/octet-stream",
    )
    assert base64.b64decode(event["data_base64"]) == body
    assert "data" not in event


def test_the_tracing_of_a_request_is_kept_and_is_no_other_content(served: Served) -> None:
    """Rule 19: a repetition has a trace of its own."""
    topic = f"any/{uuid.uuid4().hex}"
    states = ["a=1", "b=" + "x" * 510]
    for number, state in enumerate(states):
        trace = f"00-{number:032x}-00f067aa0ba902b7-01"
        event = {"topic": topic, "id": "1", "data": 1, "traceparent": trace, "tracestate": state}
        for body, headers, kind in (
            (json.dumps(event).encode(), (), "application/json"),
            (
                b"1",
                (*(("ce-" + name, event[name]) for name in ("topic", "id", "traceparent", "tracestate")),),
                "application/json",
            ),
        ):
            answer = post(served, body, *headers, kind=kind)
            assert answer.status == 201, answer.body
    with served.http() as client:
        asked = {"topic": topic, "cursor": "earliest", "timeout": "0"}
        [kept] = client.get("/v1/events", params=asked).json()["events"]
    assert (kept["tracestate"], kept["traceparent"][:7]) == ("a=1", "00-0000")
    other = {"topic": topic, "id": "1", "data": 1, "traceid": "x"}
    assert post(served, json.dumps(other).encode(), kind="application/json").status == 409


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("plain", "plain"),
        ('"quoted"', "quoted"),
        (r'"a \"b\" \\ c%20d"', 'a "b" \\ c d'),
        ('half"', 'half"'),
        ("%22kept%22", '"kept"'),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
    ],
)
def test_the_value_of_an_attributes_header_is_unescaped_and_then_decoded(
    served: Served, value: str, subject: str
) -> None:
    """CloudEvents' HTTP binding, §3.1.3.2."""
    topic = f"any/{uuid.uuid4().hex}"
    assert post(served, b"1", ("ce-topic", topic), ("ce-subject", value)).status == 201
    with served.http() as client:
        asked = {"topic": topic, "cursor": "earliest", "timeout": "0"}
        [event] = client.get("/v1/events", params=asked).json()["events"]
    assert event["subject"] == subject
