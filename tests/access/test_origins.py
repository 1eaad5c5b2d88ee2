"""Origin rules: which pages may."""

from __future__ import annotations

import pytest

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
    "rule", ["example.com", "https://", "https://*", "https://a.*.com", "ftp://a", "https://a/b"]
)
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(BadRequest, match="origin"):
        check_rules([rule])


def test_under_dev_the_pages_that_this_machine_serves_may_come_in() -> None:
    rules = OriginRules(loopback=True)
    assert rules.allows("http://localhost:5173", "localhost:8080", cookies=True)
    assert rules.allows("http://127.0.0.1:3000", "localhost:8080")
    assert not rules.allows("http://localhost.evil.example", "localhost:8080")
    assert not rules.allows("https://evil.example", "localhost:8080")
    assert not OriginRules().allows("http://localhost:5173", "localhost:8080")
