"""Presence: who is on a topic, and being there oneself for as long as one is connected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tricast.client.buffer import Buffer
from tricast.client.ends import Dropped, Ended
from tricast.client.engine import Engine
from tricast.client.link import Link
from tricast.client.listeners import Listeners
from tricast.client.members import Member, Members
from tricast.client.message import Event
from tricast.client.problems import Closed, answered
from tricast.client.subscription import Feed
from tricast.client.transports.endpoint import Endpoint, credentials
from tricast.errors import BadRequest, TooMany, TricastError, Unauthorized, Unavailable

PREFIX = "presence."


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """To be there with a state, or not to be there. Each is another one, also if it says the same."""

    here: bool
    state: dict[str, Any] | None = None


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
        leave: Callable[[Presence, TricastError | None], None],
    ) -> None:
        self.topic = topic
        self.feed = Feed((topic,), Buffer[Event](1, "drop-oldest"))
        self._engine = engine
        self._endpoint = endpoint
        self._client_id = client_id
        self._leave = leave
        self._members = Members()
        self._known = asyncio.Event()
        self._listeners = Listeners()
        self._wish = Wish(False)
        # Where something was said, by which name, and what (None: it is not known whether it came through).
        self._said_on: tuple[int, str] | None = None
        self._said: Wish | None = None
        self._turn = asyncio.Lock()

    def members(self) -> list[Member]:
        """Who is there, as far as is known: who came first first. May be asked from any thread."""
        return self._members.all

    async def ready(self) -> list[Member]:
        """Wait for the first list. Raises Forbidden where presence may not be asked for, or Closed."""
        await self._known.wait()
        self._raise_if_over()
        return self.members()

    def on_change(self, listener: Callable[[list[Member]], object]) -> Callable[[], None]:
        """Call `listener` with everybody at each change; the function that is given back ends that."""
        return self._listeners.add("change", listener)

    async def set(self, state: Mapping[str, Any] | None = None) -> None:
        """Be there, with a state (a JSON object of up to 1 KiB), until `leave` or the end of the client.

        Raises the TricastError of a refusal (what was set before still holds), or Closed. Where there is
        no connection now, it is said on the next.
        """
        self._raise_if_over()
        before, wish = self._wish, Wish(True, _checked(state))
        self._wish = wish
        try:
            await self._settle()
        except TricastError:
            if self._wish is wish:
                self._wish = before
            raise

    async def leave(self) -> None:
        """Be there no more."""
        self._wish = Wish(False)
        await self._settle()

    async def close(self) -> None:
        """Leave, and be told nothing more."""
        try:
            await self.leave()
        finally:
            self._leave(self, None)
            self._listeners.clear()

    # What is said

    @property
    def is_owed(self) -> bool:
        """Whether there is something to say on the connection that there is, and nobody is saying it."""
        return not self._turn.locked() and self._owed() is not None

    async def say_again(self) -> None:
        """Say it on a new connection; a refusal ends this presence."""
        try:
            await self._settle()
        except Unauthorized:
            return  # (the connection's own token is as bad: with the next one, and a new one, it is said)
        except TricastError as error:
            self._wish = Wish(False)
            self._leave(self, error)

    def _owed(self) -> Link | None:
        link = self._engine.core.link
        if link is None or link.hello_at is None:
            return None
        is_same = self._said_on is not None and self._said_on[0] == link.id
        if self._wish.here:
            return None if is_same and self._said is self._wish else link
        is_there = self._said_on is not None and self._said_on[1] == self._name_on(link)
        return link if is_there and self._said is not self._wish else None

    def _name_on(self, link: Link) -> str:
        """By what the server knows who is there: the connection, or who polls."""
        return link.connection or self._client_id

    async def _settle(self) -> None:
        """Say what is wanted. Raises the TricastError of a refusal."""
        async with self._turn:
            link, wish = self._owed(), self._wish
            if link is None:
                return
            said = self._said if self._said_on is not None and self._said_on[0] == link.id else None
            self._said_on, self._said = (link.id, self._name_on(link)), None
            what = {"state": wish.state} if wish.here else {"leave": True}
            try:
                await self._say({"topic": self.topic, **what})
            except (Ended, Unavailable, TooMany):
                return  # (it is said again, on this connection or the next)
            except TricastError:
                self._said = said
                raise
            self._said = wish

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

    def _raise_if_over(self) -> None:
        self._engine.raise_if_over()
        if self.feed.buffer.is_ended:
            self.feed.buffer.take()
            raise Closed("this presence is closed; ask the client for another one")

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


def _checked(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A copy of it. Raises BadRequest for what is no JSON object."""
    if state is None:
        return None
    if not isinstance(state, Mapping):
        raise BadRequest("state must be a mapping, such as {'viewing': 'a'}, or None", field="state")
    try:
        copy: dict[str, Any] = orjson.loads(orjson.dumps(dict(state)))
    except orjson.JSONEncodeError as error:
        raise BadRequest(f"state can not be written as JSON: {error}", field="state") from None
    return copy
