"""Editing a flag in its drawer: rules, shares, variants, saving."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tests.api.served import Served
from tests.dashboard.desk import Desk
from tests.dashboard.drawer import RULE, flag, last_entry, logic, opened, patch, rule_of, save
from tests.dashboard.shop import a_flag, make_app


@pytest.fixture(autouse=True)
def shop(server: Served, request: pytest.FixtureRequest) -> str:
    """An app of this test's own."""
    app = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    make_app(server, app)
    return app


def test_the_builder_follows_the_json_and_keeps_out_of_what_it_can_not_say(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f")
    logic(at).fill(json.dumps(RULE))
    expect(at.page.get_by_label("Rule 1, condition 1: attribute")).to_have_value("email")
    expect(at.page.get_by_label("Rule 1, condition 1: value")).to_have_value("@shop.example")
    expect(at.page.get_by_label("Rule 2, condition 1: operator")).to_have_value("sem_ver >=")
    logic(at).fill('{"if": [{"<": [1, {"var": "age"}, 10]}, "on", "off"]}')
    expect(at.page.get_by_text("Only as JSON.")).to_be_visible()
    save(at)
    assert rule_of(server, shop, "f") == {"if": [{"<": [1, {"var": "age"}, 10]}, "on", "off"]}


def test_json_that_is_none_is_marked_kept_over_a_reload_and_can_not_be_saved(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f")
    logic(at).fill('{"if": [')
    expect(at.page.locator(".place .wrong")).to_contain_text("ends too early")
    at.press("Control+Enter")
    at.page.reload()
    expect(logic(at)).to_have_value('{"if": [')
    expect(at.page.get_by_text("are here again")).to_be_visible()
    assert flag(server, shop, "f")["version"] == 1


def test_shares_always_add_up(desk: Callable[..., Desk], server: Served, shop: str) -> None:
    a_flag(server, shop, "f", type="string", variants={"a": "", "b": "B", "c": "C"})
    at = opened(desk, shop, "f")
    at.button("Divide by percentage").click()
    slider = at.page.get_by_role("slider")
    slider.focus()
    at.press("ArrowRight", "PageUp")
    assert json.loads(logic(at).input_value()) == {"fractional": [["a", 61], ["b", 39]]}
    at.page.get_by_label("What everybody else gets: add a variant").select_option("=c")
    at.page.get_by_label("What everybody else gets: per cent for c").fill("12.5")
    weights = json.loads(logic(at).input_value())["fractional"]
    assert sum(weight for _, weight in weights) == 1000
    assert weights[2] == ["c", 125]
    bar = at.page.locator(".split-bar").bounding_box()
    knob = slider.first.bounding_box()
    assert bar is not None
    assert knob is not None
    at.page.mouse.move(knob["x"] + knob["width"] / 2, knob["y"] + 8)
    at.page.mouse.down()
    at.page.mouse.move(bar["x"] + bar["width"] * 0.25, knob["y"] + 8, steps=4)
    at.page.mouse.up()
    weights = json.loads(logic(at).input_value())["fractional"]
    assert weights[0] == ["a", 250]
    assert sum(weight for _, weight in weights) == 1000


def test_production_asks_what_for_and_shows_what_changes(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", default="off")
    at = opened(desk, shop, "f", env="production")
    at.switch("f", "production").nth(-1).click()
    at.press("Control+Enter")
    dialog = at.page.get_by_role("dialog", name="Save to production?")
    expect(dialog).to_contain_text("production: on or off")
    at.button("Save", exact=True).click()
    expect(dialog).to_be_visible()  # (a reason is needed)
    dialog.get_by_label("Reason").fill("launch")
    at.press("Enter")
    expect(at.page.locator(".saving-inside")).to_have_count(0)
    entry = last_entry(server, shop)
    assert entry["reason"] == "launch"
    assert [change["path"] for change in entry["changes"]] == ["/environments/production/state"]


def test_what_the_server_refuses_is_said_at_its_field(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f")
    at = opened(desk, shop, "f")
    logic(at).fill('{"foo": 1}')
    at.page.get_by_role("tab", name="Details").click()
    at.press("Control+Enter")
    expect(logic(at)).to_be_visible()
    expect(at.page.locator(".place .wrong")).to_contain_text("there is no operator 'foo'")


def test_a_variant_is_renamed_wherever_it_is_used(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", type="string", variants={"none": "", "sale": "Sale!"}, default="sale")
    patch(server, shop, "f", {"environments": {"development": {"targeting": {"fractional": [["sale", 1]]}}}})
    at = opened(desk, shop, "f", tab="variants")
    expect(at.button("Remove the variant sale")).to_be_disabled()
    at.page.get_by_label("Name of the variant sale").fill("offer")
    at.press("Tab")
    expect(at.page.get_by_label("Value of offer")).to_be_focused()
    at.press("Control+Enter")
    at.page.get_by_role("dialog").get_by_label("Reason").fill("clearer")
    at.press("Enter")
    expect(at.page.locator(".saving-inside")).to_have_count(0)
    now = flag(server, shop, "f")
    assert now["variants"] == {"none": "", "offer": "Sale!"}
    assert now["environments"]["production"]["defaultVariant"] == "offer"
    assert now["environments"]["development"]["targeting"] == {"fractional": [["offer", 1]]}


def test_an_objects_value_is_edited_as_json_and_members_can_go(
    desk: Callable[..., Desk], server: Served, shop: str
) -> None:
    a_flag(server, shop, "f", type="object", variants={"small": {"items": 1, "old": {"x": 1}}})
    with server.http() as http:
        for environment in ("development", "production"):
            http.patch(
                "/v1/flags/f",
                params={"app": shop},
                json={"environments": {environment: {"defaultVariant": None}}},
                headers={"if-match": "*"},
            )
    at = opened(desk, shop, "f", tab="variants")
    at.page.get_by_label("Value of small").fill('{"items": 2')
    expect(at.page.locator(".place .wrong")).to_be_visible()
    at.page.get_by_label("Value of small").fill('{"items": 2, "a": null}')
    expect(at.page.locator(".place .wrong")).to_contain_text("null inside an object")
    at.page.get_by_label("Value of small").fill('{"items": 2}')
    at.press("Control+Enter")
    at.page.get_by_role("dialog").get_by_label("Reason").fill("smaller")
    at.press("Enter")
    expect(at.page.locator(".saving-inside")).to_have_count(0)
    assert flag(server, shop, "f")["variants"] == {"small": {"items": 2}}
