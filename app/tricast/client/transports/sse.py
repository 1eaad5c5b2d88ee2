"""Server-Sent Events: one answer that never ends; nothing can be said on it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import httpx2

from tricast.client.ends import Dropped
from tricast.client.link import Open
from tricast.client.message import Message, parse
from tricast.client.transports.endpoint import MAX_MESSAGE_BYTES, Endpoint, check, credentials

_NO_TIMEOUT = httpx2.Timeout(None)  # the core's patience with a connection counts, on all transports alike


class Sse:
    """A connection over an event stream."""

    def __init__(self, endpoint: Endpoint, order: Open) -> None:
        self._endpoint = endpoint
        self._order = order

    async def messages(self) -> AsyncGenerator[Message]:
        """The server's messages. Raises one of `tricast.client.ends`."""
        order, endpoint = self._order, self._endpoint
        query = endpoint.query(order, order.cursor, transport="sse")
        retry_ms = None
        async with (
            endpoint.failures(),
            endpoint.http.sse(
                f"{endpoint.events}?{query}",
                headers=credentials(order.token),
                timeout=_NO_TIMEOUT,
                max_event_size=MAX_MESSAGE_BYTES,
            ) as stream,
        ):
            await check(stream.response, "text/event-stream", is_last=False)
            async for block in stream:
                retry_ms = block.retry if block.retry is not None else retry_ms
                if block.data:
                    endpoint.count(len(block.data))
                    yield parse(block.data)
        raise Dropped("the stream ended", after_s=None if retry_ms is None else retry_ms / 1000)

    async def say(self, command: dict[str, Any]) -> None:
        """An event stream takes no commands."""
        raise NotImplementedError(command.get("op"))
