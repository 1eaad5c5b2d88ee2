"""Several people at one flag: who edits what, merging, collisions, taking over; a server that goes away."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.api.served import Served, serve
from tests.dashboard.desk import TIMEOUT_MS, Desk, desks
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app, toggle

DETAILS = "/#/flags/f?app={app}&env=development&tab=details"


@pytest.fixture(autouse=True)
def shop(house: House, request: pytest.FixtureRequest) -> str:
    """An app of this test's own, with one flag."""
    app = request.node.name.replace("_", "-")[:60].strip("-")
    make_app(house.server, app)
    a_flag(house.server, app, "f", default="off")
    return app


def is_live(at: Desk) -> None:
    expect(at.page.get_by_role("tab", name="Targeting")).to_be_visible()
    expect(at.page.locator(".link-state.live")).to_be_visible(timeout=TIMEOUT_MS)


def save(at: Desk) -> None:
    at.press("Control+Enter")
    expect(at.page.locator(".saving-inside")).to_have_count(0)


def value(at: Desk, label: str) -> Any:
    return expect(at.page.get_by_label(label, exact=True))


def test_two_of_one_name_are_told_apart(sit: Callable[..., Desk], house: House, shop: str) -> None:
    for login in ("kim1", "kim2"):
        house.joined(login)
        with house.http("ann") as http:
            assert http.patch(f"/v1/people/{login}", json={"name": "Kim"}).status_code == 200
    ann, *_ = (sit(login, f"/#/flags?app={shop}") for login in ("ann", "kim1", "kim2"))
    here = ann.page.get_by_role("group", name="Who is here")
    for login in ("kim1", "kim2"):
        expect(here.get_by_label(f"Kim ({login}) is here")).to_be_visible()


def test_one_sees_who_edits_what(sit: Callable[..., Desk], shop: str) -> None:
    ann, ben = (sit(login, DETAILS.format(app=shop)) for login in ("ann", "ben"))
    is_live(ann)
    is_live(ben)
    expect(ann.page.locator(".drawer-head").get_by_label("Ben is looking at this flag")).to_be_visible()
    ben.page.get_by_label("Description").click()
    expect(ann.page.get_by_text("Ben is editing this flag: description")).to_be_visible()
    expect(ann.page.locator('[data-place="/description"] .field-person')).to_contain_text("Ben")
    ben.page.get_by_label("Owner").click()
    expect(ann.page.locator('[data-place="/owner"] .field-person')).to_contain_text("Ben")
    expect(ann.page.locator('[data-place="/description"] .field-person')).to_have_count(0)
    ben.press("Escape")
    expect(ann.page.locator(".field-person")).to_have_count(0)


def test_what_does_not_collide_is_merged_into_the_open_form(sit: Callable[..., Desk], shop: str) -> None:
    ann, ben = (sit(login, DETAILS.format(app=shop)) for login in ("ann", "ben"))
    is_live(ann)
    is_live(ben)
    ann.page.get_by_label("Name", exact=True).fill("Ann’s name")
    ben.page.get_by_label("Description").fill("Ben’s words")
    save(ben)
    value(ann, "Description").to_have_value("Ben’s words")
    value(ann, "Name").to_have_value("Ann’s name")
    expect(ann.page.get_by_text("Ben changed description")).to_be_visible()
    save(ann)
    value(ben, "Name").to_have_value("Ann’s name")


def test_what_collides_is_shown_with_both_values_and_a_choice(sit: Callable[..., Desk], shop: str) -> None:
    ann, ben = (sit(login, DETAILS.format(app=shop)) for login in ("ann", "ben"))
    is_live(ann)
    is_live(ben)
    ann.page.get_by_label("Description").fill("Ann’s words")
    ann.page.get_by_label("Owner").fill("ann")
    ben.page.get_by_label("Description").fill("Ben’s words")
    ben.page.get_by_label("Owner").fill("ben")
    save(ben)
    both = ann.page.get_by_role("group", name="Description: two values")
    expect(both).to_contain_text("Ann’s words")
    expect(both).to_contain_text("Ben’s words")
    value(ann, "Description").to_have_value("Ann’s words")
    ann.press("Control+Enter")
    expect(ann.page.locator(".blocked")).to_contain_text("Choose between both values of")
    both.get_by_role("button", name="Keep mine").press("Enter")
    ann.page.get_by_role("group", name="Owner: two values").get_by_role("button", name="Take theirs").click()
    value(ann, "Owner").to_have_value("ben")
    ann.button("Have it back").click()
    value(ann, "Owner").to_have_value("ann")
    save(ann)
    value(ben, "Description").to_have_value("Ann’s words")
    value(ben, "Owner").to_have_value("ann")


def test_whoever_takes_over_makes_the_other_wait_who_can_take_it_back(
    sit: Callable[..., Desk], shop: str
) -> None:
    ann, ben = (sit(login, DETAILS.format(app=shop)) for login in ("ann", "ben"))
    is_live(ann)
    is_live(ben)
    ben.page.get_by_label("Description").fill("Ben’s wor")
    ann.page.locator(".news").get_by_role("button", name="Take over").click()
    expect(ben.page.get_by_text("Ann has taken over")).to_have_count(2)
    value(ben, "Description").to_have_attribute("readonly", "")
    value(ben, "Description").to_have_value("Ben’s wor")
    ben.button("Take it back").click()
    value(ben, "Description").not_to_have_attribute("readonly", "")
    value(ann, "Description").to_have_attribute("readonly", "")
    ben.page.get_by_label("Description").fill("Ben’s words")
    save(ben)
    value(ann, "Description").to_have_value("Ben’s words")
    value(ann, "Description").not_to_have_attribute("readonly", "")


def test_a_single_field_can_be_taken_over(sit: Callable[..., Desk], shop: str) -> None:
    ann, ben = (sit(login, DETAILS.format(app=shop)) for login in ("ann", "ben"))
    is_live(ann)
    is_live(ben)
    ben.page.get_by_label("Description").fill("Ben’s wor")
    ann.page.locator('[data-place="/description"]').get_by_role("button", name="Take over").click()
    value(ben, "Description").to_have_attribute("readonly", "")
    value(ben, "Owner").not_to_have_attribute("readonly", "")
    ann.press("Escape")
    value(ben, "Description").not_to_have_attribute("readonly", "")


def test_a_third_person_in_a_shell_appears_in_both(sit: Callable[..., Desk], house: House, shop: str) -> None:
    ann, ben = (sit(login, f"/#/flags/f?app={shop}&env=development") for login in ("ann", "ben"))
    is_live(ann)
    is_live(ben)
    command = (sys.executable, "-m", "tricast", "flags", "toggle", "f", "--reason", "on call")
    where = {"TRICAST_APP": shop, "TRICAST_ENVIRONMENT": "development"}
    server = {"TRICAST_URL": house.server.url, "TRICAST_KEY": str(house.server.key)}
    done = subprocess.run(
        command, env=os.environ | where | server, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    for at in (ann, ben):
        expect(at.page.get_by_text("On in development")).to_be_visible()
        expect(at.page.locator(".news")).to_contain_text("on call")
        for switch in (at.row("f").get_by_role("switch").first, at.switch("f", "development").last):
            expect(switch).to_have_attribute("aria-checked", "true")


def test_a_viewer_sees_all_and_changes_nothing(sit: Callable[..., Desk], shop: str) -> None:
    vic = sit("vic", f"/#/flags/f?app={shop}&env=development")
    is_live(vic)
    expect(vic.button("Add a rule")).to_be_disabled()
    expect(vic.page.locator("aside").get_by_role("switch")).to_be_disabled()
    vic.page.get_by_role("tab", name="Details").click()
    value(vic, "Description").to_have_attribute("readonly", "")
    value(vic, "Description").to_have_attribute(
        "title", "Your role is viewer: an editor or admin can do this."
    )
    vic.page.get_by_role("tab", name="History").click()
    expect(vic.button("Revert").first).to_be_disabled()


def forgive(at: Desk) -> None:
    """Don't mind what Chromium says of a server that isn't there."""
    at.problems = [text for text in at.problems if "ERR_" not in text and "WebSocket" not in text]
    at.page.goto("about:blank")


def test_after_the_restore_of_a_backup_an_open_form_shows_what_is_true_again(
    chromium: Browser, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "tricast.db"
    arguments = ("--port", str(port), "--log", f"sqlite:///{log}", "--set", "heartbeat_s=1")

    def change(server: Served, **change: str) -> None:
        with server.http() as http:
            http.patch("/v1/flags/f", params={"app": "shop"}, json=change, headers={"if-match": "*"})

    with ExitStack() as stack:
        with serve(*arguments) as server:
            make_app(server, "shop")
            a_flag(server, "shop", "f", default="off")
            change(server, name="As in the backup")
        backup = log.read_bytes()
        with serve(*arguments) as server:
            change(server, name="After the backup", reason="that is lost")
            at = stack.enter_context(desks(chromium, server))(DETAILS.format(app="shop"))
            is_live(at)
            value(at, "Name").to_have_value("After the backup")
            at.page.get_by_label("Owner").fill("typed")
            trail = stack.enter_context(desks(chromium, server))("/#/activity?app=shop")
            expect(trail.page.get_by_text("that is lost")).to_be_visible()
        for each in tmp_path.glob("tricast.db*"):
            each.unlink()
        log.write_bytes(backup)
        with serve(*arguments) as server:
            value(at, "Name").to_have_value("As in the backup")
            value(at, "Owner").to_have_value("typed")
            expect(at.page.locator(".news")).to_contain_text(
                "The server has an older version again, as after the restore of a backup: "
                "name is as in version 2."
            )
            history = at.page.get_by_role("list", name="Changes, newest first")
            at.page.get_by_role("tab", name="History").click()
            expect(history).to_contain_text("version 2")
            save(at)
            expect(history.locator(".entry")).to_have_count(3)
            with server.http() as http:
                now = http.get("/v1/flags/f", params={"app": "shop"}).json()
            assert (now["name"], now["owner"], now["version"]) == ("As in the backup", "typed", 3)
            expect(trail.page.get_by_text("that is lost")).to_have_count(0)
            for each in (at, trail):
                forgive(each)


def test_a_server_that_is_killed_and_restarted_loses_nothing_of_an_open_form(
    chromium: Browser, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("--port", str(port), "--log", f"sqlite:///{tmp_path}/tricast.db", "--set", "heartbeat_s=1")
    with ExitStack() as stack:
        with serve(*arguments) as first:
            make_app(first, "shop")
            a_flag(first, "shop", "f", default="off")
            opened = stack.enter_context(desks(chromium, first))
            listing, at = opened("/#/flags?app=shop"), opened(DETAILS.format(app="shop"))
            is_live(at)
            expect(listing.page.locator(".link-state")).to_have_text(re.compile("^live"))
            listing.page.evaluate("window.isSamePage = true")
            at.page.get_by_label("Description").fill("typed before")
            first.process.kill()
            first.process.wait()
            page = listing.page
            expect(page.get_by_text("The connection was lost: showing what was true")).to_be_visible()
            lost = page.get_by_role("status").filter(has_text="The connection was lost.")
            expect(lost).to_be_attached()
            expect(page.locator(".link-state")).to_have_text(re.compile(r"^reconnecting"))
            expect(listing.switch("f", "production")).to_be_visible()
            expect(at.page.locator(".link-state.live")).to_have_count(0)
            at.page.get_by_label("Owner").fill("typed while it was gone")
            at.press("Control+Enter")
            expect(at.page.locator(".toast.bad")).to_contain_text("can’t be reached")
        with serve(*arguments) as again:
            with again.http() as http:
                body = {"name": "Meanwhile"}
                http.patch("/v1/flags/f", params={"app": "shop"}, json=body, headers={"if-match": "*"})
            toggle(again, "shop", "f", on=True)
            is_live(at)
            value(at, "Name").to_have_value("Meanwhile")
            value(at, "Description").to_have_value("typed before")
            value(at, "Owner").to_have_value("typed while it was gone")
            save(at)
            with again.http() as http:
                now = http.get("/v1/flags/f", params={"app": "shop"}).json()
            assert now["name"] == "Meanwhile"
            assert (now["description"], now["owner"]) == ("typed before", "typed while it was gone")
            expect(page.locator(".link-state.live")).to_be_visible(timeout=TIMEOUT_MS)
            expect(page.locator(".banner")).to_have_count(0)
            expect(listing.switch("f", "production")).to_have_attribute("aria-checked", "true")
            assert page.evaluate("window.isSamePage")
            for each in (at, listing):
                forgive(each)
