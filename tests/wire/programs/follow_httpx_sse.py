"""PyPI `httpx-sse` on httpx: the caller keeps `sse.id` and sends it as Last-Event-ID.

Says an envelope a line; ends where the log has a gap, or the server refuses.
"""

from __future__ import annotations

import sys
import time

import httpx
from httpx_sse import connect_sse


def follow(url: str) -> None:
    last_event_id, wait_s = "", 0.2
    with httpx.Client(timeout=httpx.Timeout(5, read=40), trust_env=False) as client:
        while True:
            headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
            try:
                with connect_sse(client, "GET", url, headers=headers) as source:
                    for sse in source.iter_sse():
                        # (each connection has a decoder of its own, whose id is "" at first)
                        last_event_id = sse.id or last_event_id
                        if sse.retry is not None:
                            wait_s = sse.retry / 1000
                        if sse.event == "message":
                            print(sse.data, flush=True)  # noqa: T201
                        elif sse.event == "tricast.reset":
                            sys.exit(sse.data)
            except httpx.TransportError:
                pass
            time.sleep(wait_s)


follow(sys.argv[1])
