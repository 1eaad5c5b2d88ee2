"""OFREP as it is on the wire: every answer that there is, from a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.flags.ofrep.hosted import App, boolean

ORIGIN = "http://shop.example.com"


def test_one_flag_is_answered_with_all_its_members(shared_app: App) -> None:
    answer = shared_app.evaluate("color", {"context": {"targetingKey": "ann"}})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "key": "color",
        "value": "#00f",
        "reason": "STATIC",
        "variant": "blue",
        "metadata": {"version": 1},
    }


def test_fractions_are_written_as_such(shared_app: App) -> None:
    assert '"value":3.0' in shared_app.evaluate("ratio").text
    assert '"value":3.0' in shared_app.evaluate("whole").text
    assert '"value":5,' in shared_app.evaluate("retries").text
    bulk = shared_app.evaluate().text
    assert bulk.count('"value":3.0') == 2


@pytest.mark.parametrize(("key", "reason"), [("hidden", "DISABLED"), ("undecided", "DEFAULT")])
def test_an_answer_without_a_value_has_reason_and_variant(shared_app: App, key: str, reason: str) -> None:
    answer = shared_app.evaluate(key)
    assert answer.status_code == 200
    assert answer.json() == {"key": key, "reason": reason, "variant": "", "metadata": {"version": 1}}


@pytest.mark.parametrize("body", ["", "{}", '{"context":null}', '{"context":{}}'])
def test_a_context_may_be_missing(shared_app: App, body: str) -> None:
    for path in (shared_app.bulk, f"{shared_app.bulk}/pro-banner"):
        with shared_app.http() as client:
            assert client.post(path, content=body).status_code == 200


def test_a_flag_that_there_is_not_is_404(shared_app: App) -> None:
    answer = shared_app.evaluate("no/such flag")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    found = answer.json()
    assert (found["key"], found["errorCode"]) == ("no/such flag", "FLAG_NOT_FOUND")
    assert "no/such flag" in found["errorDetails"]


@pytest.mark.parametrize(
    ("key", "context", "code", "says"),
    [
        ("experiment", {}, "TARGETING_KEY_MISSING", "targetingKey"),
        ("named-by-context", {"variant": "nonsense"}, "GENERAL", "nonsense"),
        ("banner", {"targetingKey": 7}, "INVALID_CONTEXT", "targetingKey"),
        ("banner", [], "INVALID_CONTEXT", "object"),
        ("banner", "ann", "INVALID_CONTEXT", "ann"),
    ],
)
def test_an_evaluation_that_fails_is_400_with_code_and_details(
    shared_app: App, key: str, context: Any, code: str, says: str
) -> None:
    answer = shared_app.evaluate(key, {"context": context})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    found = answer.json()
    assert (found["key"], found["errorCode"]) == (key, code)
    assert says in found["errorDetails"]


@pytest.mark.parametrize("key", ["", "banner"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "PARSE_ERROR"),
        ("[]", "PARSE_ERROR"),
        ('{"context":{"a":NaN}}', "PARSE_ERROR"),
        ('{"context":[]}', "INVALID_CONTEXT"),
        ('{"context":{"a":"' + "x" * 70_000 + '"}}', "INVALID_CONTEXT"),
        ('{"context":{"a":' + "[" * 300 + "]" * 300 + "}}", "INVALID_CONTEXT"),
    ],
)
def test_a_body_that_is_wrong_is_400_with_code_and_details(
    shared_app: App, key: str, body: str, code: str
) -> None:
    with shared_app.http() as client:
        answer = client.post(f"{shared_app.bulk}/{key}" if key else shared_app.bulk, content=body)
    assert answer.status_code == 400
    found = answer.json()
    assert found["errorCode"] == code
    assert found["errorDetails"]
    assert found.get("key", "") == key


def test_a_body_beyond_the_limit_is_413(shared_app: App) -> None:
    for path in (shared_app.bulk, f"{shared_app.bulk}/banner"):
        with shared_app.http() as client:
            answer = client.post(path, content='{"context":{"a":"' + "x" * 200_000 + '"}}')
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


def test_no_credentials_are_401_and_too_few_403(app: App) -> None:
    for key in ("", "banner"):
        refused = app.evaluate(key, authorization="")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        lacking = app.evaluate(key, authorization=f"Bearer {app.key('presence')}")
        assert lacking.status_code == 403
        assert "flags:read" in lacking.json()["detail"]


def test_a_key_works_as_bearer_and_as_x_api_key(app: App) -> None:
    key = app.key("flags:read")
    assert app.evaluate("banner", authorization=f"Bearer {key}").status_code == 200
    assert app.evaluate("banner", **{"authorization": "", "x-api-key": key}).status_code == 200


# Which app and which environment


def test_app_and_environment_are_said_by_path_credentials_or_query(app: App) -> None:
    app.load({"banner": boolean("off")}, environment="development")
    path = "/ofrep/v1/evaluate/flags/banner"
    with app.http() as client:

        def value(query: str = "", key: str = "") -> Any:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            answer = client.post(path + query, json={}, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.json()["value"]

        assert value(f"?app={app.name}&environment=production") is True
        assert value(f"?app={app.name}&environment=development") is False
        assert value(key=app.key("flags:read", environment="development")) is False
        assert value("?environment=production", key=app.token("flags:read")) is True


@pytest.mark.parametrize("path", ["flags", "flags/banner"])
def test_what_nothing_says_is_400_and_says_what_to_give(app: App, path: str) -> None:
    with app.http() as client:
        nothing = client.post(f"/ofrep/v1/evaluate/{path}", json={})
        half = client.post(f"/ofrep/v1/evaluate/{path}?app={app.name}", json={})
        twice = client.post(f"/ofrep/v1/evaluate/{path}?app=a&app=b&environment=production", json={})
    assert [each.status_code for each in (nothing, half, twice)] == [400, 400, 400]
    assert {each.json()["errorCode"] for each in (nothing, half, twice)} == {"GENERAL"}
    assert "/v1/apps/<app>/<environment>" in nothing.json()["errorDetails"]
    assert "environment" in half.json()["errorDetails"]
    assert "more than once" in twice.json()["errorDetails"]


def test_credentials_of_one_environment_are_refused_by_another(app: App) -> None:
    key = app.key("flags:read", environment="development")
    assert app.evaluate("banner", authorization=f"Bearer {key}").status_code == 403
    with app.http(headers={"authorization": f"Bearer {key}"}) as client:
        for query in ("app=other", "environment=production"):
            assert client.post(f"/ofrep/v1/evaluate/flags?{query}", json={}).status_code == 403


def test_an_environment_that_there_is_not_is_404(app: App) -> None:
    with app.http() as client:
        base = f"/v1/apps/{app.name}/nowhere/ofrep/v1"
        one = client.post(f"{base}/evaluate/flags/banner", json={})
        bulk = client.post(f"{base}/evaluate/flags", json={})
        stream = client.get(f"{base}/stream")
    assert [each.status_code for each in (one, bulk, stream)] == [404, 404, 404]
    assert (one.json()["key"], one.json()["errorCode"]) == ("banner", "FLAG_NOT_FOUND")
    assert bulk.json()["errorCode"] == "GENERAL"
    assert all("nowhere" in each.text for each in (one, bulk, stream))


# All flags


def test_all_flags_are_answered_with_the_stream_and_the_sets_metadata(app: App) -> None:
    app.load({}, metadata={"set": "main"})
    answer = app.evaluate(body={"context": {"plan": "pro"}})
    assert answer.status_code == 200
    found = answer.json()
    flags = {flag["key"]: flag for flag in found["flags"]}
    assert flags["pro-banner"]["value"] is True
    assert flags["hidden"]["reason"] == "DISABLED"
    assert flags["experiment"]["errorCode"] == "TARGETING_KEY_MISSING"
    assert flags["experiment"]["errorDetails"]
    assert all({"reason", "variant"} <= set(flag) or "errorCode" in flag for flag in found["flags"])
    assert found["metadata"] == {"set": "main"}
    assert app.evaluate("banner").json()["metadata"] == {"set": "main", "version": 1}
    [stream] = found["eventStreams"]
    assert (stream["type"], stream["inactivityDelaySec"]) == ("sse", 120)
    assert stream["endpoint"]["requestUri"].startswith(f"{app.stream_path}?token=")


def test_no_flags_are_an_empty_list(app: App) -> None:
    with app.http() as client:
        answer = client.post("/v1/apps/nothing-here/production/ofrep/v1/evaluate/flags", json={})
    assert (answer.status_code, answer.json()["flags"]) == (200, [])


def test_an_answer_that_the_client_has_is_304_without_a_body(app: App) -> None:
    tag = app.evaluate().headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        answer = app.evaluate(**{"if-none-match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert app.evaluate(**{"if-none-match": '"other"'}).status_code == 200


def test_the_etag_is_that_of_the_results_and_not_of_the_context(app: App) -> None:
    def tag(**context: Any) -> str:
        return str(app.evaluate(body={"context": context}).headers["etag"])

    assert tag(plan="pro") != tag(plan="free")
    assert tag(plan="pro", other=1) == tag(plan="pro", other=2)
    before = tag(plan="free")
    app.load({"banner": boolean("off")}, environment="development")
    assert tag(plan="free") == before, "another environment"
    app.toggle("banner")
    assert tag(plan="free") != before


def test_the_etag_changes_with_the_streams_token(app: App) -> None:
    tags = set()
    for credentials in (app.key("flags:read"), app.token("flags:read"), app.token("flags:read")):
        headers = {"authorization": f"Bearer {credentials}"}
        answer = app.evaluate(**headers)
        assert app.evaluate(**headers).headers["etag"] == answer.headers["etag"]
        tags.add(answer.headers["etag"])
    assert len(tags) == 3


def test_a_node_that_has_not_seen_what_was_announced_does_not_say_304(app: App) -> None:
    tag = app.evaluate().headers["etag"]
    with app.stream() as stream:
        seen, _ = stream.news()
    epoch, _, offset = seen.rpartition("-")
    with app.http() as client:

        def status(announced: str) -> int:
            query = {"flagConfigEtag": announced}
            return client.post(app.bulk, params=query, json={}, headers={"if-none-match": tag}).status_code

        assert status(seen) == 304
        assert status(f"{epoch}-{int(offset) - 1}") == 304
        assert status("nonsense") == 304
        assert status(f"{epoch}-{int(offset) + 1000}") == 200


def test_what_the_protocol_may_ask_for_some_day_is_let_pass(app: App) -> None:
    with app.http() as client:
        answer = client.post(f"{app.bulk}?flagConfigLastModified=1771622898&more=1", json={"else": 1})
    assert answer.status_code == 200


def test_the_url_of_the_stream_repeats_what_the_question_said_and_no_more(app: App) -> None:
    token = app.token("flags:read")
    with app.http(headers={"authorization": f"Bearer {token}"}) as client:
        bulk = "/ofrep/v1/evaluate/flags"

        def uri(path: str) -> str:
            [stream] = client.post(path, json={}).json()["eventStreams"]
            return str(stream["endpoint"]["requestUri"])

        assert uri(bulk) == f"/ofrep/v1/stream?token={token}"
        query = f"app={app.name}&environment=production"
        assert uri(f"{bulk}?{query}") == f"/ofrep/v1/stream?{query}&token={token}"
        assert uri(app.bulk) == f"{app.stream_path}?token={token}"
        assert uri(f"{bulk}?token={token}") == f"/ofrep/v1/stream?token={token}"


# Browsers


def test_a_preflight_names_what_providers_send(shared_app: App) -> None:
    asked = {
        "origin": shared_app.served.url,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,if-none-match,x-api-key",
    }
    for path in (shared_app.bulk, f"{shared_app.bulk}/banner", shared_app.stream_path):
        with shared_app.http(headers={}) as client:
            answer = client.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == shared_app.served.url
        allowed = answer.headers["access-control-allow-headers"].lower()
        for name in ("authorization", "x-api-key", "content-type", "if-none-match"):
            assert name in allowed
        wanted = "GET" if path == shared_app.stream_path else "POST"
        assert wanted in answer.headers["access-control-allow-methods"]


def test_pages_that_may_can_read_answers_their_etag_and_why_not(shared_app: App) -> None:
    origin = shared_app.served.url
    tag = shared_app.evaluate().headers["etag"]
    answers = [
        shared_app.evaluate(origin=origin),
        shared_app.evaluate(origin=origin, **{"if-none-match": tag}),
        shared_app.evaluate("none", origin=origin),
        shared_app.evaluate(origin=origin, authorization=""),
    ]
    assert [answer.status_code for answer in answers] == [200, 304, 404, 401]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == origin
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert "etag" in exposed
        assert "retry-after" in exposed
        assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-origin" not in shared_app.evaluate(origin=ORIGIN).headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_405(shared_app: App, method: str) -> None:
    for path in (shared_app.bulk, f"{shared_app.bulk}/banner"):
        with shared_app.http() as client:
            answer = client.request(method, path)
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


def test_odd_keys_arrive_as_they_are(app: App) -> None:
    keys = ["a/b/c", "50%-off", "ünïcode ✓", "with space", "a+b", "dots..in", "flags", "q?x=1#y"]
    app.load({key: boolean("on") for key in keys})
    for key in keys:
        answer = app.evaluate(key)
        assert (answer.status_code, answer.json()["key"]) == (200, key)
    told = json.loads(app.evaluate().text)["flags"]
    assert set(keys) <= {flag["key"] for flag in told}


def test_what_was_answered_is_counted_by_variant(app: App) -> None:
    tag = app.evaluate().headers["etag"]
    app.evaluate(**{"if-none-match": tag})
    for key in ("color", "hidden", "experiment", "no-such-flag"):
        app.evaluate(key)
    with app.http() as client:

        def counted(key: str) -> dict[str, int]:
            query = {"app": app.name, "environment": app.environment}
            usage = client.get(f"/v1/flags/{key}/usage", params=query).json()
            return {name: variant["evaluations"] for name, variant in usage["variants"].items()}

        assert counted("color") == {"blue": 3}, "by itself, with all, and in a 304"
        assert list(counted("hidden").values()) == [3], "the application's own default"
        assert counted("experiment") == {}, "which failed"
