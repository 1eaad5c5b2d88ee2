"""The other parts of a flag by keyboard alone, and together with others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.api.served import Served
from tests.dashboard.desk import Desk
from tests.dashboard.drawer import RULE, flag, last_entry, patch, rule_of
from tests.dashboard.hands import Hands, is_saved, open_by_keys, reason
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app


@pytest.fixture(autouse=True)
def shop(server: Served, request: pytest.FixtureRequest) -> str:
    """An app of this test's own."""
    app = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    make_app(server, app)
    return app


def test_details_are_written_by_keys(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "f")
    hands = open_by_keys(desk, shop, "f", part=1)
    hands.is_at("tab", "Details")
    hands.fill("Name", "Checkout")
    hands.fill("Description", "One page instead of three")
    hands.fill("Owner", "payments", role="combobox")
    hands.to("combobox", "Add a tag")
    hands.type("q4,web")
    hands.press("Enter")
    hands.type("old,")
    hands.press("Backspace")
    hands.push("Remove q4", back=True)
    hands.is_at("combobox", "Add a tag")
    hands.push("4 unsaved changes")
    hands.push("Undo: Owner", back=True)
    expect(hands.page.get_by_label("Owner", exact=True)).to_have_value("")
    hands.fill("Reason", "as agreed")
    hands.push("Save")
    is_saved(hands)
    now = flag(server, shop, "f")
    assert (now["name"], now["description"]) == ("Checkout", "One page instead of three")
    assert (now["tags"], now["owner"]) == (["web"], None)
    assert last_entry(server, shop)["reason"] == "as agreed"


def test_variants_are_added_named_valued_and_removed_by_keys(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(
        server, shop, "f", type="string", variants={"none": "", "sale": "Sale!", "old": "x"}, default="sale"
    )
    hands = open_by_keys(desk, shop, "f", part=2)
    hands.is_at("tab", "Variants")
    hands.push("Add a variant")
    hands.is_at("textbox", "Name of the variant variant-4")
    hands.type("spring")
    hands.press("Tab")
    hands.is_at("textbox", "Value of spring")
    hands.type("Spring!")
    hands.fill("Name of the variant sale", "offer", back=True)
    hands.press("Tab")
    hands.is_at("textbox", "Value of offer")
    hands.push("Remove the variant old")
    hands.is_at("textbox", "Name of the variant spring")
    hands.press("Control+Enter")
    hands.is_at("textbox", "Reason")
    hands.press("Escape")
    hands.is_at("textbox", "Name of the variant spring")
    hands.press("Control+Enter")
    reason(hands, "the new season")
    is_saved(hands)
    hands.is_at("textbox", "Name of the variant spring")
    now = flag(server, shop, "f")
    assert now["variants"] == {"none": "", "offer": "Sale!", "spring": "Spring!"}
    assert now["environments"]["production"]["defaultVariant"] == "offer"


def test_a_flag_is_tried_taken_back_and_copied_by_keys(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", state="ENABLED", default="off")
    patch(server, shop, "f", {"environments": {"development": {"targeting": RULE}}})
    patch(server, shop, "f", {"name": "Not that"})
    hands = open_by_keys(desk, shop, "f", part=3)
    hands.is_at("tab", "Try it")
    answer = hands.page.locator(".answer")
    hands.push("+ email")
    hands.is_at("textbox", "Value of email")
    hands.type("ann@shop.example")
    hands.push("+ country")
    hands.type("SE")
    expect(answer.locator(".matched")).to_contain_text("Rule 1")
    hands.push("Remove country")
    hands.sees()
    expect(answer.locator(".matched")).to_contain_text("Everybody else")
    hands.push("JSON", back=True)
    hands.fill("Context as JSON", '{"targetingKey": "ann", "version": "2.1.0"}')
    expect(answer.locator(".matched")).to_contain_text("Rule 2")
    hands.choose("Environment", "production")
    expect(answer).to_contain_text("STATIC")
    hands.choose("Environment", "development")
    hands.to("tab", "Try it", back=True)
    hands.press("ArrowRight")
    hands.is_at("tab", "History")
    hands.push("Revert")
    dialog = hands.page.get_by_role("dialog", name="Take this change back?")
    expect(dialog).to_contain_text("Not that")
    hands.press("Escape")
    hands.is_at("button", "Revert")
    hands.press("Enter")
    hands.is_at("textbox", "Reason (optional)")
    hands.press("Enter")
    expect(hands.page.locator(".entry")).to_have_count(4)
    hands.sees()
    assert flag(server, shop, "f")["name"] == ""
    hands.to("button", "What can be done with this flag", back=True)
    hands.press("Enter", "ArrowDown", "ArrowDown")
    hands.is_at("menuitem", "Copy to another environment…")
    hands.press("Enter")
    hands.is_at("combobox", "To")
    hands.push("Copy to production")
    hands.is_at("textbox", "Reason")
    hands.type("ready")
    hands.press("Enter")
    expect(hands.page.get_by_role("dialog")).to_have_count(0)
    hands.is_at("button", "What can be done with this flag")
    assert rule_of(server, shop, "f", "production") == RULE


def test_code_is_copied_by_keys(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "f")
    hands = open_by_keys(desk, shop, "f", part=6)
    hands.is_at("tab", "Code")
    hands.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for language in ("curl", "JavaScript", "Python", "OpenFeature JS", "OpenFeature Python"):
        hands.push(language)
        hands.push("Copy")
        copied = str(hands.page.evaluate("navigator.clipboard.readText()"))
        assert copied == hands.page.locator(".code pre").inner_text()
        assert "f" in copied
        hands.to("button", language, back=True)


def test_between_two_values_one_chooses_by_keys_and_takes_over(
    sit: Callable[..., Desk], house: House, shop: str
) -> None:
    make_app(house.server, shop)
    a_flag(house.server, shop, "f", default="off")
    ann, ben = (
        Hands(sit(login, f"/#/flags/f?app={shop}&env=development&tab=details")) for login in ("ann", "ben")
    )
    for hands in (ann, ben):
        expect(hands.page.get_by_role("complementary", name="Flag f")).to_be_focused()
        expect(hands.page.locator(".link-state.live")).to_be_visible()
        name = "Ann" if hands is ann else "Ben"
        hands.fill("Description", f"{name}’s words")
        hands.fill("Owner", name.lower(), role="combobox")
    ben.press("Control+Enter")
    is_saved(ben)
    ann.is_at("combobox", "Owner")
    ann.press("Control+Enter")  # (it goes to what is to be decided)
    ann.is_at("button", "Keep mine")
    ann.press("Enter")
    ann.is_at("textbox", "Description")
    ann.push("Take theirs")
    ann.is_at("combobox", "Owner")
    ann.push("Have it back")
    ann.is_at("combobox", "Owner")
    ann.push("Dismiss", back=True)
    ann.press("Control+Enter")
    is_saved(ann)
    now = flag(house.server, shop, "f")
    assert (now["description"], now["owner"]) == ("Ann’s words", "ann")
    expect(ben.page.get_by_label("Owner", exact=True)).to_have_value("ann")

    ben.fill("Description", "Ben again", back=True)
    ann.to("tab", "Details", back=True)
    ann.push("Take over", back=True)
    ann.is_at("tab", "Details")
    expect(ben.page.get_by_label("Description", exact=True)).to_have_attribute("readonly", "")
    ben.push("Take it back", back=True)
    ben.is_at("tab", "Details has unsaved changes")
    expect(ann.page.get_by_label("Description", exact=True)).to_have_attribute("readonly", "")
    ben.to("textbox", "Description")
    ben.press("Control+Enter")
    is_saved(ben)
    expect(ann.page.get_by_label("Description", exact=True)).to_have_value("Ben again")
