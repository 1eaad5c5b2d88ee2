"""Following a subscription: from session to session, each from the cursor that the last one left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import httpx2

from tricast.cli.connection import Connection
from tricast.cli.failure import REFUSED, UNREACHABLE, Failure
from tricast.cli.sessions import CONNECT_S, SESSIONS, Unreachable, ask, client_of, unpack
from tricast.cli.subscription import Dropped, Ended, Message, Query, Refused, Unusable
from tricast.cursor import Cursor

TRANSPORTS = ("websocket", "sse", "poll")
_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 30.0

Note = Callable[[str], None]


class Follower:
    """Yields events and resets for ever; `note` is told what happens to the connection.

    Of several transports it takes the first that gets through, and stays with it.
    It begins at `start` and goes on, after a drop, from the last cursor that it
    was given. Raises Failure if the server refuses, or was never there.
    """

    def __init__(
        self, connection: Connection, query: Query, start: str, transports: Sequence[str], note: Note
    ) -> None:
        self._connection = connection
        self._query = query
        self._transports = list(transports)
        self._note = note
        self._connected_once = False
        self._attempts = 0
        self.cursor = start

    async def messages(self) -> AsyncGenerator[Message]:
        while True:
            session = SESSIONS[self._transports[0]](self._connection, self._query, self.cursor)
            try:
                async with aclosing(session) as said:
                    async for one in said:
                        if self._keep(one):
                            yield one
            except Ended as end:
                await self._recover(end)

    def _keep(self, said: Message) -> bool:
        """Take the cursor out of `said`; whether it is for whoever follows."""
        if said.control == "hello":
            if self._attempts:
                self._note(f"connected again ({self._transports[0]})")
            self._connected_once, self._attempts = True, 0
        cursor = said.envelope.get("cursor") or (said.data.get("cursor") if said.control else None)
        if cursor is not None:
            self.cursor = str(cursor)
        return said.control in (None, "reset")

    async def _recover(self, end: Ended) -> None:
        """Wait, or change the transport. Raises Failure where neither helps."""
        if isinstance(end, Refused):
            raise Failure(str(end), REFUSED) from None
        if isinstance(end, Unusable) and not self._connected_once:
            if len(self._transports) == 1:
                raise Failure(str(end), REFUSED) from None
            tried = self._transports.pop(0)
            self._note(f"{tried} doesn't get through ({end}); trying {self._transports[0]}")
            return
        if isinstance(end, Unreachable) and not self._connected_once:
            raise Failure(str(end), UNREACHABLE) from None
        wait_s = self._wait_s(end)
        self._note(f"{end}; again in {wait_s:.1f} s")
        self._attempts += 1
        await asyncio.sleep(wait_s)

    def _wait_s(self, end: Ended) -> float:
        if isinstance(end, Dropped) and end.after_s is not None:
            return end.after_s
        longest = _FIRST_WAIT_S * 2.0 ** min(self._attempts, 10)
        return min(_LONGEST_WAIT_S, longest) * random.uniform(0.5, 1.0)


async def history(connection: Connection, query: Query, start: str) -> AsyncGenerator[Message]:
    """Events and resets from `start` to where the log is now; then it ends. Raises Failure."""
    timeout = httpx2.Timeout(CONNECT_S * 3, connect=CONNECT_S)
    try:
        async with client_of(connection, timeout) as client:
            now = Cursor.parse((await ask(client, connection, query, "latest", 0))["cursor"]).offset
            cursor = start
            while True:
                answer = await ask(client, connection, query, cursor, 0)
                for said in unpack(answer):
                    if said.control in (None, "reset"):
                        yield said
                if Cursor.parse(answer["cursor"]).offset >= now or answer["cursor"] == cursor:
                    return
                cursor = answer["cursor"]
    except Unreachable as end:
        raise Failure(str(end), UNREACHABLE) from None
    except Ended as end:
        raise Failure(str(end), REFUSED) from None
