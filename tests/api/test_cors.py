"""CORS: which answers a page of another origin may read, and what it may send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from tests.api.served import Served, serve

from tricast import Api, Ask, Grant, Hub, Unauthorized, endpoints
from tricast.transports import http

APP = "https://shop.example.com"
STRANGER = "https://stranger.example"
EVENTS = "/v1/events?topic=shop/a&timeout=0"
GRANT = Grant(subject="ann", subscribe=("**",), publish=("**",))


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """It lets one origin in by name, and any by `*`."""
    with serve("--set", f"allowed_origins={APP},*", "--set", "max_body_bytes=2KiB", dev=False) as server:
        yield server


def ask_first(client: httpx2.Client, path: str, names: str | None = None) -> httpx2.Response:
    """A preflight; without the credentials that browsers don't send with one."""
    headers = {"access-control-request-method": "POST", "authorization": ""}
    if names is not None:
        headers["access-control-request-headers"] = names
    return client.options(path, headers=headers)


def names_in(answer: httpx2.Response, header: str) -> list[str]:
    return [name.strip().lower() for name in answer.headers[header].split(",")]


@pytest.mark.parametrize(
    ("method", "path", "status", "more"),
    [
        ("GET", EVENTS, 200, {}),
        ("HEAD", EVENTS, 200, {}),
        ("GET", EVENTS, 401, {"authorization": "Bearer wrong"}),
        ("GET", "/v1/events", 400, {}),
        ("PUT", "/v1/events", 405, {}),
        ("POST", "/v1/events?topic=shop/a", 413, {"content": "x" * 4096}),
        ("POST", "/v1/events?topic=tricast/a", 403, {"content": "x"}),
        ("GET", "/v1/keys", 200, {}),
        ("GET", "/v1/keys", 401, {"authorization": "Bearer wrong"}),
        ("PUT", "/v1/keys", 405, {}),
        ("GET", "/v1/nothing", 404, {}),
        ("GET", "/nothing", 404, {}),
        ("POST", "/v1/apps/shop/production/ofrep/v1/evaluate/flags", 200, {}),
        ("POST", "/v1/apps/shop/production/ofrep/v1/evaluate/flags/none", 404, {}),
        ("GET", "/v1/apps/shop/production/ofrep/v1/stream", 401, {"authorization": "Bearer wrong"}),
        ("GET", "/healthz", 200, {}),
        ("POST", "/healthz", 405, {}),
        ("GET", "/metrics", 200, {}),
        ("GET", "/metrics", 401, {"authorization": "Bearer wrong"}),
        ("GET", "/openapi.json", 200, {}),
        ("GET", "/client/index.js", 200, {}),
        ("GET", "/client/nothing.js", 404, {}),
        ("GET", "/", 200, {}),
    ],
)
def test_every_answer_can_be_read_by_an_allowed_page(
    server: Served, method: str, path: str, status: int, more: dict[str, str]
) -> None:
    headers = {**server.headers, "origin": APP}
    if "authorization" in more:
        headers["Authorization"] = more["authorization"]
    with server.http(headers=headers) as client:
        answer = client.request(method, path, content=more.get("content"))
    assert answer.status_code == status, answer.text
    assert answer.headers.get_list("access-control-allow-origin") == [APP]
    assert answer.headers.get_list("access-control-allow-credentials") == ["true"]
    assert answer.headers["access-control-expose-headers"].encode() == http.EXPOSED_HEADERS
    assert names_in(answer, "vary").count("origin") == 1


def test_a_page_that_only_the_star_lets_in_gets_no_credentials(server: Served) -> None:
    with server.http(headers={**server.headers, "origin": STRANGER}) as client:
        for path in (EVENTS, "/v1/keys", "/nothing", "/healthz"):
            answer = client.get(path)
            assert answer.headers["access-control-allow-origin"] == STRANGER
            assert "access-control-allow-credentials" not in answer.headers
            asked = ask_first(client, path, "traceparent")
            if path != "/nothing":
                assert "traceparent" in names_in(asked, "access-control-allow-headers")
            assert "access-control-allow-credentials" not in asked.headers
        with_cookie = client.get("/v1/keys", headers={"cookie": "a=b"})
        assert "access-control-allow-origin" not in with_cookie.headers


@pytest.mark.parametrize("path", ["/v1/events", "/v1/tokens", "/v1/flags/x/usage", "/healthz", "/metrics"])
def test_a_preflight_lets_an_allowed_page_send_what_it_asks_for(server: Served, path: str) -> None:
    wanted = "traceparent, sentry-trace,x-requested-with ,X-Own"
    with server.http(headers={"origin": APP}) as client:
        answer = ask_first(client, path, wanted)
    assert answer.status_code == 204, answer.text
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"] == "Origin, Access-Control-Request-Headers"
    allowed = names_in(answer, "access-control-allow-headers")
    assert set(allowed) >= {"traceparent", "sentry-trace", "x-requested-with", "x-own", "authorization"}


@pytest.mark.parametrize(
    "wanted",
    [
        ",".join(f"x-{n}" for n in range(33)),
        "x-good, x bad",
        "x-good, x:bad",
        'x-good, "x"',
        "x-good, x-\xe9",
        "x-good, " + "x" * 129,
    ],
)
def test_malformed_or_too_many_header_names_are_not_allowed(server: Served, wanted: str) -> None:
    with server.http(headers={"origin": APP}) as client:
        for path in ("/v1/events", "/v1/tokens"):
            headers = {"access-control-request-method": "POST"}
            answer = client.options(
                path,
                headers=[*headers.items(), ("access-control-request-headers", wanted.encode("latin-1"))],  # type: ignore[arg-type]
            )
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-headers"].encode() == http.REQUEST_HEADERS
            assert answer.headers["access-control-allow-origin"] == APP


def test_thirty_two_header_names_are_allowed(server: Served) -> None:
    with server.http(headers={"origin": APP}) as client:
        answer = ask_first(client, "/v1/events", ",".join(f"x-{n}" for n in range(32)))
    assert "x-31" in names_in(answer, "access-control-allow-headers")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/events", {"get", "head", "post", "options"}),
        ("/v1/keys/x", {"delete", "options"}),
        ("/v1/flags", {"get", "head", "post", "options"}),
        ("/v1/flags/a/b", {"get", "head", "patch", "delete", "options"}),
        ("/v1/session", {"get", "head", "post", "delete", "patch", "options"}),
        ("/openapi.json", {"get", "head", "options"}),
    ],
)
def test_a_preflight_names_the_methods_of_its_path(server: Served, path: str, methods: set[str]) -> None:
    with server.http(headers={"origin": APP}) as client:
        answer = ask_first(client, path)
    assert set(names_in(answer, "access-control-allow-methods")) == methods


def test_a_page_that_is_not_allowed_gets_nothing_and_caches_are_told_why() -> None:
    with (
        serve("--set", f"allowed_origins={APP}", dev=False) as server,
        server.http(headers={**server.headers, "origin": STRANGER}) as client,
    ):
        for answer in (client.get(EVENTS), client.get("/v1/keys"), ask_first(client, "/v1/keys", "a")):
            assert not [name for name in answer.headers if name.startswith("access-control-")]
            assert "origin" in names_in(answer, "vary")
        assert client.get("/openapi.json").headers["access-control-allow-origin"] == "*"


# In an application of one's own


async def gate(request: object) -> Grant:
    if b"user=ann" not in dict(request.scope["headers"]).get(b"cookie", b""):  # type: ignore[attr-defined]
        raise Unauthorized("no cookie")
    return GRANT


async def orders(ask: Ask) -> Response:
    return Response("orders")


@pytest.fixture
async def embedded() -> AsyncIterator[httpx2.AsyncClient]:
    """A hub below `/api/v1`, with a route of its own, behind a cookie; one origin may."""

    def allowed(origin: str, host: str, cookies: bool) -> bool:
        return origin == APP

    hub = Hub("memory:")
    api = Api(gate, allowed_origin=allowed)
    routes = [
        Mount("/orders", routes=[
            api.route("/mine", orders, methods=["GET"]),
            api.route("/mine", orders, methods=["PUT"]),
            api.route("/others", orders, methods=["DELETE"]),
        ]),
        Mount("/api/v1", endpoints(hub, gate, allowed_origin=allowed)),
    ]  # fmt: skip
    async with hub:
        transport = httpx2.ASGITransport(app=Starlette(routes=routes))
        async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as client:
            yield client


async def test_an_embedded_hub_lets_an_allowed_page_come_with_cookies(embedded: httpx2.AsyncClient) -> None:
    query = "?topic=shop/a&timeout=0"
    for path, cookie, status in (
        (f"/api/v1/events{query}", "user=ann", 200),
        (f"/api/v1/events{query}", "", 401),
        ("/api/v1/nothing", "user=ann", 404),
        ("/orders/mine", "user=ann", 200),
        ("/orders/mine", "", 401),
    ):
        headers = {"origin": APP} | ({"cookie": cookie} if cookie else {})
        answer = await embedded.get(path, headers=headers)
        assert answer.status_code == status, path
        assert answer.headers["access-control-allow-origin"] == APP
        assert answer.headers["access-control-allow-credentials"] == "true"


async def test_a_preflight_below_a_mount_names_the_methods_of_its_path(embedded: httpx2.AsyncClient) -> None:
    asked = {"origin": APP, "access-control-request-method": "PUT"}
    answer = await embedded.options("/orders/mine", headers=asked)
    assert set(names_in(answer, "access-control-allow-methods")) == {"get", "head", "put", "options"}
    assert answer.headers["access-control-allow-credentials"] == "true"


async def test_a_failure_can_be_read_too(embedded: httpx2.AsyncClient) -> None:
    async def fail(ask: Ask) -> Response:
        raise ValueError("no")

    def failing(request: object) -> Grant:
        raise ValueError("no")

    def allowed(origin: str, host: str, cookies: bool) -> bool:
        return True

    hub = Hub("memory:")
    routes = [
        Api(lambda _: GRANT, allowed_origin=allowed).route("/fails", fail, methods=["GET"]),
        Mount("/v1", endpoints(hub, failing, allowed_origin=allowed)),
    ]
    async with hub:
        transport = httpx2.ASGITransport(app=Starlette(routes=routes))
        async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as client:
            for path in ("/fails", "/v1/events?topic=a/b"):
                answer = await client.get(path, headers={"origin": APP})
                assert answer.status_code == 503
                assert answer.headers["access-control-allow-origin"] == APP
