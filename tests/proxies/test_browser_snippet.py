"""The README's EventSource snippet in Chromium, behind proxies that treat event streams as any request."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from tests.browsers.pages import BLANK, LOOK_S, Browser, Page
from tests.harness.sockets import patience
from tests.proxies.certificate import Certificate
from tests.proxies.proxies import NginxWithErrorPage, PlainNginx, Proxy
from tests.runtimes.origins import KeptServer, a_server

README = (Path(__file__).parents[2] / "README.md").read_text()
SNIPPET = re.compile(r"^```html\n<script>\n(.*?)^</script>\n```$", re.MULTILINE | re.DOTALL)
STOP_S = 20.0
# What it prints, the URLs that it opens, and whether the last one is live.
WATCH = """
  printed = [];
  opened = [];
  isLive = () => live?.readyState === EventSource.OPEN;
  live = null;
  console.log = (event) => printed.push(event.data);
  EventSource = class extends EventSource {
    constructor(url) {
      super(url);
      opened.push(url);
      this.addEventListener('tricast.live', () => { live = this; });
    }
  };
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptServer]:
    with a_server(tmp_path_factory.mktemp("origin")) as server:
        yield server


@pytest.fixture(params=[PlainNginx, NginxWithErrorPage])
def foreign_proxy(
    request: pytest.FixtureRequest, tmp_path: Path, server: KeptServer, certificate: Certificate
) -> Iterator[Proxy]:
    """It answers 502 while the server is unreachable, or a page with status 200."""
    proxy: Proxy = request.param(tmp_path, server.port, certificate)
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.stop()


async def run_snippet(page: Page) -> None:
    [code] = SNIPPET.findall(README)
    script = "document.createElement('script')"
    running = f"document.body.append(Object.assign({script}, {{ text: {json.dumps(WATCH + code)} }}))"
    await page.evaluate(f"{running}, true")
    await page.until("isLive()")


async def publish(server: KeptServer, numbers: range) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        for number in numbers:
            url = f"http://127.0.0.1:{server.port}/v1/events"
            answer = await http.post(url, json={"topic": "demo/snippet", "data": number})
            assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("how", "events"), [(signal.SIGTERM, 5), (signal.SIGKILL, 0)], ids=["stopped", "killed"]
)
async def test_it_goes_on_though_the_proxy_made_event_source_give_up(
    chromium: Browser, server: KeptServer, foreign_proxy: Proxy, how: signal.Signals, events: int
) -> None:
    page = await chromium.page(foreign_proxy.plain_url + BLANK)
    await run_snippet(page)
    await publish(server, range(events))
    await page.until(f"printed.length === {events}")
    server.faults.signal(how)
    server.faults.wait(STOP_S)
    await page.until("opened.length >= 3")  # two have given up
    server.start()
    await publish(server, range(events, events + 5))
    await page.until(f"printed.length >= {events + 5}")
    await page.until("isLive()")
    await publish(server, range(events + 5, events + 6))
    await page.until(f"printed.length >= {events + 6}")
    assert await page.evaluate("printed") == list(range(events + 6))


async def test_it_loads_the_page_again_when_the_log_lost_what_it_missed(
    chromium: Browser, server: KeptServer, foreign_proxy: Proxy
) -> None:
    page = await chromium.page(foreign_proxy.plain_url + BLANK)
    await run_snippet(page)
    await publish(server, range(1))
    await page.until("printed.length === 1")
    server.faults.kill()
    shutil.rmtree(server.faults.data)
    await page.until("opened.length >= 2")
    server.start()
    async with patience():
        while not await is_reloaded(page):  # noqa: ASYNC110 (the page that would tell is gone)
            await asyncio.sleep(LOOK_S)


async def is_reloaded(page: Page) -> bool:
    with suppress(AssertionError):  # (asked between two pages)
        return bool(await page.evaluate("performance.getEntriesByType('navigation')[0].type === 'reload'"))
    return False
