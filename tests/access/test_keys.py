"""API keys: made, shown once, verified, revoked."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest
from tests.access.given import ROOT, START, Clock, bearer

from tricast.access.access import Access, AccessOptions
from tricast.access.context import Context
from tricast.access.keys import KEY_KIND, KEY_USAGE_KIND
from tricast.audit import Actor
from tricast.errors import BadRequest, NotFound, Unauthorized
from tricast.hub.hub import Hub
from tricast.log.base import Write
from tricast.pattern import Pattern

pytestmark = pytest.mark.anyio


async def all_events(hub: Hub) -> list[dict[str, Any]]:
    page = await hub.log.read(0, [Pattern.parse("tricast/**")])
    return [orjson.loads(event.json) for event in page.events]


async def test_a_key_grants_what_it_was_made_with(access: Access) -> None:
    key, text = await access.keys.create(
        "web-1", app="shop", subscribe=["shop/**"], publish=["shop/orders"], scopes=["presence"], by=ROOT
    )
    grant = access.gate(bearer(text))
    assert text.startswith(f"tck_{key.id}_")
    assert (grant.subject, grant.app, grant.credential) == ("web-1", "shop", f"key:{key.id}")
    assert (tuple(grant.subscribe), tuple(grant.publish)) == (("shop/**",), ("shop/orders",))
    assert grant.scopes == {"presence"}
    assert grant.expires_at is None


async def test_the_secret_and_its_hash_are_in_no_event_and_in_no_list(access: Access, hub: Hub) -> None:
    key, text = await access.keys.create("web-1", by=ROOT)
    await access.keys.revoke(key.id, by=ROOT)
    secret = text.rsplit("_", 1)[1]
    digest = hashlib.sha256(secret.encode()).hexdigest()
    (document,) = await hub.log.list(KEY_KIND)
    assert document.value["secret_sha256"] == digest
    shown = repr(await all_events(hub)) + repr(access.keys.list()) + repr(access.keys.get(key.id))
    assert secret not in shown
    assert digest not in shown


async def test_a_change_of_a_key_is_one_unit_with_its_audit_entry(access: Access, hub: Hub) -> None:
    key, _ = await access.keys.create("web-1", app="shop", by=ROOT)
    by = Context(Actor("ann", "editor", "key:k1", "192.0.2.1"), "it leaked", "req-7")
    gone = await access.keys.revoke(key.id, by=by)
    created, revoked = await all_events(hub)
    assert [(e["topic"], e["type"], e["subject"]) for e in (created, revoked)] == [
        ("tricast/audit/shop", "key.created", key.id),
        ("tricast/audit/shop", "key.revoked", key.id),
    ]
    assert created["data"] == {
        "action": "key.created",
        "app": "shop",
        "environments": [],
        "kind": "key",
        "key": key.id,
        "version": 1,
        "previous_version": None,
        "changes": [{"path": "", "after": key.to_json()}],
        "actor": {"subject": "root", "role": None, "credential": None, "address": None},
        "reason": None,
        "request_id": None,
    }
    assert revoked["data"] == created["data"] | {
        "action": "key.revoked",
        "version": 2,
        "previous_version": 1,
        "changes": [{"path": "/revoked_at", "before": None, "after": gone.revoked_at}],
        "actor": {"subject": "ann", "role": "editor", "credential": "key:k1", "address": "192.0.2.1"},
        "reason": "it leaked",
        "request_id": "req-7",
    }


async def test_a_key_of_no_app_is_accounted_for_by_the_hub_itself(access: Access, hub: Hub) -> None:
    await access.keys.create("web-1", by=ROOT)
    (created,) = await all_events(hub)
    assert created["topic"] == "tricast/audit"


def test_a_reason_is_of_500_characters_at_most() -> None:
    Context(Actor("ann"), "x" * 500)
    with pytest.raises(BadRequest, match="501 characters") as caught:
        Context(Actor("ann"), "x" * 501)
    assert caught.value.field == "reason"


async def test_a_key_may_be_confined_to_an_environment(access: Access, hub: Hub) -> None:
    key, text = await access.keys.create(
        "web-1",
        app="shop",
        environment="production",
        subscribe=["shop/flags/production", "shop/orders/**", "shop/*", "shop/*/Orders"],
        scopes=["flags:read"],
        by=ROOT,
    )
    grant = access.gate(bearer(text))
    assert (grant.app, grant.environment) == ("shop", "production")
    assert access.keys.list()[0].to_json()["environment"] == "production"
    (entry,) = await all_events(hub)
    assert entry["data"]["environments"] == ["production"]
    assert key.environment == "production"


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("environment", {"app": None}),
        ("environment", {"environment": "Production"}),
        ("environment", {"environment": ""}),
        ("environment", {"environment": "a/b"}),
        ("scopes", {"scopes": ["flags:read", "admin"]}),
        ("subscribe", {"subscribe": ["shop/orders", "shop/**"]}),
        ("subscribe", {"subscribe": ["shop/flags/**"]}),
        ("subscribe", {"subscribe": ["shop/flags/*"]}),
        ("subscribe", {"subscribe": ["shop/*/**"]}),
        ("subscribe", {"subscribe": ["shop/*/development"]}),
        ("subscribe", {"subscribe": ["shop/flags/development"]}),
    ],
)
async def test_what_an_environment_would_not_confine_is_refused_by_field(
    access: Access, hub: Hub, field: str, asked: dict[str, object]
) -> None:
    given = {"app": "shop", "environment": "production", **asked}
    with pytest.raises(BadRequest) as caught:
        await access.keys.create("web-1", by=ROOT, **given)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert await all_events(hub) == []


async def test_a_key_from_before_there_were_environments_is_good(hub: Hub, clock: Clock) -> None:
    access = Access(hub, clock=clock)
    async with hub, access:
        key, text = await access.keys.create("web-1", app="shop", by=ROOT)
        (document,) = await hub.log.list(KEY_KIND)
        old = {name: value for name, value in document.value.items() if name != "environment"}
        await hub.append((), (Write(KEY_KIND, key.id, old),))
        assert access.gate(bearer(text)).environment is None
        assert (await access.keys.revoke(key.id, by=ROOT)).environment is None


async def test_a_revoked_key_is_refused_at_once_also_where_it_is_remembered(access: Access) -> None:
    key, text = await access.keys.create("web-1", by=ROOT)
    access.gate(bearer(text))
    revoked = await access.keys.revoke(key.id, by=ROOT)
    assert revoked.revoked_at is not None
    with pytest.raises(Unauthorized, match="was revoked at 2100-01-01") as caught:
        access.gate(bearer(text))
    assert text.rsplit("_", 1)[1] not in caught.value.detail


async def test_revoking_twice_changes_nothing_and_an_unknown_key_is_not_found(
    access: Access, hub: Hub, clock: Clock
) -> None:
    key, _ = await access.keys.create("web-1", by=ROOT)
    first = await access.keys.revoke(key.id, by=ROOT)
    clock.now += 10
    assert (await access.keys.revoke(key.id, by=ROOT)).revoked_at == first.revoked_at
    assert len(await all_events(hub)) == 2
    with pytest.raises(NotFound, match="'nope'"):
        await access.keys.revoke("nope", by=ROOT)


@pytest.mark.parametrize("spoil", [lambda t: t[:-1] + "!", lambda t: t[:-1], lambda t: t + "A", str.upper])
async def test_a_spoiled_key_is_refused_without_repeating_it(access: Access, spoil: object) -> None:
    _, text = await access.keys.create("web-1", by=ROOT)
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
        ("app", {"name": "a", "app": "x" * 201}),
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
        await access.keys.create(by=ROOT, **asked)  # type: ignore[arg-type]
    assert caught.value.field == field


async def test_keys_are_listed_by_app_oldest_first(access: Access, clock: Clock) -> None:
    for name, app in (("b", "shop"), ("a", "blog"), ("c", "shop")):
        await access.keys.create(name, app=app, by=ROOT)
        clock.now += 1
    assert [key.name for key in access.keys.list()] == ["b", "a", "c"]
    assert [key.name for key in access.keys.list("shop")] == ["b", "c"]


async def test_last_use_is_written_silently_at_most_once_a_minute(
    access: Access, hub: Hub, clock: Clock
) -> None:
    key, text = await access.keys.create("web-1", by=ROOT)
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
        grant.check_subscribe([Pattern.parse("shop/**"), Pattern.parse("tricast/audit/shop")])
        (entry,) = await all_events(hub)
        assert (entry["topic"], entry["data"]["actor"]["subject"]) == ("tricast/audit", "tricast")
        assert await access.ensure_root_key() is None
        await access.keys.revoke(access.keys.list()[0].id, by=ROOT)
        assert await access.ensure_root_key() is not None


async def test_dev_mode_makes_no_root_key(hub: Hub) -> None:
    access = Access(hub, AccessOptions(dev=True))
    async with hub, access:
        assert await access.ensure_root_key() is None
        assert access.keys.list() == []
