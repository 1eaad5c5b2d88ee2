"""Names that would be markup, are written from right to left, very long, or pictures: on every page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, expect
from tests.dashboard.desk import Desk
from tests.dashboard.drawer import logic
from tests.dashboard.house import House
from tests.dashboard.shop import ENVIRONMENTS
from tests.dashboard.team import PASSWORD

MARKUP, RTL, EMOJI = "<img src=x onerror=alert(1)>", "مفتاح-الخصم", "🚀/launch 🎉?#&;'\"`${1}"
KEYS = (MARKUP, RTL, "x" * 200, EMOJI)
LOGINS = dict(zip(("hope", "hugo", "hans", "hana"), KEYS, strict=True))
PARTS = ("Targeting", "Details", "Variants", "Try it", "History", "Usage", "Code")
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
# What came of a name that is no name, and what is wider than it may be.
_WRONG = """() => {
  const made = [...document.querySelectorAll('img, script:not([src]), b, [onerror]')].map((each) => each.outerHTML);
  const boxes = [document.documentElement, ...document.querySelectorAll('#page, .drawer-body, dialog > .content, .toast, .menu')];
  const wide = boxes.filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => `too wide: ${each.className || each.tagName}, by ${[...each.querySelectorAll('*')].filter((part) => part.getBoundingClientRect().right > each.getBoundingClientRect().left + each.clientWidth + 1).slice(0, 5).map((part) => `${part.tagName}.${part.className}`)}`);
  return [...made, ...wide];
}"""  # noqa: E501


@pytest.fixture(scope="session", autouse=True)
def world(house: House) -> Iterator[None]:
    """An app, people, flags, reasons, events, a schema, keys, connections: all called so."""
    with house.server.http() as root:
        app = {"name": MARKUP, "environments": list(ENVIRONMENTS)}
        assert root.put("/v1/apps/hostile", json=app).status_code == 201
        for key in KEYS:
            there = {each: {"state": "DISABLED", "defaultVariant": key} for each in ENVIRONMENTS}
            body = {"key": key, "name": key, "description": key, "owner": key, "tags": [key[:64]]}
            more = {"type": "string", "variants": {key: key, "__proto__": "{{}}"}, "environments": there}
            made = root.post("/v1/flags?app=hostile", json=body | more)
            assert made.status_code == 201, made.text
        schema = {"title": MARKUP}
        assert root.put("/v1/apps/hostile/schemas/order.paid", json=schema).status_code in (200, 201)
        for login, name in LOGINS.items():
            invite = {"login": login, "name": name[:80], "role": "editor"}
            code = root.post("/v1/invites", json=invite).json()["code"]
            agent = name if name.isascii() else "Nobody/1.0"
            with house.server.http(headers={"origin": house.server.url, "user-agent": agent}) as new:
                body = {"code": code, "password": PASSWORD, "name": name[:80]}
                done = new.post("/v1/invites/accept", json=body)
                assert done.status_code == 201, done.text
                house.cookies[login] = str(new.cookies["tricast_session"])
        with ExitStack() as connected:
            for key in KEYS:
                asked = {"subject": key[:128], "subscribe": ["hostile/**"], "app": "hostile"}
                minted = root.post("/v1/tokens", json=asked)
                assert minted.status_code == 201, minted.text
                bearer = {"Authorization": f"Bearer {minted.json()['token']}"}
                connected.enter_context(house.server.events("topic=hostile/x", bearer))
            yield


def is_right(at: Desk, *sizes: Any) -> None:
    """In both widths (or those): nothing became markup, and nothing stands out of the page."""
    for size in sizes or (NARROW, WIDE):
        at.page.set_viewport_size(size)
        at.page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
        assert at.page.evaluate(_WRONG) == [], (at.page.url, size)


def shows(place: Locator, *texts: str) -> None:
    """Each as it was given."""
    for text in texts:
        expect(place).to_contain_text(text)


def test_names_in_the_list_the_drawer_and_its_dialogs_are_text(sit: Callable[..., Desk]) -> None:
    at = sit("ann", "/#/flags?app=hostile&env=development")
    for key in KEYS:
        expect(at.page.get_by_role("link", name=key, exact=True)).to_be_visible()
    shows(at.page.get_by_role("button", name="App:"), MARKUP)
    is_right(at)
    for key in KEYS:
        sizes = (NARROW, WIDE) if key == KEYS[2] else (WIDE,)
        at.page.get_by_role("link", name=key, exact=True).click()
        expect(at.page.get_by_role("heading", name=key, exact=True)).to_be_visible()
        expect(at.page.get_by_label("Default variant")).to_have_value(f"={key}")
        logic(at).fill('{"if": [{"==": [{"var": "<img>"}, "<img src=x>"]}, "__proto__"]}')
        for tab in PARTS if key == KEYS[2] else ("Variants", "History", "Code"):
            at.page.get_by_role("tab", name=tab).click()
            expect(at.page.get_by_role("tabpanel", name=tab)).to_be_visible()
            is_right(at, *sizes)
        at.button("1 unsaved change").click()
        at.button("What can be done with this flag").click()
        at.page.get_by_role("menuitem", name="Archive").click()
        shows(at.page.get_by_role("dialog"), key)
        is_right(at, *sizes)
        at.press("Escape")
        at.button("What can be done with this flag").click()
        at.page.get_by_role("menuitem", name="Copy to another").click()
        is_right(at, *sizes)
        at.press("Escape")
        at.button("Close").click()
        shows(at.page.get_by_role("dialog"), key)
        is_right(at, *sizes)
        at.button("Discard").last.click()
        at.switch(key, "production").click()
        shows(at.page.get_by_role("dialog"), key)
        is_right(at, *sizes)
        at.press("Escape")
    refused = {"since": [{"actor": MARKUP, "reason": MARKUP}], "detail": MARKUP}
    at.page.route("**/toggle**", lambda route: route.fulfill(status=409, json=refused))
    at.switch(KEYS[2], "development").click()
    shows(at.page.get_by_role("region", name="Messages"), KEYS[2], f"{MARKUP} has changed it")
    is_right(at)


def test_people_who_are_here_are_called_as_they_are(sit: Callable[..., Desk], house: House) -> None:
    ann = sit("ann", f"/#/flags/{'x' * 200}?app=hostile&env=development&tab=details")
    expect(ann.page.locator(".link-state.live")).to_be_visible()
    where = f"/#/flags/{'x' * 200}?app=hostile&env=development&tab=details"
    others = [sit(login, where) for login in ("hope", "hugo", "hans")]
    for other, name in zip(others, KEYS[:3], strict=True):
        shown = name[:80]
        expect(
            ann.page.locator(".drawer-head").get_by_label(f"{shown} is looking at this flag")
        ).to_be_visible()
        expect(other.page.get_by_role("button", name=f"{shown} (editor)")).to_be_visible()
        other.page.get_by_label("Owner", exact=True).focus()
        shows(ann.page.locator(".news"), f"{shown} is editing this flag: owner")
        shows(ann.page.locator('[data-place="/owner"]'), shown)
        is_right(ann)
    ann.page.get_by_label("Owner", exact=True).fill("ann")
    others[0].page.get_by_label("Owner", exact=True).fill(RTL)
    others[0].press("Control+Enter")
    both = ann.page.get_by_role("group", name="Owner: two values")
    shows(both, f"You and {MARKUP} both changed this", RTL)
    is_right(ann)
    others[2].button("Take over").first.click()
    shows(ann.page.locator(".news"), f"{'x' * 80} has taken over")
    is_right(ann)
    is_right(others[1])


def test_names_on_every_other_page_are_text(sit: Callable[..., Desk], house: House) -> None:
    for at, (login, key) in enumerate(zip(LOGINS, KEYS, strict=True)):
        with house.http(login) as client:
            state = {"environment": "development", "state": ("ENABLED", "DISABLED")[at % 2]}
            for flag in (KEYS[0], KEYS[1], KEYS[2]):
                body = state | {"reason": f"{key} {'long ' * 40}"}
                where = f"/v1/flags/{quote(flag, safe='')}/toggle?app=hostile"
                answer = client.post(where, json=body, headers={"if-match": "*"})
                assert answer.status_code == 200, answer.text
    at = sit("ann", "/#/activity?app=hostile")
    feed = at.page.get_by_role("list", name="Activity")
    shows(feed, *KEYS[:3], *(name[:80] for name in KEYS))
    at.button("Details of what").first.click()
    shows(at.page.get_by_role("combobox", name="Who"), *(name[:80] for name in KEYS))
    is_right(at)

    at.go("/#/audit?app=hostile")
    entries = at.page.get_by_role("table", name="Entries")
    shows(entries, *KEYS[:3], *(name[:80] for name in KEYS))
    for number in range(4, 6):
        at.button("Details:").nth(number).click()
    is_right(at)

    at.go("/#/events?topic=hostile/**&from=latest")
    expect(at.page.get_by_text("live · WebSocket")).to_be_visible()
    for key in KEYS:
        segment = "".join(key.split()).replace("/", "-").replace("*", "-")
        house.server.publish(f"hostile/{segment}", {key: key})
    lines = at.page.get_by_role("list", name="Events, the newest first").get_by_role("listitem")
    expect(lines).to_have_count(4)
    shows(lines.nth(3), MARKUP, "hostile/<imgsrc=xonerror=alert(1)>")
    for number in range(4):
        lines.nth(number).get_by_role("button").first.click()
    is_right(at)

    at.go("/#/connections?subject=")
    connected = at.page.get_by_role("table", name="Who is connected")
    shows(connected, *(key[:128] for key in KEYS))
    at.button(f"Disconnect {RTL}").click()
    shows(at.page.get_by_role("dialog"), RTL)
    is_right(at)
    at.press("Escape")

    at.go("/#/settings/people")
    shows(at.page.get_by_role("table", name="People"), *(name[:80] for name in KEYS))
    at.button(f"More about {EMOJI}").click()
    is_right(at)
    at.page.get_by_role("menuitem", name="Lock out").click()
    shows(at.page.get_by_role("dialog"), f"Lock {EMOJI} out?")
    is_right(at)
    at.press("Enter")
    shows(at.page.get_by_role("region", name="Messages"), f"{EMOJI} is locked out")
    is_right(at)
    at.go("/#/settings/apps")
    shows(at.page.get_by_role("table", name="Apps"), MARKUP)
    at.button("Edit hostile").click()
    shows(at.page.get_by_role("dialog"), f"Edit {MARKUP}")
    is_right(at)
    at.press("Escape")
    at.button("App:").click()
    shows(at.page.get_by_role("menu"), MARKUP)
    is_right(at)
    at.go("/#/settings/schemas?app=hostile")
    shows(at.page.get_by_role("table", name="Event schemas"), MARKUP)
    is_right(at)
    at.go(f"/#/{quote(MARKUP)}")
    shows(at.page.locator("#page"), f"Nothing here is called {MARKUP}.")
    is_right(at)

    for login, browser, name in (("hope", MARKUP, MARKUP), ("hans", "x" * 200, "x" * 80)):
        there = sit(login, "/#/settings/account")
        shows(there.page.get_by_role("table", name="Sessions"), browser)
        expect(there.page.get_by_role("textbox", name="Name")).to_have_value(name)
        is_right(there)
