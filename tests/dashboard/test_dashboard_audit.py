"""The audit trail: searched, read, exported, pointed at."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect
from tests.api.served import Served
from tests.dashboard.desk import Desk
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app
from tests.dashboard.test_dashboard_activity import switched


@pytest.fixture(autouse=True)
def shop(house: House, request: pytest.FixtureRequest) -> str:
    """An app of this test's own."""
    app = "aud-" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:50].strip("-")
    make_app(house.server, app)
    return app


def rows(at: Desk) -> Locator:
    return at.page.get_by_role("table", name="Entries").locator("tbody tr:not(.inner)")


def test_an_entry_opens_to_what_was_and_what_is(sit: Callable[..., Desk], house: House, shop: str) -> None:
    a_flag(house.server, shop, "new-checkout")
    switched(house, "ben", shop, "new-checkout", reason="launch")
    at = sit("ann", f"/#/audit?app={shop}")
    expect(rows(at).first).to_contain_text("Ben")
    expect(rows(at).first).to_contain_text("turned new-checkout on in production")
    expect(rows(at).first).to_contain_text("launch")
    at.button("Details: Ben").first.click()
    inner = at.page.locator("tr.inner")
    expect(inner.locator(".diff-path")).to_have_text("environments › production › state")
    expect(inner.locator(".was")).to_contain_text("DISABLED")
    expect(inner.locator(".is")).to_contain_text("ENABLED")
    expect(inner).to_contain_text("127.0.0.1")


def test_filters_narrow_it_down_and_are_in_the_address(
    sit: Callable[..., Desk], house: House, shop: str
) -> None:
    for key in ("one", "two"):
        a_flag(house.server, shop, key)
        switched(house, "ben", shop, key)
    switched(house, "ann", shop, "one", on=False)
    at = sit("ann", f"/#/audit?app={shop}")
    expect(rows(at)).to_have_count(6)
    at.page.get_by_role("searchbox", name="Flag").fill("one")
    expect(rows(at)).to_have_count(3)
    at.page.get_by_role("searchbox", name="Who").fill("ben")
    expect(rows(at)).to_have_count(1)
    assert "flag=one" in at.page.url
    assert "who=ben" in at.page.url
    other = sit("ben", at.page.url.removeprefix(house.server.url))
    expect(rows(other)).to_have_count(1)
    at.page.get_by_role("combobox", name="Action").select_option("Flags: archived")
    at.button("Show all").click()
    expect(rows(at)).to_have_count(6)
    expect(at.page.get_by_role("searchbox", name="Who")).to_have_value("")
    at.page.get_by_role("combobox", name="Action").select_option("People")
    expect(at.page.get_by_role("checkbox", name="All apps")).to_be_checked()
    expect(rows(at).filter(has_text=re.compile(r"Ben editor\s*joined"))).to_be_visible()


def test_a_link_shows_the_entry_to_whoever_opens_it(
    sit: Callable[..., Desk], house: House, shop: str
) -> None:
    a_flag(house.server, shop, "one")
    switched(house, "ben", shop, "one", reason="the one that is meant")
    switched(house, "ann", shop, "one", env="development", times=70)
    with house.http("ann") as client:
        found = client.get("/v1/audit", params={"app": shop, "actor": "ben"}).json()["entries"]
    at = sit("ben", f"/#/audit?app={shop}&at={found[0]['id']}")
    expect(rows(at).first).to_contain_text("the one that is meant")
    expect(rows(at).first).to_have_class(re.compile("asked-for"))
    link = at.page.get_by_role("link", name="Copy link")
    assert found[0]["id"] in str(link.get_attribute("href"))
    at.button("Show the newest").click()
    expect(rows(at).first).to_contain_text("in development")


def test_what_matches_is_downloaded(
    sit: Callable[..., Desk], house: House, shop: str, tmp_path: Path
) -> None:
    a_flag(house.server, shop, "one")
    switched(house, "ben", shop, "one", reason="=SUM(A1)")
    at = sit("ann", f"/#/audit?app={shop}&who=ben")
    expect(rows(at)).to_have_count(1)
    with at.page.expect_download() as download:
        at.page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "audit.csv")
    assert download.value.suggested_filename.endswith(".csv")
    with (tmp_path / "audit.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 1
    assert found[0]["reason"] == "'=SUM(A1)"
    with at.page.expect_download() as download:
        at.page.get_by_role("link", name="JSON lines").click()
    download.value.save_as(tmp_path / "audit.ndjson")
    assert json.loads((tmp_path / "audit.ndjson").read_text())["actor"]["subject"] == "ben"


def test_new_entries_arrive_live_and_dont_move_what_is_being_read(
    sit: Callable[..., Desk], house: House, shop: str
) -> None:
    a_flag(house.server, shop, "one")
    switched(house, "ben", shop, "one", times=80)
    at = sit("ann", f"/#/audit?app={shop}")
    expect(rows(at).first).to_be_visible()
    expect(at.page.locator(".link-state.live")).to_be_visible()
    switched(house, "ben", shop, "one", reason="seen at once")
    expect(rows(at).first).to_contain_text("seen at once")

    scroller = at.page.locator("#page")
    scroller.evaluate("(page) => page.scrollTo(0, 900)")
    rows_below = "[...document.querySelectorAll('.trail tbody tr')]"
    reading = f"{rows_below}.find((row) => row.getBoundingClientRect().top > 300)"
    at.page.evaluate(f"() => {{ window.read = {reading}; }}")
    before = at.page.evaluate("window.read.getBoundingClientRect().top")
    switched(house, "ben", shop, "one", on=False, reason="while reading", times=3)
    expect(at.button("3 new")).to_be_visible()
    assert at.page.evaluate("window.read.getBoundingClientRect().top") == before
    at.button("3 new").click()
    expect(rows(at).first).to_contain_text("while reading")
    expect(at.page.get_by_role("button", name="3 new")).to_have_count(0)

    # What is open at the top stays where it is, too.
    at.button("Details: Ben").first.click()
    switched(house, "ben", shop, "one", reason="while something is open")
    expect(at.button("1 new")).to_be_visible()
    expect(rows(at).first).to_contain_text("while reading")


def test_a_viewer_sees_what_happened_to_flags_and_no_addresses(
    sit: Callable[..., Desk], house: House, shop: str
) -> None:
    a_flag(house.server, shop, "one")
    switched(house, "ben", shop, "one")
    at = sit("vic", f"/#/audit?app={shop}")
    expect(rows(at)).to_have_count(3)
    expect(at.page.get_by_role("checkbox")).to_have_count(0)
    at.button("Details: Ben").click()
    expect(at.page.locator("tr.inner")).to_contain_text("ENABLED")
    expect(at.page.locator("tr.inner")).not_to_contain_text("127.0.0.1")


def test_keys_and_apps_arrive_live_where_nobody_signs_in(desk: Callable[..., Desk], server: Served) -> None:
    at = desk("/#/audit?all=1")
    expect(at.page.locator(".link-state.live")).to_be_visible()
    make_app(server, "born-live")
    expect(rows(at).first).to_contain_text("born-live")
    with server.http() as client:
        made = {"name": "made-live", "scopes": [], "subscribe": ["a/**"], "publish": []}
        assert client.post("/v1/keys", json=made).status_code == 201
    expect(rows(at).first).to_contain_text("made-live")
