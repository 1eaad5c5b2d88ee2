"""The presence port: who is on which topic, of all connections on all nodes.

Every implementation passes `tests/contracts/test_presence.py`, which is this
file in executable form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

import orjson

from tricast.errors import BadRequest, TooLarge, shortly
from tricast.event import check_depth, one_line, rfc3339

MAX_STATE_BYTES: Final = 1024
MAX_STATE_DEPTH: Final = 32


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody on a topic: one subject, however many connections.

    `since_ms` is when the first of them came, in milliseconds since 1970.
    `state_json` is the state that was set last by any that is still there.
    """

    subject: str
    connections: int
    since_ms: int
    state_json: bytes | None = None

    @property
    def state(self) -> dict[str, Any] | None:
        """The state, parsed."""
        state: dict[str, Any] | None = None if self.state_json is None else orjson.loads(self.state_json)
        return state

    @property
    def json(self) -> bytes:
        """What goes over the wire."""
        return b'{"subject":%b,"state":%b,"connections":%d,"since":"%b"}' % (
            one_line(orjson.dumps(self.subject)),
            self.state_json or b"null",
            self.connections,
            rfc3339(self.since_ms).encode(),
        )


def encode_state(state: Any) -> bytes | None:
    """A state as JSON. Raises BadRequest if it is no object, TooLarge beyond 1 KiB."""
    if state is None:
        return None
    if not isinstance(state, Mapping):
        raise BadRequest(f"state {shortly(state)} must be a JSON object, or null", field="state")
    try:
        encoded = orjson.dumps(state)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise BadRequest(f"state can not be written as JSON: {error}", field="state") from None
    if len(encoded) > MAX_STATE_BYTES:
        raise TooLarge(
            f"the state has {len(encoded)} bytes as JSON; the limit is {MAX_STATE_BYTES}", field="state"
        )
    try:
        check_depth(state, MAX_STATE_DEPTH)
    except BadRequest:
        raise BadRequest(f"state is nested deeper than {MAX_STATE_DEPTH} levels", field="state") from None
    return one_line(encoded)


class Presence(Protocol):
    """Places: a connection of a subject on a topic, with a state. Use it as `async with`.

    One event loop, one consumer (`tail`). A place is of this node until it is given
    up; it is lost with the node, within a bounded time (at once where there is only
    one node). Nothing here waits: what this node does shows at once in what this
    node reads, and on other nodes as soon as they can be told. Every node comes to
    see the same members.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give up all places of this node."""
        ...

    def hold(self, topic: str, subject: str, connection: str, state_json: bytes | None) -> Member:
        """Take a place, or set the state of one that is held; the member as it is then.

        The member's state is the one that was set last by any of its connections
        (also if it was set before, to the same). None: this connection has no state,
        and those of the others count.
        """
        ...

    def release(self, topic: str, subject: str, connection: str) -> None:
        """Give up a place. (One that isn't held is none to give up: nothing happens.)"""
        ...

    def member(self, topic: str, subject: str) -> Member | None:
        """The member, if any of its connections is there. A look in memory."""
        ...

    def members(self, topic: str, limit: int) -> Sequence[Member]:
        """The first `limit` members, in the order in which they came. A look in memory."""
        ...

    def count(self, topic: str) -> int:
        """How many members there are on `topic`."""
        ...

    def topics(self) -> Sequence[str]:
        """The topics that somebody is on."""
        ...

    def tail(self, changed: Callable[[str, str], None]) -> None:
        """Name the one consumer: called on the event loop with (topic, subject) after a member changed.

        That is: came, went, or has another state, or more or fewer connections. What
        changed is read from `member`; of several changes in a row some may be told as
        one. For what this node does it is called before `hold` and `release` return.
        It must not raise or block.
        """
        ...
