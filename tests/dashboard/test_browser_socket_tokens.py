"""A page shows its WebSocket's token as a sub-protocol or in its first message, not in the URL (Chromium)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.api.served import Served, serve

OPEN = """([url, protocols, first]) => new Promise((done) => {
    const socket = new WebSocket(url, protocols), seen = [];
    socket.onopen = () => first && socket.send(JSON.stringify(first));
    socket.onmessage = (message) => {
        seen.push(JSON.parse(message.data).type);
        if (seen.at(-1) === 'tricast.live') { done([socket.protocol, seen]); socket.close(); }
    };
    socket.onclose = (event) => done([event.code, seen]);
})"""


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    with serve(dev=False) as server:
        yield server


def test_a_page_shows_its_token_without_a_url(chromium: Browser, guarded: Served) -> None:
    with guarded.http() as client:
        asked = {"subject": "ann", "app": "shop", "subscribe": ["shop/**"]}
        token = client.post("/v1/tokens", json=asked).json()["token"]
    url = f"{guarded.ws_url}/v1/events?topic=shop/**"
    page = chromium.new_page()
    try:
        page.goto(f"{guarded.url}/healthz")
        live = ["tricast.hello", "tricast.live"]
        offered = ["tricast.v1", f"tricast.auth.{token}"]
        assert page.evaluate(OPEN, [url, offered, None]) == ["tricast.v1", live]
        auth = {"op": "auth", "token": token}
        assert page.evaluate(OPEN, [f"{url}&auth=message", ["tricast.v1"], auth]) == ["tricast.v1", live]
        assert page.evaluate(OPEN, [f"{url}&auth=message", [], auth]) == ["", live]
        assert page.evaluate(OPEN, [url, ["tricast.v1"], None]) == [4401, ["tricast.error"]]
        wrong = ["tricast.v1", f"tricast.auth.x{token}"]
        assert page.evaluate(OPEN, [url, wrong, None]) == [4401, ["tricast.error"]]
    finally:
        page.close()
