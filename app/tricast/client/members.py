"""Who is on a topic: a list from the server, kept true by what it tells about changes."""

from __future__ import annotations

from collections.abc import Mapping
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
        return sorted(self._by_subject.values(), key=lambda member: (member.since, member.subject))

    def listed(self, members: list[Mapping[str, Any]]) -> bool:
        """The full list, which is true whatever was told before (DELIVERY.md 25)."""
        before = self._by_subject
        self._by_subject = {member["subject"]: _member(member) for member in members}
        return before != self._by_subject

    def told(self, type: str, data: Mapping[str, Any]) -> bool:
        """Somebody joined, left or changed."""
        subject = data["subject"]
        before = self._by_subject.get(subject)
        if type == LEFT:
            self._by_subject.pop(subject, None)
        else:
            self._by_subject[subject] = _member(data)
        return before != self._by_subject.get(subject)


def _member(data: Mapping[str, Any]) -> Member:
    return Member(
        data["subject"], data.get("state"), int(data.get("connections", 1)), str(data.get("since", ""))
    )
