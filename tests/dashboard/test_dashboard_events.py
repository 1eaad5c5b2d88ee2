"""Events: followed from the page on each transport, replayed, published, and the same from a shell."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect
from tests.clients.present import command
from tests.dashboard.desk import Desk
from tests.dashboard.house import House

NAMES = {"websocket": "WebSocket", "sse": "Server-Sent Events", "poll": "Long-poll"}


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A topic of this test's own."""
    return "demo/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")


def lines(at: Desk) -> Locator:
    return at.page.get_by_role("list", name="Events, the newest first").get_by_role("listitem")


def shell_line(at: Desk) -> str:
    return at.page.get_by_role("region", name="What comes").locator(".code code").first.inner_text()


@pytest.mark.parametrize("transport", NAMES)
def test_events_are_followed_on_the_transport_that_was_chosen(
    sit: Callable[..., Desk], house: House, room: str, transport: str
) -> None:
    at = sit("vic", "/#/events?app=demo")
    at.page.get_by_label("Topics").fill(f"{room}/**")
    at.page.get_by_label("Transport").select_option(transport)
    at.button("Follow").click()
    expect(at.page.get_by_text(f"live · {NAMES[transport]}")).to_be_visible()
    assert f"via={transport}" in at.page.url
    cursors = [house.server.publish(f"{room}/orders", {"total": number}) for number in range(3)]
    expect(lines(at)).to_have_count(3)
    expect(lines(at).first).to_contain_text('{"total":2}')
    expect(at.page.get_by_role("region", name="What comes")).to_contain_text(cursors[-1])

    # From the beginning, from one of them, and only some of them.
    at.button("Replay from the beginning").click()
    expect(lines(at)).to_have_count(3)
    lines(at).nth(1).get_by_role("button").first.click()
    at.button("Replay from here").click()
    expect(lines(at)).to_have_count(2)
    expect(lines(at).last).to_contain_text('{"total":1}')
    at.page.get_by_role("searchbox", name="Only events with this text").fill('"total":2')
    expect(lines(at)).to_have_count(1)


def test_a_pause_holds_the_picture_and_nothing_is_lost(
    sit: Callable[..., Desk], house: House, room: str
) -> None:
    at = sit("vic", f"/#/events?topic={room}")
    expect(at.page.get_by_text("live · WebSocket")).to_be_visible()
    house.server.publish(room, 1)
    expect(lines(at)).to_have_count(1)
    at.button("Pause", exact=True).click()
    house.server.publish(room, 2)
    expect(at.page.get_by_text("2 events", exact=True)).to_be_visible()
    expect(lines(at)).to_have_count(1)
    at.button("Go on").click()
    expect(lines(at)).to_have_count(2)
    at.button("Clear").click()
    expect(at.page.get_by_text("Nothing yet: what is published comes here at once.")).to_be_visible()


def test_a_gap_is_shown(sit: Callable[..., Desk], house: House, room: str) -> None:
    cursor = house.server.publish(room, 1)
    at = sit("vic", f"/#/events?topic={room}&from=zzzzzz-{cursor.rpartition('-')[2]}")
    expect(at.page.get_by_text("A gap (")).to_be_visible()


def test_what_cant_be_followed_is_said(sit: Callable[..., Desk]) -> None:
    at = sit("vic", "/#/events?topic=demo/**/x")
    region = at.page.get_by_role("region", name="What comes")
    expect(region.get_by_role("alert")).to_contain_text("demo/**/x")


def test_a_test_event_is_published_and_a_wrong_one_is_explained(
    sit: Callable[..., Desk], house: House, room: str
) -> None:
    at = sit("ben", f"/#/events?topic={room}")
    expect(at.page.get_by_text("live · WebSocket")).to_be_visible()
    expect(at.page.get_by_label("Topic", exact=True)).to_have_value(room)
    at.page.get_by_label("Type", exact=True).fill("order.paid")
    data = at.page.get_by_label("Data (JSON)")
    data.fill('{"total": }')
    at.button("Publish", exact=True).click()
    expect(data).to_have_attribute("aria-invalid", "true")
    data.fill('{"who": "<img src=x onerror=alert(1)>"}')
    at.button("Publish", exact=True).click()
    expect(lines(at).first).to_contain_text("order.paid")
    expect(lines(at).first).to_contain_text("<img src=x onerror=alert(1)>")
    expect(at.said("Published:")).to_be_visible()
    at.page.get_by_label("Topic", exact=True).fill("tricast/audit")
    at.button("Publish", exact=True).click()
    expect(at.page.get_by_label("Topic", exact=True)).to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("transport", ["sse", "poll"])
def test_the_line_for_a_shell_gets_what_the_page_shows(
    sit: Callable[..., Desk], house: House, room: str, transport: str
) -> None:
    command("curl", "curl")
    topic = f"{room}/it's-{transport}"
    house.server.publish(topic, {"seen": "by both"})
    at = sit("ben", "/#/events")
    at.page.get_by_label("Topics").fill(f"{room}/*")
    at.page.get_by_label("From").fill("earliest")
    at.page.get_by_label("Transport").select_option(transport)
    at.button("Follow").click()
    expect(lines(at).first).to_contain_text('{"seen":"by both"}')
    assert '"by both"' in in_a_shell(house, shell_line(at), until='"by both"')


def test_the_line_that_publishes_works_in_a_shell(sit: Callable[..., Desk], house: House, room: str) -> None:
    command("curl", "curl")
    at = sit("ben", f"/#/events?topic={room}")
    at.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(at.page.get_by_text("live · WebSocket")).to_be_visible()
    at.page.get_by_label("Data (JSON)").fill('{"text": "it\'s `here` $HOME \\"so\\""}')
    at.button("As curl").click()
    expect(at.said("Copied")).to_be_visible()
    line = str(at.page.evaluate("navigator.clipboard.readText()"))
    assert json.loads(in_a_shell(house, line, until="cursor"))["cursor"]
    expect(lines(at).first).to_contain_text("it's `here` $HOME")


def in_a_shell(house: House, line: str, *, until: str) -> str:
    """What the line prints, up to and with the line in which `until` is."""
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TRICAST_KEY": str(house.server.key),
        "no_proxy": "*",
    }
    said = ""
    with subprocess.Popen(
        ["timeout", "20", "bash", "-c", line],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        for text in process.stdout:
            said += text
            if until in said:
                break
        process.terminate()
    return said
