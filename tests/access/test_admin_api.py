"""Keys and tokens over HTTP."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from tests.access.given import ROOT, Clock, bearer

from tricast.access.access import Access, AccessOptions
from tricast.api.admin import admin_routes
from tricast.api.admin_schema import OPENAPI_PATHS, OPENAPI_SCHEMAS
from tricast.api.answers import Api
from tricast.errors import Unauthorized
from tricast.hub.hub import Hub
from tricast.pattern import Pattern

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(access: Access) -> AsyncIterator[httpx2.AsyncClient]:
    async with _client(access) as client:
        yield client


def api_of(access: Access) -> Api:
    return Api(access.gate, recheck=lambda caller: access.revocations.check(caller.grant))


def _client(access: Access) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=Starlette(routes=admin_routes(access, api_of(access))))
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost:8080")


async def auth(access: Access, **asked: Any) -> dict[str, str]:
    """The header of a new key."""
    _, text = await access.keys.create(asked.pop("name", "web-1"), by=ROOT, **asked)
    return {"Authorization": f"Bearer {text}"}


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    return found


async def test_a_key_mints_a_token(access: Access, client: httpx2.AsyncClient) -> None:
    key = await auth(access, app="shop", subscribe=["shop/**"])
    body = {"subject": "alice", "subscribe": ["shop/orders/*"], "ttl_s": 60}
    answer = await client.post("/v1/tokens", json=body, headers=key)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    got = answer.json()
    assert set(got) == set(OPENAPI_SCHEMAS["TokenAnswer"]["properties"])
    assert (got["app"], got["expires_at"]) == ("shop", "2100-01-01T00:01:00.000Z")
    assert access.gate(bearer(got["token"])).subject == "alice"


async def test_minting_beyond_the_key_is_forbidden_and_names_the_pattern(
    access: Access, client: httpx2.AsyncClient
) -> None:
    key = await auth(access, app="shop", subscribe=["shop/a"])
    answer = await client.post("/v1/tokens", json={"subject": "a", "subscribe": ["shop/b"]}, headers=key)
    found = problem(answer, 403)
    assert found["field"] == "subscribe"
    assert "'shop/b'" in found["detail"]


async def test_a_token_mints_and_revokes_no_tokens(access: Access, client: httpx2.AsyncClient) -> None:
    key = await auth(access, app="shop", subscribe=["shop/**"])
    minted = (await client.post("/v1/tokens", json={"subject": "a"}, headers=key)).json()
    token = {"Authorization": f"Bearer {minted['token']}"}
    problem(await client.post("/v1/tokens", json={"subject": "b"}, headers=token), 403)
    problem(await client.post("/v1/tokens/revoke", json={"subject": "b"}, headers=token), 403)


async def test_without_credentials_everything_is_401_with_a_challenge(client: httpx2.AsyncClient) -> None:
    for method, path in (
        ("POST", "/v1/tokens"),
        ("POST", "/v1/tokens/revoke"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("DELETE", "/v1/keys/x"),
    ):
        answer = await client.request(method, path)
        assert "Authorization: Bearer" in problem(answer, 401)["detail"]
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("what", ["token", "id", "subject"])
async def test_a_token_is_revoked_by_itself_its_id_or_its_subject(
    access: Access, client: httpx2.AsyncClient, what: str
) -> None:
    key = await auth(access, app="shop")
    minted = (await client.post("/v1/tokens", json={"subject": "a"}, headers=key)).json()
    access.gate(bearer(minted["token"]))
    answer = await client.post("/v1/tokens/revoke", json={what: minted[what]}, headers=key)
    assert answer.status_code == 204
    with pytest.raises(Unauthorized, match="revoked"):
        access.gate(bearer(minted["token"]))


async def test_a_key_revokes_only_what_it_minted_and_an_admin_key_all_of_its_app(
    access: Access, client: httpx2.AsyncClient
) -> None:
    key, other = [await auth(access, app="shop") for _ in range(2)]
    foreign = await auth(access, app="blog", scopes=["admin"])
    admin = await auth(access, app="shop", scopes=["admin"])
    token = (await client.post("/v1/tokens", json={"subject": "a"}, headers=key)).json()["token"]
    for who in (other, foreign):
        problem(await client.post("/v1/tokens/revoke", json={"token": token}, headers=who), 403)
        assert (await client.post("/v1/tokens/revoke", json={"subject": "a"}, headers=who)).status_code == 204
        access.gate(bearer(token))
    assert (await client.post("/v1/tokens/revoke", json={"subject": "a"}, headers=admin)).status_code == 204
    with pytest.raises(Unauthorized):
        access.gate(bearer(token))


@pytest.mark.parametrize("body", [{}, {"id": "x", "subject": "y"}, {"token": "not one of ours"}])
async def test_a_revocation_of_nothing_or_two_things_is_a_bad_request(
    access: Access, client: httpx2.AsyncClient, body: dict[str, str]
) -> None:
    key = await auth(access, app="shop")
    found = problem(await client.post("/v1/tokens/revoke", json=body, headers=key), 400)
    assert "not one of ours" not in found["detail"]


async def test_an_admin_makes_lists_and_revokes_keys(access: Access, client: httpx2.AsyncClient) -> None:
    admin = await auth(access, name="boss", scopes=["admin"])
    made = await client.post("/v1/keys", json={"name": "web-2", "app": "shop"}, headers=admin)
    assert made.status_code == 201
    key = made.json()
    assert set(key) == set(OPENAPI_SCHEMAS["NewKeyAnswer"]["properties"])
    access.gate(bearer(key["key"]))
    listed = (await client.get("/v1/keys", headers=admin)).json()["keys"]
    assert {k["name"] for k in listed} == {"boss", "web-2"}
    assert all(set(k) == set(OPENAPI_SCHEMAS["KeyAnswer"]["properties"]) for k in listed)
    assert "sha256" not in str(listed)
    gone = await client.delete(f"/v1/keys/{key['id']}", headers=admin)
    assert gone.status_code == 200
    assert gone.json()["revoked_at"] is not None
    problem(await client.get("/v1/keys", headers={"X-API-Key": key["key"]}), 401)
    problem(await client.delete("/v1/keys/nope", headers=admin), 404)


async def test_a_key_and_its_tokens_are_confined_to_an_environment(
    access: Access, client: httpx2.AsyncClient
) -> None:
    admin = await auth(access, name="boss", scopes=["admin", "flags:read"])
    body = {"name": "web", "app": "shop", "environment": "production", "scopes": ["flags:read"]}
    made = (await client.post("/v1/keys", json=body, headers=admin)).json()
    listed = (await client.get("/v1/keys", headers=admin)).json()["keys"]
    assert {key["name"]: key["environment"] for key in listed} == {"boss": None, "web": "production"}
    key = {"X-API-Key": made["key"]}
    minted = (await client.post("/v1/tokens", json={"subject": "a"}, headers=key)).json()
    assert minted["environment"] == "production"
    assert access.gate(bearer(minted["token"])).environment == "production"
    other = {"subject": "a", "environment": "development"}
    assert problem(await client.post("/v1/tokens", json=other, headers=key), 403)["field"] == "environment"
    lost = {"name": "web", "environment": "production"}
    assert "give `app`" in problem(await client.post("/v1/keys", json=lost, headers=admin), 400)["detail"]


async def test_who_why_and_in_which_request_is_in_the_audit_trail(
    access: Access, hub: Hub, client: httpx2.AsyncClient
) -> None:
    admin = await auth(access, name="boss", scopes=["admin"]) | {"X-Request-ID": "req-1"}
    body = {"name": "web", "app": "shop", "reason": "a second server"}
    key = (await client.post("/v1/keys", json=body, headers=admin)).json()
    token = (await client.post("/v1/tokens", json={"subject": "a"}, headers={"X-API-Key": key["key"]})).json()
    for revoked in ({"token": token["token"]}, {"id": "t2"}, {"subject": "ann"}):
        body = {**revoked, "reason": "left us"}
        assert (await client.post("/v1/tokens/revoke", json=body, headers=admin)).status_code == 204
    gone = await client.delete(f"/v1/keys/{key['id']}", params={"reason": "it leaked"}, headers=admin)
    assert gone.headers["x-request-id"] == "req-1"
    events = (await hub.log.read(1, [Pattern.parse("tricast/**")])).events
    entries = [event.data for event in events]
    assert [(e["action"], e["app"], e["key"], e["reason"]) for e in entries] == [
        ("key.created", "shop", key["id"], "a second server"),
        ("token.revoked", "shop", token["id"], "left us"),
        ("token.revoked", None, "t2", "left us"),
        ("subject.revoked", None, "ann", "left us"),
        ("key.revoked", "shop", key["id"], "it leaked"),
    ]
    (boss,) = [one for one in access.keys.list() if one.name == "boss"]
    for entry in entries:
        assert entry["request_id"] == "req-1"
        assert entry["actor"] == {
            "subject": "boss",
            "role": None,
            "credential": f"key:{boss.id}",
            "address": "127.0.0.1",
        }
    told = repr([event.json for event in events])
    for secret in (key["key"].rsplit("_", 1)[1], token["token"], "sha256"):
        assert secret not in told


async def test_a_reason_that_is_too_long_is_refused(access: Access, client: httpx2.AsyncClient) -> None:
    admin = await auth(access, scopes=["admin"])
    made = await client.post("/v1/keys", json={"name": "x", "reason": "x" * 501}, headers=admin)
    key = access.keys.list()[0]
    gone = await client.delete(f"/v1/keys/{key.id}", params={"reason": "x" * 501}, headers=admin)
    assert problem(made, 400)["field"] == problem(gone, 400)["field"] == "reason"
    assert [one.revoked_at for one in access.keys.list()] == [None]


async def test_a_parameter_that_there_is_not_is_refused(access: Access, client: httpx2.AsyncClient) -> None:
    admin = await auth(access, scopes=["admin"])
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x")):
        answer = await client.request(method, path, params={"wish": "1"}, headers=admin)
        assert problem(answer, 400)["field"] == "wish"


async def test_keys_are_for_admins_only(access: Access, client: httpx2.AsyncClient) -> None:
    key = await auth(access, subscribe=["**"], scopes=["presence", "flags:write"])
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x")):
        assert "'admin'" in problem(await client.request(method, path, headers=key), 403)["detail"]


async def test_an_admin_of_an_app_stays_inside_it(access: Access, client: httpx2.AsyncClient) -> None:
    admin = await auth(access, app="shop", scopes=["admin"])
    foreign, _ = await access.keys.create("theirs", app="blog", by=ROOT)
    root, _ = await access.keys.create("root", scopes=["admin"], by=ROOT)
    listed = (await client.get("/v1/keys", headers=admin)).json()["keys"]
    assert [key["app"] for key in listed] == ["shop"]
    for key_id in (foreign.id, root.id):
        problem(await client.delete(f"/v1/keys/{key_id}", headers=admin), 404)
    problem(await client.post("/v1/keys", json={"name": "x", "app": "blog"}, headers=admin), 403)
    problem(await client.post("/v1/keys", json={"name": "x", "subscribe": ["**"]}, headers=admin), 400)
    assert (await client.post("/v1/keys", json={"name": "x"}, headers=admin)).json()["app"] == "shop"


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"subject": "a", "ttl_s": 0}, "ttl_s", "0"),
        ({"subject": "a", "ttl_s": "60"}, "ttl_s", "number"),
        ({"subject": "a", "scopes": ["root"]}, "scopes.0", "'root'"),
        ({"subject": "a", "subscribe": "shop/a"}, "subscribe", "list"),
        ({"subject": "a", "subscribe": ["shop/a b"]}, "subscribe", "'a b'"),
        ({"subject": "a", "patterns": []}, "patterns", "unknown member"),
        ({}, "subject", "missing"),
        ([], "body", "object"),
    ],
)
async def test_a_bad_body_is_one_problem_with_field_and_value(
    access: Access, client: httpx2.AsyncClient, body: Any, field: str, says: str
) -> None:
    key = await auth(access, app="shop", subscribe=["shop/**"])
    found = problem(await client.post("/v1/tokens", json=body, headers=key), 400)
    assert found["field"] == field
    assert says in found["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/keys", b'{"name":"late"}'),
        ("/v1/tokens", b'{"subject":"late"}'),
        ("/v1/tokens/revoke", b'{"subject":"late"}'),
    ],
)
async def test_a_key_that_is_revoked_while_its_body_comes_does_nothing_more(
    access: Access, hub: Hub, client: httpx2.AsyncClient, path: str, body: bytes
) -> None:
    key = await auth(access, app="shop", scopes=["admin"])

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:5]
        await access.keys.revoke(access.keys.list()[0].id, by=ROOT)
        yield body[5:]

    problem(await client.post(path, content=slowly(), headers=key), 401)
    events = (await hub.log.read(0, [Pattern.parse("tricast/**")])).events
    assert [event.type for event in events] == ["key.created", "key.revoked"]


async def test_bodies_that_are_no_json_or_too_large_are_refused(
    access: Access, client: httpx2.AsyncClient
) -> None:
    key = await auth(access, app="shop")
    problem(await client.post("/v1/tokens", content=b"{", headers=key), 400)
    problem(await client.post("/v1/tokens", content=b"", headers=key), 400)
    problem(await client.post("/v1/tokens", content=b" " * 70_000, headers=key), 413)


async def test_a_secret_in_the_wrong_place_is_not_echoed(access: Access, client: httpx2.AsyncClient) -> None:
    key = await auth(access, app="shop")
    text = key["Authorization"].removeprefix("Bearer ")
    for body in ({"subject": "a", "app": 1, "key": text}, {"subject": "a", "scopes": [text]}, {text: 1}):
        found = problem(await client.post("/v1/tokens", json=body, headers=key), 400)
        assert text.rsplit("_", 1)[1] not in str(found)


async def test_in_dev_anybody_here_makes_keys_and_tokens(hub: Hub, clock: Clock) -> None:
    access = Access(hub, AccessOptions(dev=True), clock=clock)
    async with hub, access, _client(access) as client:
        made = await client.post("/v1/tokens", json={"subject": "a", "subscribe": ["shop/**"]})
        assert made.status_code == 201
        assert (await client.post("/v1/keys", json={"name": "x"})).status_code == 201
        evil = {"origin": "https://evil.example"}
        problem(await client.post("/v1/keys", json={"name": "x"}, headers=evil), 403)


def test_openapi_names_every_route_and_every_schema_it_refers_to(access_routes: list[Any]) -> None:
    described = {(path, method.upper()) for path, methods in OPENAPI_PATHS.items() for method in methods}
    served = {(r.path, method) for r in access_routes for method in r.methods - {"HEAD", "OPTIONS"}}
    assert described == served
    refs = re.findall(r"#/components/schemas/(\w+)", str(OPENAPI_PATHS) + str(OPENAPI_SCHEMAS))
    assert set(refs) <= set(OPENAPI_SCHEMAS)


@pytest.fixture
def access_routes() -> list[Any]:
    access = Access(Hub("memory:"))
    return list(admin_routes(access, api_of(access)))
