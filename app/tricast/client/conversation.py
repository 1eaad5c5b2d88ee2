"""What is said on a connection that takes commands, so that it carries what is wanted now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tricast.client.link import Asked, Link, Say
from tricast.client.message import Control
from tricast.client.problems import error_of
from tricast.errors import TricastError


@dataclass(frozen=True, slots=True)
class Answered:
    """A command's reply: what was asked, and the error if it was refused."""

    asked: Asked
    data: Mapping[str, Any]
    error: TricastError | None


class Conversation:
    """Commands and their replies; `do` takes what is to be sent."""

    def __init__(self, do: Callable[[Say], None]) -> None:
        self._do = do
        self._refs = 0

    def settle(self, link: Link, topics: frozenset[str], *, presence: bool, token: str | None) -> None:
        """Tell the connection what differs from what it has."""
        more, less = topics - link.topics, link.topics - topics
        if more:
            self._say(link, Asked("subscribe", more), topics=sorted(more))
        if less:
            self._say(link, Asked("unsubscribe"), topics=sorted(less))
            link.confirmed -= less
        if presence and not link.presence:
            # (by itself: it may be refused where the topics aren't)
            self._say(link, Asked("presence"), "subscribe", topics=sorted(topics), presence=True)
        link.topics, link.presence = topics, presence or link.presence
        if token is not None and token != link.token:
            link.token = token
            self._say(link, Asked("auth"), token=token)

    def _say(self, link: Link, asked: Asked, op: str | None = None, **members: Any) -> None:
        self._refs += 1
        ref = f"core-{self._refs}"
        link.asked[ref] = asked
        self._do(Say(link.id, {"op": op or asked.what, "ref": ref, **members}))

    def answered(self, link: Link, said: Control) -> Answered | None:
        """What a reply means; None: it is to a command of somebody else."""
        ref = said.data.get("ref")
        asked = link.asked.pop(ref, None) if isinstance(ref, str) else None
        if asked is None:
            return None
        if said.data.get("ok"):
            link.confirmed |= asked.topics & link.topics
            return Answered(asked, said.data, None)
        link.topics -= asked.topics
        problem = said.data.get("error")
        return Answered(asked, said.data, error_of(problem if isinstance(problem, dict) else {}))
