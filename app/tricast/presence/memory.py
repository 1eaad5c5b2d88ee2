"""Presence in memory: of one process, gone with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from types import TracebackType
from typing import Self

from tricast.event import time_ms
from tricast.presence.base import Member


class _Places:
    """One subject's places on one topic."""

    __slots__ = ("connections", "since_ms", "states")

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self.connections: dict[str, None] = {}
        self.states: dict[str, bytes] = {}  # by connection, the one that was set last at the end

    def member(self, subject: str) -> Member:
        state = next(reversed(self.states.values()), None)
        return Member(subject, len(self.connections), self.since_ms, state)


class MemoryPresence:
    """A `Presence` of one node. Taking and giving up a place costs the same however many there are.

    `clock` gives milliseconds since 1970.
    """

    def __init__(self, *, clock: Callable[[], int] = time_ms) -> None:
        self._clock = clock
        self._topics: dict[str, dict[str, _Places]] = {}
        self._changed: Callable[[str, str], None] = lambda *_: None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._topics.clear()

    def hold(self, topic: str, subject: str, connection: str, state_json: bytes | None) -> Member:
        before = self.member(topic, subject)
        subjects = self._topics.setdefault(topic, {})
        places = subjects.get(subject)
        if places is None:
            places = subjects[subject] = _Places(self._clock())
        places.connections[connection] = None
        places.states.pop(connection, None)
        if state_json is not None:
            places.states[connection] = state_json
        after = places.member(subject)
        if after != before:
            self._changed(topic, subject)
        return after

    def release(self, topic: str, subject: str, connection: str) -> None:
        subjects = self._topics.get(topic, {})
        places = subjects.get(subject)
        if places is None or connection not in places.connections:
            return
        del places.connections[connection]
        places.states.pop(connection, None)
        if not places.connections:
            del subjects[subject]
            if not subjects:
                del self._topics[topic]
        self._changed(topic, subject)

    def member(self, topic: str, subject: str) -> Member | None:
        places = self._topics.get(topic, {}).get(subject)
        return None if places is None else places.member(subject)

    def members(self, topic: str, limit: int) -> Sequence[Member]:
        subjects = self._topics.get(topic, {})
        return [places.member(subject) for subject, places in islice(subjects.items(), limit)]

    def count(self, topic: str) -> int:
        return len(self._topics.get(topic, {}))

    def topics(self) -> Sequence[str]:
        return list(self._topics)

    def tail(self, changed: Callable[[str, str], None]) -> None:
        self._changed = changed
