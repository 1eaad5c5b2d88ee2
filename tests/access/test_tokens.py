"""Tokens: minted within what the issuer has, verified by any secret in use, until they expire."""

from __future__ import annotations

import dataclasses
import random

import pytest
from tests.access.given import START, Clock, bearer

from tricast.access.access import Access, AccessOptions
from tricast.access.secrets import SECRET_KIND
from tricast.access.tokens import Tokens
from tricast.errors import BadRequest, Forbidden, NotStarted, TooLarge, TricastError, Unauthorized
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub

pytestmark = pytest.mark.anyio

ISSUER = Grant(
    subject="web-1",
    subscribe=("shop/**", "shop/*/orders"),
    publish=("shop/chat/*",),
    app="shop",
    scopes=frozenset({"presence", "flags:read"}),
    credential="key:k1",
)
ANYBODY = Grant(subject="root", subscribe=("**",), publish=("**",), scopes=frozenset({"presence"}))


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    tokens = Tokens(clock=clock)
    tokens.use(["a secret that is long enough"])
    return tokens


def test_a_token_grants_what_was_asked(tokens: Tokens) -> None:
    minted = tokens.mint(
        ISSUER, subject="user 42", subscribe=["shop/a/**"], publish=["shop/chat/1"], scopes=["presence"]
    )
    grant = tokens.verify(minted.token)
    assert grant == minted.grant
    assert (grant.subject, grant.app, grant.credential) == ("user 42", "shop", f"token:{minted.id}")
    assert (grant.subscribe, grant.publish) == (("shop/a/**",), ("shop/chat/1",))
    assert grant.scopes == {"presence"}
    assert grant.expires_at == minted.expires_at == START + 3600
    assert "key:k1" in grant.credentials


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("subscribe", {"subscribe": ["shop/a", "shop/**", "shop/*"], "issuer": {"subscribe": ("shop/*",)}}),
        ("publish", {"publish": ["shop/chat/**"]}),
        ("publish", {"publish": ["shop/orders"]}),
        ("scopes", {"scopes": ["presence", "admin"]}),
        ("app", {"app": "blog"}),
    ],
)
def test_a_token_never_exceeds_its_issuer(tokens: Tokens, field: str, asked: dict[str, object]) -> None:
    issuer = dataclasses.replace(ISSUER, **asked.pop("issuer", {}))  # type: ignore[arg-type]
    with pytest.raises(Forbidden) as caught:
        tokens.mint(issuer, subject="u", **asked)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("subscribe", {"subscribe": ["blog/x"]}),
        ("subscribe", {"subscribe": ["**"]}),
        ("subscribe", {"subscribe": ["shop/** "]}),
        ("publish", {"publish": ["*/chat"]}),
        ("scopes", {"scopes": ["superuser"]}),
        ("ttl_s", {"ttl_s": 0.5}),
        ("ttl_s", {"ttl_s": 30 * 86400 + 1}),
        ("ttl_s", {"ttl_s": float("nan")}),
        ("subject", {"subject": ""}),
        ("subject", {"subject": "x" * 129}),
        ("subject", {"subject": "a\nb"}),
    ],
)
def test_a_token_that_makes_no_sense_is_refused_by_field(
    tokens: Tokens, field: str, asked: dict[str, object]
) -> None:
    with pytest.raises(BadRequest) as caught:
        tokens.mint(ISSUER, **{"subject": "u", **asked})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_an_issuer_of_all_apps_still_mints_for_one(tokens: Tokens) -> None:
    assert tokens.mint(ANYBODY, subject="u", subscribe=["shop/**"]).grant.app == "shop"
    assert tokens.mint(ANYBODY, subject="u", scopes=["presence"], app="blog").grant.app == "blog"
    with pytest.raises(BadRequest, match="'shop/…'"):
        tokens.mint(ANYBODY, subject="u", subscribe=["shop/a", "blog/a"])
    with pytest.raises(BadRequest, match="belongs to one app"):
        tokens.mint(ANYBODY, subject="u")
    with pytest.raises(Forbidden):  # a wildcard never reaches the reserved app
        tokens.mint(ANYBODY, subject="u", subscribe=["tricast/audit"])


def test_a_token_is_of_its_keys_environment_or_of_a_narrower_one(tokens: Tokens) -> None:
    confined = dataclasses.replace(ISSUER, environment="production", subscribe=("shop/orders",))
    for issuer, asked, got in (
        (ISSUER, None, None),
        (ISSUER, "production", "production"),
        (confined, None, "production"),
        (confined, "production", "production"),
    ):
        minted = tokens.mint(issuer, subject="u", scopes=["flags:read"], environment=asked)
        assert tokens.verify(minted.token).environment == got
    with pytest.raises(Forbidden, match="'production' and can't grant 'development'") as caught:
        tokens.mint(confined, subject="u", environment="development")
    assert caught.value.field == "environment"


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("environment", {"environment": "NO"}),
        ("subscribe", {"environment": "production", "subscribe": ["shop/**"]}),
    ],
)
def test_an_environment_that_would_confine_nothing_is_refused(
    tokens: Tokens, field: str, asked: dict[str, object]
) -> None:
    with pytest.raises(BadRequest) as caught:
        tokens.mint(ISSUER, subject="u", **asked)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_token_too_long_for_urls_is_not_minted(tokens: Tokens) -> None:
    chance = random.Random(1)
    patterns = [f"shop/{chance.randbytes(60).hex()}" for _ in range(100)]
    with pytest.raises(TooLarge):
        tokens.mint(ISSUER, subject="u", subscribe=patterns)


def test_a_token_expires(tokens: Tokens, clock: Clock) -> None:
    token = tokens.mint(ISSUER, subject="u", ttl_s=1).token
    clock.now = START + 0.999
    tokens.verify(token)
    clock.now = START + 1
    with pytest.raises(Unauthorized, match="expired at 2100-01-01T00:00:01Z") as caught:
        tokens.verify(token)
    assert token not in caught.value.detail


def test_secrets_rotate_without_refusing_anybody(tokens: Tokens, clock: Clock) -> None:
    old, new = "the old secret, 16+", "the new secret, 16+"
    tokens.use([old])
    early = tokens.mint(ISSUER, subject="u").token
    tokens.use([new, old])
    late = tokens.mint(ISSUER, subject="u").token
    tokens.verify(early)
    tokens.use([new])
    tokens.verify(late)
    with pytest.raises(Unauthorized):
        tokens.verify(early)


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: "x" + t, lambda t: t + "é", lambda t: t + "!", lambda t: t * 99]
)
def test_a_spoiled_token_is_refused_without_repeating_it(tokens: Tokens, spoil: object) -> None:
    text = spoil(tokens.mint(ISSUER, subject="u").token)  # type: ignore[operator]
    with pytest.raises(Unauthorized, match="malformed") as caught:
        tokens.verify(text)
    assert text not in caught.value.detail


def test_short_or_missing_secrets_are_refused(clock: Clock) -> None:
    tokens = Tokens(clock=clock)
    with pytest.raises(NotStarted):
        tokens.verify("x")
    for bad in ([], [""], ["short"], ["a secret that is long enough", "short"]):
        with pytest.raises(BadRequest):
            tokens.use(bad)


async def test_without_a_configured_secret_one_is_made_once_and_kept_silently(clock: Clock) -> None:
    hub = Hub("memory:")
    first, second = Access(hub, clock=clock), Access(hub, clock=clock)
    async with hub:
        head = hub.bounds.head
        async with first:
            token = first.tokens.mint(ISSUER, subject="u").token
        async with second:
            second.gate(bearer(token))
        assert hub.bounds.head == head
        assert len(await hub.log.list(SECRET_KIND)) == 1


async def test_configured_secrets_are_used_and_none_is_made(clock: Clock) -> None:
    hub = Hub("memory:")
    access = Access(hub, AccessOptions(secrets=("a configured secret",)), clock=clock)
    async with hub, access:
        other = Tokens(clock=clock)
        other.use(["a configured secret"])
        access.gate(bearer(other.mint(ISSUER, subject="u").token))
        assert await hub.log.list(SECRET_KIND) == []


@pytest.mark.parametrize("text", ["", ".", "a.b", "e30.x", "\x00", "tck", "null", "[]." * 10])
def test_noise_is_refused_as_unauthorized(tokens: Tokens, text: str) -> None:
    with pytest.raises(TricastError) as caught:
        tokens.verify(text)
    assert isinstance(caught.value, Unauthorized)
