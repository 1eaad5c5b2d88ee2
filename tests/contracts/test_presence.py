"""The contract of presence (`tricast.presence.base`), over every implementation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.harness.sockets import patience

from tricast.errors import BadRequest, TooLarge
from tricast.presence.base import MAX_STATE_BYTES, MAX_STATE_DEPTH, Member, Presence, encode_state
from tricast.presence.memory import MemoryPresence

pytestmark = pytest.mark.anyio

KINDS = ("memory",)
ROOM = "shop/room"


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, ms: int = 1_800_000_000_000) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


class Node:
    """One process that keeps presence, and what it was told."""

    def __init__(self, presence: Presence) -> None:
        self.presence = presence
        self.told: list[tuple[str, str]] = []
        self._changed = asyncio.Event()
        presence.tail(self._tell)

    def _tell(self, topic: str, subject: str) -> None:
        self.told.append((topic, subject))
        self._changed.set()

    async def until(self, wanted: Callable[[Presence], bool]) -> None:
        """Wait for what must come to be; woken only by what is told."""
        async with patience():
            while not wanted(self.presence):
                self._changed.clear()
                await self._changed.wait()


class Nodes:
    """The nodes of one installation. (In memory there is but one, which is then every node.)"""

    def __init__(self, kind: str, stack: AsyncExitStack) -> None:
        assert kind == "memory"
        self._stack = stack
        self._only: Node | None = None
        self.clock = Clock()

    def make(self) -> Presence:
        """What a node keeps presence in, not entered yet."""
        return MemoryPresence(clock=self.clock)

    async def start(self) -> Node:
        """A further node."""
        if self._only is None:
            self._only = Node(await self._stack.enter_async_context(self.make()))
        return self._only


@pytest.fixture(params=KINDS)
async def nodes(request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        yield Nodes(request.param, stack)


@pytest.fixture
async def node(nodes: Nodes) -> Node:
    return await nodes.start()


def state(**members: Any) -> bytes:
    encoded = encode_state(members)
    assert encoded is not None
    return encoded


async def test_who_takes_a_place_is_there_at_once_and_who_gives_it_up_is_not(node: Node) -> None:
    presence = node.presence
    assert presence.member(ROOM, "ann") is None
    member = presence.hold(ROOM, "ann", "c1", state(at=1))
    assert member == Member("ann", 1, 1_800_000_000_000, b'{"at":1}')
    assert presence.member(ROOM, "ann") == member
    assert presence.members(ROOM, 10) == [member]
    assert presence.count(ROOM) == 1
    assert presence.topics() == [ROOM]
    assert node.told == [(ROOM, "ann")]
    presence.release(ROOM, "ann", "c1")
    assert presence.member(ROOM, "ann") is None
    assert not presence.members(ROOM, 10)
    assert presence.count(ROOM) == 0
    assert not presence.topics()
    assert node.told == [(ROOM, "ann")] * 2


async def test_several_connections_of_one_subject_are_one_member_with_a_count(node: Node) -> None:
    presence = node.presence
    for number in (1, 2, 3):
        assert presence.hold(ROOM, "ann", f"c{number}", None).connections == number
    assert presence.count(ROOM) == 1
    for left in (2, 1):
        presence.release(ROOM, "ann", f"c{left}")
        member = presence.member(ROOM, "ann")
        assert member is not None
        assert member.connections == left


async def test_the_state_is_the_one_set_last_by_a_connection_that_is_still_there(node: Node) -> None:
    presence = node.presence

    def now() -> Any:
        member = presence.member(ROOM, "ann")
        return None if member is None else member.state

    presence.hold(ROOM, "ann", "c1", state(at=1))
    presence.hold(ROOM, "ann", "c2", state(at=2))
    assert now() == {"at": 2}
    presence.hold(ROOM, "ann", "c3", None)
    assert now() == {"at": 2}, "who has none has set none"
    presence.hold(ROOM, "ann", "c1", state(at=1))
    assert now() == {"at": 1}, "the same again is set last all the same"
    presence.hold(ROOM, "ann", "c1", None)
    assert now() == {"at": 2}
    presence.release(ROOM, "ann", "c2")
    assert now() is None


async def test_a_membership_begins_with_the_first_of_its_connections(nodes: Nodes, node: Node) -> None:
    presence, began = node.presence, nodes.clock.ms
    presence.hold(ROOM, "ann", "c1", None)
    nodes.clock.ms += 5000
    presence.hold(ROOM, "ann", "c2", None)
    presence.release(ROOM, "ann", "c1")
    member = presence.member(ROOM, "ann")
    assert member is not None
    assert member.since_ms == began
    presence.release(ROOM, "ann", "c2")
    assert presence.hold(ROOM, "ann", "c1", None).since_ms == began + 5000


async def test_members_come_in_order_and_as_many_as_are_asked_for(node: Node) -> None:
    presence = node.presence
    for subject in ("dan", "ann", "cid", "bob"):
        presence.hold(ROOM, subject, f"c-{subject}", None)
    presence.hold(ROOM, "dan", "c-dan", state(late=True))
    assert [member.subject for member in presence.members(ROOM, 3)] == ["dan", "ann", "cid"]
    assert presence.count(ROOM) == 4


async def test_topics_and_subjects_are_apart(node: Node) -> None:
    presence = node.presence
    presence.hold("shop/a", "ann", "c1", state(at="a"))
    presence.hold("shop/b", "ann", "c1", state(at="b"))
    presence.hold("shop/b", "bob", "c1", None)
    presence.release("shop/b", "ann", "c1")
    assert [member.subject for member in presence.members("shop/b", 9)] == ["bob"]
    assert presence.members("shop/a", 9)[0].state == {"at": "a"}
    assert sorted(presence.topics()) == ["shop/a", "shop/b"]


async def test_what_changes_nothing_is_not_told(node: Node) -> None:
    presence = node.presence
    presence.hold(ROOM, "ann", "c1", state(at=1))
    node.told.clear()
    presence.hold(ROOM, "ann", "c1", state(at=1))
    presence.release(ROOM, "ann", "another")
    presence.release(ROOM, "bob", "c1")
    presence.release("shop/nowhere", "ann", "c1")
    assert node.told == []
    presence.hold(ROOM, "ann", "c1", state(at=2))
    presence.hold(ROOM, "ann", "c2", None)
    assert node.told == [(ROOM, "ann")] * 2


async def test_it_is_told_after_it_changed(node: Node) -> None:
    seen: list[Member | None] = []
    node.presence.tail(lambda topic, subject: seen.append(node.presence.member(topic, subject)))
    held = node.presence.hold(ROOM, "ann", "c1", None)
    node.presence.release(ROOM, "ann", "c1")
    assert seen == [held, None]


async def test_nothing_is_left_of_a_node_that_has_ended(nodes: Nodes) -> None:
    presence = nodes.make()
    async with presence:
        presence.hold(ROOM, "ann", "c1", None)
    async with presence:
        assert presence.member(ROOM, "ann") is None
        assert not presence.topics()


async def test_what_one_node_holds_the_others_come_to_see(nodes: Nodes) -> None:
    here, there = await nodes.start(), await nodes.start()
    here.presence.hold(ROOM, "ann", "c1", state(at=1))
    await there.until(lambda p: p.count(ROOM) == 1)
    there.presence.hold(ROOM, "ann", "c2", state(at=2))
    merged = there.presence.member(ROOM, "ann")
    await here.until(lambda p: p.member(ROOM, "ann") == merged)
    here.presence.release(ROOM, "ann", "c1")
    await there.until(lambda p: (m := p.member(ROOM, "ann")) is not None and m.connections == 1)


def test_a_state_is_a_small_json_object() -> None:
    assert encode_state(None) is None
    assert encode_state({}) == b"{}"
    room = MAX_STATE_BYTES - len('{"text":""}')
    assert encode_state({"text": "x" * room}) is not None
    with pytest.raises(TooLarge, match="1025 bytes as JSON; the limit is 1024"):
        encode_state({"text": "x" * (room + 1)})
    deep: Any = {}
    for _ in range(MAX_STATE_DEPTH):
        deep = {"in": deep}
    for wrong in ([], "text", 7, True, {"when": object()}, {7: "seven"}, deep):
        with pytest.raises(BadRequest) as refused:
            encode_state(wrong)
        assert refused.value.field == "state"
