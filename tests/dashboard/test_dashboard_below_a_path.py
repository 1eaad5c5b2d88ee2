"""Below a path of an nginx with TLS, in a real Chromium: the dashboard, its session, streams, the client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.dashboard.desk import TIMEOUT_MS
from tests.dashboard.shop import a_flag, make_app, toggle
from tests.flags.ofrep.hosted import FLAGS, App
from tests.proxies.below import PATH, Below, below
from tests.proxies.certificate import self_signed

PASSWORD = "correct horse"
STREAM = """(url) => new Promise((done) => {
    const events = new EventSource(url);
    for (const name of ['tricast.hello', 'message']) {
      events.addEventListener(name, (event) => { events.close(); done(event.data); });
    }
})"""
SOCKET = """(url) => new Promise((done) => {
    const socket = new WebSocket(url);
    socket.onmessage = (message) => { socket.close(); done(message.data); };
})"""
FOLLOW = """async ([base, transport]) => {
    const { connect } = await import(`${base}/client/index.js`);
    const client = connect({ url: base, topics: ['shop/**'], transports: [transport], share: false });
    await new Promise((done) => client.on('state', (state) => state === 'live' && done()));
    const came = new Promise((done) => client.on('event', (event) => done(event.data)));
    await client.publish('shop/a', transport);
    const data = await came;
    client.close();
    return data;
}"""


@pytest.fixture(scope="module", params=[True, False], ids=["stripped", "left"])
def at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Below]:
    folder: Path = tmp_path_factory.mktemp("below")
    with below(folder, self_signed(folder), strips=request.param) as at:
        yield at


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A tab that takes the certificate. At the end it may have asked for nothing outside of the path."""
    with chromium.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        outside: list[str] = []
        page.on("request", lambda made: f"{PATH}/" in made.url or outside.append(made.url))
        yield page
        assert outside == []


def join(page: Page, at: Below, login: str) -> None:
    """Open an invitation as somebody who got its link."""
    with at.http() as client:
        made = client.post(f"{at.url}/v1/invites", json={"role": "admin", "login": login, "name": login})
    page.goto(made.json()["link"])
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Join").click()


def test_an_invitation_lets_somebody_in_and_the_list_is_live(at: Below, page: Page) -> None:
    make_app(at.served, "shop")
    a_flag(at.served, "shop", "new-checkout")
    join(page, at, "ann")
    page.goto(f"{at.url}/#/flags?app=shop")
    switch = page.get_by_role("switch", name="new-checkout in production", exact=True)
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(page.locator(".link-state.live")).to_be_visible()
    toggle(at.served, "shop", "new-checkout", on=True)
    expect(switch).to_have_attribute("aria-checked", "true")
    [cookie] = page.context.cookies()
    assert (cookie["name"], cookie["path"], cookie["secure"]) == ("__Secure-tricast_session", PATH, True)
    page.reload()
    expect(switch).to_be_visible()

    # All that is loaded later, and what an admin hands on.
    for place in ("activity", "audit", "events", "connections", "settings"):
        page.goto(f"{at.url}/#/{place}?app=shop")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".link-state.live")).to_be_visible()
    page.goto(f"{at.url}/#/settings/people")
    page.get_by_role("button", name="Invite").click()
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("dialog").locator("code")).to_contain_text(f"{at.url}/#/join/")


def test_a_signed_in_page_streams_by_each_transport_and_by_ofreps_link(at: Below, page: Page) -> None:
    App(at.served, "shop").load(FLAGS)
    join(page, at, "ben")
    expect(page.locator(".link-state.live")).to_be_visible()
    assert "cursor" in page.evaluate(STREAM, f"{at.url}/v1/events?topic=shop/**")
    assert "tricast.hello" in page.evaluate(SOCKET, f"{at.ws_url}/v1/events?topic=shop/**")
    asked = page.evaluate(
        """async (url) => (await fetch(url, {
             method: 'POST', headers: {'content-type': 'application/json'}, body: '{}' })).json()""",
        f"{at.url}/v1/apps/shop/production/ofrep/v1/evaluate/flags",
    )
    stream = asked["eventStreams"][0]["endpoint"]["requestUri"]
    assert "refetchEvaluation" in page.evaluate(STREAM, at.url.removesuffix(PATH) + stream)
    for transport in ("websocket", "sse", "poll"):
        assert page.evaluate(FOLLOW, [at.url, transport]) == transport


def test_the_setup_link_makes_the_first_admin(
    chromium: Browser, page: Page, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("first")
    with below(folder, self_signed(folder), strips=True) as at:
        page.goto(f"{at.url}/")
        expect(page.get_by_text(f"{at.url}/#/setup/…")).to_be_visible()
        page.goto(str(at.served.setup))
        page.reload()
        for label, value in {"Login": "ann", "Name": "Ann", "Password": PASSWORD}.items():
            page.get_by_label(label, exact=True).fill(value)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="No flags yet", exact=True)).to_be_visible()
