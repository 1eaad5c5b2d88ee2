"""Requests of the protocol as they are read, and answers as they are rendered: values in, bytes out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tricast import BadRequest, NotFound
from tricast.flags import ofrep
from tricast.flags.evaluation import Evaluation
from tricast.flags.flag import Definition


def a_flag(**variants: Any) -> Definition:
    return Definition("ENABLED", variants or {"on": True, "off": False}, "on")


def an_answer(value: Any = True, **members: Any) -> Evaluation:
    given = {"key": "banner", "variant": "on", "reason": "STATIC", "metadata": {}, "version": 3}
    return Evaluation(value=value, **{**given, **members})


def told(reply: ofrep.Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.body)
    return found


# Requests


@pytest.mark.parametrize(
    "body", [b"", b"  \n", b"{}", b'{"context":null}', b'{"context":{}}', b'{"other":1}']
)
def test_a_request_without_a_context_has_an_empty_one(body: bytes) -> None:
    assert ofrep.context_of(body) == {}


def test_the_context_is_what_the_request_gives() -> None:
    context = {"targetingKey": "ann", "plan": "pro", "age": 3.0, "tags": ["a"], "team": {"id": 7}}
    assert ofrep.context_of(json.dumps({"context": context}).encode()) == context
    assert ofrep.context_of(b'{"context":{"targetingKey":null}}') == {"targetingKey": None}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"{", "PARSE_ERROR", "body"),
        (b"\xff\xfe", "PARSE_ERROR", "body"),
        (b'{"context":NaN}', "PARSE_ERROR", "body"),
        (b"[" * 2000, "PARSE_ERROR", "body"),
        (b"[]", "PARSE_ERROR", "body"),
        (b'"x"', "PARSE_ERROR", "body"),
        (b'{"context":[]}', "INVALID_CONTEXT", "context"),
        (b'{"context":"ann"}', "INVALID_CONTEXT", "context"),
        (b'{"context":{"targetingKey":7}}', "INVALID_CONTEXT", "context"),
        (b'{"context":{"a":"%s"}}' % (b"x" * 70_000), "INVALID_CONTEXT", "context"),
        (b'{"context":{"a":%s1%s}}' % (b"[" * 300, b"]" * 300), "INVALID_CONTEXT", "context"),
    ],
)
def test_a_wrong_request_is_refused_with_the_protocols_code(body: bytes, code: str, field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        ofrep.context_of(body)
    assert refused.value.members["errorCode"] == code
    assert refused.value.field == field
    assert told(ofrep.refusal(refused.value)) == {"errorCode": code, "errorDetails": refused.value.detail}


# One flag


def test_an_answer_has_value_reason_variant_and_the_flags_version() -> None:
    reply = ofrep.answer(an_answer(), a_flag(), {})
    assert reply.status == 200
    assert told(reply) == {
        "key": "banner",
        "value": True,
        "reason": "STATIC",
        "variant": "on",
        "metadata": {"version": 3},
    }


@pytest.mark.parametrize("reason", ["DISABLED", "DEFAULT"])
def test_an_answer_that_leaves_it_to_the_caller_has_no_value_but_reason_and_variant(reason: str) -> None:
    found = told(ofrep.answer(an_answer(None, variant=None, reason=reason), a_flag(), {}))
    assert "value" not in found
    assert (found["reason"], found["variant"]) == (reason, "")


def test_false_zero_and_nothing_in_it_are_values_all_the_same() -> None:
    for value in (False, 0, 0.0, "", {}):
        found = told(ofrep.answer(an_answer(value), a_flag(), {}))
        assert found["value"] == value
        assert type(found["value"]) is type(value)


def test_the_flags_own_metadata_goes_before_that_of_all_flags() -> None:
    evaluation = an_answer(metadata={"owner": "web", "version": "v2"})
    found = told(ofrep.answer(evaluation, a_flag(), {"owner": "all", "set": "main"}))
    assert found["metadata"] == {"owner": "web", "version": "v2", "set": "main"}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("FLAG_NOT_FOUND", 404),
        ("PARSE_ERROR", 400),
        ("TARGETING_KEY_MISSING", 400),
        ("INVALID_CONTEXT", 400),
        ("GENERAL", 400),
    ],
)
def test_a_failed_evaluation_names_key_code_and_details(code: Any, status: int) -> None:
    failed = an_answer(None, variant=None, reason="ERROR", error_code=code, error_details="because")
    reply = ofrep.answer(failed, a_flag(), {})
    assert reply.status == status
    found = told(reply)
    assert (found["key"], found["errorCode"], found["errorDetails"]) == ("banner", code, "because")
    assert not {"value", "variant", "reason"} & set(found)


def test_whole_numbers_of_a_flag_with_fractions_are_fractions_too() -> None:
    fractions = a_flag(low=0.5, high=3)
    assert b'"value":3.0' in ofrep.answer(an_answer(3, variant="high"), fractions, {}).body
    assert b'"value":3.0' in ofrep.answer(an_answer(3.0), a_flag(a=3.0, b=4.0), {}).body
    whole = a_flag(low=1, high=3)
    assert b'"value":3,' in ofrep.answer(an_answer(3, variant="high"), whole, {}).body
    assert b'"value":true' in ofrep.answer(an_answer(True), fractions, {}).body


def test_a_refusal_about_one_flag_names_it() -> None:
    found = told(ofrep.refusal(BadRequest("no", members={"errorCode": "PARSE_ERROR"}), "a/b"))
    assert found == {"key": "a/b", "errorCode": "PARSE_ERROR", "errorDetails": "no"}
    missing = ofrep.refusal(NotFound("no such environment"), "a/b")
    assert missing.status == 404
    assert told(missing)["errorCode"] == "FLAG_NOT_FOUND"
    assert told(ofrep.refusal(NotFound("no such environment")))["errorCode"] == "GENERAL"


# All flags


def test_a_bulk_answer_has_all_flags_failed_ones_too_the_set_and_the_stream() -> None:
    evaluations = [
        an_answer(3, key="a", variant="high"),
        an_answer(None, key="b", variant=None, reason="DISABLED"),
        an_answer(
            None,
            key="c",
            variant=None,
            reason="ERROR",
            error_code="TARGETING_KEY_MISSING",
            error_details="send one",
        ),
    ]
    result = ofrep.bulk(evaluations, {"a": a_flag(low=0.5, high=3)}, {"set": "main"})
    reply = ofrep.bulk_answer(result, "/ofrep/v1/stream?token=x", '"tag"')
    assert reply.status == 200
    assert reply.headers == {"etag": '"tag"'}
    assert b'"value":3.0' in reply.body
    found = told(reply)
    assert [flag["key"] for flag in found["flags"]] == ["a", "b", "c"]
    assert found["flags"][2]["errorCode"] == "TARGETING_KEY_MISSING"
    assert found["metadata"] == {"set": "main"}
    assert found["eventStreams"] == [
        {"type": "sse", "endpoint": {"requestUri": "/ofrep/v1/stream?token=x"}, "inactivityDelaySec": 120}
    ]
    assert result.answered == (("a", "high"), ("b", None))


def test_metadata_of_the_set_is_no_flags_so_that_a_change_of_it_changes_no_flag() -> None:
    result = ofrep.bulk([an_answer()], {}, {"revision": 7})
    assert told(ofrep.bulk_answer(result, "/", '""'))["flags"][0]["metadata"] == {"version": 3}


def test_the_etag_follows_the_results_the_versions_and_the_streams_url_and_nothing_else() -> None:
    def tag(
        evaluation: Evaluation, *, flag_set: dict[str, Any] | None = None, url: str = "/s", label: str = ""
    ) -> str:
        return ofrep.bulk_etag(ofrep.bulk([evaluation], {}, flag_set or {}), url, label)

    base = tag(an_answer())
    assert base == tag(an_answer())
    others = [
        tag(an_answer(False)),
        tag(an_answer(variant="off")),
        tag(an_answer(version=4)),
        tag(an_answer(), flag_set={"set": "main"}),
        tag(an_answer(), url="/s?token=next"),
        tag(an_answer(), label="next"),
    ]
    assert len({base, *others}) == 1 + len(others)
    assert base.startswith('"')
    assert base.endswith('"')


# The stream


def test_a_node_has_seen_what_was_announced_if_its_last_change_is_not_before_it() -> None:
    assert ofrep.has_seen("k3v9q2-10", "k3v9q2-10")
    assert ofrep.has_seen("k3v9q2-11", "k3v9q2-10")
    assert ofrep.has_seen("zzzzzz-11", "k3v9q2-10"), "of a later epoch"
    assert not ofrep.has_seen("k3v9q2-9", "k3v9q2-10")


@pytest.mark.parametrize("announced", [None, "", "abc", "x-", "x-1.5", "x-٣", "x-" + "9" * 50, "\x00"])
def test_what_is_no_cursor_is_not_waited_for(announced: str | None) -> None:
    assert ofrep.has_seen("k3v9q2-9", announced)


def blocks(text: bytes) -> list[dict[str, str]]:
    """The blocks of an event stream, comments as `""`."""
    assert text.endswith(b"\n\n")
    return [
        {name: value.removeprefix(" ") for name, _, value in (line.partition(":") for line in block)}
        for block in (part.split("\n") for part in text.decode()[:-2].split("\n\n"))
    ]


def test_a_stream_begins_with_the_news_unless_the_client_has_them() -> None:
    for seen in (None, "", "k3v9q2-9", "unknown"):
        first, news = blocks(ofrep.opening("k3v9q2-10", seen))
        assert first == {"retry": "1000", "": "ok"}
        assert (news["id"], news["event"]) == ("k3v9q2-10", "message")
        assert json.loads(news["data"]) == {"type": "refetchEvaluation", "etag": "k3v9q2-10"}
    assert blocks(ofrep.opening("k3v9q2-10", "k3v9q2-10")) == [{"retry": "1000", "": "ok"}]


def test_a_stream_ends_with_the_time_to_come_back_at_where_there_is_one() -> None:
    assert blocks(ofrep.goodbye("draining", 2500)) == [{"retry": "2500", "": "goodbye draining"}]
    assert blocks(ofrep.goodbye("expired", 0)) == [{"": "goodbye expired"}], (
        "0 would be: at once, and for ever"
    )


def test_a_heartbeat_is_a_comment() -> None:
    assert ofrep.heartbeat() == b":\n\n"
