"""axe-core finds nothing on any page: light and dark, wide and narrow, with what opens open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.api.served import Served
from tests.clients.npm import packages
from tests.dashboard.desk import Desk, desks
from tests.dashboard.drawer import RULE, logic, patch
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app
from tests.dashboard.test_dashboard_activity import switched

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
# What depends on colours and room.
LOOKS = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]
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


@pytest.fixture(scope="session", autouse=True)
def seen(house: House) -> None:
    make_app(house.server, "seen")
    for key in ("new-checkout", "<img src=x>", "مفتاح", "x" * 200):
        a_flag(house.server, "seen", key)
        switched(house, "ben", "seen", key, reason="launch")


def there(at: Desk, what: str) -> None:
    role, _, name = what.partition(":")
    found: Any = at.page.get_by_text(name) if role == "text" else at.page.get_by_role(role, name=name)  # type: ignore[arg-type]
    expect(found.first).to_be_visible()


def violations(at: Desk, axe: str, within: str, rules: list[str] | None) -> list[str]:
    """What axe finds (by these rules, or by all that it has), as `rule: element`."""
    if not at.page.evaluate("'axe' in window"):
        at.page.evaluate(axe)
    run = "([within, options]) => axe.run(within, options).then((found) => found.violations)"
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in at.page.evaluate(run, [within, options])
        for node in each["nodes"]
    ]


def check(at: Desk, axe: str, within: str = "html") -> list[str]:
    """What is found in both themes and both widths; to the next place it is wide again."""
    found = []
    # A part of a page has the same roles and names in both.
    for scheme, size, rules in (("dark", NARROW, None if within == "html" else LOOKS), ("light", WIDE, None)):
        at.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", scheme)
        at.page.set_viewport_size(size)  # type: ignore[arg-type]
        at.page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
        found += [
            f"{at.page.url}, {scheme}, {size['width']}: {each}" for each in violations(at, axe, within, rules)
        ]
        if at.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{at.page.url} is wider than {size['width']}")
    return found


@pytest.mark.parametrize("part", range(2))
def test_axe_finds_nothing_on_any_page(sit: Callable[..., Desk], axe: str, part: int) -> None:
    at = sit("ann", "/#/settings")
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
    for page, button in (("apps", "New app"), ("schemas", "New schema"), ("people", "Invite")):
        at.go(f"/#/settings/{page}")
        at.button(button).click()
        expect(at.page.get_by_role("dialog")).to_be_visible()
        found += check(at, axe, "dialog")
        at.press("Escape")
    at.button("More about Ben").click()
    found += check(at, axe)
    at.page.get_by_role("menuitem", name="Remove…").click()
    found += check(at, axe)
    assert not found, "\n".join(found)[:4000]


def test_axe_finds_nothing_in_any_part_of_a_flag(sit: Callable[..., Desk], house: House, axe: str) -> None:
    patch(house.server, "seen", "x" * 200, {"environments": {"development": {"targeting": RULE}}})
    at = sit("ann", f"/#/flags/{'x' * 200}?app=seen&env=development")
    expect(at.page.locator(".link-state.live")).to_be_visible()
    found = []
    for tab in ("Targeting", "Details", "Variants", "Try it", "History", "Usage", "Code"):
        at.page.get_by_role("tab", name=tab).click()
        expect(at.page.get_by_role("tabpanel", name=tab)).to_be_visible()
        expect(at.page.locator(".drawer-body .skeleton")).to_have_count(0)
        found += check(at, axe, ".flag-drawer")
    at.page.get_by_role("tab", name="Details").click()
    at.page.get_by_label("Owner", exact=True).fill("ann")
    patch(house.server, "seen", "x" * 200, {"owner": "ben", "reason": "elsewhere"})
    expect(at.page.get_by_role("group", name="Owner: two values")).to_be_visible()
    at.button("1 unsaved change").click()
    found += check(at, axe, ".flag-drawer")
    at.button("Keep mine").click()
    at.page.get_by_role("tab", name="Targeting").click()
    logic(at).fill('{"if": [')
    found += check(at, axe, ".flag-drawer")
    assert not found, "\n".join(found)[:4000]


def test_axe_finds_nothing_in_what_a_flag_asks(sit: Callable[..., Desk], axe: str) -> None:
    at = sit("ann", "/#/flags?app=seen&env=production")
    found = []

    def asked(name: str) -> None:
        expect(at.page.get_by_role("dialog", name=name)).to_be_visible()
        found.extend(check(at, axe, "dialog"))
        at.press("Escape")
        expect(at.page.get_by_role("dialog")).to_have_count(0)

    at.button("New flag").click()
    at.button("Create flag").click()
    expect(at.page.get_by_role("textbox", name="Key")).to_have_attribute("aria-invalid", "true")
    asked("New flag")
    at.switch("new-checkout", "production").click()
    asked("Turn new-checkout off in production?")
    at.page.get_by_role("link", name="new-checkout", exact=True).click()
    at.page.get_by_role("tab", name="History").click()
    at.button("Revert").first.click()
    asked("Take this change back?")
    at.button("What can be done with this flag").click()
    found += check(at, axe, ".menu")
    at.page.get_by_role("menuitem", name="Copy to another").click()
    asked("Copy new-checkout to another environment")
    at.page.get_by_role("tab", name="Targeting").click()
    logic(at, "production").fill(json.dumps(RULE))
    at.press("Control+Enter")
    asked("Save to production?")
    at.button("Close").click()
    asked("new-checkout has unsaved changes")
    at.button("Discard").click()
    expect(at.said("The changes are discarded")).to_be_visible()
    found += check(at, axe, ".toasts")
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
    at = desk("/static/icon.svg")
    at.page.route("**/v1/apps", lambda route: route.fulfill(json={"apps": []}))
    at.go("/#/flags")
    expect(at.page.get_by_role("heading", name="No app yet")).to_be_visible()
    found = check(at, axe)
    at.page.unroute("**/v1/apps")
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
