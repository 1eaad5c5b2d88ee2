"""The feed: what has happened, in words."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Route, expect
from tests.dashboard.desk import Desk
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app


@pytest.fixture(autouse=True)
def shop(house: House, request: pytest.FixtureRequest) -> str:
    """An app of this test's own."""
    app = "act-" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:50].strip("-")
    make_app(house.server, app)
    return app


def switched(
    house: House,
    who: str,
    app: str,
    key: str,
    *,
    on: bool = True,
    reason: str | None = None,
    env: str = "production",
    times: int = 1,
) -> None:
    """Somebody turns a flag on or off; `times` times, to and fro."""
    with house.http(who) as client:
        for turn in range(times):
            state = "ENABLED" if on == (turn % 2 == 0) else "DISABLED"
            body = {"environment": env, "state": state} | ({"reason": reason} if reason else {})
            at = f"/v1/flags/{key}/toggle?app={app}"
            answer = client.post(at, json=body, headers={"if-match": "*"})
            assert answer.status_code == 200, answer.text


def items(at: Desk) -> Locator:
    return at.page.get_by_role("list", name="Activity").locator(".feed-item")


def test_what_somebody_does_is_told_in_words_as_it_happens(
    sit: Callable[..., Desk], house: House, shop: str
) -> None:
    a_flag(house.server, shop, "new-checkout")
    viewer, admin = (sit(who, f"/#/activity?app={shop}") for who in ("vic", "ann"))
    for at in (viewer, admin):
        expect(items(at).first).to_contain_text("made new-checkout")
    switched(house, "ben", shop, "new-checkout", reason="launch")
    for at in (viewer, admin):
        expect(items(at).first).to_contain_text("Ben turned new-checkout on in production")
        expect(items(at).first).to_contain_text("“launch”")
        expect(items(at).first).to_contain_text("just now")
    viewer.page.get_by_role("link", name="new-checkout").first.click()
    assert f"/#/flags/new-checkout?app={shop}&env=production" in viewer.page.url


def test_the_same_done_to_several_is_told_once_and_opens_to_each(
    sit: Callable[..., Desk], house: House, shop: str
) -> None:
    keys = [f"flag-{number}" for number in range(8)]
    for key in keys:
        a_flag(house.server, shop, key)
        switched(house, "ben", shop, key, reason="cleaning up", env="development")
    for key in keys:
        switched(house, "ann", shop, key, on=False, reason="all of them", env="development")
    at = sit("ben", f"/#/activity?app={shop}")
    expect(items(at).first).to_contain_text(
        re.compile(r"Ann turned flag-7, .* and 2 more off in development")
    )
    at.button("Details of what Ann did").first.click()
    expect(items(at).first.locator(".diff")).to_have_count(8)


def test_one_scrolls_back_through_all_there_is(sit: Callable[..., Desk], house: House, shop: str) -> None:
    a_flag(house.server, shop, "first-of-all")
    a_flag(house.server, shop, "blinking")
    switched(house, "ben", shop, "blinking", times=150)
    at = sit("vic", f"/#/activity?app={shop}")
    expect(items(at).first).to_be_visible()
    assert items(at).count() < 140
    end = at.page.get_by_text("This is where it begins.")
    while not end.is_visible():
        before = items(at).count()
        at.page.locator("#page").evaluate("(page) => page.scrollTo(0, page.scrollHeight)")
        expect(items(at).nth(before).or_(end).first).to_be_attached()
    expect(at.page.get_by_text("This is where it begins.")).to_be_visible()
    expect(items(at).filter(has_text="first-of-all")).to_be_visible()
    shown = [text.strip() for text in items(at).filter(has_text="blinking").all_inner_texts()]
    assert len(shown) == 151


def test_filters_are_in_the_address(sit: Callable[..., Desk], house: House, shop: str) -> None:
    a_flag(house.server, shop, "one")
    switched(house, "ben", shop, "one")
    switched(house, "ann", shop, "one", env="development")
    at = sit("ann", f"/#/activity?app={shop}")
    at.page.get_by_role("combobox", name="Who").focus()
    at.page.get_by_role("combobox", name="Who").select_option("Ben")
    expect(items(at)).to_have_count(1)
    expect(at.page.get_by_role("combobox", name="Who")).to_be_focused()
    assert "who=ben" in at.page.url
    at.page.get_by_role("combobox", name="Environment").select_option("development")
    expect(at.page.get_by_role("heading", name="Nothing like that")).to_be_visible()
    at.button("Show everything").click()
    expect(items(at)).to_have_count(4)  # (with the app that was made)
    at.page.get_by_role("combobox", name="What").select_option("Apps")
    expect(items(at)).to_have_count(1)
    at.page.get_by_role("combobox", name="What").select_option("People")
    expect(items(at).filter(has_text="Ben joined")).to_be_visible()


def test_an_app_where_nothing_has_happened_says_so(sit: Callable[..., Desk], house: House) -> None:
    with house.server.http() as http:
        assert http.put("/v1/apps/quiet", json={"environments": ["development"]}).status_code == 201
    at = sit("vic", "/#/activity?app=quiet&env=development")
    expect(at.page.get_by_role("heading", name="Nothing like that")).to_be_visible()


def test_what_cant_be_read_is_said_and_tried_again(sit: Callable[..., Desk], house: House, shop: str) -> None:
    a_flag(house.server, shop, "one")
    at = sit("vic", "/#/settings")
    asked: list[str] = []
    busy = True

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if busy:
            route.fulfill(status=503, json={"detail": "The log is busy."})
        else:
            route.fallback()

    at.page.route("**/v1/audit*", answer)
    at.go(f"/#/activity?app={shop}")
    expect(at.page.get_by_role("alert").filter(has_text="The log is busy.")).to_be_visible()
    expect(at.page.locator(".link-state.live")).to_be_visible()
    while len(asked) < 2:  # (once more as soon as it is live)
        at.page.wait_for_timeout(20)
    busy = False
    at.button("Try again").click()
    expect(items(at).first).to_be_visible()
    at.problems = [problem for problem in at.problems if "503" not in problem]
