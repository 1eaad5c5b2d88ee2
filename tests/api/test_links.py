"""Links of a server with a public URL, and of one without: by plain requests, as a proxy would send them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.api.served import Served, serve
from tests.harness.sockets import settled

from tricast import Grant, Hub, endpoints
from tricast.server.app import Service
from tricast.settings import Settings

PUBLIC = "https://example.com/tricast"
PASSWORD = "correct horse"
BY_TLS = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7", "host": "example.com"}
APART = pytest.mark.parametrize("prefix", ["", "/tricast"], ids=["stripped", "left"])


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serve("--set", f"public_url={PUBLIC}/", dev=False) as server:
        yield server


def next_of(answer: httpx2.Response, asked: str) -> str:
    """The URL of the next poll, for a client that asked for the URL `asked`."""
    return urljoin(asked, answer.links["next"]["url"])


@APART
def test_everything_is_served_with_the_prefix_and_without(server: Served, prefix: str) -> None:
    with server.http() as client:
        for path in ("/", "/healthz", "/v1/keys", "/v1/events?topic=a&timeout=0", "/static/icon.svg"):
            assert client.get(prefix + path).status_code == 200, path
        assert client.post(f"{prefix}/v1/events?topic=shop/a", content="x").status_code == 201
        for path in ("/nothing", "/v1/nothing", "/static/nothing"):
            assert client.get(prefix + path).status_code == 404
        assert client.put(f"{prefix}/v1/keys").status_code == 405
    with server.websocket("topic=a", path=f"{prefix}/v1/events") as talk:
        assert talk.next()["type"] == "tricast.hello"


def test_what_only_looks_like_the_prefix_is_not_it(server: Served) -> None:
    with server.http() as client:
        assert client.get("/tricastle/healthz").status_code == 404
        assert client.get("/tricast/tricast/healthz").status_code == 404


def test_the_prefix_without_its_slash_leads_to_the_dashboard(server: Served) -> None:
    with server.http() as client:
        answer = client.get("/tricast?a=b")
        assert answer.status_code == 308
        assert urljoin(f"{PUBLIC}?a=b", answer.headers["location"]) == f"{PUBLIC}/?a=b"
        page = client.get("/tricast/", headers={"accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")


@APART
def test_the_link_to_the_next_poll_leads_there_from_the_public_url(server: Served, prefix: str) -> None:
    query = "topic=shop/**&timeout=0&cursor=earliest&limit=1"
    with server.http(headers=server.headers | BY_TLS) as client:
        first = client.get(f"{prefix}/v1/events?{query}")
    url = next_of(first, f"{PUBLIC}/v1/events?{query}")
    assert url.startswith(f"{PUBLIC}/v1/events?topic=shop/")
    assert url.endswith(f"&cursor={first.json()['cursor']}")


@APART
def test_an_ofrep_stream_is_below_the_prefix(server: Served, prefix: str) -> None:
    with server.http(headers=server.headers | BY_TLS) as client:
        for base, given in (("", "?app=shop&environment=production"), ("/v1/apps/shop/production", "")):
            answer = client.post(f"{prefix}{base}/ofrep/v1/evaluate/flags{given}", json={})
            assert answer.status_code == 200, answer.text
            uri = answer.json()["eventStreams"][0]["endpoint"]["requestUri"]
            assert uri.startswith(f"/tricast{base}/ofrep/v1/stream?"), uri
            with client.stream("GET", uri, headers={"authorization": ""}) as stream:
                assert stream.status_code == 200


@APART
def test_a_new_flag_is_where_its_location_says(server: Served, prefix: str) -> None:
    there = {name: {"state": "DISABLED"} for name in ("development", "production")}
    flag = {"key": f"new{len(prefix)}/one", "type": "boolean", "environments": there}
    with server.http(headers=server.headers | BY_TLS) as client:
        made = client.post(f"{prefix}/v1/flags?app=shop", json=flag)
        assert made.status_code == 201, made.text
    url = urljoin(f"{PUBLIC}/v1/flags?app=shop", made.headers["location"])
    assert url == f"{PUBLIC}/v1/flags/{flag['key']}?app=shop"


@APART
def test_the_cookie_is_for_the_path(server: Served, prefix: str) -> None:
    assert server.setup is not None
    assert server.setup.startswith(f"{PUBLIC}/#/setup/")
    with server.http() as root:
        made = root.post("/v1/invites", json={"login": f"ann{len(prefix)}", "role": "admin"}).json()
    assert made["link"] == f"{PUBLIC}/#/join/{made['code']}"
    accept = {"code": made["code"], "password": PASSWORD}
    for told, name in ((BY_TLS, "__Secure-tricast_session"), ({"host": "example.com"}, "tricast_session")):
        body = accept if told is BY_TLS else {"login": f"ann{len(prefix)}", "password": PASSWORD}
        path = "/v1/invites/accept" if told is BY_TLS else "/v1/session"
        with server.http(headers={**told, "origin": "https://example.com"}) as client:
            answer = client.post(prefix + path, json=body)
            assert answer.is_success, answer.text
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith(f"{name}=")
            assert "; Path=/tricast;" in cookie
            assert ("; Secure" in cookie) is (told is BY_TLS)
            shown = {"cookie": cookie.partition(";")[0]}
            assert client.get(f"{prefix}/v1/session", headers=shown).json()["signed_in"]
            gone = client.delete(f"{prefix}/v1/session", headers=shown)
            assert gone.headers["set-cookie"].startswith(f"{name}=; Path=/tricast; Max-Age=0")


def test_the_public_urls_origin_is_one_of_the_servers_own(server: Served) -> None:
    body = {"login": "nobody", "password": PASSWORD}
    for origin, status in (
        ("https://example.com", 401),
        ("http://example.com", 403),
        ("https://x.example", 403),
    ):
        with server.http(headers={"origin": origin}) as client:
            assert client.post("/v1/session", json=body).status_code == status, origin


def test_the_documents_say_where_the_server_is(server: Served) -> None:
    with server.http() as client:
        assert client.get("/openapi.json").json()["servers"] == [{"url": PUBLIC}]
        [one] = client.get("/asyncapi.json").json()["servers"].values()
    assert (one["protocol"], one["host"], one["pathname"]) == ("wss", "example.com", "/tricast")


def test_what_the_root_names_is_relative_to_it(server: Served) -> None:
    with server.http() as client:
        index = client.get("/").json()
        for reference in (index["openapi"], index["asyncapi"], *index["health"]):
            assert urljoin(f"{PUBLIC}/", reference).startswith(f"{PUBLIC}/")
            assert client.get(urljoin(f"{server.url}/tricast/", reference)).status_code == 200


# Without a public URL


def test_no_link_is_made_of_a_host_that_was_sent() -> None:
    with serve(dev=False) as server:
        assert server.setup is not None
        assert server.setup.startswith(f"{server.url}/#/setup/")
        asked = f"{PUBLIC}/v1/invites"
        for told, base in (
            ({}, f"{server.url}/"),
            ({"host": "localhost:1234"}, "http://localhost:1234/"),
            ({"host": "evil.example"}, f"{PUBLIC}/"),
            (BY_TLS, f"{PUBLIC}/"),
            ({"x-forwarded-for": "192.0.2.7"}, f"{PUBLIC}/"),
        ):
            with server.http(headers=server.headers | told) as client:
                made = client.post("/v1/invites", json={"role": "viewer"}).json()
                assert "evil" not in made["link"]
                assert urljoin(asked, made["link"]) == f"{base}#/join/{made['code']}"
                query = "topic=a&timeout=0"
                first = client.get(f"/v1/events?{query}")
                assert next_of(first, f"{PUBLIC}/v1/events?{query}").startswith(f"{PUBLIC}/v1/events?topic=a")
        with server.http() as client:
            assert client.get("/openapi.json").json()["servers"] == [{"url": "."}]


def test_an_own_origin_makes_links_too() -> None:
    own = "own_origins=https://*.example.com,https://events.example"
    with serve("--set", own, dev=False) as server, server.http() as client:
        made = client.post("/v1/invites", json={"role": "viewer"}).json()
        assert made["link"] == f"https://events.example/#/join/{made['code']}"
        assert server.setup is not None
        assert server.setup.startswith("https://events.example/#/setup/")


# Where an ASGI server or another application says what the path is


async def test_a_hub_below_a_mount_and_a_root_path_is_read_on_by_its_links() -> None:
    hub = Hub("memory:")
    app = Starlette(
        routes=[Mount("/api/v1", endpoints(hub, lambda _: Grant(subject="a", subscribe=("**",))))],
        lifespan=hub.lifespan,
    )
    async with on_uvicorn(app) as (url, client):
        asked = f"{url}/api/v1/events?topic=a/**"
        for _ in range(3):
            answer = await client.get(f"{asked}&timeout=0")
            assert answer.status_code == 200, answer.text
            asked = next_of(answer, asked)
            assert asked.startswith(f"{url}/api/v1/events?")


async def test_the_server_itself_may_be_told_its_path_by_root_path() -> None:
    service = Service(Settings(log="memory:", dev=True))
    async with on_uvicorn(service) as (url, client):
        assert (await client.get(f"{url}/healthz")).status_code == 200
        answer = await client.get(f"{url}/v1/events?topic=a&timeout=0")
        assert answer.status_code == 200
        made = (await client.post(f"{url}/v1/invites", json={"role": "viewer"})).json()
        assert made["link"] == f"{url}/outside/#/join/{made['code']}"


@asynccontextmanager
async def on_uvicorn(app: Any) -> AsyncIterator[tuple[str, httpx2.AsyncClient]]:
    """Plain uvicorn, told that it is below `/outside`: its URL, as a proxy that strips that sees it."""
    server = uvicorn.Server(uvicorn.Config(app, root_path="/outside", log_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve([listening]))
    try:
        await settled(lambda: server.started)
        async with httpx2.AsyncClient(trust_env=False) as client:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", client
    finally:
        server.should_exit = True
        await running
