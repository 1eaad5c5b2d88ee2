"""Getting in, and out: the first start, invitations, passwords, sessions, roles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect
from tests.api.served import Served, serve
from tests.dashboard.desk import Desk, desks
from tests.dashboard.house import House
from tests.dashboard.shop import a_flag, make_app
from tests.dashboard.team import PASSWORD, join

ON = {"environment": "production", "state": "ENABLED"}
# Method, path, body: what a viewer may not do, and what nobody but an admin may.
FOR_EDITORS = [
    ("POST", "v1/flags?app=looking", {"key": "mine", "type": "boolean"}),
    ("PATCH", "v1/flags/seen?app=looking", {"name": "mine"}),
    ("DELETE", "v1/flags/seen?app=looking", None),
    ("POST", "v1/flags/seen/toggle?app=looking", ON),
    ("POST", "v1/flags/seen/archive?app=looking", {}),
    ("POST", "v1/flags/seen/copy?app=looking", {"from": "development", "to": "production"}),
    ("POST", "v1/flags/import?app=looking&environment=production", {"flags": {}}),
    ("PUT", "v1/apps/looking", {"name": "mine", "environments": ["development", "production"]}),
    ("POST", "v1/events", {"topic": "looking/x", "data": 1}),
]
FOR_ADMINS = [
    ("GET", "v1/keys", None),
    ("POST", "v1/keys", {"name": "mine", "scopes": ["admin"]}),
    ("POST", "v1/tokens", {"subject": "mine", "subscribe": ["**"]}),
    ("POST", "v1/invites", {"role": "admin"}),
    ("PATCH", "v1/people/ann", {"role": "viewer"}),
    ("PATCH", "v1/people/vic", {"role": "admin"}),
    ("DELETE", "v1/people/ann", None),
    ("GET", "v1/connections", None),
    ("GET", "v1/stats", None),
    ("PUT", "v1/apps/looking/schemas/x", {}),
    ("GET", "v1/settings", None),
    ("GET", "v1/backup", None),
]


@pytest.fixture(scope="module")
def fresh() -> Iterator[Served]:
    """A server that nobody has used yet."""
    with serve(dev=False) as server:
        yield server


@pytest.fixture
def visitor(chromium: Browser, fresh: Served) -> Iterator[Callable[..., Desk]]:
    with desks(chromium, fresh) as opened:
        yield opened


@pytest.fixture
def guest(chromium: Browser, house: House) -> Iterator[Callable[..., Desk]]:
    """Somebody who isn't signed in."""
    with desks(chromium, house.server) as opened:
        yield opened


def fill(at: Desk, **values: str) -> None:
    for label, value in values.items():
        at.page.get_by_label(label.replace("_", " "), exact=True).fill(value)


def heading(at: Desk, name: str) -> Locator:
    return at.page.get_by_role("heading", name=name, exact=True)


def test_the_first_start_is_set_up_by_a_link_that_is_good_once(
    visitor: Callable[..., Desk], fresh: Served
) -> None:
    assert fresh.setup is not None
    stranger = visitor("/")
    expect(heading(stranger, "Almost there")).to_be_visible()
    at = visitor(fresh.setup.removeprefix(fresh.url))
    expect(heading(at, "Welcome to tricast")).to_be_visible()
    code = fresh.setup.rpartition("/")[2]
    assert code not in at.page.url
    at.page.reload()
    expect(heading(at, "Welcome to tricast")).to_be_visible()
    fill(at, Login="Ann Lee", Name="Ann Lee", Password="short", First_app="My Shop")
    at.press("Enter")
    expect(at.page.get_by_text("This has 5 characters; it needs at least 8.")).to_be_visible()
    fill(at, Password=PASSWORD)
    at.press("Enter")
    expect(at.page.get_by_text("One word, without blanks, * or /.")).to_be_visible()
    expect(at.page.get_by_label("First app")).to_be_focused()
    fill(at, First_app="shop")
    at.press("Enter")
    expect(at.page.get_by_label("Login")).to_have_attribute("aria-invalid", "true")
    expect(at.page.get_by_label("Login")).to_be_focused()
    fill(at, Login="ann")
    at.press("Enter")
    expect(heading(at, "No flags yet")).to_be_visible()
    expect(at.button("App: shop")).to_be_visible()
    again = visitor(fresh.setup.removeprefix(fresh.url))
    expect(heading(again, "Sign in")).to_be_visible()
    expect(again.page.get_by_role("status").first).to_contain_text("set up already")

    # Signing in, and what is wrong with it.
    fill(again, Login="ann", Password="not that one")
    for _ in range(5):
        again.button("Sign in").click()
        expect(again.page.get_by_role("alert").filter(has_text=re.compile("."))).to_be_visible()
        expect(again.button("Sign in")).not_to_have_attribute("aria-disabled", "true")
    again.button("Sign in").click()
    expect(again.page.get_by_text("too many attempts to sign in; wait")).to_be_visible()
    waiting = again.page.get_by_role("button", name=re.compile(r"Try again in \d+ s"))
    expect(waiting).to_have_attribute("aria-disabled", "true")


def test_one_signs_in_with_a_password(guest: Callable[..., Desk], house: House) -> None:
    house.joined("ida")
    at = guest("/#/activity")
    expect(at.page.get_by_label("Login")).to_be_focused()
    fill(at, Login="Ida", Password="wrong horse")
    at.press("Enter")
    expect(at.page.get_by_role("alert").filter(has_text="password")).to_be_visible()
    fill(at, Password=PASSWORD)
    at.press("Enter")
    expect(heading(at, "Activity")).to_be_visible()
    assert "activity" in at.page.url
    at.button("Ida (editor)").click()
    at.page.get_by_role("menuitem", name="Sign out").click()
    expect(heading(at, "Sign in")).to_be_visible()
    expect(at.page.locator(".notice")).to_have_count(0)


def test_signing_out_everywhere_ends_ones_other_browsers_and_says_why(
    sit: Callable[..., Desk], guest: Callable[..., Desk], house: House
) -> None:
    house.joined("ola")
    here = sit("ola", "/#/settings/account")
    there = guest("/#/flags")
    fill(there, Login="ola", Password=PASSWORD)
    there.press("Enter")
    expect(there.page.locator(".link-state.live")).to_be_visible()
    expect(here.page.get_by_role("cell", name="this one")).to_have_count(1)
    here.page.reload()
    expect(here.page.get_by_role("table", name="Sessions").get_by_role("row")).to_have_count(3)
    here.button("Sign out everywhere else").click()
    expect(heading(there, "Sign in")).to_be_visible()
    expect(there.page.get_by_text("You were signed out: the session of ola was ended")).to_be_visible()
    expect(here.page.get_by_role("table", name="Sessions").get_by_role("row")).to_have_count(2)


def test_a_session_is_listed_and_ended_from_another(
    sit: Callable[..., Desk], guest: Callable[..., Desk], house: House
) -> None:
    house.joined("uma")
    here = sit("uma", "/#/settings/account")
    there = guest("/#/events")
    fill(there, Login="uma", Password=PASSWORD)
    there.press("Enter")
    expect(heading(there, "Events")).to_be_visible()
    here.page.reload()
    here.button("End the session of Chrome on Linux").click()
    expect(heading(there, "Sign in")).to_be_visible()


def test_a_new_password_is_chosen_and_ends_other_sessions(
    sit: Callable[..., Desk], guest: Callable[..., Desk], house: House
) -> None:
    house.joined("kim")
    here = sit("kim", "/#/settings/account")
    there = guest("/")
    fill(there, Login="kim", Password=PASSWORD)
    there.press("Enter")
    expect(there.page.locator(".link-state.live")).to_be_visible()
    fill(here, Present_password="no idea", New_password="battery staple")
    here.press("Enter")
    expect(here.page.get_by_label("Present password")).to_have_attribute("aria-invalid", "true")
    fill(here, Present_password=PASSWORD, New_password="short")
    here.press("Enter")
    expect(here.page.get_by_label("New password")).to_have_attribute("aria-invalid", "true")
    fill(here, New_password="battery staple")
    here.press("Enter")
    expect(here.said("The password is changed")).to_be_visible()
    expect(heading(there, "Sign in")).to_be_visible()
    fill(there, Login="kim", Password="battery staple")
    there.press("Enter")
    expect(there.page.locator(".link-state.live")).to_be_visible()


def test_an_invitation_is_made_given_away_and_used(
    sit: Callable[..., Desk], guest: Callable[..., Desk], house: House
) -> None:
    ann = sit("ann", "/#/settings/people")
    ann.button("Invite").click()
    ann.page.get_by_label("Role", exact=True).select_option("viewer")
    ann.page.get_by_label("Name (optional)").fill("New One")
    ann.button("Make the link").click()
    link = ann.page.get_by_role("dialog").locator("code").inner_text()
    ann.button("Done").click()
    there = guest(link.removeprefix(house.server.url))
    expect(there.page.get_by_text("Ann has invited you as viewer.")).to_be_visible()
    assert link.rpartition("/")[2] not in there.page.url
    there.page.reload()
    expect(there.page.get_by_label("Name")).to_have_value("New One")
    fill(there, Login="new.one", Name="<b>New</b> One", Password=PASSWORD)
    there.press("Enter")
    expect(there.button("<b>New</b> One (viewer): account, theme, keyboard")).to_be_visible()
    used = guest(link.removeprefix(house.server.url))
    expect(heading(used, "This invitation can’t be used")).to_be_visible()
    ann.page.reload()
    expect(ann.page.get_by_role("row").filter(has_text="new.one")).to_contain_text("<b>New</b> One")


def test_a_link_for_somebody_new_says_so_to_who_is_signed_in(sit: Callable[..., Desk]) -> None:
    at = sit("vic", "/#/join/abcdef")
    expect(heading(at, "You are signed in already")).to_be_visible()
    nowhere = sit("vic", "/#/nowhere")
    expect(heading(nowhere, "There is no such page")).to_be_visible()


def test_a_viewer_is_told_what_a_viewer_cant_do(sit: Callable[..., Desk], house: House) -> None:
    make_app(house.server, "looking")
    a_flag(house.server, "looking", "seen")
    at = sit("vic", "/#/flags?app=looking")
    expect(at.switch("seen", "production")).to_be_disabled()
    expect(at.button("New flag")).to_be_disabled()
    expect(at.button("New flag")).to_have_attribute("title", re.compile("Your role is viewer"))
    at.press("t", "n")
    expect(at.page.get_by_role("dialog")).to_have_count(0)
    expect(at.page.get_by_role("link", name="Connections")).to_have_count(0)
    at.go("/#/connections")
    expect(at.page.get_by_text("Your role is viewer: only an admin can do this.")).to_be_visible()
    at.go("/#/settings/apps")
    expect(at.button("New app")).to_be_disabled()
    at.go("/#/settings/keys")
    expect(at.page.get_by_text("your role can’t see it")).to_be_visible()
    at.go("/#/events")
    expect(at.button("Publish", exact=True)).to_be_disabled()
    # And whatever is typed into the page's console, the server refuses.
    for who, refused in ((at, FOR_EDITORS + FOR_ADMINS), (sit("ben", "/#/flags?app=looking"), FOR_ADMINS)):
        answers = who.page.evaluate(
            """(all) => Promise.all(all.map(async ([method, path, body]) => {
              const headers = {'content-type': 'application/json', 'if-match': '*'};
              const answer = await fetch(path, {method, headers, body: body && JSON.stringify(body)});
              return [method, path, answer.status];
            }))""",
            refused,
        )
        assert answers == [[method, path, 403] for method, path, _ in refused]
    with house.server.http() as root:
        assert root.get("/v1/flags/seen?app=looking").json()["version"] == 1


def test_a_change_of_role_holds_at_once_and_the_refusal_is_shown(
    sit: Callable[..., Desk], house: House
) -> None:
    house.joined("eli", "editor")
    at = sit("eli", "/#/settings/apps")
    expect(at.page.locator(".link-state.live")).to_be_visible()
    at.button("New app").click()
    fill(at, Key="mine")
    with house.http("ann") as ann:
        assert ann.patch("/v1/people/eli", json={"role": "viewer"}).status_code == 200
    expect(at.said("Your role is viewer now.")).to_be_visible()
    at.press("Enter")
    expect(at.page.get_by_role("dialog").get_by_role("alert")).to_contain_text("flags:write")
    at.press("Escape")
    expect(at.button("New app")).to_be_disabled()


def test_who_is_locked_out_is_out(sit: Callable[..., Desk], house: House) -> None:
    house.joined("lou")
    at = sit("lou", "/#/audit")
    expect(at.page.locator(".link-state.live")).to_be_visible()
    ann = sit("ann", "/#/settings/people")
    ann.button("More about Lou").click()
    ann.page.get_by_role("menuitem", name="Lock out…").click()
    ann.page.get_by_label("Reason").fill("left us")
    ann.press("Enter")
    expect(heading(at, "Sign in")).to_be_visible()
    expect(ann.page.get_by_role("row").filter(has_text="lou")).to_contain_text("locked out")
    fill(at, Login="lou", Password=PASSWORD)
    at.press("Enter")
    expect(at.page.get_by_role("alert").filter(has_text=re.compile("."))).to_be_visible()


def test_a_link_to_a_new_password_lets_somebody_in_again(guest: Callable[..., Desk], house: House) -> None:
    join(house.server, "zed", "viewer")
    with house.http("ann") as ann:
        link = ann.post("/v1/invites", json={"login": "zed", "role": "viewer"}).json()["link"]
    at = guest(link.removeprefix(house.server.url))
    expect(heading(at, "Choose a new password")).to_be_visible()
    expect(at.page.get_by_label("Login")).to_have_value("zed")
    expect(at.page.get_by_label("Password")).to_be_focused()
    at.page.keyboard.type("another horse")
    at.press("Enter")
    expect(at.page.locator(".link-state.live")).to_be_visible()
