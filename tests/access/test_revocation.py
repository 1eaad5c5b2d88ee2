"""Revocation: refused from now on, and live connections closed, on whichever node it happened."""

from __future__ import annotations

import asyncio

import pytest
from tests.access.given import ROOT, START, Clock, bearer

from tricast.access.access import Access
from tricast.access.context import Context
from tricast.access.grants import realm_of
from tricast.access.revocation import MAX_TTL_S, REVOCATION_KIND, Revocation, Revocations
from tricast.audit import Actor
from tricast.errors import Unauthorized
from tricast.hub.caller import Caller
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub
from tricast.hub.poll import Answer
from tricast.hub.subscription import Subscription
from tricast.log.base import Append
from tricast.pattern import Pattern

pytestmark = pytest.mark.anyio


def connect(hub: Hub, grant: Grant) -> asyncio.Future[Answer]:
    """A live connection; the future is its end."""
    ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    hub.poll(
        ended.set_result,
        caller=Caller(grant, "poll"),
        subscription=Subscription.of(["shop/**"]),
        timeout_s=None,
    )
    return ended


async def end_of(connection: asyncio.Future[Answer]) -> Unauthorized:
    answer = await asyncio.wait_for(connection, 10)
    assert isinstance(answer.problem, Unauthorized)
    return answer.problem


async def make_key(access: Access) -> tuple[str, str]:
    key, text = await access.keys.create("web-1", app="shop", subscribe=["shop/**"], by=ROOT)
    return key.id, text


async def mint(access: Access, key_text: str, subject: str = "alice") -> str:
    return access.tokens.mint(access.gate(bearer(key_text)), subject=subject, subscribe=["shop/**"]).token


async def test_revoking_a_key_ends_its_connections_and_those_of_its_tokens(access: Access, hub: Hub) -> None:
    key_id, text = await make_key(access)
    _, other_text = await make_key(access)
    token = await mint(access, text)
    theirs = [connect(hub, access.gate(bearer(shown))) for shown in (text, token)]
    other = connect(hub, access.gate(bearer(other_text)))
    await access.keys.revoke(key_id, by=ROOT)
    for connection in theirs:
        assert "revoked" in (await end_of(connection)).detail
    with pytest.raises(Unauthorized, match="revoked"):
        access.gate(bearer(token))
    assert not other.done()
    access.gate(bearer(other_text))


async def test_revoking_a_subject_ends_what_was_issued_until_now_and_nothing_later(
    access: Access, hub: Hub, clock: Clock
) -> None:
    _, text = await make_key(access)
    token, bobs = await mint(access, text), await mint(access, text, "bob")
    alice, bob = (connect(hub, access.gate(bearer(shown))) for shown in (token, bobs))
    clock.now = START + 5
    await access.revocations.revoke_subject("alice", by=ROOT)
    await end_of(alice)
    with pytest.raises(Unauthorized, match=r"the subject was revoked at 2100-01-01T00:00:05\.000Z"):
        access.gate(bearer(token))
    clock.now = START + 6
    later = connect(hub, access.gate(bearer(await mint(access, text))))
    assert access.revocations.enforce() == 0
    assert not bob.done()
    assert not later.done()


async def test_revoking_a_token_leaves_the_subjects_others(access: Access, hub: Hub) -> None:
    _, text = await make_key(access)
    token, other = await mint(access, text), await mint(access, text)
    connection = connect(hub, access.gate(bearer(token)))
    token_id = (access.gate(bearer(token)).credential or "").removeprefix("token:")
    await access.revocations.revoke_token(token_id, by=ROOT)
    await end_of(connection)
    with pytest.raises(Unauthorized, match="the token was revoked"):
        access.gate(bearer(token))
    access.gate(bearer(other))


async def test_what_another_node_revokes_ends_connections_here(access: Access, hub: Hub) -> None:
    _, text = await make_key(access)
    connection = connect(hub, access.gate(bearer(await mint(access, text))))
    write = access.revocations.write(Revocation("subject", "alice", "shop", "node-2"))
    await hub.log.append(Append((), (write,)))  # past everything of ours: only the tail tells
    await end_of(connection)


async def test_who_passed_the_gate_before_and_joined_after_is_found_too(access: Access, hub: Hub) -> None:
    key_id, text = await make_key(access)
    grant = access.gate(bearer(text))
    first = connect(hub, grant)
    await access.keys.revoke(key_id, by=ROOT)
    await end_of(first)
    await end_of(connect(hub, grant))


async def test_a_revocation_reaches_no_farther_than_its_realm(access: Access) -> None:
    key_id, text = await make_key(access)
    _, other_text = await make_key(access)
    token = await mint(access, text)
    for realm in ("blog", f"*{access.gate(bearer(other_text)).credential}", "*-"):
        await access.revocations.revoke_subject("alice", realm=realm, by=ROOT)
    grant = access.gate(bearer(token))
    assert realm_of(access.gate(bearer(text))) == f"*{key_id}"
    await access.revocations.revoke_subject("alice", realm=f"*{key_id}", by=ROOT)
    assert access.revocations.reason(grant) is not None


async def test_what_was_revoked_is_one_audit_entry(access: Access, hub: Hub) -> None:
    by = Context(Actor("ann", None, "key:k1", "192.0.2.1"), "left us", "req-1")
    await access.revocations.revoke_subject("alice", realm="shop", by=by, app="shop")
    await access.revocations.revoke_token("t1", by=by)
    page = await hub.log.read(0, [Pattern.parse("tricast/**")])
    subject, token = page.events
    assert [(e.topic, e.type, e.subject) for e in (subject, token)] == [
        ("tricast/audit/shop", "subject.revoked", "alice"),
        ("tricast/audit", "token.revoked", "t1"),
    ]
    assert subject.data["changes"] == [
        {"path": "/revoked_at", "after": "2100-01-01T00:00:00.000Z"},
        {"path": "/realm", "after": "shop"},
    ]
    for entry, kind in ((subject.data, "subject"), (token.data, "token")):
        assert (entry["kind"], entry["reason"], entry["request_id"]) == (kind, "left us", "req-1")
        assert entry["actor"] == by.actor.to_json()


def test_the_realm_of_an_admin_is_the_app_or_everything() -> None:
    admin = frozenset({"admin"})
    assert realm_of(Grant("a", scopes=admin, credential="key:k")) == "*"
    assert realm_of(Grant("a", scopes=admin, app="shop", credential="key:k")) == "shop"
    assert realm_of(Grant("a", credential="token:t")) == "*-"


async def test_revocations_survive_a_restart(hub: Hub, clock: Clock) -> None:
    access = Access(hub, clock=clock)
    async with hub, access:
        _, text = await make_key(access)
        token = await mint(access, text)
        await access.revocations.revoke_subject("alice", by=ROOT)
    hub = Hub(hub.log)
    access = Access(hub, clock=clock)
    async with hub, access:
        access.gate(bearer(text))
        with pytest.raises(Unauthorized):
            access.gate(bearer(token))


async def test_revocations_are_dropped_after_the_longest_token_ttl(
    access: Access, hub: Hub, clock: Clock
) -> None:
    await access.revocations.revoke_subject("alice", by=ROOT)
    clock.now = START + MAX_TTL_S
    assert await access.revocations.drop_outlived() == 0
    clock.now = START + MAX_TTL_S + 301
    head = hub.bounds.head
    assert await access.revocations.drop_outlived() == 1
    assert await hub.log.list(REVOCATION_KIND) == []
    assert hub.bounds.head == head
    assert await access.revocations.drop_outlived() == 0


async def test_a_revocation_made_again_meanwhile_is_not_dropped(hub: Hub, clock: Clock) -> None:
    revocations = Revocations(hub, clock=clock)
    async with hub:
        await revocations.revoke_subject("alice", by=ROOT)
        clock.now = START + MAX_TTL_S + 301
        await asyncio.gather(revocations.revoke_subject("alice", by=ROOT), revocations.drop_outlived())
        assert len(await hub.log.list(REVOCATION_KIND)) == 1
