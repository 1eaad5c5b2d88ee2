"""Who listens through one client: its subscriptions, and who looks at who is present."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tricast.client.link import Denied
from tricast.client.message import Event
from tricast.client.presence import PREFIX, Presence
from tricast.client.subscription import Feed
from tricast.errors import TricastError


class Audience:
    """Feeds and presences; together they are what the one connection subscribes to."""

    def __init__(self) -> None:
        self.feeds: set[Feed] = set()
        self.presences: set[Presence] = set()

    @property
    def topics(self) -> frozenset[str]:
        """Everything that somebody wants."""
        feeds = [*self.feeds, *(presence.feed for presence in self.presences)]
        return frozenset[str]().union(*(feed.patterns for feed in feeds))

    def give(self, event: Event) -> list[Feed]:
        """An event came; the feeds that it was one too many for."""
        full = []
        for feed in self.feeds:
            if feed.matches(event.topic):
                feed.put(event)
                if feed.buffer.is_ended:
                    full.append(feed)
        return full

    def told_presence(self, event: Event) -> bool:
        """Whether `event` tells that somebody came, left or changed; then it is told."""
        if event.cursor is not None or not event.type.startswith(PREFIX):
            return False
        for presence in tuple(self.presences):
            presence.told(event)
        return True

    def listed(self, data: Mapping[str, Any]) -> None:
        """The list of who is present came."""
        topics = data.get("topics")
        for presence in tuple(self.presences):
            presence.listed(topics if isinstance(topics, Mapping) else {})

    def confirmed(self, topics: frozenset[str]) -> None:
        """The server is known to send these."""
        for feed in self.feeds:
            if not feed.active.is_set() and feed.patterns <= topics:
                feed.active.set()

    def deny(self, denied: Denied) -> None:
        """End those who wanted what is refused."""
        for feed in [feed for feed in self.feeds if feed.patterns & denied.topics]:
            self.feeds.discard(feed)
            feed.end(denied.error)
        for presence in [each for each in self.presences if denied.presence or each.topic in denied.topics]:
            self.presences.discard(presence)
            presence.end(denied.error)

    def end(self, error: TricastError | None) -> None:
        """Nothing more will come."""
        for feed in self.feeds:
            feed.end(error)
        for presence in self.presences:
            presence.end(error)
        self.feeds.clear()
        self.presences.clear()
