"""A session cookie is accepted only from pages of the server's own origins, on all routes and WebSockets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from tests.api.served import Served, serve

APP = "https://shop.example.com"
OWN = "https://hub.example.com"
PASSWORD = "correct horse"
FOREIGN: list[dict[str, str]] = [
    {"origin": APP},
    {"origin": "https://a.apps.example.com"},
    {"origin": "null"},
    {"origin": "https://evil.example"},
    {"origin": "http://hub.example.com"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site"},
]
PUBLIC = re.compile(r"/|/(healthz|readyz|openapi\.json|asyncapi\.json)|/(static|joined|client)/.*")


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    origins = f"allowed_origins={APP},https://*.apps.example.com,*"
    with serve("--set", origins, "--set", f"own_origins={OWN}", dev=False) as server:
        yield server


@pytest.fixture(scope="module")
def cookie(server: Served) -> str:
    """The cookie of a signed-in admin."""
    assert server.setup is not None
    with server.http(headers={"origin": server.url}) as client:
        body = {"login": "ann", "name": "Ann", "password": PASSWORD, "code": server.setup.rpartition("/")[2]}
        assert client.post("/v1/setup", json=body).status_code == 201
        return f"tricast_session={client.cookies['tricast_session']}"


@contextmanager
def page(server: Served, cookie: str, **headers: str) -> Iterator[httpx2.Client]:
    """A client that sends a page's requests, with its browser's cookies."""
    with server.http(headers={"cookie": cookie, **headers}) as client:
        yield client


def test_no_route_takes_the_cookie_from_a_page_of_another_origin(server: Served, cookie: str) -> None:
    with server.http() as root:
        paths = root.get("/openapi.json").json()["paths"]
        seen = [event["topic"] for event in _history(root)]
    asked = 0
    for place in FOREIGN:
        with page(server, cookie, **place) as client:
            for path, operations in paths.items():
                url = re.sub(r"\{[^}]+\}", "x", path)
                if url == "/v1/events":
                    url += "?topic=tricast/**&timeout=0"
                for method in operations.keys() & {"get", "head", "post", "put", "patch", "delete"}:
                    body: dict[str, Any] = {"json": {}} if method in ("post", "put", "patch") else {}
                    answer = client.request(method, url, **body)
                    if PUBLIC.fullmatch(path):
                        assert answer.status_code in (200, 404), (method, url)
                        continue
                    asked += 1
                    assert answer.status_code == 403, (method, url, place, answer.status_code, answer.text)
                    if method != "head":
                        assert answer.json()["field"] == "origin", (method, url, place)
    assert asked > 300
    with server.http() as root:
        assert [event["topic"] for event in _history(root)] == seen
    with page(server, cookie, origin=server.url) as own:
        assert own.get("/v1/session").json()["signed_in"]


def test_pages_of_the_servers_own_origins_are_let_in_by_it(server: Served, cookie: str) -> None:
    for place in ({"origin": server.url}, {"origin": OWN}, {"sec-fetch-site": "same-origin"}, {}):
        with page(server, cookie, **place) as client:
            assert client.get("/v1/people").status_code == 200
            assert client.get("/metrics").status_code == 200
            assert client.get("/v1/events?topic=tricast/**&timeout=0").status_code == 200
            made = client.post("/v1/keys", json={"name": "a", "scopes": ["admin"]})
            assert made.status_code == 201, made.text


@pytest.mark.parametrize("origin", [APP, "null", "https://evil.example"])
def test_a_websocket_of_another_origins_page_is_closed_with_4403(
    server: Served, cookie: str, origin: str
) -> None:
    headers = {"Authorization": "", "cookie": cookie, "origin": origin}
    with server.websocket("topic=tricast/**", additional_headers=headers) as talk:
        assert talk.closed() == 4403


@pytest.mark.parametrize("origin", [APP, "null"])
@pytest.mark.parametrize("path", ["/v1/events?topic=tricast/**", "/v1/apps/shop/production/ofrep/v1/stream"])
def test_an_event_stream_of_another_origins_page_is_refused(
    server: Served, cookie: str, path: str, origin: str
) -> None:
    with page(server, cookie, origin=origin, accept="text/event-stream") as client:
        refused = client.get(path)
    assert refused.status_code == 403, refused.text


def test_the_refusal_names_the_origin_and_what_to_do(server: Served, cookie: str) -> None:
    with page(server, cookie, origin=APP) as client:
        detail = client.get("/v1/people").json()["detail"]
    assert APP in detail
    assert "own_origins" in detail
    assert "token" in detail


def test_a_token_or_key_beside_the_cookie_works_from_an_allowed_origin(server: Served, cookie: str) -> None:
    with server.http() as root:
        minted = root.post("/v1/tokens", json={"subject": "u", "app": "shop", "subscribe": ["shop/**"]})
    token = minted.json()["token"]
    query = "topic=shop/**&timeout=0"
    with page(server, cookie, origin=APP) as client:
        for asked in (
            client.get(f"/v1/events?{query}", headers={"authorization": f"Bearer {token}"}),
            client.get(f"/v1/events?{query}&token={token}"),
            client.get(f"/v1/events?{query}", headers={"x-api-key": server.key or ""}),
            client.get("/v1/people", headers=server.headers),
        ):
            assert asked.status_code == 200, asked.text
            assert asked.headers["access-control-allow-origin"] == APP
        published = client.post("/v1/events", json={"topic": "shop/a"}, headers=server.headers)
        assert published.status_code == 201
    headers = {"Authorization": "", "cookie": cookie, "origin": APP}
    with server.websocket(f"topic=shop/**&token={token}", additional_headers=headers) as talk:
        assert talk.next()["type"] == "tricast.hello"
    offered: Any = ["tricast.v1", f"tricast.auth.{token}"]
    with server.websocket("topic=shop/**", additional_headers=headers, subprotocols=offered) as talk:
        assert talk.next()["type"] == "tricast.hello"


def test_a_page_of_an_allowed_origin_can_neither_sign_in_nor_out(server: Served, cookie: str) -> None:
    sign_in = {"login": "ann", "password": PASSWORD}
    with server.http(headers={"origin": APP}) as client:
        assert client.post("/v1/session", json=sign_in).status_code == 403
    with page(server, cookie, origin=APP) as client:
        assert client.delete("/v1/session").status_code == 403
        assert client.delete("/v1/session", headers=server.headers).status_code == 403
    with page(server, cookie) as client:
        assert client.get("/v1/session").json()["signed_in"]


def test_behind_tls_the_same_holds(server: Served) -> None:
    told = {"host": "hub.example.com", "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    with server.http(headers={**told, "origin": OWN}) as client:
        signed_in = client.post("/v1/session", json={"login": "ann", "password": PASSWORD})
        assert signed_in.status_code == 200, signed_in.text
        cookie = signed_in.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("__Host-tricast_session=")
    for origin, status in ((OWN, 200), (APP, 403), ("http://hub.example.com", 403)):
        with page(server, cookie, **told, origin=origin) as client:
            assert client.get("/v1/people").status_code == status, origin


def test_under_dev_pages_that_this_machine_serves_are_its_own_and_others_are_not() -> None:
    with serve("--set", f"allowed_origins={APP}") as server:
        with server.http() as client:
            made = client.post("/v1/invites", json={"role": "viewer", "login": "bob"}).json()
            done = client.post("/v1/invites/accept", json={"code": made["code"], "password": PASSWORD})
            cookie = f"tricast_session={done.cookies['tricast_session']}"
        for origin, status in (("http://localhost:5173", 200), (server.url, 200), (APP, 403)):
            with page(server, cookie, origin=origin) as client:
                assert client.get("/v1/session").status_code == status, origin
        with server.http(headers={"origin": APP}) as client:
            assert client.get("/v1/people").status_code == 200


def _history(root: httpx2.Client) -> list[dict[str, Any]]:
    answer = root.get("/v1/events?topic=**&topic=tricast/**&cursor=earliest&timeout=0").json()
    return [event for event in answer["events"] if event["type"] != "tricast.heartbeat"]
