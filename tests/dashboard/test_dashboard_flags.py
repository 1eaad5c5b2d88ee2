"""The list of flags: what one sees, and what one does with it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.api.served import Served
from tests.dashboard.desk import Desk
from tests.dashboard.shop import a_flag, make_app, toggle


@pytest.fixture(autouse=True)
def shop(server: Served, request: pytest.FixtureRequest) -> str:
    """An app of this test's own."""
    app = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    make_app(server, app)
    return app


def test_flags_are_listed_with_what_they_serve(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "new-checkout", state="ENABLED")
    a_flag(server, shop, "banner", type="string", variants={"none": "", "sale": "Sale!"}, default="sale")
    at = desk(f"/#/flags?app={shop}")
    expect(at.row("new-checkout")).to_contain_text("boolean")
    expect(at.switch("new-checkout", "production")).to_have_attribute("aria-checked", "true")
    expect(at.switch("banner", "production")).to_have_attribute("aria-checked", "false")


def test_a_change_from_elsewhere_is_seen_and_lit_up(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "new-checkout")
    at = desk(f"/#/flags?app={shop}")
    expect(at.switch("new-checkout", "production")).to_have_attribute("aria-checked", "false")
    expect(at.page.locator(".link-state")).to_have_class(re.compile("live"))
    toggle(server, shop, "new-checkout", on=True)
    expect(at.switch("new-checkout", "production")).to_have_attribute("aria-checked", "true")
    expect(at.row("new-checkout")).to_have_class(re.compile("flash"))


def test_a_new_flag_and_a_deleted_one_come_and_go_by_themselves(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "first")
    at = desk(f"/#/flags?app={shop}")
    expect(at.row("first")).to_be_visible()
    expect(at.page.locator(".link-state")).to_have_class(re.compile("live"))
    a_flag(server, shop, "second")
    expect(at.row("second")).to_be_visible()
    with server.http() as http:
        assert http.delete(f"/v1/flags/first?app={shop}", headers={"if-match": "*"}).status_code in (200, 204)
    expect(at.row("first")).to_have_count(0)


def test_production_asks_for_a_reason_and_development_does_not(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "new-checkout")
    at = desk(f"/#/flags?app={shop}")
    at.switch("new-checkout", "development").click()
    expect(at.switch("new-checkout", "development")).to_have_attribute("aria-checked", "true")
    at.switch("new-checkout", "production").click()
    dialog = at.page.get_by_role("dialog", name="Turn new-checkout on in production?")
    expect(dialog).to_be_visible()
    at.button("Turn on").click()
    expect(dialog).to_be_visible()  # (a reason is needed)
    at.page.get_by_role("textbox", name="Reason").fill("launch")
    at.press("Enter")
    expect(at.switch("new-checkout", "production")).to_have_attribute("aria-checked", "true")
    with server.http() as http:
        entry = http.get(f"/v1/audit?app={shop}&limit=1").json()["entries"][0]
    assert entry["reason"] == "launch"


def test_all_of_the_list_is_done_by_keyboard(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    for key in ("alpha", "beta", "gamma"):
        a_flag(server, shop, key)
    at = desk(f"/#/flags?app={shop}&env=development")
    expect(at.row("alpha")).to_be_visible()
    at.press("j", "j")
    assert at.focused() == "beta"
    at.press("k", "t")
    expect(at.switch("alpha", "development")).to_have_attribute("aria-checked", "true")
    at.press("]")
    expect(at.page.get_by_role("button", name="production", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    at.press("t")
    at.page.keyboard.type("because")
    at.press("Enter")
    expect(at.switch("alpha", "production")).to_have_attribute("aria-checked", "true")
    assert at.focused() == "alpha"
    at.press("/")
    at.page.keyboard.type("gam")
    expect(at.row("gamma")).to_be_visible()
    expect(at.row("alpha")).to_have_count(0)
    assert "q=gam" in at.page.url
    at.press("Escape")
    expect(at.row("alpha")).to_be_visible()
    at.press("Escape", "?")
    expect(at.page.get_by_role("dialog", name="Keyboard")).to_be_visible()


def test_a_refused_switch_goes_back_and_says_why(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "new-checkout")
    at = desk(f"/#/flags?app={shop}")
    expect(at.switch("new-checkout", "development")).to_be_visible()
    at.page.route("**/toggle**", lambda route: route.abort())
    at.switch("new-checkout", "development").click()
    expect(at.page.get_by_role("region", name="Messages")).to_contain_text("was not turned on")
    expect(at.switch("new-checkout", "development")).to_have_attribute("aria-checked", "false")
    at.problems = [problem for problem in at.problems if "ERR_FAILED" not in problem]


def test_filters_are_in_the_address_and_a_link_shows_the_same(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "on-one", state="ENABLED")
    a_flag(server, shop, "off-one")
    at = desk(f"/#/flags?app={shop}")
    show = at.page.get_by_role("combobox", name="Show")
    chosen = "(select) => select.selectedOptions[0]?.text"
    assert show.evaluate(chosen) == "All"
    show.select_option("On")
    expect(at.row("off-one")).to_have_count(0)
    other = desk(at.page.url.removeprefix(server.url))
    expect(other.row("on-one")).to_be_visible()
    expect(other.row("off-one")).to_have_count(0)
    show.select_option("All")
    expect(at.row("off-one")).to_be_visible()
    assert show.evaluate(chosen) == "All"
    assert "show=" not in at.page.url


def test_five_thousand_flags_are_scrolled_with_few_of_them_on_the_page(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    flags = {
        f"flag-{number:04}": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "on",
        }
        for number in range(5000)
    }
    with server.http() as http:
        query = {"app": shop, "environment": "production"}
        assert http.post("/v1/flags/import", params=query, json={"flags": flags}).status_code == 200
    at = desk(f"/#/flags?app={shop}")
    expect(at.row("flag-0000")).to_be_visible()
    at.page.locator(".virtual").evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
    expect(at.row("flag-4999")).to_be_visible()
    assert at.page.get_by_role("row").count() < 100


def test_an_app_without_flags_says_what_to_do(desk: Callable[..., Desk], shop: str) -> None:
    at = desk(f"/#/flags?app={shop}")
    expect(at.page.get_by_role("heading", name="No flags yet")).to_be_visible()
    at.press("n")
    at.press("Enter")
    expect(at.page.get_by_role("textbox", name="Key")).to_have_attribute("aria-invalid", "true")
    at.page.get_by_role("textbox", name="Key").fill("first-flag")
    at.press("Enter")
    expect(at.page.get_by_role("link", name="first-flag", exact=True)).to_be_visible()
