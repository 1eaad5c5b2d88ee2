"""A page of another origin, at an application's own hub behind a cookie: in a real Chromium."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from tricast import Api, Ask, Grant, Hub, Unauthorized, endpoints, json_answer

# Each in the page, from `hub`, the URL of the other origin.
READ = """async ([url, options]) => {
    try {
        const answer = await fetch(url, options);
        return [answer.status, answer.headers.get('x-request-id') !== null, await answer.text()];
    } catch (error) { return error.name; }
}"""
FOLLOW = """([url, withCredentials]) => new Promise((done) => {
    const events = new EventSource(url, { withCredentials });
    const end = (found) => { events.close(); done(found); };
    events.addEventListener('tricast.hello', () => end('open'));
    events.onerror = () => events.readyState === 2 && end('closed');
})"""
SOCKET = """(url) => new Promise((done) => {
    const socket = new WebSocket(url);
    socket.onmessage = (message) => { done(JSON.parse(message.data).type); socket.close(); };
})"""


@contextmanager
def on_localhost(app: Starlette, at: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [at]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def gate(request: HTTPConnection) -> Grant:
    if request.cookies.get("user") != "ann":
        raise Unauthorized("sign in first")
    return Grant(subject="ann", subscribe=("demo/**",), publish=("demo/**",))


def application(allowed: Any) -> Starlette:
    """A hub and a route of one's own, both behind a cookie."""
    hub = Hub("memory:")

    async def show(ask: Ask) -> Response:
        return json_answer({"subject": ask.grant.subject})

    async def change(ask: Ask) -> Response:
        return json_answer(await ask.json())

    api = Api(gate, allowed_origin=allowed)
    routes = [
        api.route("/orders", show, methods=["GET"]),
        api.route("/orders", change, methods=["PUT"]),
        Mount("/v1", endpoints(hub, gate, allowed_origin=allowed)),
    ]
    return Starlette(routes=routes, lifespan=hub.lifespan)


class Places:
    """The hub's URL, and of two pages: one is allowed by name, one only where no cookies are sent."""

    def __init__(self, stack: ExitStack) -> None:
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.hub, self.page, self.other = (f"http://localhost:{port.getsockname()[1]}" for port in ports)

        def allowed(origin: str, host: str, cookies: bool) -> bool:
            return origin == self.page or (origin == self.other and not cookies)

        async def blank(_: object) -> Response:
            return HTMLResponse("<!doctype html><title>a page</title>")

        pages = Starlette(routes=[Route("/", blank)])
        for app, port in zip((application(allowed), pages, pages), ports, strict=True):
            stack.enter_context(on_localhost(app, port))


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with ExitStack() as stack:
        yield Places(stack)


@pytest.fixture
def page(chromium: Browser, places: Places) -> Iterator[Page]:
    """A tab of Ann, whose browser has the application's cookie."""
    with chromium.new_context() as context:
        context.add_cookies([{"name": "user", "value": "ann", "url": places.hub}])
        page = context.new_page()
        page.goto(places.page)
        yield page


def test_an_allowed_page_follows_reads_and_writes_with_the_cookie(page: Page, places: Places) -> None:
    include = {"credentials": "include"}
    events = f"{places.hub}/v1/events?topic=demo/**"
    assert page.evaluate(FOLLOW, [events, True]) == "open"
    assert page.evaluate(SOCKET, events.replace("http:", "ws:")) == "tricast.hello"
    assert page.evaluate(READ, [f"{events}&timeout=0", include])[0] == 200
    assert page.evaluate(READ, [f"{places.hub}/orders", include])[:2] == [200, True]
    sent = {
        **include,
        "method": "POST",
        "headers": {
            "content-type": "application/json",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "sentry-trace": "d4cda95b652f4a1592b449d5929fda1b-6e0c63257de34c92-1",
            "x-requested-with": "XMLHttpRequest",
        },
        "body": '{"topic": "demo/a", "data": 1}',
    }
    assert page.evaluate(READ, [f"{places.hub}/v1/events", sent])[0] == 201
    changed = page.evaluate(READ, [f"{places.hub}/orders", {**sent, "method": "PUT"}])
    assert changed[:2] == [200, True]


def test_without_the_cookie_an_allowed_page_can_read_the_refusal(page: Page, places: Places) -> None:
    events = f"{places.hub}/v1/events?topic=demo/**"
    assert page.evaluate(FOLLOW, [events, False]) == "closed"
    for url in (f"{events}&timeout=0", f"{places.hub}/orders"):
        status, _, text = page.evaluate(READ, [url, {"credentials": "omit"}])
        assert status == 401
        assert "sign in first" in text
    page.context.clear_cookies()
    assert page.evaluate(READ, [f"{places.hub}/orders", {"credentials": "include"}])[0] == 401


def test_a_page_that_may_not_come_with_cookies_reads_nothing_with_them(page: Page, places: Places) -> None:
    page.goto(places.other)
    for url in (f"{places.hub}/v1/events?topic=demo/**&timeout=0", f"{places.hub}/orders"):
        assert page.evaluate(READ, [url, {"credentials": "include"}]) == "TypeError"
        assert page.evaluate(READ, [url, {"credentials": "omit"}])[0] == 401
        page.context.clear_cookies()
        assert page.evaluate(READ, [url, {"credentials": "include"}]) == "TypeError"
