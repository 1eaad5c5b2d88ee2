"""Settings: apps, keys, people, schemas, the server, and a backup."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Locator, expect
from tests.api.served import serve
from tests.dashboard.desk import Desk, desks
from tests.dashboard.house import House
from tests.dashboard.shop import make_app
from tests.dashboard.team import at_desk, join


def row(at: Desk, text: str) -> Locator:
    return at.page.get_by_role("row").filter(has_text=text)


def test_an_app_is_made_and_edited(sit: Callable[..., Desk], house: House) -> None:
    at = sit("ben", "/#/settings/apps")
    at.button("New app").click()
    at.page.get_by_role("textbox", name="Key").fill("No Spaces")
    at.press("Enter")
    expect(at.page.get_by_role("textbox", name="Key")).to_have_attribute("aria-invalid", "true")
    expect(at.page.get_by_role("textbox", name="Key")).to_be_focused()
    at.page.get_by_role("textbox", name="Key").fill("bakery")
    at.page.get_by_role("textbox", name="Name").fill("The <b>bakery</b>")
    at.page.get_by_role("textbox", name="Environments").fill("test, live")
    at.press("Enter")
    expect(row(at, "The <b>bakery</b>")).to_contain_text("live")
    at.button("Edit bakery").click()
    expect(at.page.get_by_role("textbox", name="Key")).to_be_disabled()
    at.page.get_by_role("textbox", name="Environments").fill("test, staging, live")
    at.press("Enter")
    expect(row(at, "bakery")).to_contain_text("staging")
    at.button("App:").click()
    at.page.get_by_role("menuitemradio", name="The <b>bakery</b>").click()
    expect(at.button("App: The <b>bakery</b>")).to_be_visible()


def test_a_key_is_shown_once_and_revoked(sit: Callable[..., Desk], house: House) -> None:
    make_app(house.server, "keyed")
    at = sit("ann", "/#/settings/keys?app=keyed")
    at.button("New key").click()
    at.page.get_by_role("textbox", name="Name").fill("web 1!")
    at.press("Enter")
    expect(at.page.get_by_role("textbox", name="Name")).to_have_attribute("aria-invalid", "true")
    at.page.get_by_role("textbox", name="Name").fill("web-1")
    at.page.get_by_label("App", exact=True).select_option("keyed")
    at.page.get_by_label("Environment").select_option("production")
    at.page.get_by_label("Subscribes to").fill("keyed/orders/**")
    at.button("Make key").click()
    key = at.page.get_by_role("dialog", name="web-1 is made").locator("code").inner_text()
    with house.server.http(headers={"authorization": f"Bearer {key}"}) as client:
        assert client.get("/v1/flags", params={"app": "keyed"}).status_code == 200
    at.button("I have it").click()
    expect(at.page.locator("dialog")).to_have_count(0)
    assert key not in at.page.content()
    at.page.reload()
    expect(row(at, "web-1")).to_contain_text("production")
    expect(row(at, "web-1")).not_to_contain_text("never")  # (it was used)
    at.button("Revoke web-1").click()
    at.press("Enter")
    expect(row(at, "web-1")).to_contain_text("revoked")
    with house.server.http(headers={"authorization": f"Bearer {key}"}) as client:
        assert client.get("/v1/flags", params={"app": "keyed"}).status_code == 401


def test_people_are_given_roles_and_removed(sit: Callable[..., Desk], house: House) -> None:
    join(house.server, "pat", "viewer")
    at = sit("ann", "/#/settings/people")
    at.page.get_by_role("combobox", name="Role of pat").select_option("Editor")
    at.press("Enter")  # (the reason is optional)
    expect(at.said("Pat is editor now")).to_be_visible()
    at.button("More about Pat").click()
    at.press("End", "Enter")  # (the last: Remove…)
    dialog = at.page.get_by_role("dialog", name="Remove Pat?")
    expect(dialog).to_be_visible()
    at.press("Escape")
    expect(at.button("More about Pat")).to_be_focused()
    at.button("More about Pat").click()
    at.page.get_by_role("menuitem", name="Remove…").click()
    at.press("Enter")
    expect(row(at, "pat")).to_have_count(0)


def test_who_comes_in_is_listed_as_they_come(sit: Callable[..., Desk], house: House) -> None:
    at = sit("ann", "/#/settings/people")
    expect(row(at, "ben")).to_be_visible()
    house.joined("joy")
    expect(row(at, "joy")).to_be_visible()
    expect(at.page.get_by_role("table", name="Open invitations").get_by_text("Joy")).to_have_count(0)


def test_an_invitation_is_taken_back(sit: Callable[..., Desk], house: House) -> None:
    at = sit("ann", "/#/settings/people")
    at.button("Invite").click()
    at.page.get_by_label("Login (optional)").fill("nobody.yet")
    at.page.get_by_label("Name (optional)").fill("No Body")
    at.button("Make the link").click()
    at.button("Done").click()
    at.button("Take the invitation of No Body back").click()
    expect(row(at, "No Body")).to_have_count(0)


def test_what_a_schema_refuses_is_refused_at_publish_and_shown(
    sit: Callable[..., Desk], house: House
) -> None:
    make_app(house.server, "strict")
    at = sit("ann", "/#/settings/schemas?app=strict")
    at.button("New schema").click()
    at.page.get_by_label("Type of event").fill("order.paid")
    at.page.get_by_label("JSON Schema").fill('{"type": "nonsense"}')
    at.button("Save").click()
    expect(at.page.get_by_role("dialog")).to_contain_text("the schema is not one at /type")
    at.page.get_by_label("JSON Schema").fill('{"title": "Paid", "required": ["total"]}')
    at.button("Save").click()
    expect(row(at, "order.paid")).to_contain_text("Paid")
    at.go("/#/events?app=strict")
    at.page.get_by_label("Type", exact=True).fill("order.paid")
    at.page.get_by_label("Data (JSON)").fill("{}")
    at.button("Publish", exact=True).click()
    expect(at.page.get_by_label("Data (JSON)")).to_have_attribute("aria-invalid", "true")
    expect(at.page.locator("form")).to_contain_text(["total"])
    at.go("/#/settings/schemas?app=strict")
    at.button("Edit the schema of order.paid").click()
    at.page.get_by_label("JSON Schema").fill("{}")
    at.button("Save").click()
    expect(at.page.get_by_role("dialog")).to_have_count(0)
    at.button("Remove the schema of order.paid").click()
    at.press("Enter")
    expect(at.page.get_by_role("heading", name="Everything may be published")).to_be_visible()


def test_the_servers_settings_are_shown_and_searched(sit: Callable[..., Desk]) -> None:
    at = sit("ann", "/#/settings/server")
    expect(row(at, "retention_age_s").first).to_contain_text("30d")
    expect(row(at, "allowed_origins").first).to_be_visible()
    at.page.get_by_role("searchbox", name="Search settings").fill("TRICAST_LOG_LEVEL")
    expect(row(at, "log_level")).to_be_visible()
    expect(row(at, "allowed_origins")).to_have_count(0)
    at.page.get_by_role("searchbox", name="Search settings").fill("")
    at.page.get_by_role("checkbox", name="Only what was set").check()
    expect(row(at, "TRICAST_PORT")).to_contain_text("command line")
    expect(row(at, "retention_age_s")).to_have_count(0)


def test_a_backup_is_downloaded_or_refused_and_the_last_admin_stays(
    sit: Callable[..., Desk], chromium: Browser, tmp_path: Path
) -> None:
    at = sit("ann", "/#/settings/server")
    at.button("Download a backup").click()
    expect(at.page.get_by_role("region", name="Messages")).to_contain_text("There is no backup")
    log = f"sqlite:///{tmp_path}/kept.db"
    with serve("--log", log, dev=False) as server, desks(chromium, server) as opened:
        make_app(server, "kept")
        there = at_desk(opened, server, join(server, "ann", "admin"), "/#/settings/server")
        with there.page.expect_download() as download:
            there.button("Download a backup").click()
        download.value.save_as(tmp_path / "copy.db")
        expect(there.said("The backup is downloaded.")).to_be_visible()
        # The last admin stays, and is told why.
        there.go("/#/settings/people")
        there.page.get_by_role("combobox", name="Role of ann").select_option("Viewer")
        there.button("Change the role").click()
        expect(there.page.get_by_role("region", name="Messages")).to_contain_text("admin")
        expect(there.page.get_by_role("combobox", name="Role of ann")).to_have_value("admin")
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM events").fetchone()[0] > 0
    copy.close()
