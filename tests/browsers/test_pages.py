"""What only pages go through: being loaded again, and being offline. And what tests can do with a page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.browsers.pages import BLANK, Browser
from tests.browsers.puppets import PuppetPage
from tests.runtimes.origins import Origin
from tests.runtimes.seen import OFFLINE, RELOAD, YES, see

PART = 250
PNG = b"\x89PNG\r\n\x1a\n"
# (classic WebDriver has no word for offline, and its pages are here for following alone)
ABLE = pytest.mark.parametrize("browser_name", ["Chromium", "Firefox"], indirect=True)


async def test_a_page_that_is_loaded_again_goes_on_where_it_was(browser: Browser, origin: Origin) -> None:
    page = await browser.place(origin.url)
    follower = await page.follow("it", topic=origin.topic, remembers=True)
    await follower.live()
    await origin.publish(PART)
    await follower.has(PART)
    publishing = asyncio.ensure_future(origin.publish(2 * PART))
    await page.reload()
    await publishing
    await page.load_client()
    follower = await page.follow("it", topic=origin.topic, remembers=True)
    await follower.live()
    await origin.publish(PART)
    await follower.has(4 * PART)
    see(browser.name, browser.version, **{RELOAD: YES})


@ABLE
async def test_a_page_that_was_offline_gets_what_it_missed(browser: Browser, origin: Origin) -> None:
    page = await browser.place(origin.url)
    assert isinstance(page, PuppetPage)
    follower = await page.follow("it", topic=origin.topic)
    await follower.live()
    await origin.publish(PART)
    await follower.has(PART)
    await page.offline(True)
    await follower.until(lambda it: it.state == "offline")
    await origin.publish(2 * PART)
    await page.offline(False)
    await follower.live()
    await origin.publish(PART)
    await follower.has(4 * PART)
    see(browser.name, browser.version, **{OFFLINE: YES})


@ABLE
async def test_a_page_can_be_clicked_typed_into_and_looked_at(
    browser: Browser, origin: Origin, tmp_path: Path
) -> None:
    page = await browser.page(origin.url + BLANK)
    assert isinstance(page, PuppetPage)
    await page.evaluate("""document.body.innerHTML = '<input id="name"><button>Save</button>', true""")
    await page.evaluate(
        """document.querySelector('button').onclick = () => { saved = true }, saved = false"""
    )
    await page.type("#name", "ann")
    assert await page.evaluate("document.querySelector('#name').value") == "ann"
    await page.press("Tab")
    await page.press("Enter")
    await page.until("saved")
    await page.evaluate("saved = false")
    await page.click("button")
    await page.until("saved")
    assert page.errors == []
    await page.evaluate(
        "console.error('not well'), setTimeout(() => { throw new Error('not caught') }), true"
    )
    async with asyncio.timeout(10):
        while len(page.errors) < 2:
            await page.evaluate("true")
    first, second = page.errors
    assert "not well" in first
    assert "not caught" in second
    await page.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(PNG)
