"""What the tests of people are given: browsers, people who are signed in, and the trail of what they did."""

from __future__ import annotations

from typing import Any

import httpx2
from starlette.applications import Starlette
from tests.access.given import ROOT, Clock

from tricast.access.access import Access, AccessOptions
from tricast.access.people.passwords import Cost
from tricast.api.admin import admin_routes
from tricast.api.answers import Api
from tricast.api.people import people_routes
from tricast.api.sign_in import session_routes
from tricast.hub.hub import Hub
from tricast.pattern import Pattern

BASE = "http://localhost:8080"
PASSWORD = "correct horse"
CHEAP = Cost(passes=1, memory_kib=8)


def access_of(hub: Hub, clock: Clock, **options: Any) -> Access:
    """Access with passwords that cost nothing, and one clock for everything."""
    return Access(hub, AccessOptions(password_cost=CHEAP, **options), clock=clock, monotonic=clock)


def browser(access: Access, *, address: str = "192.0.2.1", base: str = BASE) -> httpx2.AsyncClient:
    """Somebody's browser: it keeps cookies."""

    def allowed_origin(origin: str, host: str, cookies: bool) -> bool:
        return access.origins.allows(origin, host, cookies=cookies)

    api = Api(access.gate, allowed_origin=allowed_origin, recheck=lambda caller: access.check(caller.grant))
    routes = [
        *session_routes(access, api, allowed_origin=allowed_origin, version="1", heartbeat_s=15.0),
        *people_routes(access, api),
        *admin_routes(access, api),
    ]
    transport = httpx2.ASGITransport(app=Starlette(routes=routes), client=(address, 1))
    return httpx2.AsyncClient(transport=transport, base_url=base)


async def join(
    access: Access, login: str, role: str = "viewer", *, address: str = "192.0.2.1"
) -> httpx2.AsyncClient:
    """A new person's browser, signed in by an invitation."""
    _, code = await access.accounts.invites.create(role=role, login=login, by=ROOT)
    client = browser(access, address=address)
    answer = await client.post("/v1/invites/accept", json={"code": code, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return client


async def sign_in(
    client: httpx2.AsyncClient, login: str, password: str = PASSWORD, **headers: str
) -> httpx2.Response:
    return await client.post("/v1/session", json={"login": login, "password": password}, headers=headers)


async def me(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/v1/session")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return found


async def trail(hub: Hub) -> list[dict[str, Any]]:
    """The audit trail, oldest first."""
    return [event.data for event in (await hub.log.read(0, [Pattern.parse("tricast/**")])).events]
