"""PyPI `websockets`: `idiom URL` reconnects by its own `async for`, `loop URL` in a loop around `async with`.

The idiom has one URL for ever, so it says its cursor by a command; the loop has it in the URL. Says an
envelope a line; ends where the log has a gap, or the server refuses.
"""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake


class Follower:
    def __init__(self, url: str) -> None:
        self._url = url.replace("http://", "ws://")
        self._cursor = "latest"

    async def idiom(self) -> None:
        parts = urlsplit(self._url)
        async for websocket in connect(parts._replace(query="").geturl(), proxy=None):
            wanted = {"op": "subscribe", "topics": parse_qs(parts.query)["topic"], "cursor": self._cursor}
            try:
                await websocket.send(json.dumps(wanted))
                await self._read(websocket)
            except ConnectionClosed:
                continue

    async def loop(self) -> None:
        while True:
            try:
                async with connect(f"{self._url}&cursor={self._cursor}", proxy=None) as websocket:
                    await self._read(websocket)
            except (ConnectionClosed, InvalidHandshake, OSError):
                await asyncio.sleep(0.2)

    async def _read(self, websocket: ClientConnection) -> None:
        async for message in websocket:
            event = json.loads(message)
            self._cursor = event.get("cursor", self._cursor)
            if "topic" in event:
                print(message, flush=True)  # noqa: T201
            elif event["type"] in ("tricast.reset", "tricast.error"):
                sys.exit(str(message))


asyncio.run(getattr(Follower(sys.argv[2]), sys.argv[1])())
