"""An SSE stream cut after any byte of its first 2 KiB, and a client that goes on as EventSource does.

Rules 7, 8, 9: what carries an `id:` may be the last thing that a client ever got.
"""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from tests.harness.clients import Sse, offset_of
from tests.harness.proxy import cutting
from tests.harness.repetitions import often
from tests.harness.server import Installation, Path_
from tests.harness.sockets import Closed, settled

from tricast.hub.hub import HubOptions

pytestmark = pytest.mark.anyio

BYTES = 2048
AT_ONCE = 128
CUTS = range(0, BYTES, often(7, 1))
LAST = 12


class EventSource:
    """As browsers do it: the URL stays; `Last-Event-ID` is that of the last complete block."""

    def __init__(self, url_cursor: str) -> None:
        self.url_cursor = url_cursor
        self.last_event_id = ""
        self.numbers: list[int] = []
        self.resets = 0
        self.first_id = ""

    async def run(self, port: int, *, until: int | None) -> None:
        """Listen until the event `until` (or the end of the connection)."""
        headers = [("last-event-id", self.last_event_id)] if self.last_event_id else []
        try:
            with await Sse.open(port, ["demo/**"], self.url_cursor, headers=headers) as stream:
                while until is None or until not in self.numbers:
                    message = await stream.next()
                    self.last_event_id = message.id or self.last_event_id
                    self.first_id = self.first_id or self.last_event_id
                    if not message.is_control:
                        self.numbers.append(message.data["n"])
                    elif message.type == "tricast.reset":
                        self.resets += 1
        except Closed:
            assert until is None


@pytest.mark.repeated
@pytest.mark.timeout(120)
@pytest.mark.parametrize("state", ["live", "replaying", "resetting"])
async def test_a_stream_cut_after_any_byte_loses_nothing_and_hides_no_reset(
    path: Path_, state: Literal["live", "replaying", "resetting"]
) -> None:
    """Rules 7-9: nothing lost, nothing twice, and a reset is seen by whoever was reset."""
    for start in range(0, len(CUTS), AT_ONCE):
        cuts = list(CUTS[start : start + AT_ONCE])
        options = HubOptions(recent_bytes=0 if start // AT_ONCE % 2 else 1 << 20)
        async with (
            Installation("memory:", path, options) as here,
            cutting(here.port, cuts) as proxy,
            asyncio.timeout(60),
        ):
            await here.publish("demo/before", -1)
            begin = here.hub.position
            if state == "replaying":
                await here.publish("demo/a", *range(LAST))
            cursor = "zzzzzzzz-1" if state == "resetting" else begin
            clients = [EventSource(cursor) for _ in cuts]
            running = [asyncio.ensure_future(client.run(proxy.port, until=None)) for client in clients]
            if state != "replaying":
                await settled(lambda: len(here.hub.callers) >= sum(not t.done() for t in running))  # noqa: B023
                await here.publish("demo/a", *range(LAST))
            await asyncio.gather(*running)
            early = [list(client.numbers) for client in clients]
            again = [asyncio.ensure_future(client.run(here.port, until=LAST)) for client in clients]
            # One who was cut before it had any id of a reset is reset again, and goes on from there.
            await settled(lambda: len(here.hub.callers) == len(clients))  # noqa: B023
            await here.publish("demo/a", LAST)
            await asyncio.gather(*again)
        for cut, client in zip(cuts, clients, strict=True):
            where = f"cut after {cut} bytes"
            if state == "resetting":
                assert client.resets >= 1, where
                # From where the reset that it saw says, without a gap (offset o holds number o - 2).
                assert client.numbers == list(range(offset_of(client.first_id) - 1, LAST + 1)), where
            else:
                assert client.numbers == list(range(LAST + 1)), where
                assert client.resets == 0, where
        if state == "replaying" and start == 0:
            assert max(map(len, early)) < LAST
