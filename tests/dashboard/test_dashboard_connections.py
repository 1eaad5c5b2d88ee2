"""Connections: who is connected, how the server is, and ending one."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect
from tests.dashboard.desk import Desk
from tests.dashboard.house import House


def rows(at: Desk) -> Locator:
    return at.page.get_by_role("table", name="Who is connected").locator("tbody tr")


def fact(at: Desk, name: str) -> Locator:
    return at.page.locator(".fact").filter(has=at.page.get_by_text(name, exact=True))


def test_figures_and_charts_show_what_the_server_does(sit: Callable[..., Desk], house: House) -> None:
    at = sit("ann", "/#/connections")
    with house.server.events("topic=figures/*") as stream:
        stream.next()
        for number in range(5):
            house.server.publish("figures/x", number)
        expect(fact(at, "Connected")).to_contain_text(re.compile(r"[1-9]\d* SSE"))
        expect(fact(at, "Publish to deliver")).to_contain_text("ms")
        expect(fact(at, "Log")).to_contain_text("in memory only")
        expect(fact(at, "Kept for")).to_contain_text("30 days")
        expect(fact(at, "Server")).to_contain_text("0.1.0")
    for name in (
        "Connections",
        "Published per second",
        "Delivered per second",
        "Publish to deliver, p99",
        "Lagging readers",
    ):
        expect(at.page.get_by_role("img", name=f"{name}, 1 h: now")).to_be_visible()


def test_the_list_is_filtered_by_who_and_how(sit: Callable[..., Desk], house: House) -> None:
    house.joined("flo", "viewer")
    at = sit("ann", "/#/connections")
    other = sit("flo", "/#/events?topic=demo/x&via=sse")
    expect(other.page.get_by_text("live · Server-Sent Events")).to_be_visible()
    at.page.get_by_role("searchbox", name="Only of").fill("flo")
    expect(rows(at)).to_have_count(2)
    at.page.get_by_role("combobox", name="Transport").select_option("SSE")
    expect(rows(at)).to_have_count(1)
    expect(rows(at)).to_contain_text("demo/x")
    assert "subject=flo" in at.page.url
    assert "transport=sse" in at.page.url
    other.go("/#/flags")
    expect(at.page.get_by_role("heading", name="Nobody")).to_be_visible()


def test_who_is_disconnected_comes_back_by_itself_even_oneself(
    sit: Callable[..., Desk], house: House
) -> None:
    house.joined("max", "admin")
    at = sit("max", "/#/connections?subject=max")
    expect(rows(at)).to_have_count(1)
    expect(rows(at)).to_contain_text("(this browser)")
    at.button("Disconnect max").click()
    at.page.get_by_label("Reason").fill("to see what happens")
    at.press("Enter")
    expect(at.said("max was disconnected")).to_be_visible()
    expect(at.page.get_by_text("The connection was lost: showing what was true")).to_be_visible()
    expect(at.page.locator(".link-state.live")).to_be_visible()
    expect(at.page.locator(".banner")).to_have_count(0)
    with house.http("ann") as client:
        entry = client.get("/v1/audit", params={"action": "connection.ended", "actor": "max"}).json()[
            "entries"
        ][0]
    assert entry["reason"] == "to see what happens"
