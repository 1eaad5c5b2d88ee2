"""Schemas for event data on a hub in this process: what they cost, and whom they reach."""

from __future__ import annotations

import pytest

from tricast import Actor, Conflict, Hub, NotFound, Unavailable, Write
from tricast.access.context import Context
from tricast.api.schema_store import SCHEMA_KIND, EventSchemas
from tricast.errors import SchemaMismatch

pytestmark = pytest.mark.anyio
BY = Context(Actor("ann"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_the_application_itself_publishes_is_held_against_it_too() -> None:
    hub = Hub()
    schemas = EventSchemas(hub)
    async with hub:
        schemas.begin()
        await schemas.put("shop", "order.paid", {"type": "object"}, version=0, by=BY)
        with pytest.raises(SchemaMismatch, match="data is 1: it is not of type") as refused:
            await hub.publish("shop/orders", 1, type="order.paid")
        assert refused.value.members["mismatch"]["version"] == 1
        await hub.publish("shop/orders", {}, type="order.paid")
        with pytest.raises(SchemaMismatch):
            await hub.publish("shop/orders", 1, type="order.paid", ephemeral=True)


async def test_without_schemas_a_publish_is_not_even_looked_at() -> None:
    hub = Hub()
    schemas = EventSchemas(hub)
    async with hub:
        schemas.begin()
        assert hub.vet is None
        await schemas.put("shop", "a", True, version=0, by=BY)
        await schemas.put("shop", "b", True, version=0, by=BY)
        assert hub.vet is not None
        await schemas.delete("shop", "a", version=1, by=BY)
        assert hub.vet is not None
        await schemas.delete("shop", "b", version=None, by=BY)
        assert hub.vet is None


async def test_two_who_change_one_version_do_not_overwrite_each_other() -> None:
    hub = Hub()
    schemas = EventSchemas(hub)
    async with hub:
        schemas.begin()
        await schemas.put("shop", "a", True, version=0, by=BY)
        await schemas.put("shop", "a", {"type": "object"}, version=1, by=BY)
        for version in (0, 1, 3):
            with pytest.raises(Conflict, match="is at version 2"):
                await schemas.put("shop", "a", False, version=version, by=BY)
        with pytest.raises(Conflict):
            await schemas.delete("shop", "a", version=1, by=BY)
        with pytest.raises(NotFound):
            await schemas.delete("shop", "none", version=None, by=BY)
        assert schemas.get("shop", "a").schema == {"type": "object"}


async def test_a_schema_made_again_is_not_taken_for_the_one_that_was_there() -> None:
    hub = Hub()
    schemas = EventSchemas(hub)
    async with hub:
        schemas.begin()
        await schemas.put("shop", "a", {"type": "string"}, version=0, by=BY)
        await hub.publish("shop/x", "text", type="a")
        await schemas.delete("shop", "a", version=1, by=BY)
        await schemas.put("shop", "a", {"type": "integer"}, version=0, by=BY)
        await hub.publish("shop/x", 1, type="a")
        with pytest.raises(SchemaMismatch):
            await hub.publish("shop/x", "text", type="a")


async def test_a_stored_schema_that_can_not_be_used_any_more_lets_nothing_pass_unchecked() -> None:
    hub = Hub()
    schemas = EventSchemas(hub)
    stored = {"schema": {"type": "nonsense"}, "created_at": "", "updated_at": "", "updated_by": ""}
    async with hub:
        await hub.append((), (Write(SCHEMA_KIND, "shop/a", stored),))
        schemas.begin()
        with pytest.raises(Unavailable, match="put another, or delete it"):
            await hub.publish("shop/x", 1, type="a")
        await schemas.put("shop", "a", {"type": "integer"}, version=1, by=BY)
        await hub.publish("shop/x", 1, type="a")
