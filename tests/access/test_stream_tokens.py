"""Tokens for the URLs of flag streams: the same text for a generation, good for two."""

from __future__ import annotations

import dataclasses

import pytest
from tests.access.given import ROOT, START, Clock, bearer

from tricast.access.access import Access, AccessOptions
from tricast.access.stream_tokens import GENERATION_S, StreamTokens
from tricast.errors import BadRequest, Forbidden, Unauthorized
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub
from tricast.pattern import Pattern

pytestmark = pytest.mark.anyio


async def key_grant(access: Access, *, app: str | None = "shop", environment: str | None = None) -> Grant:
    _, text = await access.keys.create(
        "web-1", app=app, environment=environment, scopes=["flags:read"], by=ROOT
    )
    return access.gate(bearer(text))


def token_of(access: Access, grant: Grant, environment: str = "production") -> str:
    token, _ = access.stream_token(grant, "shop", environment)
    assert token is not None
    return token


async def test_it_reads_the_flags_of_one_environment_and_nothing_else(access: Access) -> None:
    got = access.gate(bearer(token_of(access, await key_grant(access))))
    assert (got.subject, got.app, got.environment) == ("web-1", "shop", "production")
    assert got.scopes == {"flags:read"}
    assert tuple(got.subscribe) == ("shop/flags/production",)
    assert tuple(got.publish) == ()
    with pytest.raises(Forbidden):
        got.check_subscribe([Pattern.parse("shop/flags/development")])


async def test_it_is_the_same_text_for_a_whole_generation_and_another_in_the_next(
    access: Access, clock: Clock
) -> None:
    grant = await key_grant(access)
    first = access.stream_token(grant, "shop", "production")
    clock.now = START + GENERATION_S - 0.001
    assert access.stream_token(grant, "shop", "production") == first
    clock.now = START + GENERATION_S
    second = access.stream_token(grant, "shop", "production")
    assert second[0] != first[0]
    assert second[1] != first[1]


async def test_it_is_good_for_two_generations(access: Access, clock: Clock) -> None:
    token = token_of(access, await key_grant(access))
    clock.now = START + 2 * GENERATION_S - 0.001
    access.gate(bearer(token))
    clock.now = START + 2 * GENERATION_S
    with pytest.raises(Unauthorized, match="expired"):
        access.gate(bearer(token))


async def test_it_survives_a_restart_and_is_the_same_on_every_node(hub: Hub, clock: Clock) -> None:
    first, second = Access(hub, clock=clock), Access(hub, clock=clock)
    async with hub, first, second:
        grant = await key_grant(first)
        assert first.stream_token(grant, "shop", "production") == second.stream_token(
            grant, "shop", "production"
        )


async def test_each_key_app_and_environment_has_its_own(access: Access) -> None:
    one, other = await key_grant(access, app=None), await key_grant(access)
    made = {
        access.stream_token(grant, app, environment)
        for grant, app, environment in (
            (one, "shop", "production"),
            (one, "shop", "development"),
            (one, "blog", "production"),
            (other, "shop", "production"),
        )
    }
    assert len({token for token, _ in made}) == len({label for _, label in made}) == 4


async def test_it_is_revoked_with_its_key(access: Access) -> None:
    grant = await key_grant(access)
    token = token_of(access, grant)
    access.gate(bearer(token))
    await access.keys.revoke((grant.credential or "").removeprefix("key:"), by=ROOT)
    with pytest.raises(Unauthorized, match="revoked"):
        access.gate(bearer(token))
    with pytest.raises(Unauthorized, match="revoked"):
        access.stream_token(grant, "shop", "production")


@pytest.mark.parametrize("what", ["token", "subject"])
async def test_after_it_was_revoked_by_itself_the_next_answer_has_another_that_is_good(
    access: Access, hub: Hub, clock: Clock, what: str
) -> None:
    grant = await key_grant(access)
    dead, label = access.stream_token(grant, "shop", "production")
    assert dead is not None
    clock.now = START + 60
    for _ in range(2):
        token_id = (access.gate(bearer(token_of(access, grant))).credential or "").removeprefix("token:")
        if what == "token":
            await access.revocations.revoke_token(token_id, by=ROOT)
        else:
            await access.revocations.revoke_subject("web-1", realm="shop", by=ROOT)
        with pytest.raises(Unauthorized):
            access.gate(bearer(dead))
        alive, new_label = access.stream_token(grant, "shop", "production")
        assert alive is not None
        access.gate(bearer(alive))
        assert new_label != label
        clock.now += 60
    other = StreamTokens(access.tokens, access.revocations, clock=clock)
    assert other.of(grant, "shop", "production") == (alive, new_label)


async def test_a_label_changes_with_the_secret_that_signs(access: Access, clock: Clock) -> None:
    grant = await key_grant(access)
    labels = set()
    for secret in ("a secret that is long enough", "another one, long enough"):
        access.tokens.use([secret])
        labels.add(StreamTokens(access.tokens, access.revocations, clock=clock).of(grant, "shop", "live")[1])
    assert len(labels) == 2


async def test_whoever_has_a_token_keeps_it_and_nobody_needs_one_in_dev(access: Access, hub: Hub) -> None:
    key = await key_grant(access)
    minted = access.tokens.mint(key, subject="ann", scopes=["flags:read"])
    assert access.stream_token(minted.grant, "shop", "production") == (None, f"token:{minted.id}")
    assert access.stream_token(Grant("anonymous"), "shop", "production") == (None, "dev")


async def test_it_reaches_no_farther_than_the_key(access: Access) -> None:
    with pytest.raises(Forbidden, match="'shop'"):
        access.stream_token(await key_grant(access), "blog", "production")
    confined = await key_grant(access, environment="production")
    access.stream_token(confined, "shop", "production")
    with pytest.raises(Forbidden, match="'production'"):
        access.stream_token(confined, "shop", "development")


@pytest.mark.parametrize(("app", "environment"), [("shop", "No"), ("a b", "x"), ("", "x"), ("shop", "")])
async def test_names_that_are_none_are_refused(access: Access, app: str, environment: str) -> None:
    grant = dataclasses.replace(await key_grant(access), app=None)
    with pytest.raises(BadRequest):
        access.stream_token(grant, app, environment)


async def test_what_is_remembered_is_bounded(access: Access, clock: Clock) -> None:
    tokens = StreamTokens(access.tokens, access.revocations, clock=clock, remembered=2)
    grant = await key_grant(access)
    for name in ("a", "b", "c"):
        tokens.of(grant, "shop", name)
    assert len(tokens._made) == 2


def test_before_access_is_entered_there_are_no_tokens(clock: Clock) -> None:
    assert Access(Hub("memory:"), AccessOptions(), clock=clock).stream_token(Grant("x"), "a", "b")[0] is None
