"""Who is on a topic: a list from the server, kept true by what it tells about changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JOINED, UPDATED, LEFT = "presence.joined", "presence.updated", "presence.left"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody on a topic; `connections`: by how many. `since` is RFC 3339."""

    subject: str
    state: dict[str, Any] | None
    connections: int
    since: str


class Members:
    """The members of one topic, by subject. Methods say whether anything changed."""

    def __init__(self) -> None:
        self._by_subject: dict[str, Member] = {}

    @property
    def all(self) -> list[Member]:
        """Everybody, who came first first."""
        there = tuple(self._by_subject.values())  # (in one step: it may be asked for from any thread)
        return sorted(there, key=lambda member: (member.since, member.subject))

    def listed(self, members: list[Any]) -> bool:
        """The full list, which is true whatever was told before (DELIVERY.md 25)."""
        before = self._by_subject
        there = [member for data in members if (member := member_of(data)) is not None]
        self._by_subject = {member.subject: member for member in there}
        return before != self._by_subject

    def told(self, type: str, data: Any) -> bool:
        """Somebody joined, left or changed."""
        member = member_of(data)
        if member is None:
            return False
        before = self._by_subject.get(member.subject)
        if type == LEFT:
            self._by_subject.pop(member.subject, None)
        else:
            self._by_subject[member.subject] = member
        return before != self._by_subject.get(member.subject)


def member_of(data: Any) -> Member | None:
    """A member as it comes over the wire; None if it is none."""
    match data:
        case {"subject": str(subject), **more}:
            state, connections = more.get("state"), more.get("connections")
            return Member(
                subject,
                state if isinstance(state, dict) else None,
                connections if isinstance(connections, int) else 1,
                str(more.get("since", "")),
            )
    return None
