"""A slash at the end of a path changes nothing, on our server and embedded, on every transport."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest
from tests.api.documents import Document
from tests.api.served import Served, serve
from tests.harness.subprocesses import process_of
from websockets.sync.client import connect

PLACES = {"environment": "production", "change": "k3v9q2-1"}
FILES = ("/static/{path}", "/joined/{path}", "/client/{path}")
APP = """
from starlette.applications import Starlette
from starlette.routing import Mount
from tricast import Api, Grant, Hub, endpoints, json_answer, presence_routes

hub = Hub()
gate = lambda request: Grant(subject="anyone", subscribe=["**"], publish=["**"], scopes=["presence"])
api = Api(gate)


async def echo(ask):
    return json_answer({"path": ask.path("id"), "body": (await ask.body()).decode()})


app = Starlette(
    routes=[
        *presence_routes(hub, api),
        api.route("/echo/{id:path}", echo, methods=["POST"]),
        Mount("/v1", endpoints(hub, gate)),
    ],
    lifespan=hub.lifespan,
)
"""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with process_of("uvicorn", APP, tmp_path_factory.mktemp("embedded")) as process:
        process.wait_until_it_listens()
        yield f"http://127.0.0.1:{process.port}"


@pytest.fixture(params=["served", "embedded"])
def url(request: pytest.FixtureRequest) -> str:
    found = request.getfixturevalue(request.param)
    return str(found if isinstance(found, str) else found.url)


def client_of(url: str) -> httpx2.Client:
    return httpx2.Client(base_url=url, timeout=10, trust_env=False, follow_redirects=False)


def answer_of(client: httpx2.Client, method: str, target: str) -> tuple[int, str, str | None, str]:
    """Status, content type, where it leads to, and what a refusal says."""
    content = b"{}" if method in ("post", "put", "patch") else None
    with client.stream(method.upper(), target, content=content) as answer:
        kind = answer.headers.get("content-type", "")
        text = answer.read().decode() if answer.status_code >= 400 else ""
        return answer.status_code, kind, answer.headers.get("location"), text


def test_every_route_answers_the_same_with_a_slash(openapi: Document) -> None:
    seen = 0
    with serve() as server, server.http() as client:
        for path, operations in openapi.json["paths"].items():
            target = re.sub(r"\{(\w+)\}", lambda found: PLACES.get(found[1], "x"), path)
            if target == "/" or path in FILES:
                continue
            for method in (*operations, "head", "patch"):
                answer_of(client, method, target)  # (the second time changes nothing)
                plain = answer_of(client, method, target)
                assert answer_of(client, method, f"{target}/") == plain, (method, path)
                assert "there is nothing at" not in plain[3], path
                seen += 1
    assert seen > 100


def test_events_are_published_and_got_with_a_slash(url: str) -> None:
    with client_of(url) as client:
        made = client.post("/v1/events/?topic=demo/slash", content=b"kept")
        assert made.status_code == 201
        got = client.get("/v1/events/?topic=demo/slash&cursor=earliest")
        assert got.json()["events"][-1]["data"] == "kept"
        link = got.headers["link"]
        following = str(httpx2.URL(f"{url}/v1/events/").join(link[1 : link.index(">")]))
        assert client.get(following + "&timeout=0").status_code == 200
        with client.stream(
            "GET", "/v1/events/?topic=demo/slash", headers={"accept": "text/event-stream"}
        ) as one:
            assert one.headers["content-type"].startswith("text/event-stream")
            assert next(one.iter_lines())
        assert client.options("/v1/events/").status_code == 204
        assert client.head("/v1/events/?topic=demo/slash").status_code == 200
    with connect(url.replace("http", "ws", 1) + "/v1/events/?topic=demo/slash") as socket:
        assert '"tricast.hello"' in str(socket.recv(timeout=10))


@pytest.mark.parametrize("path", ["/v1/events//", "/v1/events/%2F", "/v1/events%2F", "/v1/events/x/"])
def test_only_one_slash_is_left_out(url: str, path: str) -> None:
    with client_of(url) as client:
        assert client.get(f"{path}?topic=demo/slash&timeout=0").status_code == 404


def test_routes_of_ones_own_take_a_slash_too(embedded: str) -> None:
    with client_of(embedded) as client:
        for path in ("/v1/presence", "/v1/presence/"):
            assert client.get(f"{path}?topic=demo/x").json() == client.get("/v1/presence?topic=demo/x").json()
            assert client.options(path).headers["allow"] == "GET, HEAD, OPTIONS, POST"
        for path, id in (("a", "a"), ("a/", "a"), ("a%2F", "a/"), ("a/b/", "a/b")):
            answer = client.post(f"/echo/{path}", content=b"kept")
            assert answer.json() == {"path": id, "body": "kept"}


def test_a_name_keeps_a_slash_that_is_sent_encoded(served: Served) -> None:
    with served.http() as client:
        where = "/v1/apps/slash/schemas/"
        made = client.put(f"{where}order%2F", json={"type": "object"}, headers={"If-Match": "0"})
        assert client.get(f"{where}order").status_code == 404, made.text


def test_a_file_is_no_folder(served: Served) -> None:
    """Its relative links would lead elsewhere."""
    with served.http() as client:
        for path in ("/static/", "/client/", "/joined/", "/static/index.html/", "/client/index.js/"):
            assert client.get(path).status_code == 404
