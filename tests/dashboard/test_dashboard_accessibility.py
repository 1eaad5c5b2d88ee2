"""axe-core finds nothing on any page: light and dark, wide and narrow, with what opens open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.api.served import Served
from tests.clients.npm import packages
from tests.dashboard.desk import Desk, desks
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app
from tests.dashboard.test_dashboard_activity import switched

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
# Address, and what is there when the page is.
PAGES = {
    "flags?app=seen": "link:new-checkout",
    "flags/new-checkout?app=seen": "link:new-checkout",
    "activity?app=seen": "link:new-checkout",
    "audit?app=seen": "link:new-checkout",
    "events?app=seen": "heading:Nothing is followed yet",
    "events?topic=seen/**&from=earliest": "text:live · WebSocket",
    "connections": "columnheader:Behind",
    "settings/apps": "cell:seen",
    "settings/keys": "cell:root",
    "settings/people": "cell:Ben",
    "settings/schemas?app=seen": "heading:Everything may be published",
    "settings/server": "cell:retention_age_s",
    "settings/account": "text:this one",
    "nowhere": "heading:There is no such page",
}


@pytest.fixture(scope="module")
def axe() -> str:
    folder = packages(Path(__file__).parent / "package.json")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module", autouse=True)
def seen(house: House) -> None:
    make_app(house.server, "seen")
    for key in ("new-checkout", "<img src=x>", "مفتاح", "x" * 200):
        a_flag(house.server, "seen", key)
        switched(house, "ben", "seen", key, reason="launch")


def there(at: Desk, what: str) -> None:
    role, _, name = what.partition(":")
    found: Any = at.page.get_by_text(name) if role == "text" else at.page.get_by_role(role, name=name)  # type: ignore[arg-type]
    expect(found.first).to_be_visible()


def violations(at: Desk, axe: str) -> list[str]:
    """What axe finds, as `rule: element`."""
    if not at.page.evaluate("'axe' in window"):
        at.page.evaluate(axe)
    run = "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)"
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in at.page.evaluate(run)
        for node in each["nodes"]
    ]


def check(at: Desk, axe: str) -> list[str]:
    """What is found in both themes and both widths; to the next place it is wide again."""
    found = []
    for scheme, size in (("dark", NARROW), ("light", WIDE)):
        at.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", scheme)
        at.page.set_viewport_size(size)  # type: ignore[arg-type]
        at.page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
        found += [f"{at.page.url}, {scheme}, {size['width']}: {each}" for each in violations(at, axe)]
        if at.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{at.page.url} is wider than {size['width']}")
    return found


@pytest.mark.parametrize("part", range(2))
def test_axe_finds_nothing_on_any_page(sit: Callable[..., Desk], axe: str, part: int) -> None:
    at = sit("ann", "/#/settings", reduced_motion="reduce")
    found = []
    for path in list(PAGES)[part::2]:
        at.page.evaluate("(path) => { location.hash = `#/${path}`; }", path)
        if path != "nowhere":
            title = path.partition("/")[0].partition("?")[0]  # (the page before may have the same link)
            expect(at.page.get_by_role("heading", level=1)).to_contain_text(title.capitalize())
        there(at, PAGES[path])
        found += check(at, axe)
    assert not found, "\n".join(found)[:4000]


def test_axe_finds_nothing_where_something_is_open(sit: Callable[..., Desk], axe: str) -> None:
    at = sit("ann", "/#/audit?app=seen")
    at.button("Details: Ben").first.click()
    at.button("Ann (admin)").click()
    found = check(at, axe)
    at.press("Escape")
    at.go("/#/activity?app=seen")
    at.button("Details of what Ben did").first.click()
    at.press("?")
    found += check(at, axe)
    at.press("Escape")
    at.go("/#/settings/keys")
    at.button("New key").click()
    at.button("Make key").click()
    expect(at.page.get_by_role("textbox", name="Name")).to_have_attribute("aria-invalid", "true")
    found += check(at, axe)
    at.press("Escape")
    at.go("/#/settings/people")
    at.button("More about Ben").click()
    found += check(at, axe)
    at.page.get_by_role("menuitem", name="Remove…").click()
    found += check(at, axe)
    assert not found, "\n".join(found)[:4000]


def test_axe_finds_nothing_at_the_door(chromium: Browser, house: House, axe: str) -> None:
    with desks(chromium, house.server) as opened:
        at = opened("/")
        at.button("Sign in").click()
        expect(at.page.get_by_role("textbox", name="Login")).to_have_attribute("aria-invalid", "true")
        found = check(at, axe)
        at.go("/#/join/nothing")
        expect(at.page.get_by_role("heading", name="This invitation can’t be used")).to_be_visible()
        found += check(at, axe)
    assert not found, "\n".join(found)[:4000]


def test_axe_finds_nothing_where_things_went_wrong(
    desk: Callable[..., Desk], server: Served, axe: str
) -> None:
    at = desk("/#/flags")
    expect(at.page.get_by_role("heading", name="No app yet")).to_be_visible()
    found = check(at, axe)
    at.page.route(
        "**/v1/audit*", lambda route: route.fulfill(status=503, json={"detail": "The log is busy."})
    )
    make_app(server, "wrong")
    at.go("/#/activity?app=wrong")
    at.page.reload()
    expect(at.page.get_by_role("alert").filter(has_text="The log is busy.")).to_be_visible()
    at.page.context.set_offline(True)
    expect(at.page.locator(".banner")).to_be_visible()
    found += check(at, axe)
    assert not found, "\n".join(found)[:4000]
    at.problems = []
