"""Where the last event of each topic stands: so that "nothing new for you" costs no read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tricast.pattern import Pattern, app_of


class Topics:
    """The last offset of each topic and of each app, as of what the tail was given.

    A topic that isn't known has no event in the log.
    """

    def __init__(self) -> None:
        self._topics: dict[str, int] = {}
        self._apps: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._topics)

    def note(self, topic: str, offset: int) -> None:
        """`offset`, higher than all before, is on `topic`."""
        self._topics[topic] = offset
        self._apps[app_of(topic)] = offset

    def update(self, last: Mapping[str, int]) -> None:
        """Take in the last offsets of several topics, in the order of their offsets."""
        self._topics.update(last)
        for topic, offset in last.items():
            app = app_of(topic)
            if self._apps.get(app, 0) < offset:
                self._apps[app] = offset

    def forget(self, topic: str, offset: int) -> None:
        """What `topic` had up to `offset` is gone."""
        if self._topics.get(topic, offset + 1) <= offset:
            del self._topics[topic]

    def last(self, patterns: Iterable[Pattern], head: int) -> int:
        """An offset after which nothing up to `head` can match any of `patterns`."""
        last = 0
        for pattern in patterns:
            if pattern.is_literal:
                offset = self._topics.get(pattern.text, 0)
            elif pattern.app is not None:
                offset = self._apps.get(pattern.app, 0)
            else:
                offset = head
            last = max(last, offset)
        return last
