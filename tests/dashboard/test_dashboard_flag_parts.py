"""The other parts of a flag's drawer: try it, history, copying, archiving, drafts, names, code."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.api.served import Served
from tests.dashboard.desk import Desk
from tests.dashboard.drawer import RULE, flag, opened, patch, rule_of
from tests.dashboard.shop import a_flag, make_app


@pytest.fixture(autouse=True)
def shop(server: Served, request: pytest.FixtureRequest) -> str:
    """An app of this test's own."""
    app = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    make_app(server, app)
    return app


def test_try_it_says_what_one_gets_and_which_rule_it_was(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", state="ENABLED", default="off")
    patch(server, shop, "f", {"environments": {"development": {"targeting": RULE}}})
    at = opened(desk, shop, "f", tab="try")
    answer = at.page.locator(".answer")
    expect(answer.locator(".variant-chip")).to_have_text("off")
    expect(answer.locator(".matched")).to_contain_text("Everybody else")
    at.button("+ email").click()
    at.page.keyboard.type("ann@shop.example")
    at.button("+ country").click()
    at.page.keyboard.type("SE")
    expect(answer.locator(".variant-chip")).to_have_text("on")
    expect(answer.locator(".matched")).to_contain_text("Rule 1")
    at.page.get_by_label("Value of country").fill("NO")
    expect(answer.locator(".matched")).to_contain_text("Everybody else")
    at.button("+ version").click()
    at.page.keyboard.type("2.1.0")
    expect(answer.locator(".matched")).to_contain_text("Rule 2")
    expect(answer.get_by_text("SPLIT", exact=True)).to_be_visible()
    at.page.reload()
    expect(at.page.get_by_label("Value of version")).to_have_value("2.1.0")
    at.button("JSON", exact=True).click()
    at.page.get_by_label("Context as JSON").fill('{"half":')
    at.page.get_by_role("tab", name="History").click()
    at.page.get_by_role("tab", name="Try it").click()
    expect(at.page.get_by_label("Context as JSON")).to_have_value('{"half":')


def test_history_tells_each_change_and_takes_it_back(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", type="string", variants={"none": "", "sale": "Sale!"})
    patch(server, shop, "f", {"name": "First", "reason": "SHOP-1"})
    patch(server, shop, "f", {"name": "Second"})
    at = opened(desk, shop, "f", tab="history")
    entries = at.page.locator(".entry")
    expect(entries).to_have_count(3)
    expect(entries.nth(1)).to_contain_text("SHOP-1")
    entries.nth(1).get_by_role("button", name="Revert").click()
    at.button("Revert", exact=True).last.click()
    dialog = at.page.get_by_role("dialog", name="Changed again since")
    expect(dialog).to_contain_text("name")
    at.button("Revert anyway").click()
    expect(entries).to_have_count(4)
    assert flag(server, shop, "f")["name"] == ""
    entries.nth(2).get_by_role("button", name="Revert").click()
    at.button("Revert", exact=True).last.click()
    expect(at.page.locator(".toast").filter(has_text="There was nothing to take back")).to_be_visible()
    expect(entries).to_have_count(4)


def test_history_goes_back_to_the_beginning(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "f")
    with server.http() as http:
        for number in range(40):
            made = http.patch(
                f"/v1/flags/f?app={shop}", json={"name": f"Name {number}"}, headers={"if-match": "*"}
            )
            assert made.status_code == 200
    at = opened(desk, shop, "f", tab="history")
    at.page.locator(".entry").first.hover()
    for _ in range(20):
        at.page.mouse.wheel(0, 4000)
        if at.page.locator(".entry").count() == 41:
            break
        at.page.wait_for_timeout(50)
    expect(at.page.locator(".entry")).to_have_count(41)
    expect(at.page.get_by_text("That is all.")).to_be_visible()


def test_a_flag_is_copied_to_another_environment(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", default="off")
    patch(server, shop, "f", {"environments": {"development": {"targeting": RULE, "state": "ENABLED"}}})
    at = opened(desk, shop, "f")
    at.button("What can be done with this flag").click()
    at.page.get_by_role("menuitem", name="Copy to another environment").click()
    dialog = at.page.get_by_role("dialog")
    expect(dialog).to_contain_text("production: rules")
    at.button("Copy to production").click()
    expect(dialog).to_contain_text("A reason is needed")
    dialog.get_by_label("Reason").fill("ready")
    at.button("Copy to production").click()
    expect(dialog).to_have_count(0)
    assert rule_of(server, shop, "f", "production") == RULE


def test_a_flag_is_archived_restored_and_deleted(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f", tab="details")

    def choose(name: str) -> None:
        at.button("What can be done with this flag").click()
        at.page.get_by_role("menuitem", name=name).click()

    choose("Archive")
    at.button("Archive", exact=True).click()
    expect(at.page.get_by_text("This flag is archived")).to_be_visible()
    expect(at.page.get_by_label("Description")).to_have_attribute("readonly", "")
    at.page.locator(".news").get_by_role("button", name="Restore").click()
    at.button("Restore", exact=True).last.click()
    expect(at.page.get_by_text("This flag is archived")).to_have_count(0)
    choose("Delete")
    at.page.get_by_role("dialog").get_by_label("Reason").fill("gone")
    at.press("Enter")
    expect(at.page.get_by_role("tab", name="Targeting")).to_have_count(0)
    with server.http() as http:
        assert http.get("/v1/flags/f", params={"app": shop}).status_code == 404


def test_closing_asks_and_a_draft_is_kept(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f", tab="details")
    at.page.get_by_label("Description").fill("half a thou")
    at.press("Escape")
    at.button("Go on editing").click()
    at.page.keyboard.type("ght")
    at.page.get_by_label("Description").press("End")
    at.press("Escape", "Enter")  # (keep the draft is what is proposed)
    expect(at.page.get_by_role("tab", name="Targeting")).to_have_count(0)
    at.page.get_by_role("link", name="f", exact=True).click()
    at.page.get_by_role("tab", name="Details").click()
    expect(at.page.get_by_label("Description")).to_have_value(re.compile("half a thou"))
    at.button("Discard them").click()
    at.press("Escape")
    expect(at.page.get_by_role("tab", name="Targeting")).to_have_count(0)
    expect(at.page.get_by_role("link", name="f", exact=True)).to_be_focused()


def test_escape_closes_a_menu_before_the_drawer(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f")
    at.button("What can be done with this flag").click()
    expect(at.page.get_by_role("menu")).to_be_visible()
    at.press("Escape")
    expect(at.page.get_by_role("menu")).to_have_count(0)
    expect(at.page.get_by_role("tab", name="Targeting")).to_be_visible()
    at.press("Escape")
    expect(at.page.get_by_role("tab", name="Targeting")).to_have_count(0)


def test_code_that_is_shown_works(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    """What curl is told is asked here; the clients' lines are tested in tests/dashboard/js."""
    a_flag(server, shop, "it's", state="ENABLED", default="on")
    at = opened(desk, shop, "it's", tab="snippets")
    at.button("curl", exact=True).click()
    text = at.page.locator(".code pre").inner_text()
    assert "'\\''" in text
    url = re.search(r"'(http[^\n]*)'$", text)
    assert url is not None
    with server.http() as http:
        answer = http.post(url[1].replace("'\\''", "'"), json={"context": {"targetingKey": "ann"}})
    assert answer.json()["value"] is True
