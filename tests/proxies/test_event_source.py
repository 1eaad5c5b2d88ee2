"""A bare EventSource in Chromium, behind each proxy and behind none, while the server is restarted."""

from __future__ import annotations

import json
from typing import Literal

import httpx2
import pytest
from tests.browsers.pages import BLANK, Browser, Page
from tests.harness.repetitions import often
from tests.proxies.origin import Origin
from tests.proxies.proxies import Proxy

How = Literal["stopped", "killed"]
WAYS = pytest.mark.parametrize("how", ["stopped", "killed"])
# What it has seen. (`opened` counts a proxy's own answers, too.)
FOLLOW = """
  seen = { numbers: [], opened: 0, live: 0, failed: 0, isClosed: false };
  source = new EventSource(URL);
  source.onopen = () => { seen.opened += 1; };
  source.onerror = () => { seen.failed += 1; seen.isClosed ||= source.readyState === EventSource.CLOSED; };
  source.onmessage = (message) => { seen.numbers.push(JSON.parse(message.data).data); };
  source.addEventListener('tricast.live', () => { seen.live += 1; });
"""


async def follow(page: Page, url: str) -> None:
    """Live at what comes next."""
    await page.evaluate(f"(0, eval)({json.dumps(FOLLOW.replace('URL', json.dumps(url)))}), true")
    await page.until("seen.live === 1")


async def publish(origin: Origin, topic: str, numbers: range) -> None:
    async with httpx2.AsyncClient(base_url=origin.url, trust_env=False, timeout=30) as http:
        for number in numbers:
            headers = {"authorization": f"Bearer {origin.token}"}
            answer = await http.post("/v1/events", json={"topic": topic, "data": number}, headers=headers)
            assert answer.status_code == 201, answer.text


async def expect_resumption(page: Page, origin: Origin, topic: str, how: How, noticed: str) -> None:
    """Stop the server, wait until `noticed` is true in the page, start it, and expect every number once."""
    await publish(origin, topic, range(5))
    await page.until("seen.numbers.length === 5")
    await (origin.drain() if how == "stopped" else kill(origin))
    await page.until(f"seen.isClosed || {noticed}")
    await origin.start()
    await publish(origin, topic, range(5, 10))
    await page.until("seen.isClosed || seen.numbers.length >= 10")
    await page.until("seen.isClosed || source.readyState === EventSource.OPEN")
    await publish(origin, topic, range(10, 15))
    await page.until("seen.isClosed || seen.numbers.length >= 15")
    seen = await page.evaluate("seen")
    assert not seen["isClosed"]
    assert seen["numbers"] == list(range(15))
    await page.evaluate("source.close()")


async def kill(origin: Origin) -> None:
    origin.server.kill()


@pytest.mark.repeated
@pytest.mark.parametrize(
    ("how", "page_is"),
    [
        ("killed", "of the same origin"),
        ("stopped", "of another origin"),
        *often([], [("stopped", "of the same origin"), ("killed", "of another origin")]),
    ],
)
async def test_it_resumes_behind_a_proxy_that_has_answered_for_the_server(
    chromium: Browser, origin: Origin, proxy: Proxy, how: How, page_is: str
) -> None:
    topic = f"demo/{proxy.kind}-{how}-{page_is.rpartition(' of ')[2].replace(' ', '-')}"
    is_same = page_is == "of the same origin"
    page = await chromium.page((proxy.url if is_same else origin.url) + BLANK)
    await follow(page, f"{proxy.url}/v1/events?topic={topic}&token={origin.token}")
    await expect_resumption(page, origin, topic, how, "seen.opened >= 3")  # tricast once, the proxy twice


@WAYS
async def test_it_resumes_without_a_proxy(chromium: Browser, origin: Origin, how: How) -> None:
    topic = f"demo/direct-{how}"
    page = await chromium.page(origin.url + BLANK)
    await follow(page, f"/v1/events?topic={topic}&token={origin.token}")
    await expect_resumption(page, origin, topic, how, "seen.failed >= 3")  # cut once, refused twice
