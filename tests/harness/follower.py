"""A subscriber that comes and goes on changing transports, and the account of what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.harness.clients import Listener, TransportName, listen, offset_of
from tests.harness.sockets import Closed, Connection, patience

from tricast.log.base import Bounds
from tricast.pattern import Pattern


@dataclass
class Published:
    """The model: what stands at each offset. `topics[n]` is the topic of offset n + 1."""

    topics: list[str] = field(default_factory=list)

    def matching(self, patterns: Sequence[str], after: int, upto: int) -> list[int]:
        parsed = [Pattern.parse(text) for text in patterns]
        return [
            offset
            for offset in range(after + 1, upto + 1)
            if any(pattern.matches(self.topics[offset - 1]) for pattern in parsed)
        ]


class Follower:
    """Keeps its cursor over reconnects, and checks each message as it comes.

    `position`: up to there it was given everything that matches, or told of a reset.
    """

    def __init__(self, patterns: Sequence[str], cursor: str, published: Published) -> None:
        self.patterns = list(patterns)
        self.published = published
        self.cursor = cursor
        self.position = offset_of(cursor)
        self.taken = 0
        self.resets: list[tuple[str, int]] = []
        self.connects = 0
        self._listener: Listener | None = None

    @property
    def connected(self) -> bool:
        return self._listener is not None

    async def connect(self, transport: TransportName, port: int, *, receive_bytes: int | None = None) -> None:
        assert self._listener is None
        self.connects += 1
        self._listener = await listen(
            transport, port, self.patterns, self.cursor, receive_bytes=receive_bytes
        )
        self._update()

    def drop(self, *, rudely: bool = False) -> None:
        """Go away; what was sent but not read is gone."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._update_from(listener)
            (Connection.reset if rudely else Connection.close)(listener.connection)

    def _update(self) -> None:
        assert self._listener is not None
        self._update_from(self._listener)

    def _update_from(self, listener: Listener) -> None:
        if listener.cursor is not None:  # (hello has none while anything is owed)
            assert offset_of(listener.cursor) >= offset_of(self.cursor)
            self.cursor = listener.cursor

    async def step(self, bounds: Bounds) -> bool:
        """Take one message and check it; False: the connection has ended."""
        listener = self._listener
        assert listener is not None
        try:
            async with patience():
                message = await listener.next()
        except Closed:
            self.drop()
            return False
        if message.type == "tricast.reset":
            self._reset(message.data["reason"], offset_of(message.cursor or ""), bounds)
        elif not message.is_control:
            offset = offset_of(message.cursor or "")
            owed = self.published.matching(self.patterns, self.position, offset)
            assert owed == [offset], f"{self.patterns} at {self.position}: got {offset}, owed {owed}"
            assert message.envelope["topic"] == self.published.topics[offset - 1]
            assert message.data["n"] == offset
            self.position = offset
            self.taken += 1
        elif message.cursor is not None and offset_of(message.cursor) >= self.position:
            # A control event's cursor claims that nothing is owed before it.
            upto = offset_of(message.cursor)
            assert not self.published.matching(self.patterns, self.position, upto), message
            self.position = upto
        self._update()
        return True

    def _reset(self, reason: str, position: int, bounds: Bounds) -> None:
        assert reason == "trimmed", reason
        patterns = [Pattern.parse(text) for text in self.patterns]
        assert bounds.floor(patterns) > self.position, "nothing that it was owed was trimmed"
        self.resets.append((reason, position))
        self.position = max(self.position, position)

    async def catch_up(self, upto: int, bounds: Bounds) -> None:
        """Read on until everything up to `upto` was given."""
        while self.published.matching(self.patterns, self.position, upto):
            assert await self.step(bounds), "ended"
