"""The guide's applications, run as they stand: gates, FastAPI, Litestar, Django, and a test with pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from tests.harness.sockets import PATIENCE_S
from tests.harness.subprocesses import Process, process_of
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

GUIDE = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
DJANGO_SETTINGS = """
SECRET_KEY = "only-here"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
"""
DJANGO_URLS = """
from django.urls import path
from mysite.views import order

urlpatterns = [path("orders/<int:id>", order)]
"""


def block(needle: str) -> str:
    """The one block that has it."""
    [found] = [code for code in BLOCKS if needle in code]
    return found


@contextmanager
def running(code: str, folder: Path) -> Iterator[tuple[Process, httpx2.Client]]:
    with process_of("uvicorn", code, folder) as process:
        process.wait_until_it_listens()
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{process.port}", timeout=PATIENCE_S, trust_env=False
        ) as client:
            yield process, client


def polled(client: httpx2.Client, topic: str, *, following: bool = False, **options: Any) -> list[Any]:
    """What there is; `following`: and then as the answer's Link says."""
    query = {"topic": topic, "cursor": "earliest", "timeout": "0"}
    answer = client.get("/v1/events", params=query, **options)
    if following:
        answer = client.get(answer.url.join(f"{answer.links['next']['url']}&timeout=0"), **options)
    assert answer.status_code == 200, answer.text
    return [event["data"] for event in answer.json()["events"]]


def test_the_gate_with_a_cookie_lets_in_who_signed_in(tmp_path: Path) -> None:
    with running(block("SessionMiddleware"), tmp_path) as (process, client):
        topic, where = "users/ann/inbox", f"127.0.0.1:{process.port}"
        assert client.get(f"/v1/events?topic={topic}&timeout=0").status_code == 401
        assert client.post("/sign-in").status_code == 204
        assert client.post(f"/v1/events?topic={topic}", content=b"hello").status_code == 201
        assert polled(client, topic) == ["hello"]
        assert client.get("/v1/events?topic=users/bob/inbox&timeout=0").status_code == 403
        cookie = {"Cookie": f"session={client.cookies['session']}"}
        url = f"ws://{where}/v1/events?topic={topic}"
        with connect(url, additional_headers=cookie, origin=f"http://{where}", proxy=None) as one:  # type: ignore[arg-type]
            assert "tricast.hello" in str(one.recv(timeout=PATIENCE_S))
        stranger = {"Origin": "https://evil.example"}
        assert client.post(f"/v1/events?topic={topic}", headers=stranger).status_code == 403
        with connect(url, additional_headers=cookie, origin="https://evil.example", proxy=None) as one:  # type: ignore[arg-type]
            assert "forbidden" in str(one.recv(timeout=PATIENCE_S))


def test_the_gate_with_a_jwt_checks_it_and_ends_with_it(tmp_path: Path) -> None:
    code = block("import jwt")
    secret = re.search(r'SECRET = "(.*)"', code)
    assert secret is not None

    def token(**claims: Any) -> str:
        return jwt.encode({"sub": "ann", "exp": int(time.time()) + 60, **claims}, secret[1], "HS256")

    with running(code, tmp_path) as (process, client):
        bearer = {"Authorization": f"Bearer {token()}"}
        assert client.post("/v1/events?topic=demo/x", content=b"hi", headers=bearer).status_code == 201
        assert polled(client, "demo/x", headers=bearer) == ["hi"]
        bad = ("", jwt.encode({"sub": "ann"}, secret[1], "HS256"), token(exp=1), token()[:-4] + "AAAA")
        for each in bad:
            answer = client.get("/v1/events", params={"topic": "demo/x", "timeout": "0", "token": each})
            assert answer.status_code == 401
            assert "the token is not valid" in answer.json()["detail"]
        soon = token(exp=int(time.time()) + 3)
        url = f"ws://127.0.0.1:{process.port}/v1/events?topic=demo/x"
        with connect(f"{url}&token={soon}", proxy=None) as one:
            assert "tricast.hello" in next(iter(one))
            with pytest.raises(ConnectionClosed) as closed:
                list(one)  # (it ends quietly only after 1000 and 1001)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401


@pytest.mark.parametrize("framework", ["FastAPI(", "Litestar("])
def test_a_framework_serves_the_hub_beside_its_routes(framework: str, tmp_path: Path) -> None:
    with running(block(framework), tmp_path) as (process, client):
        made = client.post("/orders/7")
        assert made.status_code in (200, 201), made.text
        assert made.json()["cursor"]
        assert polled(client, "demo/orders") == [{"id": 7}]
        if framework == "FastAPI(":
            assert polled(client, "demo/orders", following=True) == []
        assert client.post("/v1/events/?topic=demo/orders", content=b"more").status_code == 201
        assert client.get("/v1/nothing").status_code == 404
        assert client.get("/v1/events", params={"topic": "shop/x"}).status_code == 403
        with connect(f"ws://127.0.0.1:{process.port}/v1/events?topic=demo/orders", proxy=None) as one:
            assert "tricast.hello" in str(one.recv(timeout=PATIENCE_S))
        with client.stream(
            "GET", "/v1/events?topic=demo/orders", headers={"accept": "text/event-stream"}
        ) as stream:
            assert "tricast.hello" in next(stream.iter_lines())
        process.terminate()
        assert "Traceback" not in process.output


def test_django_stands_beside_the_hub(tmp_path: Path) -> None:
    site = tmp_path / "mysite"
    site.mkdir()
    files = {
        "__init__": "",
        "settings": DJANGO_SETTINGS,
        "urls": DJANGO_URLS,
        "views": block("async_to_sync"),
        "asgi": block("get_asgi_application"),
    }
    for name, code in files.items():
        (site / f"{name}.py").write_text(code)
    with running("from mysite.asgi import app\n", tmp_path) as (process, client):
        made = client.get("/orders/7")
        assert made.status_code == 200, process.output
        assert made.json()["cursor"]
        assert polled(client, "demo/orders") == [{"id": 7}]
        assert client.get("/none").status_code == 404
        with connect(f"ws://127.0.0.1:{process.port}/v1/events?topic=demo/orders", proxy=None) as one:
            assert "tricast.hello" in str(one.recv(timeout=PATIENCE_S))
        with pytest.raises(InvalidStatus):
            connect(f"ws://127.0.0.1:{process.port}/orders/7", proxy=None)


def test_the_test_of_the_guide_passes_and_can_fail(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(block("FastAPI("))
    test = block("TestClient(app)")
    for code, status in ((test, 0), (test.replace('{"id": 8}', '{"id": 9}'), 1)):
        (tmp_path / "test_app.py").write_text(code)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_app.py"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr


def test_a_plain_function_of_fastapi_joins_as_the_guide_says_or_not_at_all(tmp_path: Path) -> None:
    code = block("FastAPI(") + "\n\n" + block("anyio.from_thread")
    code += """

@app.post("/names/{name}")
def name(name: str) -> None:
    rename(name)


@app.post("/wrong/{name}")
def wrong(name: str) -> None:
    hub.presence.join("demo/names", subject=name)


@app.get("/names")
async def known() -> int:
    return hub.presence.count("demo/names")
"""
    with running(code, tmp_path) as (process, client):
        assert client.post("/names/ann").status_code == 200
        assert client.post("/wrong/bob").status_code == 500
        process.wait_for("call it on the event loop that started it")
        assert client.get("/names").json() == 1
        assert polled(client, "demo/names") == [{"name": "ann"}]
