"""The published client-side provider, unchanged: how it learns of changes, whatever happens to its stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.flags.ofrep.hosted import PRO_ONLY, App, boolean
from tests.flags.ofrep.interruption import Interruption
from tests.flags.ofrep.node import Program

CHANGED = "PROVIDER_CONFIGURATION_CHANGED"
STALE = "PROVIDER_STALE"

Request = dict[str, Any]


def is_stream(request: Request) -> bool:
    return bool(request["path"].endswith("/ofrep/v1/stream"))


def is_bulk(request: Request) -> bool:
    return bool(request["path"].endswith("/evaluate/flags"))


def is_refetch(request: Request) -> bool:
    return is_bulk(request) and "flagConfigEtag" in request["query"]


def start(web: Program, app: App, url: str | None = None, **how: Any) -> Request:
    """Make the provider, and wait for the refetch that its stream begins with."""
    how.setdefault("headers", app.headers)
    web.ask("init", baseUrl=url or app.base_url, **how)
    return web.until_request(is_refetch)


def told(web: Program) -> list[str]:
    """What the application was told of its flags so far."""
    return [event["event"] for event in web.events if event["event"] in (CHANGED, STALE)]


def test_a_flip_is_told_and_names_that_flag_only(web: Program, app: App) -> None:
    start(web, app)
    app.toggle("banner")
    assert web.until(CHANGED)["flagsChanged"] == ["banner"]
    assert web.evaluate("boolean", "banner", False)["reason"] == "DISABLED"
    app.toggle("banner")
    assert web.until(CHANGED)["flagsChanged"] == ["banner"]
    assert web.evaluate("boolean", "banner", False)["value"] is True
    assert told(web) == [CHANGED, CHANGED]


def test_nothing_new_is_a_304_and_no_event(web: Program, app: App) -> None:
    refetch = start(web, app)
    first, stream = web.requests[:2]
    assert (first["status"], stream["status"]) == (200, 200)
    assert refetch["status"] == 304
    assert refetch["ifNoneMatch"] == refetch["etag"] == first["etag"]
    app.toggle("banner")
    web.until(CHANGED)
    assert told(web) == [CHANGED]


def test_a_change_that_makes_no_difference_to_a_person_names_its_flag_by_version(
    web: Program, app: App
) -> None:
    start(web, app, context={"targetingKey": "ann", "plan": "pro"})
    app.load({"pro-banner": boolean("off", targeting={"if": [PRO_ONLY["if"][0], "on", None]})})
    assert web.until(CHANGED)["flagsChanged"] == ["pro-banner"]
    found = web.evaluate("boolean", "pro-banner", False)
    assert (found["value"], found["flagMetadata"]["version"]) == (True, 2)


def test_a_shared_rule_that_changes_names_the_flags_whose_value_it_changes(
    web: Program, new_app: Callable[[], App]
) -> None:
    app = new_app()
    shared = {"if": [{"$ref": "chosen"}, "on", "off"]}
    flags = {"a": boolean("off", targeting=shared), "b": boolean("on")}
    pro, free = ({"chosen": {"==": [{"var": "plan"}, plan]}} for plan in ("pro", "free"))
    app.load(flags, **{"$evaluators": pro})
    start(web, app, context={"plan": "pro"})
    app.load(flags, **{"$evaluators": free})
    assert web.until(CHANGED)["flagsChanged"] == ["a"]
    assert web.evaluate("boolean", "a", True)["value"] is False


def test_a_new_and_a_deleted_flag_are_told(web: Program, app: App) -> None:
    start(web, app)
    app.load({"fresh": boolean("on")})
    assert web.until(CHANGED)["flagsChanged"] == ["fresh"]
    assert web.evaluate("boolean", "fresh", False)["value"] is True
    app.delete("fresh")
    assert web.until(CHANGED)["flagsChanged"] == ["fresh"]
    assert web.evaluate("boolean", "fresh", True)["errorCode"] == "FLAG_NOT_FOUND"


def test_another_environments_change_is_not_told(web: Program, app: App) -> None:
    app.load({"banner": boolean("on")}, environment="development")
    start(web, app)
    app.toggle("banner", environment="development")
    app.toggle("color")
    assert web.until(CHANGED)["flagsChanged"] == ["color"]
    assert told(web) == [CHANGED]


def test_a_flip_while_the_stream_is_cut_is_told(web: Program, app: App, proxy: Interruption) -> None:
    start(web, app, proxy.url + app.base)
    with proxy.refusing():
        assert proxy.cut("/ofrep/v1/stream") == 1
        app.toggle("banner")
    assert web.until(CHANGED)["flagsChanged"] == ["banner"]
    assert STALE in told(web)
    assert [request["lastEventId"] for request in web.requests if is_stream(request)] == [None]
    reconnect = next(request for request in later(web) if is_stream(request))
    assert reconnect["lastEventId"] is not None


def later(web: Program) -> list[Request]:
    """The requests not taken until now, up to the last refetch."""
    begin = len(web.requests)
    web.until_request(is_refetch)
    return web.requests[begin:]


def test_a_cut_without_a_change_asks_for_nothing(web: Program, app: App, proxy: Interruption) -> None:
    start(web, app, proxy.url + app.base)
    assert proxy.cut("/ofrep/v1/stream") == 1
    again = web.until_request(is_stream)
    assert (again["status"], again["lastEventId"] is None) == (200, False)
    app.toggle("banner")
    assert web.until(CHANGED)["flagsChanged"] == ["banner"]
    after = web.until_request(is_bulk)
    assert is_refetch(after)
    assert after["status"] == 200, "there was no refetch in between, which would have been a 304"


def test_a_flip_between_the_answer_and_the_first_connect_is_told(
    web: Program, app: App, proxy: Interruption
) -> None:
    with proxy.holding("/ofrep/v1/stream") as stream:
        web.ask("init", baseUrl=proxy.url + app.base, headers=app.headers)
        stream.wait()
        app.toggle("banner")
    assert web.until(CHANGED)["flagsChanged"] == ["banner"]
    assert web.evaluate("boolean", "banner", False)["reason"] == "DISABLED"


def test_many_flips_end_with_what_is_there(web: Program, app: App) -> None:
    start(web, app)
    for _ in range(9):
        app.toggle("banner")
    web.until(CHANGED, changed="banner")
    while web.evaluate("boolean", "banner", False)["flagMetadata"]["version"] < 10:
        web.until(CHANGED, changed="banner")
    assert web.evaluate("boolean", "banner", False)["reason"] == "DISABLED"


def test_a_context_that_changes_keeps_the_stream(web: Program, app: App) -> None:
    start(web, app, context={"plan": "free"})
    web.ask("setContext", context={"plan": "pro"})
    app.toggle("banner")
    assert web.until(CHANGED)["flagsChanged"] == ["banner"]
    assert web.evaluate("boolean", "pro-banner", False)["value"] is True
    web.until_request(lambda request: is_refetch(request) and request["status"] == 200)
    assert sum(map(is_stream, web.requests)) == 1


def test_a_key_gets_a_token_for_the_streams_url_and_a_token_goes_on_with_itself(
    web: Program, app: App
) -> None:
    key = app.key("flags:read")
    start(web, app, app.served.url, headers={"Authorization": f"Bearer {key}"})
    stream = next(filter(is_stream, web.requests))
    assert stream["status"] == 200
    assert not stream["query"]["token"].startswith("tck_")
    app.toggle("banner")
    web.until(CHANGED)


def test_an_expired_token_is_followed_by_the_next_one_without_a_loop(web: Program, app: App) -> None:
    first, second = (app.token("flags:read", ttl_s=ttl_s) for ttl_s in (5, 600))
    start(web, app, app.served.url, headers={"Authorization": f"Bearer {first}"})
    web.ask("setHeaders", headers={"Authorization": f"Bearer {second}"})
    recovered(web, first, second)
    app.toggle("banner")
    assert web.until(CHANGED, changed="banner")["flagsChanged"] == ["banner"]
    assert_no_loop(web)


def test_a_stream_token_that_is_taken_back_is_followed_by_another_without_a_loop(
    web: Program, app: App
) -> None:
    start(web, app, headers={"Authorization": f"Bearer {app.key('flags:read')}"})
    first = next(filter(is_stream, web.requests))["query"]["token"]
    with app.http() as client:
        assert client.post("/v1/tokens/revoke", json={"token": first}).status_code == 204
    recovered(web, first)
    app.toggle("banner")
    assert web.until(CHANGED, changed="banner")["flagsChanged"] == ["banner"]
    assert_no_loop(web)


def recovered(web: Program, first: str, second: str | None = None) -> None:
    """The stream ended, was refused, and another URL took its place: in the answer to the first question."""
    begin = len(web.requests)
    stream = web.until_request(lambda each: is_stream(each) and each["query"]["token"] != first)
    assert stream["status"] == 200
    assert second in (None, stream["query"]["token"])
    refused, asked, _ = web.requests[begin:]
    assert (is_stream(refused), refused["status"]) == (True, 401)
    assert (is_bulk(asked), asked["status"]) == (True, 200)
    assert asked["ifNoneMatch"] not in (None, asked["etag"])


def assert_no_loop(web: Program) -> None:
    """Not one request more than the news: the stream's first word, and the flip."""
    web.until_request(lambda each: is_refetch(each) and each["status"] == 200)
    assert [each["status"] for each in web.requests if is_stream(each)] == [200, 401, 200]


def test_who_loses_the_right_is_told_and_asks_less_and_less_often(web: Program, app: App) -> None:
    key = app.key("flags:read")
    start(web, app, headers={"Authorization": f"Bearer {key}"})
    with app.http() as client:
        mine = next(each for each in client.get("/v1/keys").json()["keys"] if each["id"] in key)
        assert client.delete(f"/v1/keys/{mine['id']}").is_success
    assert web.until(STALE)
    assert web.until_request(is_stream)["status"] == 401
    assert web.until_request(is_bulk)["status"] == 401
    assert web.evaluate("boolean", "banner", False)["value"] is True, "what was known is still served"


def test_a_flip_is_measured(web: Program, app: App) -> None:
    start(web, app)
    taken = web.ask("flip", times=3, **app.toggling("banner"))
    assert len(taken) == 3
    assert all(milliseconds > 0 for milliseconds in taken)


@pytest.mark.parametrize("mode", ["network-first", "disabled"])
def test_other_ways_to_start_follow_changes_as_well(web: Program, app: App, mode: str) -> None:
    start(web, app, options={"cacheMode": mode})
    app.toggle("banner")
    assert web.until(CHANGED)["flagsChanged"] == ["banner"]


def test_a_page_that_comes_back_with_what_it_kept_follows_changes(web: Program, app: App) -> None:
    web.ask("keep")
    start(web, app)
    web.ask("init", baseUrl=app.base_url, headers=app.headers)
    assert web.evaluate("boolean", "banner", False)["value"] is True
    app.toggle("banner")
    assert web.until(CHANGED)["flagsChanged"] == ["banner"]


def test_a_page_that_kept_a_dead_streams_url_gets_another_without_a_loop(web: Program, app: App) -> None:
    headers = {"Authorization": f"Bearer {app.key('flags:read')}"}
    web.ask("keep")
    start(web, app, headers=headers)
    dead = next(filter(is_stream, web.requests))["query"]["token"]
    web.ask("setHeaders", headers={})
    with app.http() as client:
        assert client.post("/v1/tokens/revoke", json={"token": dead}).status_code == 204
    web.until_request(lambda each: is_bulk(each) and each["status"] == 401)
    web.ask("init", baseUrl=app.base_url, headers=headers)
    alive = web.until_request(lambda each: is_stream(each) and each["query"]["token"] != dead)
    assert alive["status"] == 200
    app.toggle("banner")
    web.until(CHANGED, changed="banner")
    begin = len(web.requests)
    web.until_request(lambda each: is_refetch(each) and each["status"] == 200)
    assert not any(each["status"] == 401 for each in web.requests[begin:])
