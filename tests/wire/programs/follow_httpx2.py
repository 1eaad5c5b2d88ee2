"""httpx2's own event streams: the caller keeps `sse.id` and sends it as Last-Event-ID.

Says an envelope a line; ends where the log has a gap, or the server refuses.
"""

from __future__ import annotations

import asyncio
import sys

import httpx2


async def follow(url: str) -> None:
    last_event_id = ""
    async with httpx2.AsyncClient(timeout=httpx2.Timeout(5, read=40), trust_env=False) as client:
        while True:
            headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
            try:
                async with client.sse(url, headers=headers) as source:
                    async for sse in source:
                        last_event_id = sse.id or last_event_id
                        if sse.event == "message":
                            print(sse.data, flush=True)  # noqa: T201
                        elif sse.event == "tricast.reset":
                            sys.exit(sse.data)
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.2)


asyncio.run(follow(sys.argv[1]))
