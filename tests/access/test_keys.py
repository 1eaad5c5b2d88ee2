"""API keys: made, shown once, verified, revoked."""

from __future__ import annotations

import hashlib

import orjson
import pytest
from tests.access.given import START, Clock, bearer

from tricast.access.access import Access, AccessOptions
from tricast.access.keys import KEY_KIND, KEY_USAGE_KIND
from tricast.errors import BadRequest, NotFound, Unauthorized
from tricast.hub.hub import Hub
from tricast.pattern import Pattern

pytestmark = pytest.mark.anyio


async def all_events(hub: Hub) -> list[dict[str, object]]:
    page = await hub.log.read(0, [Pattern.parse("tricast/**")])
    return [orjson.loads(event.json) for event in page.events]


async def test_a_key_grants_what_it_was_made_with(access: Access) -> None:
    key, text = await access.keys.create(
        "web-1", app="shop", subscribe=["shop/**"], publish=["shop/orders"], scopes=["presence"], by="root"
    )
    grant = access.gate(bearer(text))
    assert text.startswith(f"tck_{key.id}_")
    assert (grant.subject, grant.app, grant.credential) == ("web-1", "shop", f"key:{key.id}")
    assert (tuple(grant.subscribe), tuple(grant.publish)) == (("shop/**",), ("shop/orders",))
    assert grant.scopes == {"presence"}
    assert grant.expires_at is None


async def test_the_secret_and_its_hash_are_in_no_event_and_in_no_list(access: Access, hub: Hub) -> None:
    key, text = await access.keys.create("web-1", by="root")
    await access.keys.revoke(key.id, by="root")
    secret = text.rsplit("_", 1)[1]
    digest = hashlib.sha256(secret.encode()).hexdigest()
    (document,) = await hub.log.list(KEY_KIND)
    assert document.value["secret_sha256"] == digest
    shown = repr(await all_events(hub)) + repr(access.keys.list()) + repr(access.keys.get(key.id))
    assert secret not in shown
    assert digest not in shown


async def test_a_change_of_a_key_is_one_unit_with_its_event(access: Access, hub: Hub) -> None:
    key, _ = await access.keys.create("web-1", app="shop", by="root")
    await access.keys.revoke(key.id, by="admin")
    created, revoked, revocation = await all_events(hub)
    assert (created["topic"], created["type"], created["subject"]) == (
        "tricast/keys",
        "tricast.key.created",
        key.id,
    )
    assert created["data"] == {**key.to_json(), "by": "root"}
    assert revoked["type"] == "tricast.key.revoked"
    assert (revocation["topic"], revocation["type"]) == ("tricast/revocations", "tricast.revoked")


async def test_a_revoked_key_is_refused_at_once_also_where_it_is_remembered(access: Access) -> None:
    key, text = await access.keys.create("web-1", by="root")
    access.gate(bearer(text))
    revoked = await access.keys.revoke(key.id, by="root")
    assert revoked.revoked_at is not None
    with pytest.raises(Unauthorized, match="was revoked at 2100-01-01") as caught:
        access.gate(bearer(text))
    assert text.rsplit("_", 1)[1] not in caught.value.detail


async def test_revoking_twice_changes_nothing_and_an_unknown_key_is_not_found(
    access: Access, hub: Hub, clock: Clock
) -> None:
    key, _ = await access.keys.create("web-1", by="root")
    first = await access.keys.revoke(key.id, by="root")
    clock.now += 10
    assert (await access.keys.revoke(key.id, by="root")).revoked_at == first.revoked_at
    assert len(await all_events(hub)) == 3
    with pytest.raises(NotFound, match="'nope'"):
        await access.keys.revoke("nope", by="root")


@pytest.mark.parametrize("spoil", [lambda t: t[:-1] + "!", lambda t: t[:-1], lambda t: t + "A", str.upper])
async def test_a_spoiled_key_is_refused_without_repeating_it(access: Access, spoil: object) -> None:
    _, text = await access.keys.create("web-1", by="root")
    spoiled = spoil(text)  # type: ignore[operator]
    with pytest.raises(Unauthorized) as caught:
        access.gate(bearer(spoiled))
    assert spoiled.split("_")[-1] not in caught.value.detail


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("name", {"name": "two words"}),
        ("name", {"name": ""}),
        ("app", {"name": "a", "app": "shop/x"}),
        ("subscribe", {"name": "a", "app": "shop", "subscribe": ["blog/**"]}),
        ("publish", {"name": "a", "app": "shop", "publish": ["**"]}),
        ("publish", {"name": "a", "publish": ["shop//x"]}),
        ("subscribe", {"name": "a", "subscribe": ["a/b"] * 129}),
        ("scopes", {"name": "a", "scopes": ["root"]}),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused_by_field(
    access: Access, field: str, asked: dict[str, object]
) -> None:
    with pytest.raises(BadRequest) as caught:
        await access.keys.create(by="root", **asked)  # type: ignore[arg-type]
    assert caught.value.field == field


async def test_keys_are_listed_by_app_oldest_first(access: Access, clock: Clock) -> None:
    for name, app in (("b", "shop"), ("a", "blog"), ("c", "shop")):
        await access.keys.create(name, app=app, by="root")
        clock.now += 1
    assert [key.name for key in access.keys.list()] == ["b", "a", "c"]
    assert [key.name for key in access.keys.list("shop")] == ["b", "c"]


async def test_last_use_is_written_silently_at_most_once_a_minute(
    access: Access, hub: Hub, clock: Clock
) -> None:
    key, text = await access.keys.create("web-1", by="root")
    head = hub.bounds.head
    assert access.keys.list()[0].last_used_at is None
    clock.now = START + 1
    access.gate(bearer(text))
    assert access.keys.list()[0].last_used_at == "2100-01-01T00:00:01.000Z"
    assert await access.keys.flush_usage() == 1
    clock.now = START + 30
    access.gate(bearer(text))
    assert await access.keys.flush_usage() == 0
    clock.now = START + 61
    assert await access.keys.flush_usage() == 1
    assert await access.keys.flush_usage() == 0
    (usage,) = await hub.log.list(KEY_USAGE_KIND)
    assert (usage.key, usage.value) == (key.id, {"last_used_at": "2100-01-01T00:00:30.000Z"})
    assert hub.bounds.head == head


async def test_a_first_start_makes_one_root_key(hub: Hub, clock: Clock) -> None:
    access = Access(hub, AccessOptions(), clock=clock)
    async with hub, access:
        text = await access.ensure_root_key()
        assert text is not None
        grant = access.gate(bearer(text))
        assert "admin" in grant.scopes
        assert grant.app is None
        grant.check_subscribe([Pattern.parse("shop/**"), Pattern.parse("tricast/keys")])
        assert await access.ensure_root_key() is None
        await access.keys.revoke(access.keys.list()[0].id, by="root")
        assert await access.ensure_root_key() is not None


async def test_dev_mode_makes_no_root_key(hub: Hub) -> None:
    access = Access(hub, AccessOptions(dev=True))
    async with hub, access:
        assert await access.ensure_root_key() is None
        assert access.keys.list() == []
