"""Long-poll: plain requests, one after another, each from where the last one got. It always gets through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import orjson

from tricast.client.ends import Dropped
from tricast.client.link import Open
from tricast.client.message import Control, Message, message_of
from tricast.client.position import is_cursor
from tricast.client.transports.endpoint import MAX_MESSAGE_BYTES, Endpoint, check, credentials, read

MAX_EVENTS = 1000
PAUSE_S = 1.0


class LongPoll:
    """A connection made of polls. `timeout_s`: how long the server may keep one waiting.

    An answer that is not there `patience_s` after that is given up. `client_id` is what the one
    who polls is known by, where presence is asked for.
    """

    def __init__(
        self, endpoint: Endpoint, order: Open, *, client_id: str, timeout_s: float, patience_s: float
    ) -> None:
        self._endpoint = endpoint
        self._order = order
        self._timeout_s = timeout_s
        self._named = {"client": client_id} if order.presence else {}
        self._patience_s = patience_s
        self._known = order.known

    async def messages(self) -> AsyncGenerator[Message]:
        """The answers, unpacked as a stream would give them. Raises one of `tricast.client.ends`.

        The first poll doesn't wait: so there is a concrete cursor at once (DELIVERY.md 10).
        """
        answer = await self._ask(self._order.cursor, 0)
        yield Control("hello", {"heartbeat_s": None, "expires_in_s": None, "connection": None})
        clock = asyncio.get_running_loop().time
        while True:
            for message in unpack(answer):
                yield message
            asked_at, before = clock(), answer
            answer = await self._ask(before["cursor"], self._timeout_s)
            took_s = clock() - asked_at
            if answer == before and took_s < min(PAUSE_S, self._timeout_s / 2):
                # Nothing new, and nobody waited for it (a cache answers?): don't ask as fast as one can.
                await asyncio.sleep(PAUSE_S)

    async def _ask(self, cursor: str, wait_s: float) -> dict[str, Any]:
        endpoint, order = self._endpoint, self._order
        query = endpoint.query(order, cursor, transport="poll", timeout=f"{wait_s:g}", **self._named)
        async with (
            endpoint.failures(),
            endpoint.http.stream(
                "GET",
                f"{endpoint.events}?{query}",
                headers=credentials(order.token),
                timeout=httpx2.Timeout(wait_s + self._patience_s),
            ) as response,
        ):
            await check(response, "application/json", is_last=not self._known)
            body = await read(response, MAX_MESSAGE_BYTES)
        endpoint.count(len(body))
        answer = answer_of(body)
        self._known = True
        return answer

    async def say(self, command: dict[str, Any]) -> None:
        """A poll takes no commands."""
        raise NotImplementedError(command.get("op"))


def answer_of(body: bytes) -> dict[str, Any]:
    """A poll's answer. Raises Dropped if it is none."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Dropped("the answer to a poll was no JSON") from None
    if not isinstance(answer, dict) or not _is_whole(answer):
        raise Dropped("the answer to a poll has no cursor and events; is a tricast server there?")
    return answer


def _is_whole(answer: dict[str, Any]) -> bool:
    reset = answer.get("reset")
    is_reset = reset is None or (isinstance(reset, dict) and is_cursor(reset.get("cursor")))
    return is_reset and isinstance(answer.get("events"), list) and is_cursor(answer.get("cursor"))


def unpack(answer: dict[str, Any]) -> list[Message]:
    """A poll's answer as the messages of a stream; after a full one there is more to come."""
    cursor, reset, presence = answer["cursor"], answer.get("reset"), answer.get("presence")
    messages: list[Message] = [] if reset is None else [Control("reset", reset, reset.get("cursor"))]
    messages += [message_of(event) for event in answer["events"]]
    messages.append(Control("live" if len(answer["events"]) < MAX_EVENTS else "heartbeat", {}, cursor))
    if isinstance(presence, dict):
        messages.append(Control("presence", presence))
    return messages
