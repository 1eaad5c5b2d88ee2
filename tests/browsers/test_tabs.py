"""Five tabs of one person, of which one has the connection, until it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.browsers.pages import Browser, Page
from tests.runtimes.origins import Origin
from tests.runtimes.places import LOOK_S, PATIENCE_S, Follower
from tests.runtimes.seen import CLOSED, KILLED, YES, see

PART = 200
Tab = tuple[Page, Follower]


async def a_tab(browser: Browser, origin: Origin, token: str) -> Tab:
    """Live, and in the room."""
    page = await browser.place(origin.url)
    follower = await page.follow("it", topic=origin.topic, token=token, share=True, room=origin.room)
    await follower.live()
    return page, follower


@asynccontextmanager
async def publishing(origin: Origin, count: int) -> AsyncIterator[None]:
    """All through the block: what it does is done when half is published."""
    half = origin.published + count // 2
    task = asyncio.ensure_future(origin.publish(count))
    async with asyncio.timeout(PATIENCE_S):
        while origin.published < half:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(LOOK_S)
    yield
    await task


async def leading(tabs: list[Tab]) -> Tab:
    """The one that has the connection: its transport is one, and that of the others is that tab."""
    [leader] = [tab for tab in tabs if (await tab[1].report()).transport == "websocket"]
    return leader


async def have_all(tabs: list[Tab], origin: Origin) -> None:
    """Each has every event once since it came, and one connection serves them."""
    for _, follower in tabs:
        first = (await follower.until(lambda it: it.count > 0)).runs[0][0]
        await follower.has(origin.published - first, first)
        await follower.live("tab", "websocket")

    async with asyncio.timeout(PATIENCE_S):
        while await origin.connections() != 1:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(LOOK_S)


async def test_the_leading_tab_of_five_is_killed_or_closed_and_the_others_miss_nothing(
    browser: Browser, guarded: Origin
) -> None:
    token = await guarded.token("ann")
    tabs = [await a_tab(browser, guarded, token) for _ in range(5)]
    await guarded.publish(PART)
    await have_all(tabs, guarded)
    ways = {KILLED: _kill, CLOSED: _close}
    if not browser.outlives_pages:
        del ways[KILLED]
    for how in ways.values():
        leader = await leading(tabs)
        # One person, however many tabs.
        for _, follower in tabs:
            await follower.until(lambda it: [member["subject"] for member in it.members] == ["ann"])
        async with publishing(guarded, 2 * PART):
            await how(leader)
        tabs.remove(leader)
        await have_all(tabs, guarded)
        assert [member["subject"] for member in await guarded.members()] == ["ann"]
        # The fifth comes again.
        tabs.append(await a_tab(browser, guarded, token))
        await guarded.publish(PART)
        await have_all(tabs, guarded)
    see(browser.name, browser.version, **dict.fromkeys(ways, YES))


async def _kill(tab: Tab) -> None:
    """No script of it runs any more, and none is told."""
    tab[0].kill()


async def _close(tab: Tab) -> None:
    await tab[0].close()
