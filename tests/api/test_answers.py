"""Routes of one's own beside the hub: the gate, Origin rules, limits and errors are the hub's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import httpx2
import pytest
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tricast import (
    Api,
    Ask,
    BadRequest,
    Body,
    Conflict,
    Grant,
    TooMany,
    Unauthorized,
    json_answer,
)

pytestmark = pytest.mark.anyio


class Order(Body):
    id: int
    note: str = Field(default="", max_length=5)


def gate(request: Request) -> Grant:
    if "token=bad" in str(request.url):
        raise Unauthorized("the token is bad")
    return Grant("ann", scopes=frozenset({"orders"}))


async def orders(ask: Ask) -> Response:
    if ask.request.method == "GET":
        query = ask.query("state", repeated=("tag",))
        return json_answer({"query": query, "tags": ask.values("tag"), "who": ask.actor.subject})
    ask.need("orders")
    order = await ask.read(Order)
    if order.id == 1:
        raise Conflict("1 is taken", field="id", members={"holder": "bob"})
    if order.id == 2:
        raise TooMany("slow down", retry_after_s=1.2)
    if order.id == 3:
        raise ZeroDivisionError
    return json_answer({"id": order.id}, 201)


async def secret(ask: Ask) -> Response:
    ask.need("admin", "root")
    return json_answer({})


async def raw(ask: Ask) -> Response:
    return json_answer({"bytes": len(await ask.body()), "name": ask.path("name")})


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    api = Api(gate, allowed_origin=lambda origin, host, cookies: origin == "https://shop.example")
    app = Starlette(
        routes=[
            api.route("/orders", orders, methods=["GET", "POST"]),
            api.route("/secret", secret, methods=["GET"]),
            api.route("/raw/{name:path}", raw, methods=["PUT"], max_body_bytes=10),
        ]
    )
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub.example") as client:
        yield client


async def test_a_handler_gets_the_query_that_it_names(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/orders?state=open&tag=a&tag=b&token=good")
    assert answer.json() == {"query": {"state": "open", "tag": "b"}, "tags": ["a", "b"], "who": "ann"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "field"), [("stat=open", "stat"), ("state=a&state=b", "state"), ("state=%ff", "query")]
)
async def test_a_query_that_is_wrong_is_refused_by_its_name(
    client: httpx2.AsyncClient, query: str, field: str
) -> None:
    problem = (await client.get(f"/orders?{query}")).json()
    assert (problem["status"], problem["field"]) == (400, field)


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (b"{", "body", "not JSON"),
        (b"[]", "body", "JSON object"),
        (b'{"id":4,"colour":1}', "colour", "there are: id, note"),
        (b"{}", "id", "missing"),
        (b'{"id":"4"}', "id", "'4'"),
        (b'{"id":4,"note":"123456"}', "note", "5"),
    ],
)
async def test_a_body_that_is_wrong_is_refused_by_its_member(
    client: httpx2.AsyncClient, body: bytes, field: str, said: str
) -> None:
    answer = await client.post("/orders", content=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert said in answer.json()["detail"]


async def test_errors_are_problem_details_with_their_members(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/orders", json={"id": 1})
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["field"], problem["holder"]) == (409, "id", "bob")


async def test_a_refusal_for_now_says_when_to_come_back(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/orders", json={"id": 2})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


async def test_a_fault_of_ours_is_503_without_a_trace(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/orders", json={"id": 3})
    assert answer.status_code == 503
    assert "ZeroDivision" not in answer.text


async def test_the_gate_and_the_scopes_are_asked(client: httpx2.AsyncClient) -> None:
    refused = await client.get("/orders?token=bad")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="tricast"')
    forbidden = await client.get("/secret")
    assert forbidden.status_code == 403
    assert "'admin' or 'root'" in forbidden.json()["detail"]


async def test_a_body_is_bounded_and_a_path_may_hold_slashes(client: httpx2.AsyncClient) -> None:
    assert (await client.put("/raw/a%2Fb/c", content=b"1234567890")).json() == {"bytes": 10, "name": "a/b/c"}
    assert (await client.put("/raw/a", content=b"12345678901")).status_code == 413
    packed = await client.put("/raw/a", content=b"1", headers={"content-encoding": "gzip"})
    assert (packed.status_code, packed.json()["field"]) == (400, "Content-Encoding")


async def test_a_request_keeps_its_id_and_gets_one_if_it_has_none(client: httpx2.AsyncClient) -> None:
    given = await client.get("/orders", headers={"x-request-id": "job-7"})
    assert given.headers["x-request-id"] == "job-7"
    for wrong in ("x" * 65, "a b", ""):
        made = (await client.get("/orders", headers={"x-request-id": wrong})).headers["x-request-id"]
        assert made != wrong
        assert len(made) == 26


async def test_only_pages_that_may_can_read_an_answer(client: httpx2.AsyncClient) -> None:
    allowed = await client.get("/orders", headers={"origin": "https://shop.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "ETag" in allowed.headers["access-control-expose-headers"]
    other = await client.get("/orders", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


async def test_a_page_that_may_not_can_not_write_with_the_readers_cookies(client: httpx2.AsyncClient) -> None:
    headers = {"origin": "https://evil.example", "cookie": "session=1"}
    refused = await client.post("/orders", json={"id": 4}, headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (403, "origin")
    headers["origin"] = "https://shop.example"
    assert (await client.post("/orders", json={"id": 4}, headers=headers)).status_code == 201


async def test_a_preflight_names_the_methods_and_headers(client: httpx2.AsyncClient) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    answer = await client.options("/orders", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS, POST"
    allowed = answer.headers["access-control-allow-headers"]
    assert all(
        name in allowed
        for name in (
            "Authorization",
            "X-API-Key",
            "Content-Type",
            "If-Match",
            "If-None-Match",
            "X-Request-ID",
        )
    )
    refused = await client.options("/orders", headers={**asked, "origin": "https://evil.example"})
    assert "access-control-allow-methods" not in refused.headers


async def test_a_gate_that_has_to_be_waited_for_is() -> None:
    async def slow(request: Request) -> Grant:
        await anyio.lowlevel.checkpoint()
        raise BadRequest("no", field="x")

    app = Starlette(routes=[Api(slow).route("/orders", orders, methods=["GET"])])
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://hub.example"
    ) as client:
        assert (await client.get("/orders")).status_code == 400


async def test_who_lost_the_right_while_the_body_came_is_refused() -> None:
    def recheck(caller: object) -> None:
        raise Unauthorized("revoked meanwhile")

    app = Starlette(routes=[Api(gate, recheck=recheck).route("/orders", orders, methods=["POST"])])
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://hub.example"
    ) as client:
        assert (await client.post("/orders", json={"id": 4})).status_code == 401
