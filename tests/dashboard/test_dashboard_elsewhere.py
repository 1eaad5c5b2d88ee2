"""What is done is done to what one sees: to no other app's flag, not without a reason, and by who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.api.served import Talk
from tests.dashboard.desk import Desk
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app
from websockets.sync.client import connect


@pytest.fixture(scope="session")
def two(house: House) -> tuple[str, str]:
    """Two apps with a flag of the same key, on in production."""
    apps = ("two-shops", "two-banks")
    for app in apps:
        make_app(house.server, app)
        a_flag(house.server, app, "f", state="ENABLED", default="off")
    return apps


def the_flag(house: House, app: str) -> dict[str, Any]:
    with house.server.http() as http:
        answer = http.get("/v1/flags/f", params={"app": app})
        assert answer.status_code == 200
        return dict(answer.json())


def test_a_form_is_of_the_app_that_the_address_names(
    sit: Callable[..., Desk], house: House, two: tuple[str, str]
) -> None:
    shops, banks = two
    at = sit("ann", f"/#/flags/f?app={shops}&tab=details")
    at.page.get_by_label("Owner").fill("of the shops")
    at.go(f"/#/flags/f?app={banks}&tab=details")
    expect(at.button("App: two-banks")).to_be_visible()
    expect(at.page.get_by_label("Owner")).to_have_value("")
    at.page.get_by_label("Description").fill("of the banks")
    at.press("Control+Enter")
    expect(at.page.locator(".saving-inside")).to_have_count(0)
    assert the_flag(house, banks)["description"] == "of the banks"
    assert the_flag(house, shops)["description"] == ""
    at.go(f"/#/flags/f?app={shops}&tab=details")
    expect(at.page.get_by_label("Owner")).to_have_value("of the shops")  # (the draft is kept)
    at.button("Discard them").click()


def test_a_question_goes_with_what_it_was_about(
    sit: Callable[..., Desk], house: House, two: tuple[str, str]
) -> None:
    shops, banks = two
    at = sit("ann", f"/#/flags?app={banks}")
    expect(at.row("f")).to_be_visible()
    at.go(f"/#/flags?app={shops}")
    expect(at.button("App: two-shops")).to_be_visible()
    at.switch("f", "production").click()
    expect(at.page.get_by_role("dialog", name="Turn f off in production?")).to_be_visible()
    at.page.go_back()
    expect(at.page.get_by_role("dialog")).to_have_count(0)
    for app in two:
        assert the_flag(house, app)["environments"]["production"]["state"] == "ENABLED"


def test_blanks_are_no_reason(sit: Callable[..., Desk], house: House, two: tuple[str, str]) -> None:
    at = sit("ann", f"/#/flags?app={two[0]}")
    at.switch("f", "production").click()
    dialog = at.page.get_by_role("dialog", name="Turn f off in production?")
    dialog.get_by_label("Reason").fill("   ")
    at.press("Enter")
    expect(dialog.get_by_label("Reason")).to_have_value("")
    expect(dialog).to_be_visible()
    assert the_flag(house, two[0])["environments"]["production"]["state"] == "ENABLED"
    at.press("Escape")


def test_production_is_known_by_a_word_of_its_name(sit: Callable[..., Desk], two: tuple[str, str]) -> None:
    at = sit("ann", f"/#/flags?app={two[0]}")
    felt = ["production", "prod", "live", "prod-eu", "prod_eu", "production2", "eu-prod", "Live", "eu.live.1"]
    not_felt = ["preprod", "pre-prod", "non-production", "staging", "products", "delivery", "alive"]
    script = """async (names) => {
      const { isProduction } = await import('/static/dashboard/store/apps.js');
      return names.filter(isProduction);
    }"""
    assert at.page.evaluate(script, felt + not_felt) == felt


def test_what_somebody_says_of_themselves_is_not_believed(
    sit: Callable[..., Desk], house: House, two: tuple[str, str]
) -> None:
    app = two[0]
    at = sit("ann", f"/#/flags/f?app={app}&tab=details")
    expect(at.page.locator(".link-state.live")).to_be_visible()
    here = at.page.get_by_role("group", name="Who is here")
    claim = {"editing": "f", "field": "", "claim": {"at": 9e15, "field": ""}}
    states = [
        {"name": "Ben", **claim},
        {"name": {}, "editing": "f", "field": {}},
        {"viewing": 7},
        {"name": 7},
    ]
    # A person who may only look, and a token of an application’s that may say that its user is there.
    with house.server.http() as root:
        grant = {"subject": "somebody", "subscribe": [f"{app}/**"], "scopes": ["presence"], "app": app}
        made = root.post("/v1/tokens", json=grant)
        assert made.status_code == 201, made.text
    headers = {
        "Vic": {"cookie": f"tricast_session={house.cookies['vic']}"},
        "somebody": {"authorization": f"Bearer {made.json()['token']}"},
    }
    address = f"{house.server.ws_url}/v1/events?topic={app}/dashboard"
    for name, shown in headers.items():
        origin: Any = house.server.url
        with connect(
            address, additional_headers=shown, origin=origin, proxy=None, compression=None
        ) as socket:
            talk = Talk(socket)
            assert talk.next()["type"] == "tricast.hello"
            for state in states:
                talk.say({"op": "presence", "topic": f"{app}/dashboard", "state": state})
                avatar = "is looking at f" if state.get("editing") else "is here"
                expect(here.get_by_label(f"{name} {avatar}")).to_be_visible()
                expect(at.page.locator(".news")).not_to_contain_text("taken over")
                expect(at.page.get_by_label("Description")).to_be_editable()


def test_a_role_is_changed_when_one_has_said_so(sit: Callable[..., Desk], house: House) -> None:
    house.joined("quinn", "viewer")
    at = sit("ann", "/#/settings/people")
    role = at.page.get_by_role("combobox", name="Role of quinn")
    role.focus()
    at.press("ArrowDown")
    dialog = at.page.get_by_role("dialog", name="Make Quinn an editor?")
    expect(dialog).to_be_visible()
    at.press("Escape")
    expect(role).to_have_value("viewer")
    with house.http("ann") as http:
        assert {each["login"]: each["role"] for each in http.get("/v1/people").json()}["quinn"] == "viewer"


def test_who_signs_in_is_in_at_the_other_tab_too(sit: Callable[..., Desk], house: House) -> None:
    at = sit(house.joined("rory"), "/#/flags")
    other = Desk(at.page.context.new_page(), at.url).go("/#/activity")
    expect(other.page.get_by_role("heading", name="Activity")).to_be_visible()
    with house.http("rory") as http:
        http.delete("/v1/session")
    for each in (at, other):
        expect(each.page.get_by_label("Password")).to_be_visible()
    at.page.bring_to_front()
    at.page.get_by_label("Login").fill("rory")
    at.page.get_by_label("Password").fill("correct horse")
    at.press("Enter")
    expect(at.page.get_by_role("heading", name="Flags", level=1)).to_be_visible()
    other.page.bring_to_front()
    other.page.evaluate("dispatchEvent(new Event('focus'))")  # (which a browser without a window doesn’t say)
    expect(other.page.get_by_role("heading", name="Activity")).to_be_visible()
