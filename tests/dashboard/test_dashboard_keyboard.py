"""The list and the rules of a flag by keyboard alone: no mouse anywhere, and the focus never lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.api.served import Served
from tests.dashboard.desk import Desk
from tests.dashboard.drawer import RULE, flag, logic, patch, rule_of
from tests.dashboard.hands import Hands, is_saved, open_by_keys, reason
from tests.dashboard.shop import a_flag, make_app

# What Tab goes to, down the drawer: what it is, its parts, its environments, then the rules in their order.
ORDER = [
    *("Copy the key", "What can be done with this flag", "Close", "Targeting"),
    *("developmentoff", "productionoff", "alpha in development", "Default variant"),
    *("What can be done in development", "How many conditions must hold", "Rule 1: later", "Remove rule 1"),
    *("Rule 1, condition 1: attribute", "Rule 1, condition 1: operator", "Rule 1, condition 1: value"),
    *("Remove rule 1, condition 1", "Rule 1, condition 2: attribute", "Rule 1, condition 2: operator"),
    *("Remove SE", "Rule 1, condition 2: values", "Remove rule 1, condition 2", "Condition"),
    *("What rule 1 gives", "Rule 2: earlier", "Remove rule 2", "Rule 2, condition 1: attribute"),
    *("Rule 2, condition 1: operator", "Rule 2, condition 1: value", "Condition", "What rule 2 gives"),
    *("What rule 2 gives: on", "What rule 2 gives: variant 1", "What rule 2 gives: per cent for on"),
    *("What rule 2 gives: without on", "What rule 2 gives: variant 2", "What rule 2 gives: per cent for off"),
    *("What rule 2 gives: without off", "Even shares", "What rule 2 gives: divided by", "Add a rule"),
    *("What everybody else gets", "Rules in development as JSONLogic"),
]


@pytest.fixture(autouse=True)
def shop(server: Served, request: pytest.FixtureRequest) -> str:
    """An app of this test's own."""
    app = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    make_app(server, app)
    return app


def test_the_focus_goes_through_a_flag_as_one_reads_it(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "alpha", default="off")
    a_flag(server, shop, "beta", default="off")
    patch(server, shop, "alpha", {"environments": {"development": {"targeting": RULE}}})
    hands = open_by_keys(desk, shop, "alpha")
    assert hands.order("Rules in development as JSONLogic") == ORDER
    hands.press("Escape")
    hands.is_at("link", "alpha")
    hands.press("j")
    hands.is_at("link", "beta")
    hands.press("e")
    expect(hands.page.get_by_role("tab", name="Targeting")).to_be_visible()
    hands.push("Close")
    hands.is_at("link", "beta")
    hands.press("t")
    expect(hands.at.switch("beta", "development")).to_have_attribute("aria-checked", "true")
    hands.is_at("link", "beta")


def test_rules_are_built_and_written_by_keys(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "f", default="off")
    hands = open_by_keys(desk, shop, "f")
    hands.to("switch", "f in development")
    hands.press("Space")
    hands.choose("Default variant", "on")
    hands.push("Add a rule")
    hands.is_at("combobox", "Rule 1, condition 1: attribute")
    hands.type("plan")
    hands.choose("Rule 1, condition 1: operator", "is one of")
    hands.to("textbox", "Rule 1, condition 1: values")
    hands.type("pro,team")
    hands.press("Enter")
    hands.push("Condition")
    hands.is_at("combobox", "Rule 1, condition 2: attribute")
    hands.type("age")
    hands.choose("Rule 1, condition 2: operator", "≥")
    hands.fill("Rule 1, condition 2: value", "18")
    hands.choose("How many conditions must hold", "any", back=True)
    hands.choose("What rule 1 gives", "off")
    hands.push("Add a rule")
    hands.is_at("combobox", "Rule 2, condition 1: attribute")
    hands.type("email")
    hands.fill("Rule 2, condition 1: value", "ann@shop.example")
    hands.push("Rule 2: earlier", back=True)
    hands.is_at("button", "Rule 1: later")
    hands.push("Remove rule 2, condition 1")
    hands.is_at("combobox", "Rule 2, condition 1: attribute")
    hands.push("Remove rule 1", back=True)
    hands.is_at("button", "Remove rule 1")
    built = {"if": [{">=": [{"var": "age"}, 18]}, "off"]}
    assert json.loads(logic(hands.at).input_value()) == built
    hands.to("textbox", "Rules in development as JSONLogic")
    hands.press("Control+a")
    hands.type('{"if": [')
    hands.press("Enter")
    hands.push("Last valid rule", back=True)
    hands.is_at("textbox", "Rules in development as JSONLogic")
    hands.paste(json.dumps(RULE))
    expect(hands.page.get_by_label("Rule 2, condition 1: value")).to_have_value("2.0.0")
    hands.push("As saved", back=True)
    hands.sees()
    expect(hands.page.get_by_label("Rule 1, condition 1: value")).to_have_count(0)
    hands.to("textbox", "Rules in development as JSONLogic")
    hands.paste(json.dumps(built))
    hands.push("Save")
    is_saved(hands)
    there = flag(server, shop, "f")["environments"]["development"]
    assert there == {"state": "ENABLED", "defaultVariant": "on", "targeting": built}


def test_shares_are_given_by_keys(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "f", type="string", variants={"a": "A", "b": "B", "c": "C"})
    hands = open_by_keys(desk, shop, "f")
    hands.push("Divide by percentage")
    hands.is_at("slider", "What everybody else gets: a")
    hands.press("ArrowRight", "ArrowUp", "PageUp", "ArrowLeft")
    expect(hands.page.get_by_role("slider")).to_have_attribute("aria-valuetext", "a 61 %, b 39 %")
    hands.to("combobox", "What everybody else gets: add a variant")
    hands.type("c")
    hands.is_at("textbox", "What everybody else gets: per cent for c")
    hands.press("Control+a")
    hands.type("20")
    hands.to("slider", "What everybody else gets: b", back=True)
    hands.press("Home")
    expect(hands.here("slider", "What everybody else gets: b")).to_have_attribute("aria-valuenow", "0")
    hands.push("What everybody else gets: without b")
    hands.sees()
    weights = json.loads(logic(hands.at).input_value())["fractional"]
    assert [name for name, _ in weights] == ["a", "c"]
    hands.push("Even shares")
    hands.choose("What everybody else gets", "the default", back=True)
    hands.choose("What everybody else gets", "shares")
    hands.push("Discard")
    hands.is_at("tab", "Targeting")
    hands.push("Undo")
    hands.is_at("textbox", "Rules in development as JSONLogic")
    hands.push("Save")
    hands.is_at("tab", "Targeting")
    assert rule_of(server, shop, "f") == {"fractional": [["a", 50], ["b", 50]]}


def test_the_list_is_searched_filtered_and_filled_by_keys(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    for key in ("alpha", "beta"):
        a_flag(server, shop, key)
    patch(server, shop, "beta", {"tags": ["web"]})
    hands = Hands(desk(f"/#/flags?app={shop}&env=development"))
    expect(hands.at.row("alpha")).to_be_visible()
    hands.press("/")
    hands.is_at("searchbox", "Search flags")
    hands.type("bet")
    expect(hands.at.row("alpha")).to_have_count(0)
    hands.press("Escape")
    expect(hands.at.row("alpha")).to_be_visible()
    hands.choose("Show", "On")
    expect(hands.page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    hands.push("Show all")
    hands.sees()
    hands.to("switch", "alpha in development")
    hands.press("Space")
    expect(hands.at.switch("alpha", "development")).to_have_attribute("aria-checked", "true")
    hands.is_at("switch", "alpha in development")
    hands.to("switch", "alpha in production")
    hands.press("Space")
    reason(hands, "launch")
    expect(hands.at.switch("alpha", "production")).to_have_attribute("aria-checked", "true")
    hands.is_at("switch", "alpha in production")
    hands.press("n")
    hands.is_at("textbox", "Key")
    hands.type("gamma")
    hands.choose("Type", "Number")
    hands.press("Enter")
    hands.push("Create flag")
    expect(hands.page.get_by_role("complementary", name="Flag gamma")).to_be_visible()
    hands.sees()
    hands.push("Close")
    hands.is_at("link", "gamma")
