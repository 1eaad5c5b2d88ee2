"""Gates: from a request to a grant, or to a refusal that says what to do."""

from __future__ import annotations

from typing import Any

import pytest
from tests.access.given import ROOT, START, Clock, bearer, request

from tricast.access.access import Access, AccessOptions
from tricast.access.gate import AccessGate, is_loopback
from tricast.errors import Forbidden, TricastError, Unauthorized
from tricast.hub.hub import Hub
from tricast.pattern import Pattern

pytestmark = pytest.mark.anyio


@pytest.fixture
async def key(access: Access) -> str:
    _, text = await access.keys.create("web-1", app="shop", subscribe=["shop/**"], by=ROOT)
    return text


@pytest.fixture
def token(access: Access, key: str) -> str:
    return access.tokens.mint(access.gate(bearer(key)), subject="alice", subscribe=["shop/**"]).token


async def test_no_credentials_is_refused_with_how_to_send_them(access: Access) -> None:
    for bare in (request(), request(query="topic=a&token="), request(query="xtoken=1")):
        with pytest.raises(Unauthorized, match=r"Authorization: Bearer .*X-API-Key: .*\?token="):
            access.gate(bare)


async def test_each_way_of_showing_credentials_works(access: Access, key: str, token: str) -> None:
    for shown in (
        bearer(key),
        bearer(token),
        request(("authorization", f"bearer  {key} ")),
        request(("x-api-key", key)),
        request(query=f"topic=shop/x&token={token}"),
        request(query="token=" + "".join(f"%{ord(c):02x}" for c in token)),
    ):
        for _ in range(2):  # the second is remembered
            assert access.gate(shown).app == "shop"


async def test_the_order_is_bearer_then_api_key_then_query(access: Access, key: str, token: str) -> None:
    both = request(("x-api-key", key), ("authorization", f"Bearer {token}"), query="token=junk")
    assert access.gate(both).subject == "alice"
    assert access.gate(request(("x-api-key", key), query=f"token={token}")).subject == "web-1"
    with pytest.raises(Unauthorized):
        access.gate(request(("x-api-key", key), ("authorization", "Bearer junk")))


async def test_a_proxys_basic_header_does_not_hide_credentials_of_ours(access: Access, key: str) -> None:
    assert access.gate(request(("authorization", "Basic eDp5"), ("x-api-key", key))).subject == "web-1"
    with pytest.raises(Unauthorized, match="not of the form 'Bearer") as caught:
        access.gate(request(("authorization", "Basic eDp5")))
    assert "eDp5" not in caught.value.detail


async def test_an_api_key_in_a_url_is_refused_even_if_it_is_known(access: Access, key: str) -> None:
    access.gate(bearer(key))
    for shown in (key, "%74" + key[1:], "%20" + key):
        with pytest.raises(Unauthorized, match="not taken from URLs") as caught:
            access.gate(request(query=f"token={shown}"))
        assert key not in caught.value.detail


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer é", "Bearer tck_", "Bearer tck_a_b", "x"])
async def test_malformed_credentials_are_refused(access: Access, value: str) -> None:
    with pytest.raises(Unauthorized):
        access.gate(request(("authorization", value)))


async def test_a_remembered_token_expires_all_the_same(access: Access, token: str, clock: Clock) -> None:
    access.gate(bearer(token))
    clock.now = START + 3600
    with pytest.raises(Unauthorized, match="expired"):
        access.gate(bearer(token))


async def test_what_is_remembered_is_bounded(access: Access, key: str, clock: Clock) -> None:
    gate = AccessGate(access.keys, access.tokens, access.revocations, clock=clock, remembered=2)
    for subject in "abc":
        minted = access.tokens.mint(gate(bearer(key)), subject=subject)
        gate(bearer(minted.token))
    assert len(gate._seen) == 2


async def test_a_credential_by_itself_can_be_verified(access: Access, token: str) -> None:
    assert access.gate.verify(token).subject == "alice"
    for bad in ("", "junk", "\ud800", "é"):
        with pytest.raises(Unauthorized):
            access.gate.verify(bad)


@pytest.fixture
async def dev(hub: Hub, clock: Clock) -> Any:
    access = Access(hub, AccessOptions(dev=True, origins=("*", "https://ok.example")), clock=clock)
    async with hub, access:
        yield access


async def test_dev_is_open_to_loopback(dev: Access) -> None:
    for client in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        grant = dev.gate(request(client=(client, 1)))
        assert grant.subject == "anonymous"
        grant.check_subscribe([Pattern.parse("shop/**")])
        grant.check_publish("shop/orders")
        assert "admin" in grant.scopes
    for host in ("localhost", "127.0.0.1:8080", "[::1]:8080", "[::1]", "LOCALHOST:1"):
        dev.gate(request(("host", host)))


async def test_dev_hears_the_reserved_app_as_an_admin_does_and_cannot_write_there(dev: Access) -> None:
    grant = dev.gate(request())
    grant.check_subscribe([Pattern.parse("tricast/audit/*"), Pattern.parse("tricast/**")])
    for topic in ("tricast/audit", "tricast/audit/shop"):
        with pytest.raises(Forbidden):
            grant.check_publish(topic)


@pytest.mark.parametrize(
    "shown",
    [
        request(client=("192.0.2.7", 1)),
        request(client=None),
        request(client=("testclient", 1)),
        request(("x-forwarded-for", "127.0.0.1")),
        request(("host", "rebound.example:8080")),
        request(("host", "")),
        request(("origin", "https://evil.example")),
        request(("origin", "null")),
    ],
)
async def test_dev_is_closed_to_everybody_else(dev: Access, shown: Any) -> None:
    with pytest.raises(TricastError) as caught:
        dev.gate(shown)
    assert caught.value.status in (401, 403)


async def test_dev_is_open_to_pages_of_its_own_and_those_that_are_named(dev: Access) -> None:
    dev.gate(request(("origin", "http://localhost:8080")))
    dev.gate(request(("origin", "https://ok.example")))


async def test_dev_verifies_credentials_that_are_given(dev: Access) -> None:
    with pytest.raises(Unauthorized, match="malformed"):
        dev.gate(bearer("junk"))
    token = dev.tokens.mint(dev.gate(request()), subject="alice", subscribe=["shop/a"]).token
    grant = dev.gate(request(query=f"token={token}", client=("192.0.2.7", 1)))
    assert (grant.subject, grant.app) == ("alice", "shop")


def test_loopback_is_told_from_what_looks_like_it() -> None:
    assert not any(is_loopback(a) for a in ("localhost", "", "10.0.0.1", "::", "127.0.0.1.x", "fe80::1"))
