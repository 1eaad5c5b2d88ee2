"""Several people at one flag: who edits what, merging, collisions, taking over; a server that goes away."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.api.served import Served, serve
from tests.dashboard.desk import TIMEOUT_MS, Desk, desks
from tests.dashboard.shop import a_flag, make_app
from tests.dashboard.team import at_desk, join

DETAILS = "/#/flags/f?app={app}&env=development&tab=details"


@pytest.fixture(scope="module")
def hub() -> Iterator[Served]:
    """A server that people sign in to."""
    with serve("--set", "heartbeat_s=1", dev=False) as server:
        yield server


@pytest.fixture(scope="module")
def cookies(hub: Served) -> dict[str, str]:
    return {
        login: join(hub, login, role)
        for login, role in (("ann", "admin"), ("ben", "editor"), ("vic", "viewer"))
    }


@pytest.fixture
def sit(chromium: Browser, hub: Served, cookies: dict[str, str]) -> Iterator[Callable[..., Desk]]:
    """`sit("ann", path)`: Ann's desk."""
    with desks(chromium, hub) as opened:
        yield lambda login, path: at_desk(opened, hub, cookies[login], path)


@pytest.fixture(autouse=True)
def shop(hub: Served, request: pytest.FixtureRequest) -> str:
    """An app of this test's own, with one flag."""
    app = request.node.name.replace("_", "-")[:60].strip("-")
    make_app(hub, app)
    a_flag(hub, app, "f", default="off")
    return app


def is_live(at: Desk) -> None:
    expect(at.page.get_by_role("tab", name="Targeting")).to_be_visible()
    expect(at.page.locator(".link-state.live")).to_be_visible(timeout=TIMEOUT_MS)


def save(at: Desk) -> None:
    at.press("Control+Enter")
    expect(at.page.locator(".saving-inside")).to_have_count(0)


def value(at: Desk, label: str) -> Any:
    return expect(at.page.get_by_label(label, exact=True))


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


def test_a_third_person_in_a_shell_appears_in_both(sit: Callable[..., Desk], hub: Served, shop: str) -> None:
    ann, ben = (sit(login, f"/#/flags/f?app={shop}&env=development") for login in ("ann", "ben"))
    is_live(ann)
    is_live(ben)
    with hub.http() as http:
        body = {"environment": "development", "state": "ENABLED", "reason": "on call"}
        headers = {"if-match": "*", **hub.headers}
        assert (
            http.post("/v1/flags/f/toggle", params={"app": shop}, json=body, headers=headers).status_code
            == 200
        )
    for at in (ann, ben):
        expect(at.page.get_by_text("On in development")).to_be_visible()
        expect(at.page.locator(".news")).to_contain_text("on call")


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


def test_a_server_that_is_restarted_loses_nothing_of_an_open_form(chromium: Browser, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ("--port", str(port), "--log", f"sqlite:///{tmp_path}/tricast.db", "--set", "heartbeat_s=1")
    with serve(*arguments) as first:
        make_app(first, "shop")
        a_flag(first, "shop", "f", default="off")
        opening = desks(chromium, first)
        at = opening.__enter__()(DETAILS.format(app="shop"))
        is_live(at)
        at.page.get_by_label("Description").fill("typed before")
        first.process.kill()
        first.process.wait()
        expect(at.page.locator(".link-state.live")).to_have_count(0)
        at.page.get_by_label("Owner").fill("typed while it was gone")
        at.press("Control+Enter")
        expect(at.page.locator(".toast.bad")).to_contain_text("can’t be reached")
    with serve(*arguments) as again:
        with again.http() as http:
            body = {"name": "Meanwhile"}
            http.patch("/v1/flags/f", params={"app": "shop"}, json=body, headers={"if-match": "*"})
        is_live(at)
        value(at, "Name").to_have_value("Meanwhile")
        value(at, "Description").to_have_value("typed before")
        value(at, "Owner").to_have_value("typed while it was gone")
        save(at)
        with again.http() as http:
            now = http.get("/v1/flags/f", params={"app": "shop"}).json()
        assert (now["name"], now["description"], now["owner"]) == (
            "Meanwhile",
            "typed before",
            "typed while it was gone",
        )
        at.page.context.close()
