"""The Python client as a program of its own, so that it can be put to sleep and killed.

    python follow.py '{"url": "http://…", "topics": ["demo/**"], "tokens": false, "options": {}}'

Every line of stdin and stdout is a JSON object. It says `{"state"}`, `{"transport"}`, `{"event"}` (the
envelope), `{"reset"}` (its data), `{"error"}` (its problem), `{"ask": "token"}`; it is told
`{"token": "…"}`, `{"do": "counts"}` (answered by `{"counts"}`), `{"do": "close"}`. It ends when its
stdin does. The names of `options` are those of `tricast.client.Options`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tricast.client import Client, Options
from tricast.errors import TricastError


def say(**what: Any) -> None:
    """Say it soon: what comes at once is said at once."""
    sys.stdout.write(json.dumps(what) + "\n")
    asyncio.get_running_loop().call_soon(sys.stdout.flush)


@asynccontextmanager
async def lines() -> AsyncIterator[asyncio.StreamReader]:
    """What comes on stdin."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", 0)
    )
    try:
        yield reader
    finally:
        transport.close()


class Follower:
    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._tokens: asyncio.Queue[str] = asyncio.Queue()

    async def token(self) -> str:
        say(ask="token")
        return await self._tokens.get()

    async def run(self) -> None:
        config = self._config
        options = Options(**config.get("options", {}))
        token = self.token if config.get("tokens") else config.get("token")
        async with (
            lines() as commands,
            Client(config["url"], token=token, cursor=config.get("cursor"), options=options) as client,
        ):
            client.on("state", lambda state: say(state=state))
            client.on("transport", lambda transport: say(transport=transport))
            client.on("reset", lambda data: say(reset=data))
            following = asyncio.ensure_future(self._follow(client))
            try:
                while line := await commands.readline():
                    told = json.loads(line)
                    if "token" in told:
                        self._tokens.put_nowait(told["token"])
                    elif told["do"] == "counts":
                        say(counts=dataclasses.asdict(client.counts))
                    else:
                        break
            finally:
                following.cancel()
                await asyncio.wait([following])

    async def _follow(self, client: Client) -> None:
        try:
            async for event in client.subscribe(*self._config["topics"]):
                say(event=event.envelope)
        except TricastError as error:
            say(error=error.problem())


if __name__ == "__main__":
    asyncio.run(Follower(json.loads(sys.argv[1])).run())
