"""What is told of usage over HTTP: of one flag, of all, and why flags are stale."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from tests.api.served import Served
from tests.flags.usage_given import DAY_S, Installation

from tricast import Actor, Api, Grant, Hub
from tricast.flags.api.usage import usage_routes
from tricast.flags.edits import Context, Create
from tricast.flags.store import Flags
from tricast.flags.usage import Usage

pytestmark = pytest.mark.anyio
ANYONE = Grant("ann", app="shop", scopes=frozenset({"flags:read"}))


@dataclass
class Site:
    """Usage routes on a hub whose clock stands still."""

    clock: Any
    flags: Flags
    usage: Usage
    client: httpx2.AsyncClient
    grant: Grant = ANYONE

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def create(self, *keys: str) -> None:
        made = [Create(key, {"type": "boolean"}) for key in keys]
        await self.flags.apply("shop", made, Context(Actor("ann")))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    here = Installation()
    sites: list[Site] = []
    api = Api(lambda request: sites[0].grant)
    hub = Hub(here.log)
    flags, usage = Flags(hub, clock=here.clock), Usage(hub, clock=here.clock)
    app = Starlette(routes=usage_routes(api, flags, usage))
    transport = httpx2.ASGITransport(app=app)
    async with hub, usage, httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        await flags.load()
        sites.append(Site(here.clock, flags, usage, client))
        yield sites[0]


async def test_the_usage_of_a_flag_has_totals_and_minutes(site: Site) -> None:
    await site.create("pay/now")
    for variant in ("on", "on", "off", None):
        site.usage.count("shop", "production", "pay/now", variant)
        site.clock.now += 60
    assert await site.get("/v1/flags/pay%2Fnow/usage?environment=production") == {
        "app": "shop",
        "key": "pay/now",
        "stale_after_days": 30.0,
        "environment": "production",
        "evaluations": 4,
        "since": "2026-01-01T12:00:00Z",
        "last_evaluated_at": "2026-01-01T12:03:00Z",
        "variants": {
            "on": {"evaluations": 2, "last_evaluated_at": "2026-01-01T12:01:00Z"},
            "off": {"evaluations": 1, "last_evaluated_at": "2026-01-01T12:02:00Z"},
            "": {"evaluations": 1, "last_evaluated_at": "2026-01-01T12:03:00Z"},
        },
        "minutes": [
            {"at": "2026-01-01T12:00:00Z", "variants": {"on": 1}},
            {"at": "2026-01-01T12:01:00Z", "variants": {"on": 1}},
            {"at": "2026-01-01T12:02:00Z", "variants": {"off": 1}},
            {"at": "2026-01-01T12:03:00Z", "variants": {"": 1}},
        ],
        "stale": None,
        "served_only": None,
    }


async def test_minutes_end_with_now_not_with_the_last_evaluation(site: Site) -> None:
    await site.create("banner")
    site.usage.count("shop", "production", "banner", "on")
    site.clock.now += 4 * 3600
    told = await site.get("/v1/flags/banner/usage?environment=production")
    assert (told["evaluations"], told["minutes"]) == (1, [])


async def test_without_an_environment_all_of_the_flags_are_told(site: Site) -> None:
    await site.create("banner")
    site.usage.count("shop", "production", "banner", "on")
    told = await site.get("/v1/flags/banner/usage")
    counts = {name: there["evaluations"] for name, there in told["environments"].items()}
    assert counts == {"development": 0, "production": 1}
    assert told["stale"] is None


async def test_all_flags_and_why_they_are_stale(site: Site) -> None:
    await site.create("banner", "old")
    site.clock.now += 40 * DAY_S
    site.usage.count("shop", "production", "banner", "on")
    told = (await site.get("/v1/usage"))["flags"]
    assert told["banner"] == {
        "evaluations": 1,
        "last_evaluated_at": "2026-02-10T12:00:00Z",
        "stale": None,
    }
    assert told["old"]["stale"]["why"].startswith("never evaluated, last changed 2026-01-01T12:00:00")
    assert list((await site.get("/v1/usage?stale=1"))["flags"]) == ["old"]
    assert list((await site.get("/v1/usage?stale=1&environment=development"))["flags"]) == ["banner", "old"]


async def test_what_is_not_there_is_told_by_name(site: Site) -> None:
    await site.create("banner")
    assert "'nope'" in (await site.get("/v1/flags/nope/usage", 404))["detail"]
    assert "production" in (await site.get("/v1/usage?environment=nowhere", 404))["detail"]
    assert (await site.get("/v1/usage?frob=1", 400))["field"] == "frob"


async def test_who_belongs_to_one_environment_is_told_of_no_other(site: Site) -> None:
    await site.create("banner")
    site.grant = Grant("prod", app="shop", environment="production", scopes=frozenset({"flags:read"}))
    site.usage.count("shop", "development", "banner", "on")
    told = await site.get("/v1/flags/banner/usage")
    assert (told["environment"], told["evaluations"]) == ("production", 0)
    assert (await site.get("/v1/usage"))["flags"]["banner"]["evaluations"] == 0
    await site.get("/v1/usage?environment=development", 403)
    await site.get("/v1/usage?app=other", 403)
    site.grant = Grant("ann", app="shop")
    assert "flags:read" in (await site.get("/v1/usage", 403))["detail"]


def test_evaluations_of_a_real_server_are_counted(flags_server: Served) -> None:
    with flags_server.http() as client:
        made = client.post("/v1/flags?app=usage-demo", json={"key": "banner", "type": "boolean"})
        assert made.status_code == 201, made.text
        place = "app=usage-demo&environment=production"
        for url in (f"/ofrep/v1/evaluate/flags/banner?{place}", f"/ofrep/v1/evaluate/flags?{place}"):
            assert client.post(url, json={"context": {"targetingKey": "ann"}}).status_code == 200
        told = client.get(f"/v1/flags/banner/usage?{place}").json()
    assert told["evaluations"] == 2
