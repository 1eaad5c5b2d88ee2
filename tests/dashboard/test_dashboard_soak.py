"""A page that is open for long: what it holds stays the same, and it rests while nothing happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import pytest
from playwright.sync_api import Browser, expect
from tests.api.served import Served, serve
from tests.dashboard.pulse import Pulse
from tests.dashboard.shop import a_flag, make_app
from tests.dashboard.soak import Leg, soak

_STILL_MS = 6_000
_LATER_S = 3 * 3600  # (by then no time on the page changes every second)
_WATCH = """() => {
  window.seen = [];
  new MutationObserver((records) => {
    for (const { target, type } of records) window.seen.push(`${type} in ${target.parentElement?.outerHTML}`);
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def alone() -> Iterator[Served]:
    """A server that nobody else makes events on."""
    with serve("--set", "heartbeat_s=60") as served:
        yield served


def growth(leg: Leg, value: str) -> float:
    """The lowest of the last three readings, in units of the middle one of the first three.

    What passes is no growth, nor is a page that was read before all of it was there.
    """
    first, last = ([getattr(each, value) for each in part] for part in (leg.samples[:3], leg.samples[-3:]))
    return float(min(last) / median(first))


def test_nothing_is_kept_of_what_came_and_no_page_leaves_anything_behind(
    chromium: Browser, alone: Served
) -> None:
    legs, sent = soak(chromium, alone, seconds=3, rate=50, every_s=0.3, at_least=6, legs=("flags", "rounds"))
    assert sent > 100
    for leg in legs:
        assert growth(leg, "nodes") < 1.3, leg
        assert growth(leg, "listeners") < 1.2, leg


def test_nothing_is_done_while_nothing_happens(chromium: Browser, alone: Served) -> None:
    make_app(alone, "still")
    for key in ("one", "two", "three"):
        a_flag(alone, "still", key)
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.clock.set_fixed_time(time.time() + _LATER_S)
    page.goto(f"{alone.url}/#/flags/one?app=still")
    expect(page.locator(".link-state.live")).to_be_visible()
    expect(page.get_by_role("complementary").or_(page.get_by_role("dialog")).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.evaluate(_WATCH)
    with Pulse(page) as pulse:
        before = pulse.glance()
        page.wait_for_timeout(_STILL_MS)
        after = pulse.glance()
    assert page.evaluate("window.seen") == []
    assert after.layouts - before.layouts <= 1  # (one may be left of the page's own opening)
    context.close()
