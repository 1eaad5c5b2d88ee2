"""Origin rules: which pages may."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.api.served import serve

from tricast.access.origins import OriginRules, allowed, check_rules
from tricast.errors import BadRequest, Forbidden


@pytest.mark.parametrize(
    ("origin", "host", "rules"),
    [
        ("https://hub.example", "hub.example", ()),
        ("https://hub.example", "hub.example:443", ()),
        ("http://hub.example:80", "hub.example", ()),
        ("http://LOCALHOST:8080", "localhost:8080", ()),
        ("http://[::1]:8080", "[::1]:8080", ()),
        ("https://shop.example", "hub", ("https://shop.example",)),
        ("https://shop.example:8443", "hub", ("https://shop.example:8443",)),
        ("https://a.example.com", "hub", ("https://*.example.com",)),
        ("https://a.b.example.com", "hub", ("https://*.example.com",)),
        ("https://anything.example", "hub", ("*",)),
        ("null", "hub", ("*",)),
        ("capacitor://localhost", "hub", ("capacitor://localhost",)),
        ("capacitor://localhost", "hub", ("Capacitor://LOCALHOST/",)),
        ("ionic://localhost", "hub", ("ionic://localhost",)),
        ("tauri://localhost", "hub", ("tauri://localhost",)),
        ("http://tauri.localhost", "hub", ("http://tauri.localhost",)),
        ("app://.", "hub", ("app://.",)),
        ("app://local:8080", "hub", ("app://local:8080",)),
        ("vscode-webview://1k2j3h", "hub", ("vscode-webview://1k2j3h",)),
        ("chrome-extension://abcdefghijklmnop", "hub", ("chrome-extension://abcdefghijklmnop",)),
        ("moz-extension://0a1b-2c3d", "hub", ("moz-extension://0A1B-2C3D",)),
        ("tauri://a.shop.example", "hub", ("tauri://*.shop.example",)),
        ("https://shop.example", "hub", ("https://SHOP.example:443",)),
        ("http://shop.example", "hub", ("http://shop.example:80/",)),
        ("https://a.shop.example:8443", "hub", ("https://*.shop.example:8443",)),
        ("https://a.shop.example", "hub", ("https://*.shop.example:443",)),
        ("http://[::1]:3000", "hub", ("http://[0:0:0:0:0:0:0:1]:3000",)),
        ("http://[2001:db8::a]", "hub", ("http://[2001:DB8:0::A]:80",)),
        ("https://xn--mnchen-3ya.example", "hub", ("https://München.example",)),
        ("https://xn--strae-oqa.example:8443", "hub", ("https://straße.example:8443",)),
        ("https://a.xn--mnchen-3ya.example", "hub", ("https://*.münchen.example",)),
    ],
)
def test_these_pages_may(origin: str, host: str, rules: tuple[str, ...]) -> None:
    assert allowed(origin, host, rules)


@pytest.mark.parametrize(
    ("origin", "host", "rules"),
    [
        ("https://evil.example", "hub.example", ()),
        ("https://hub.example:8443", "hub.example", ()),
        ("http://hub.example", "hub.example:443", ()),
        ("https://sub.hub.example", "hub.example", ()),
        ("http://shop.example", "hub", ("https://shop.example",)),
        ("https://shop.example:444", "hub", ("https://shop.example",)),
        ("https://shop.example.evil.org", "hub", ("https://shop.example",)),
        ("https://example.com", "hub", ("https://*.example.com",)),
        ("https://evilexample.com", "hub", ("https://*.example.com",)),
        ("http://a.example.com", "hub", ("https://*.example.com",)),
        ("null", "null", ("https://*.example.com",)),
        ("", "", ()),
        ("https://", "", ()),
        ("file://", "hub", ()),
        ("https://a@hub", "hub", ()),
        ("https://hub/path", "hub", ()),
        ("https://evil.org\\.example.com", "hub", ("https://*.example.com",)),
        ("capacitor://localhost", "localhost", ()),
        ("capacitor://localhost", "hub", ("ionic://localhost", "http://localhost", "https://localhost")),
        ("capacitor://localhost:80", "hub", ("capacitor://localhost",)),
        ("http://localhost", "hub", ("capacitor://localhost",)),
        ("https://a.shop.example:8444", "hub", ("https://*.shop.example:8443",)),
        ("https://a.shop.example", "hub", ("https://*.shop.example:8443",)),
        ("https://münchen.example", "hub", ("https://münchen.example",)),
        ("app://", "hub", ("app://.",)),
        ("http://shop.example:99999", "hub", ("http://shop.example",)),
        ("file://", "file", ()),
    ],
)
def test_these_pages_may_not(origin: str, host: str, rules: tuple[str, ...]) -> None:
    assert not allowed(origin, host, rules)


def test_the_star_does_not_hold_for_requests_with_cookies() -> None:
    assert not allowed("https://a.example", "hub", ("*",), cookies=True)
    assert allowed("https://a.example", "hub", ("*", "https://a.example"), cookies=True)


def test_own_origins_stand_for_a_host_that_a_proxy_changed() -> None:
    assert allowed("https://hub.example", "10.0.0.5:8080", (), ("https://hub.example",), cookies=True)


def test_a_request_without_origin_is_no_browsers_and_passes() -> None:
    rules = OriginRules()
    rules.check_origin([(b"cookie", b"a=b")], "hub")
    rules.check_origin([], "hub")


def test_a_refusal_names_the_origin_and_the_setting() -> None:
    with pytest.raises(Forbidden, match=r"'https://evil.example' .* TRICAST_ALLOWED_ORIGINS") as caught:
        OriginRules().check_origin([(b"origin", b"https://evil.example")], "hub")
    assert caught.value.close_code == 4403
    with pytest.raises(Forbidden, match="cookies"):
        OriginRules(["*"]).check_origin([(b"origin", b"https://evil.example"), (b"cookie", b"a=b")], "hub")


def test_rules_apply_to_an_origin_by_itself() -> None:
    rules = OriginRules(["*"], own=["https://hub.example"])
    assert rules.allows("https://a.example", "hub")
    assert not rules.allows("https://a.example", "hub", cookies=True)
    assert rules.allows("https://hub.example", "10.0.0.5", cookies=True)


@pytest.mark.parametrize(
    "rule",
    [
        *("example.com", "https://", "https://*", "https://a.*.com", "ftp://a", "https://a/b", "://a", "a:b"),
        *("https://a b", "https://a:", "https://a:x", "https://a:65536", "https://a?b", "https://u@a"),
        *("1a://b", "https://[::1", "https://[::g]", "https://*.[::1]", "https://..ä", "null", "", "**"),
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(BadRequest, match="origin"):
        check_rules([rule])


@pytest.mark.parametrize(
    ("rule", "remedy"),
    [
        ("wss://shop.example", "begins with https://"),
        ("WS://shop.example", "begins with http://"),
        ("file:///index.html", "serve them by http"),
        ("shop.example", "scheme://host"),
        ("https://shop.example/path", "no path"),
    ],
)
def test_a_refused_rule_says_what_to_write(rule: str, remedy: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(remedy)) as caught:
        check_rules([rule])
    assert repr(rule) in caught.value.detail


def test_rules_are_converted_to_the_form_that_browsers_send() -> None:
    given = [
        "*",
        " HTTPS://*.Shop.example:443/ ",
        "http://[0::1]:80",
        "capacitor://localhost",
        "https://ü.de",
    ]
    told = ("*", "https://*.shop.example", "http://[::1]", "capacitor://localhost", "https://xn--tda.de")
    assert check_rules(given) == told


@pytest.mark.parametrize("origin", ["capacitor://localhost", "tauri://127.0.0.1", "app://[::1]"])
def test_under_dev_an_apps_origin_is_not_one_of_this_machines_web_pages(origin: str) -> None:
    assert not OriginRules(loopback=True).allows(origin, "localhost")
    assert not OriginRules(loopback=True).is_own(origin, "localhost")
    assert OriginRules([origin]).allows(origin, "localhost", cookies=True)
    assert not OriginRules([origin]).is_own(origin, "localhost")


@pytest.mark.parametrize("origin", ["capacitor://localhost", "app://."])
def test_an_app_reads_answers_and_connects_from_its_origin(origin: str) -> None:
    with serve("--set", f"allowed_origins={origin}", dev=False) as server:
        with server.http(headers={**server.headers, "origin": origin}) as client:
            answer = client.get("/v1/keys")
            assert answer.headers["access-control-allow-origin"] == origin
        with server.websocket("topic=a", additional_headers={"origin": origin}) as talk:
            assert talk.next()["type"] == "tricast.hello"


def test_under_dev_the_pages_that_this_machine_serves_may_come_in() -> None:
    rules = OriginRules(loopback=True)
    assert rules.allows("http://localhost:5173", "localhost:8080", cookies=True)
    assert rules.allows("http://127.0.0.1:3000", "localhost:8080")
    assert not rules.allows("http://localhost.evil.example", "localhost:8080")
    assert not rules.allows("https://evil.example", "localhost:8080")
    assert not OriginRules().allows("http://localhost:5173", "localhost:8080")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://hub.example", "hub.example"),
        ("http://hub.example:80", "hub.example"),
        ("http://hub.example", "hub.example:80"),
        ("http://hub.example:8443", "hub.example:8443"),
    ],
)
def test_a_page_by_plain_http_is_not_of_a_server_that_is_asked_by_https(origin: str, host: str) -> None:
    assert allowed(origin, host, ())
    assert not allowed(origin, host, (), secure=True)
    assert allowed(origin, host, (origin,), secure=True, cookies=True)
    assert allowed(origin, host, (), (origin,), secure=True, cookies=True)


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("host", ["hub.example", "hub.example:443", "hub.example:8443"])
def test_a_page_by_https_is_of_its_server_whether_that_knows_of_its_tls_or_not(
    host: str, secure: bool
) -> None:
    assert allowed(f"https://{host}", host, (), secure=secure, cookies=True)


@pytest.mark.parametrize(
    ("kind", "scheme", "may"),
    [
        ("http", "https", False),
        ("websocket", "wss", False),
        ("http", "http", True),
        ("websocket", "ws", True),
    ],
)
def test_what_a_page_by_plain_http_asks_with_a_session_is_judged_by_the_scheme(
    kind: str, scheme: str, may: bool
) -> None:
    headers = [(b"host", b"hub.example"), (b"origin", b"http://hub.example")]
    scope: dict[str, Any] = {"type": kind, "scheme": scheme, "method": "POST", "headers": headers}
    if may:
        OriginRules().check_page(scope)
    else:
        with pytest.raises(Forbidden, match=r"'http://hub\.example'"):
            OriginRules().check_page(scope)


@pytest.mark.parametrize(("scheme", "may"), [("https", False), ("http", True), (None, True)])
def test_the_scheme_counts_for_websockets_and_for_who_reads_answers(scheme: str | None, may: bool) -> None:
    with serve(dev=False) as server:
        page = {"origin": server.url}
        if scheme is not None:
            page |= {"x-forwarded-proto": scheme, "x-forwarded-for": "192.0.2.77"}
        with server.http(headers={**server.headers, **page}) as client:
            for path in ("/v1/session", "/v1/events?topic=a&timeout=0"):
                answer = client.get(path)
                assert answer.headers.get("access-control-allow-origin") == (server.url if may else None)
        with server.websocket("topic=a", additional_headers=page) as talk:
            if may:
                assert talk.next()["type"] == "tricast.hello"
            else:
                assert talk.closed() == 4403


def test_the_scheme_that_a_believed_proxy_tells_counts() -> None:
    """(401: the page may, but nobody has that name.)"""
    body = {"login": "ann", "password": "correct horse"}
    with serve(dev=False) as server, server.http(headers={"host": "hub.example"}) as client:
        for scheme, page, status in (
            ("https", "http", 403),
            ("https", "https", 401),
            ("http", "http", 401),
            ("http", "https", 401),
            (None, "http", 401),
            (None, "https", 401),
        ):
            headers = {"origin": f"{page}://hub.example"}
            if scheme is not None:
                headers |= {"x-forwarded-proto": scheme, "x-forwarded-for": "192.0.2.77"}
            answer = client.post("/v1/session", json=body, headers=headers)
            assert answer.status_code == status, (scheme, page, answer.text)
            if status == 403:
                assert answer.json()["field"] == "origin"
