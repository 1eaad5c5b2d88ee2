"""The setting `public_url`: valid values, and the errors of invalid ones."""

from __future__ import annotations

import re

import pytest

from tricast.errors import BadRequest
from tricast.public_url import PublicUrl
from tricast.server.app import Service
from tricast.settings import BadSetting, load


@pytest.mark.parametrize(
    ("text", "origin", "path"),
    [
        ("https://events.example", "https://events.example", ""),
        ("https://events.example/", "https://events.example", ""),
        ("https://example.com/tricast", "https://example.com", "/tricast"),
        ("https://example.com/tricast/", "https://example.com", "/tricast"),
        ("HTTPS://Example.com:443/Tools/events-2", "https://example.com", "/Tools/events-2"),
        ("http://localhost:8443/a.b/_c~d", "http://localhost:8443", "/a.b/_c~d"),
        ("https://[::1]:8443/t", "https://[::1]:8443", "/t"),
        ("https://münchen.example/t", "https://xn--mnchen-3ya.example", "/t"),
    ],
)
def test_it_has_an_origin_and_a_path(text: str, origin: str, path: str) -> None:
    found = PublicUrl.parse(text)
    assert (found.origin, found.path) == (origin, path)
    assert str(found) == load(extra={"public_url": text}).public_url == f"{origin}{path}"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("example.com/tricast", "beginning with https://"),
        ("/tricast", "beginning with https://"),
        ("wss://example.com", "beginning with https://"),
        ("capacitor://localhost", "beginning with https://"),
        ("https://", "beginning with https://"),
        ("https://example.com/t?a=b", "query"),
        ("https://example.com/t?", "query"),
        ("https://example.com/t#x", "fragment"),
        ("https://ann:pw@example.com/t", "user and password"),
        ("https://*.example.com", "without '*'"),
        ("https://example.com/a b", "letters, digits"),
        ("https://example.com/a;b", "letters, digits"),
        ("https://example.com/a%2Fb", "letters, digits"),
        ("https://example.com//a", "letters, digits"),
        ("https://example.com/a/../b", "letters, digits"),
        ("https://example.com/.", "letters, digits"),
        ("https://example.com:99999/a", "such as https://"),
        ("https://[::g]/a", "such as https://"),
    ],
)
def test_an_invalid_url_is_refused_with_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(remedy)):
        PublicUrl.parse(text)
    with pytest.raises(BadSetting, match=re.escape(remedy)) as caught:
        load(extra={"public_url": text})
    assert caught.value.detail.startswith(f"--set public_url={text!r} is not valid")


@pytest.mark.parametrize("path", ["/v1", "/static/x", "/ofrep", "/healthz"])
def test_a_path_that_begins_as_the_servers_own_do_is_refused(path: str) -> None:
    with pytest.raises(BadRequest, match="/tricast"):
        Service(load(log="memory:", extra={"public_url": f"https://example.com{path}"}))
