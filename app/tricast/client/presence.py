"""Presence: who is on a topic, and being there oneself for as long as one is connected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tricast.client.buffer import Buffer
from tricast.client.ends import Dropped, Ended
from tricast.client.engine import Engine
from tricast.client.listeners import Listeners
from tricast.client.members import Member, Members
from tricast.client.message import Event
from tricast.client.problems import answered
from tricast.client.subscription import Feed
from tricast.client.transports.endpoint import Endpoint, credentials
from tricast.errors import BadRequest, TricastError, Unavailable

PREFIX = "presence."


class Presence:
    """Who is on `topic` now, told for as long as it isn't closed.

    What was `set` is set again on every new connection. Made by `Client.presence`.
    """

    def __init__(
        self,
        topic: str,
        engine: Engine,
        endpoint: Endpoint,
        client_id: str,
        leave: Callable[[Presence], None],
    ) -> None:
        self.topic = topic
        self.feed = Feed((topic,), Buffer[Event](1, "drop-oldest"))
        self._engine = engine
        self._endpoint = endpoint
        self._client_id = client_id
        self._close = leave
        self._members = Members()
        self._known = asyncio.Event()
        self._listeners = Listeners()
        self._state: dict[str, Any] | None = None
        self._joined = False
        self._joined_on: int | None = None

    def members(self) -> list[Member]:
        """Who is there, as far as is known: who came first first."""
        return self._members.all

    async def ready(self) -> list[Member]:
        """Wait for the first list. Raises Forbidden where presence may not be asked for."""
        await self._known.wait()
        if self.feed.buffer.is_ended:
            self.feed.buffer.take()
        return self.members()

    def on_change(self, listener: Callable[[list[Member]], object]) -> Callable[[], None]:
        """Call `listener` with everybody at each change; the function that is given back ends that."""
        return self._listeners.add("change", listener)

    async def set(self, state: Mapping[str, Any] | None = None) -> None:
        """Be there, with a state (a JSON object of up to 1 KiB), until `leave` or the end of the client.

        Raises the TricastError of a refusal. Where there is no connection now, it is said on the next.
        """
        self._state, self._joined = None if state is None else dict(state), True
        self._joined_on = None
        try:
            await self._join()
        except TricastError:
            self._joined = False
            raise

    async def leave(self) -> None:
        """Be there no more."""
        self._joined = False
        try:
            await self._say({"topic": self.topic, "leave": True})
        except Ended:
            return  # (what is not connected is not there)

    async def close(self) -> None:
        """Leave, and be told nothing more."""
        if self._joined:
            await self.leave()
        self._close(self)
        self._listeners.clear()

    @property
    def is_owed(self) -> bool:
        """Whether there is a connection on which it was not said that one is there."""
        link = self._engine.core.link
        return self._joined and link is not None and link.hello_at is not None and self._joined_on != link.id

    async def join_again(self) -> None:
        """Say it on a new connection; a refusal ends this presence."""
        try:
            await self._join()
        except TricastError as error:
            self.end(error)

    async def _join(self) -> None:
        link = self._engine.core.link
        if not self.is_owed or link is None:
            return
        self._joined_on = link.id
        try:
            await self._say({"topic": self.topic, "state": self._state})
        except (Ended, Unavailable):
            self._joined_on = None  # (the next connection will do)

    async def _say(self, what: dict[str, Any]) -> None:
        reply = self._engine.command({"op": "presence", **what})
        if reply is not None:
            await reply
            return
        link = self._engine.core.link
        if link is None or link.hello_at is None:
            raise Dropped("there is no connection")
        named = {"client": self._client_id} if link.connection is None else {"connection": link.connection}
        token = self._engine.core.credential.token
        headers = {"content-type": "application/json", **credentials(token)}
        async with self._endpoint.failures():
            response = await self._endpoint.http.post(
                f"{self._endpoint.url}/v1/presence", content=orjson.dumps(what | named), headers=headers
            )
        if response.status_code != 200:
            raise answered(response.status_code, response.headers, response.content)

    # What the client tells

    def listed(self, topics: Mapping[str, Any]) -> None:
        """The full list of every topic came."""
        found = topics.get(self.topic)
        changed = self._members.listed(found if isinstance(found, list) else [])
        first = not self._known.is_set()
        self._known.set()
        if changed or first:
            self._listeners.tell("change", self.members())

    def told(self, event: Event) -> None:
        """A change came."""
        if event.topic == self.topic and self._members.told(event.type, event.data):
            self._listeners.tell("change", self.members())

    def end(self, error: TricastError | None) -> None:
        """It is over: refused, or the client is."""
        self.feed.end(error)
        self._known.set()


def check_literal(topic: str) -> str:
    """Raises BadRequest for a pattern: one is on a topic."""
    if "*" in topic:
        raise BadRequest(f"topic {topic[:80]!r} is a pattern; presence is of one topic", field="topic")
    return topic
