"""Long-poll: plain requests, one after another, each from where the last one got. It always gets through."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import orjson

from tricast.client.ends import Dropped
from tricast.client.link import Open
from tricast.client.message import Control, Message, message_of
from tricast.client.transports.endpoint import Endpoint, check, credentials

MAX_EVENTS = 1000


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

    async def messages(self) -> AsyncGenerator[Message]:
        """The answers, unpacked as a stream would give them. Raises one of `tricast.client.ends`.

        The first poll doesn't wait: so there is a concrete cursor at once (DELIVERY.md 10).
        """
        answer = await self._ask(self._order.cursor, 0)
        yield Control("hello", {"heartbeat_s": None, "expires_in_s": None, "connection": None})
        while True:
            for message in unpack(answer):
                yield message
            answer = await self._ask(answer["cursor"], self._timeout_s)

    async def _ask(self, cursor: str, wait_s: float) -> dict[str, Any]:
        endpoint, order = self._endpoint, self._order
        query = endpoint.query(order, cursor, transport="poll", timeout=f"{wait_s:g}", **self._named)
        async with endpoint.failures():
            response = await endpoint.http.get(
                f"{endpoint.events}?{query}",
                headers=credentials(order.token),
                timeout=httpx2.Timeout(wait_s + self._patience_s),
            )
            await check(response, "application/json", is_last=True)
        endpoint.count(len(response.content))
        return answer_of(response.content)

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
    cursor, reset = answer.get("cursor"), answer.get("reset")
    is_list, is_reset = isinstance(answer.get("events"), list), reset is None or isinstance(reset, dict)
    return is_list and is_reset and isinstance(cursor, str) and cursor.rpartition("-")[2].isdecimal()


def unpack(answer: dict[str, Any]) -> list[Message]:
    """A poll's answer as the messages of a stream; after a full one there is more to come."""
    cursor, reset, presence = answer["cursor"], answer.get("reset"), answer.get("presence")
    messages: list[Message] = [] if reset is None else [Control("reset", reset, reset.get("cursor"))]
    messages += [message_of(event) for event in answer["events"]]
    messages.append(Control("live" if len(answer["events"]) < MAX_EVENTS else "heartbeat", {}, cursor))
    if presence is not None:
        messages.append(Control("presence", presence))
    return messages
