"""A core that is played to: what a server says, what a network does, and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tricast.client.core import Core
from tricast.client.ends import Dropped, Ended
from tricast.client.fallback import Memory
from tricast.client.link import Action, Drop, Give, Open, Say, Told
from tricast.client.message import Control, Event
from tricast.client.options import Options

URL = "http://hub"
A = TypeVar("A", bound=Action)


class Play:
    """`done` are all actions so far. `random` 1.0: delays are the longest that they may be."""

    def __init__(
        self,
        *topics: str,
        options: Options | None = None,
        random: Callable[[], float] = lambda: 1.0,
        memory: Memory | None = None,
        **core: Any,
    ) -> None:
        self.now = 1000.0
        self.done: list[Action] = []
        self.core = Core(
            options or Options(), url=URL, memory={} if memory is None else memory, random=random, **core
        )
        self.core.want(topics or ("demo/**",), self.now)
        self._take()

    def _take(self) -> None:
        self.done += self.core.actions
        self.core.actions.clear()

    def of(self, kind: type[A]) -> list[A]:
        return [action for action in self.done if isinstance(action, kind)]

    @property
    def last(self) -> Open:
        """The connection that was asked for last."""
        return self.of(Open)[-1]

    @property
    def given(self) -> list[int]:
        """The offsets of the events that were given."""
        return [int(str(give.event.cursor).rpartition("-")[2]) for give in self.of(Give)]

    @property
    def commands(self) -> list[dict[str, Any]]:
        return [say.command for say in self.of(Say)]

    @property
    def resets(self) -> list[dict[str, Any]]:
        return [told.data for told in self.of(Told) if told.type == "reset"]

    @property
    def open_links(self) -> set[int]:
        """The connections that were asked for and not dropped (those that ended are left in)."""
        return {each.link for each in self.of(Open)} - {each.link for each in self.of(Drop)}

    def want(self, *topics: str, presence: bool = False) -> None:
        self.core.want(topics, self.now, presence=presence)
        self._take()

    # What the server says

    def say(self, type: str, cursor: str | None = None, /, *, link: int | None = None, **data: Any) -> None:
        self.core.said(self.last.link if link is None else link, Control(type, data, cursor), self.now)
        self._take()

    def hello(
        self, cursor: str | None = "e-10", *, link: int | None = None, expires_in_s: float | None = None
    ) -> None:
        self.say("hello", cursor, link=link, heartbeat_s=15, expires_in_s=expires_in_s, connection="c")

    def live(self, cursor: str = "e-10", *, link: int | None = None, **hello: Any) -> None:
        self.hello(cursor, link=link, **hello)
        self.say("live", cursor, link=link)

    def event(self, *offsets: int, topic: str = "demo/a", link: int | None = None) -> None:
        for offset in offsets:
            cursor = f"e-{offset}"
            event = Event(str(offset), "/demo", "message", topic, None, None, cursor, offset, {})
            self.core.said(self.last.link if link is None else link, event, self.now)
        self._take()

    def reply(self, command: dict[str, Any], *, ok: bool = True, **data: Any) -> None:
        self.say("reply", ok=ok, op=command["op"], ref=command["ref"], **data)

    # What the network and the clock do

    def end(self, end: Ended | None = None, *, link: int | None = None) -> None:
        number = self.last.link if link is None else link
        self.core.ended(number, end or Dropped("the connection broke"), self.now)
        self._take()

    def due_in_s(self) -> float:
        return self.core.due_in_s(self.now)

    def reconnected_after_s(self) -> float:
        """Let time go on until a connection is asked for; how long that was."""
        began, known = self.now, len(self.of(Open))
        for _ in range(100):
            self.now += self.core.due_in_s(self.now)
            self.core.tick(self.now)
            self._take()
            if len(self.of(Open)) > known:
                return self.now - began
        raise AssertionError("it never connects again")

    def sleep(self, seconds: float) -> None:
        """Time goes on, and nobody looks at the clock meanwhile."""
        self.core.due_in_s(self.now)
        self.now += seconds
        self.core.tick(self.now)
        self._take()

    def wait(self, seconds: float) -> None:
        """Time goes on, and what is due is done when it is due."""
        until = self.now + seconds
        for _ in range(10_000):
            step = self.core.due_in_s(self.now)
            if self.now + step > until:
                self.now = until
                return
            self.now += step
            self.core.tick(self.now)
            self._take()
        raise AssertionError("it never rests")
