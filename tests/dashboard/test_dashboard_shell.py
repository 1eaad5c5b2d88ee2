"""The frame: the connection's own state in words, the keyboard, the first load, and rest."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Route, expect
from tests.api.served import Served
from tests.clients.faultproxy import FaultProxy, proxying
from tests.dashboard.desk import TIMEOUT_MS, Desk, desks
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app, toggle

FIRST_LOAD_BYTES = 120 * 1024
# The page, its style, its script, its icon; the session, apps, flags, their use; the connection's.
FIRST_LOAD_REQUESTS = 12


@contextmanager
def proxied(upstream: int, *, buffers: bool = False) -> Iterator[FaultProxy]:
    """A fault proxy that lets no WebSocket through, in a thread of its own."""
    ready, over = threading.Event(), asyncio.Event()
    made: list[tuple[FaultProxy, asyncio.AbstractEventLoop]] = []

    async def run() -> None:
        async with proxying(upstream) as proxy:
            proxy.faults.upgrade = "refuse"
            proxy.faults.buffers = buffers
            made.append((proxy, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield made[0][0]
    finally:
        made[0][1].call_soon_threadsafe(over.set)
        thread.join(10)


def state(at: Desk) -> Locator:
    return at.page.locator(".link-state")


def without_network_errors(at: Desk) -> None:
    """What Chromium says of a server that isn't there."""
    at.problems = [each for each in at.problems if "ERR_" not in each and "WebSocket" not in each]


def test_where_websockets_are_blocked_it_is_live_over_sse(desk: Callable[..., Desk], server: Served) -> None:
    make_app(server, "blocked")
    a_flag(server, "blocked", "one")
    with proxied(server.address[1]) as proxy:
        at = desk("/static/icon.svg")
        at.url = proxy.url
        at.go("/#/flags?app=blocked")
        expect(state(at)).to_have_text(re.compile(r"live · SSE"))
        toggle(server, "blocked", "one", on=True)
        expect(at.switch("one", "production")).to_have_attribute("aria-checked", "true")
        at.switch("one", "development").click()
        expect(at.switch("one", "development")).to_have_attribute("aria-checked", "true")
        other = desk("/#/flags/one?app=blocked")  # (who has WebSockets and who hasn’t see the same)
        expect(other.page.locator(".link-state.live")).to_be_visible()
        toggle(server, "blocked", "one", on=False)
        for each in (at, other):
            expect(each.row("one").get_by_role("switch").last).to_have_attribute("aria-checked", "false")
        without_network_errors(at)
        at.page.goto("about:blank")


@pytest.mark.parametrize(("buffers", "transport"), [(False, "SSE"), (True, "long-poll")])
def test_people_work_together_though_only_one_has_websockets(
    sit: Callable[..., Desk], house: House, *, buffers: bool, transport: str
) -> None:
    app = f"mixed-{transport.lower()}"
    make_app(house.server, app)
    a_flag(house.server, app, "one")
    place = f"/#/flags/one?app={app}&env=development&tab=details"
    with proxied(house.server.address[1], buffers=buffers) as proxy:
        ann, ben = sit("ann", place), sit("ben", "/static/icon.svg")
        ben.url = proxy.url
        ben.go(place)
        expect(state(ben)).to_have_text(re.compile(f"live · {transport}"), timeout=TIMEOUT_MS)
        expect(ann.page.locator(".drawer-head").get_by_label("Ben is looking at this flag")).to_be_visible()
        ann.page.get_by_label("Description").fill("Ann’s words")
        expect(ben.page.locator('[data-place="/description"] .field-person')).to_contain_text("Ann")
        ben.page.get_by_label("Description").fill("Ben’s words")
        expect(ann.page.locator('[data-place="/description"] .field-person')).to_contain_text("Ben")
        ann.press("Control+Enter")
        both = ben.page.get_by_role("group", name="Description: two values")
        expect(both).to_contain_text("Ann’s words")
        both.get_by_role("button", name="Keep mine").click()
        ben.press("Control+Enter")
        expect(ann.page.get_by_label("Description")).to_have_value("Ben’s words")
        without_network_errors(ben)
        ben.page.goto("about:blank")


def test_who_is_offline_is_told_how_old_the_picture_is(desk: Callable[..., Desk], server: Served) -> None:
    make_app(server, "train")
    at = desk("/#/flags?app=train")
    expect(state(at)).to_have_text(re.compile("^live"))
    at.page.context.set_offline(True)
    expect(state(at)).to_have_text("offline")
    expect(at.page.get_by_text("You are offline: showing what was true just now.")).to_be_visible()
    at.page.context.set_offline(False)
    expect(state(at)).to_have_text(re.compile("^live"))
    expect(at.page.locator(".banner")).to_have_count(0)
    without_network_errors(at)


def test_the_connection_says_its_transport_and_its_latency(desk: Callable[..., Desk]) -> None:
    at = desk("/#/activity")
    expect(state(at)).to_have_text(re.compile(r"^live · \d+ ms$"))
    expect(state(at)).to_have_attribute("aria-label", re.compile(r"^Connection: live"))


def test_everything_is_reached_by_keyboard(sit: Callable[..., Desk], house: House) -> None:
    make_app(house.server, "keys")
    at = sit("ann", "/#/flags?app=keys")
    expect(at.page.get_by_role("heading", name="No flags yet")).to_be_visible()
    at.press("Tab")
    assert at.focused() == "Skip to the page"
    expect(at.page.get_by_role("link", name="Skip to the page")).to_be_in_viewport()
    at.press("Enter")
    assert at.page.evaluate("document.activeElement.id") == "page"
    at.press("Shift+Tab", "Shift+Tab")
    at.press("3")
    expect(at.page.get_by_role("heading", name="Audit")).to_be_visible()
    assert "app=keys" in at.page.url
    at.button("App: keys").focus()
    at.press("Enter", "End", "ArrowDown", "ArrowUp")
    assert at.focused() == "Manage apps…"
    at.press("Escape")
    assert at.focused().startswith("keys")
    at.button("Ann (admin)").focus()
    at.press("Enter", "ArrowDown", "ArrowDown", "ArrowDown", "Enter")
    assert at.page.evaluate("document.documentElement.dataset.theme") == "dark"
    at.page.reload()
    assert at.page.evaluate("document.documentElement.dataset.theme") == "dark"
    expect(at.page.get_by_role("heading", name="Audit")).to_be_visible()
    at.press("?")
    expect(at.page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    at.press("Escape")
    expect(at.page.get_by_role("dialog")).to_have_count(0)


def test_the_first_load_is_small(chromium: Browser, house: House) -> None:
    make_app(house.server, "small")
    for number in range(10):
        a_flag(house.server, "small", f"flag-{number}")
    with desks(chromium, house.server) as opened:
        at = opened("/static/icon.svg", house.cookie("ann"))
        devtools = at.page.context.new_cdp_session(at.page)
        devtools.send("Network.enable")
        devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        sizes: list[float] = []
        devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        at.page.goto("about:blank")
        sizes.clear()
        at.go("/#/flags?app=small")
        expect(at.row("flag-0")).to_be_visible()
        expect(state(at)).to_have_text(re.compile("^live"))
        assert 0 < len(sizes) <= FIRST_LOAD_REQUESTS
        assert sum(sizes) <= FIRST_LOAD_BYTES, f"{sum(sizes) / 1024:.1f} KiB in {len(sizes)} requests"


def test_what_a_page_begins_with_is_asked_for_once_and_only_by_who_is_in(
    sit: Callable[..., Desk], house: House
) -> None:
    make_app(house.server, "once")
    a_flag(house.server, "once", "one")
    asked: list[str] = []

    def begin(*, reload: bool = True) -> list[str]:
        asked.clear()
        if reload:
            at.page.reload()
        at.page.wait_for_load_state("networkidle")
        return sorted(path for path in asked if path in ("session", "apps", "flags"))

    at = sit(house.joined("olga"), "/static/icon.svg")
    at.page.on("request", lambda request: asked.append(request.url.split("/v1/")[-1].split("?")[0]))
    at.go("/#/flags?app=once")
    expect(at.row("one")).to_be_visible()
    assert begin(reload=False) == []
    for _ in range(2):
        assert begin() == ["apps", "flags", "session"]
        expect(at.row("one")).to_be_visible()
    at.go("/#/activity?app=once")
    assert begin() == ["apps", "session"]
    at.button("olga").click()
    at.page.get_by_role("menuitem", name="Sign out").click()
    expect(at.button("Sign in")).to_be_visible()
    assert begin() == ["session"]


def test_a_link_to_a_flag_gives_it_the_focus_however_late_the_apps_are(
    desk: Callable[..., Desk], server: Served
) -> None:
    make_app(server, "late")
    a_flag(server, "late", "one")
    at = desk("/static/icon.svg")
    held: list[Route] = []
    at.page.route("**/v1/apps", lambda route: held.append(route))
    at.go("/#/flags/one?app=late")
    expect(at.page.get_by_role("heading", name="Flags")).to_be_visible()
    held[0].continue_()
    expect(at.page.get_by_role("complementary", name="Flag one")).to_be_focused()
    expect(at.page.get_by_role("tab", name="Targeting")).to_be_visible()
    expect(at.page.get_by_role("complementary", name="Flag one")).to_be_focused()


def test_a_page_left_alone_does_nothing(sit: Callable[..., Desk], house: House) -> None:
    make_app(house.server, "still")
    a_flag(house.server, "still", "one")
    paths = (
        "flags?app=still",
        "flags/one?app=still",
        "activity?app=still",
        "audit?app=still",
        "events?topic=still/x",
        "settings/people",
    )
    first = sit("ann", f"/#/{paths[0]}")
    tabs = [Desk(first.page.context.new_page(), first.url) for _ in paths[1:]]
    left = [first, *(tab.go(f"/#/{path}") for tab, path in zip(tabs, paths[1:], strict=True))]
    for at in left:
        expect(state(at)).to_have_text(re.compile("^live"))
    # (the page that follows a topic has a connection of its own, which may come after the header's)
    expect(left[paths.index("events?topic=still/x")].page.get_by_text("Nothing yet:")).to_be_visible()
    asked: list[str] = []
    for at in left:
        at.page.wait_for_load_state("networkidle")
        at.page.on("request", lambda request: asked.append(request.url))
        # Times tick; the latency and the cursor are told with each heartbeat: what one sees happen.
        at.page.evaluate(
            """() => {
              window.changes = [];
              new MutationObserver((records) => {
                for (const { target } of records) {
                  const element = target.nodeType === 1 ? target : target.parentElement;
                  if (element?.closest('time, .link-state, .cursor')) continue;
                  window.changes.push(element?.outerHTML.slice(0, 200));
                }
              }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
            }"""
        )
    left[0].page.wait_for_timeout(2500)
    for at, path in zip(left, paths, strict=True):
        assert at.page.evaluate("window.changes") == [], path
        assert not at.problems, path
    assert asked == []
