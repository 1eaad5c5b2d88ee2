"""When a connection must end, and what a hub that is entered again still knows.

The numbers in the docstrings are those of the rules of delivery.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.harness.fakes import FakeOutlet, HeldLog, answered, ask, connect

from tricast.hub.gate import Grant
from tricast.hub.hub import Hub, HubOptions
from tricast.hub.outlet import Outlet
from tricast.log.base import Bounds, Epoch
from tricast.log.memory import MemoryLog
from tricast.pattern import Pattern
from tricast.transports.portable import PortableOutlet

pytestmark = pytest.mark.anyio


def expiring(seconds: float) -> Grant:
    return Grant("ann", ("**",), ("**",), expires_at=time.time() + seconds)


def block(seconds: float) -> None:
    """A busy moment of the event loop: timers that are due have not been called yet."""
    time.sleep(seconds)


@pytest.mark.parametrize("what", ["batch", "ephemeral", "heartbeat", "replay", "lag"])
async def test_nothing_is_written_after_expiry_however_late_the_timer_is(what: str) -> None:
    """Rule 22: in any state, whatever was about to be written."""
    log = HeldLog()
    async with Hub(log, HubOptions(recent_bytes=0)) as hub:
        await hub.publish("a/x", 1)
        await hub.publish("a/x", 2)
        if what == "replay":
            log.hold()
        cursor = "earliest" if what == "replay" else "latest"
        subscriber, outlet = await connect(hub, "a/**", cursor=cursor, grant=expiring(0.05))
        if what == "replay":
            await log.held()
        if what == "lag":
            outlet.stall()
            await hub.publish("a/x", 3)
        before = len(outlet.messages)
        if what in ("batch", "ephemeral"):
            publishing = asyncio.ensure_future(hub.publish("a/x", 3, ephemeral=what == "ephemeral"))
            await asyncio.sleep(0)
            block(0.06)
            await publishing
        elif what == "heartbeat":
            block(0.06)
            hub.fanout.beat()
        elif what == "replay":
            block(0.06)
            log.release()
        else:
            block(0.06)
            outlet.drain()
        await outlet.until(lambda: outlet.finished is not None)
        assert [m["type"] for m in outlet.messages[before:]] == ["tricast.goodbye"]
        assert outlet.messages[-1]["data"]["reason"] == "expired"
        assert outlet.finished is not None
        assert outlet.finished[0] == 4401
        assert subscriber.state == "closed"


async def test_a_poll_gets_no_event_after_expiry() -> None:
    """Rule 22: answered at once, empty, with its cursor; nothing is lost by that."""
    async with Hub() as hub:
        _, answer = ask(hub, "a/**", grant=expiring(0.05))
        publishing = asyncio.ensure_future(hub.publish("a/x", 1))
        await asyncio.sleep(0)
        block(0.06)
        await publishing
        position, events = await answered(answer)
        assert (position, events) == (0, [])


async def test_a_hub_that_is_entered_again_goes_on_where_it_was() -> None:
    """Rule 14: in the same process too; a cursor from before is good, and what is in memory is true."""
    hub = Hub(MemoryLog())
    for life in range(3):
        async with hub:
            for n in range(3):
                await hub.publish("a/x", life * 3 + n)
            _, outlet = await connect(hub, "a/**", cursor=hub.bounds.cursor(life * 3))
            await outlet.received(*range(life * 3, life * 3 + 3))
            _, everything = await connect(hub, "a/**", cursor="earliest")
            await everything.received(*range(life * 3 + 3))


def test_cursors_rise_along_the_log_over_all_epochs() -> None:
    """Rules 12, 14: an offset's cursor carries the epoch in which it was written."""
    bounds = Bounds(9, (Epoch("a", 0), Epoch("b", 3), Epoch("c", 3), Epoch("d", 7)))
    assert [bounds.cursor(n) for n in (0, 1, 3, 4, 7, 8, 9)] == [
        "a-0",
        "a-1",
        "a-3",
        "c-4",
        "c-7",
        "d-8",
        "d-9",
    ]


@pytest.mark.parametrize(
    ("granted", "requested", "contained"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/*", False),
        ("a/*", "a/b", True),
        ("a/*", "a/*", True),
        ("a/*", "a/**", False),
        ("a/*", "a/b/c", False),
        ("a/**", "a/b/c", True),
        ("a/**", "a/*/c/**", True),
        ("a/**", "a/**", True),
        ("a/**", "a", False),
        ("a/*/**", "a/**", False),
        ("**", "a/b", True),
        ("**", "tricast/audit", False),
        ("*/audit", "tricast/audit", False),
        ("tricast/**", "tricast/audit", True),
    ],
)
def test_a_grant_contains_what_was_asked_segment_by_segment(
    granted: str, requested: str, contained: bool
) -> None:
    """Rules 20-21."""
    assert Pattern.parse(granted).contains(Pattern.parse(requested)) is contained


async def test_the_portable_outlet_holds_one_payload_in_flight_and_one_waiting() -> None:
    """Rule 3: then it lags; what was written meanwhile is sent, in order, before it drains."""

    class Told:
        def __init__(self) -> None:
            self.told: list[str] = []

        def stalled(self) -> None:
            self.told.append("stalled")

        def drained(self) -> None:
            self.told.append("drained")

        def lost(self) -> None:
            self.told.append("lost")

    outlet, sink = PortableOutlet("blocks"), Told()
    outlet.attach(sink)
    sent = outlet.payloads()
    large = b"x" * 64 * 1024
    outlet.write(b"1" + large)
    assert (await anext(sent))[:1] == b"1"
    outlet.write(b"2" + large)
    assert outlet.is_stalled
    assert sink.told[-1] == "stalled"
    assert (await anext(sent))[:1] == b"2"
    waiting = asyncio.ensure_future(anext(sent))  # the second is sent, nothing waits
    await asyncio.sleep(0)
    assert sink.told[-1] == "drained"
    outlet.finish(b"last")
    outlet.write(b"after the last")
    assert await waiting == b"last"
    with pytest.raises(StopAsyncIteration):
        await anext(sent)
    outlet.lose()
    assert sink.told[-1] == "lost"


def _is_an_outlet(outlet: FakeOutlet) -> Outlet:
    return outlet
