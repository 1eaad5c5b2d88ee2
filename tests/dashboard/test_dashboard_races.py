"""What comes while something else is on its way: nothing typed is lost, no change is overwritten unseen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect
from tests.api.served import Served
from tests.dashboard.desk import Desk
from tests.dashboard.drawer import RULE, flag, opened, patch
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app, toggle

VARIANTS = {"a": "1", "b": "2"}


@pytest.fixture(autouse=True)
def shop(server: Served, request: pytest.FixtureRequest) -> str:
    """An app of this test's own."""
    app = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    make_app(server, app)
    return app


def a(at: Desk) -> Any:
    return at.page.get_by_label("Value of a", exact=True)


def holding(at: Desk, url: str, method: str) -> list[Route]:
    """Requests that are held back, until they are let go on."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == method:
            held.append(route)
        else:
            route.continue_()

    at.page.route(url, hold)
    return held


def until(at: Desk, held: list[Route], count: int = 1) -> None:
    while len(held) < count:
        at.page.wait_for_timeout(10)


def test_who_is_asked_whether_to_save_is_told_of_what_came_meanwhile(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", type="string", variants=VARIANTS)
    at = opened(desk, shop, "f", tab="variants")
    a(at).fill("mine")
    at.press("Control+Enter")
    dialog = at.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("why")
    patch(server, shop, "f", {"variants": {"a": "theirs"}})
    expect(at.page.locator(".collision")).to_be_visible()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(at.said("f was not saved: it was changed meanwhile. Choose between both values")).to_be_visible()
    expect(at.page.locator(".collision")).to_be_visible()
    assert flag(server, shop, "f")["variants"]["a"] == "theirs"


def test_a_flag_that_is_being_read_is_read_again_when_more_comes(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", type="string", variants=VARIANTS)
    at = opened(desk, shop, "f", tab="variants")

    def slowly(route: Route) -> None:
        response = route.fetch()
        toggle(server, shop, "f", on=True, environment="development")
        time.sleep(0.3)  # (this is the fault itself; the event comes meanwhile)
        route.fulfill(response=response)

    at.page.route("**/v1/flags/f?*", slowly, times=1)
    patch(server, shop, "f", {"variants": {"a": "theirs"}})
    expect(a(at)).to_have_value("theirs")
    expect(at.page.locator(".drawer-head")).to_contain_text("version 3")


def test_a_flag_that_could_not_be_read_is_read_again(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", type="string", variants=VARIANTS)
    at = opened(desk, shop, "f", tab="variants")
    at.page.route("**/v1/flags/f?*", lambda route: route.fulfill(status=429, body=""), times=1)
    patch(server, shop, "f", {"variants": {"a": "theirs"}})
    expect(a(at)).to_have_value("theirs")


def test_what_is_typed_back_while_it_is_saved_is_a_change_of_what_was_saved(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f", tab="details")
    held = holding(at, "**/v1/flags/f?*", "PATCH")
    name = at.page.get_by_label("Name", exact=True)
    name.fill("New")
    at.press("Control+Enter")
    until(at, held)
    name.fill("")
    held[0].continue_()
    expect(at.said("f is saved")).to_be_visible()
    expect(name).to_have_value("")
    expect(at.button("1 unsaved change")).to_be_visible()
    at.press("Control+Enter")
    until(at, held, 2)
    name.fill("New")
    held[1].fulfill(status=429, body="")
    expect(at.page.locator(".saving-inside")).to_have_count(0)
    assert flag(server, shop, "f")["name"] == "New"


def test_an_answer_that_comes_late_is_not_put_into_another_app(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    make_app(server, f"{shop}-2")
    a_flag(server, shop, "f")
    a_flag(server, shop, "g")
    a_flag(server, f"{shop}-2", "f", type="string", variants=VARIANTS)
    at = desk(f"/#/flags?app={shop}")
    held = holding(at, "**/toggle?*", "POST")
    at.switch("f", "development").click()
    at.switch("g", "development").click()
    until(at, held, 2)
    at.page.evaluate(f"location.hash = '#/flags?app={shop}-2'")
    expect(at.row("f")).to_contain_text("string")
    expect(at.switch("f", "development")).to_have_attribute("aria-checked", "false")
    for route in held:
        with at.page.expect_response("**/toggle?*"):
            route.continue_()
    toggle(server, f"{shop}-2", "f", on=True)  # (what comes after the answers)
    expect(at.switch("f", "production")).to_have_attribute("aria-checked", "true")
    expect(at.row("f")).to_contain_text("string")
    expect(at.row("g")).to_have_count(0)


def test_a_refusal_that_comes_late_brings_back_nothing_old(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f", tab="details")

    def late(route: Route) -> None:
        patch(server, shop, "f", {"name": "Theirs", "owner": "old"})
        response = route.fetch()
        patch(server, shop, "f", {"name": "Later", "owner": "new"})
        expect(at.row("f")).to_contain_text("Later")
        route.fulfill(response=response)

    at.page.route("**/v1/flags/f?*", late, times=1)
    at.page.get_by_label("Name", exact=True).fill("Mine")
    at.press("Control+Enter")
    expect(at.page.locator(".toast.bad")).to_be_visible()
    expect(at.page.get_by_label("Owner")).to_have_value("new")
    expect(at.page.locator(".news")).not_to_contain_text("older version")


def test_what_was_discarded_can_be_had_again_in_any_case(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f", tab="details")
    name = at.page.get_by_label("Name", exact=True)
    name.fill("Mine")
    at.button("Discard", exact=True).click()
    patch(server, shop, "f", {"name": "Theirs"})
    expect(name).to_have_value("Theirs")
    at.button("Undo").click()
    expect(at.page.locator(".collision")).to_be_visible()
    at.button("Discard", exact=True).click()
    at.button("Close", exact=True).click()
    at.button("Undo").last.click()
    at.page.get_by_role("link", name="f", exact=True).click()
    at.page.get_by_role("tab", name="Details").click()
    expect(at.page.locator(".collision")).to_be_visible()


def test_what_is_typed_in_a_line_counts_also_without_enter(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f", tab="details")
    tag = at.page.get_by_label("Add a tag")
    tag.fill("one")
    at.press("Escape")
    at.button("Go on editing").click()
    expect(at.button("Remove one")).to_be_visible()
    tag.fill("two")
    at.page.reload()
    expect(at.button("Remove two")).to_be_visible()
    tag.fill("three")
    at.press("Control+Enter")
    expect(at.said("f is saved")).to_be_visible()
    assert flag(server, shop, "f")["tags"] == ["one", "two", "three"]


def test_what_is_typed_for_a_rule_is_not_put_into_another_that_took_its_place(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", state="ENABLED", default="off")
    ours: dict[str, Any] = {"in": [{"var": "country"}, ["de"]]}
    theirs: dict[str, Any] = {"in": [{"var": "country"}, ["se"]]}
    patch(server, shop, "f", {"environments": {"development": {"targeting": {"if": [ours, "on", "off"]}}}})
    at = opened(desk, shop, "f", env="development")
    value = at.page.get_by_role("listitem", name="Rule 1").get_by_role("textbox").last
    value.press_sequentially("no")
    both = {"if": [theirs, "off", ours, "on", "off"]}
    patch(server, shop, "f", {"environments": {"development": {"targeting": both}}})
    expect(at.page.get_by_role("listitem", name="Rule 2")).to_be_visible()
    value.press("Enter")
    expect(at.said("“no” was typed before the rules were changed")).to_be_visible()
    expect(value).to_have_value("no")
    expect(at.page.locator(".saving-inside")).to_have_count(0)


def test_a_share_is_what_was_typed_or_what_it_was(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", state="ENABLED", default="off")
    split = {"fractional": [["on", 30], ["off", 70]]}
    patch(server, shop, "f", {"environments": {"development": {"targeting": split}}})
    at = opened(desk, shop, "f", env="development")
    share = at.page.locator(".percent").first
    for wrong in ("101", "abc", "-5"):
        share.click()
        share.press("Control+a")
        share.press_sequentially(wrong)
        expect(share).to_have_attribute("aria-invalid", "true")
        share.press("Tab")
        expect(share).to_have_value("30")
    expect(at.page.locator(".saving-inside")).to_have_count(0)
    share.fill("12,5")
    expect(at.page.locator(".percent").last).to_have_value("87.5")


def test_what_was_typed_for_a_deleted_flag_is_there_after_a_reload(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f", tab="details")
    at.page.get_by_label("Description").fill("long")
    with server.http() as http:
        http.delete("/v1/flags/f", params={"app": shop}, headers={"if-match": "*"})
    gone = at.page.get_by_text("This flag was deleted. What you typed is kept")
    expect(gone).to_be_visible()
    at.page.reload()
    expect(gone).to_be_visible()
    expect(at.page.get_by_label("Description")).to_have_value("long")
    a_flag(server, shop, "f", type="string", variants=VARIANTS)
    expect(at.page.locator(".drawer-head .badge")).to_have_text("string")
    expect(at.page.get_by_label("Description")).to_have_value("long")
    expect(at.page.locator(".news")).not_to_contain_text("older version")


def test_what_is_to_be_copied_is_what_is_there_now(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f", env="development")
    at.button("What can be done with this flag").click()
    at.page.get_by_role("menuitem", name="Copy to another environment…").click()
    dialog = at.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing: they are alike.")
    patch(server, shop, "f", {"environments": {"development": {"targeting": RULE}}})
    expect(dialog.locator(".change-list")).to_contain_text("production: rules")
    dialog.get_by_label("Reason").fill("copied")
    dialog.get_by_role("button", name="Copy to production").click()
    expect(at.said("f is in production as in development")).to_be_visible()
    assert flag(server, shop, "f")["environments"]["production"]["targeting"] == RULE


def test_nobody_answers_what_somebody_else_was_asked(sit: Callable[..., Desk], house: House) -> None:
    house.joined("zoe")
    make_app(house.server, "asked")
    a_flag(house.server, "asked", "f")
    at = sit("zoe", "/#/flags?app=asked")
    at.switch("f", "production").click()
    expect(at.page.get_by_role("dialog")).to_be_visible()
    with house.http("zoe") as http:
        http.delete("/v1/session")
    expect(at.page.get_by_label("Password")).to_be_visible()
    expect(at.page.get_by_role("dialog")).to_have_count(0)


def test_an_environment_may_be_called_as_javascript_likes(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    make_app(server, f"{shop}-c", ("constructor", "development", "production"))
    a_flag(server, f"{shop}-c", "f")
    at = desk(f"/#/flags?app={shop}-c")
    expect(at.switch("f", "development")).to_be_visible()
    expect(at.switch("f", "constructor")).to_have_count(0)
    at.go(f"/#/flags/f?app={shop}-c&env=constructor&tab=usage")
    expect(at.page.get_by_text("Not in constructor")).to_be_visible()
