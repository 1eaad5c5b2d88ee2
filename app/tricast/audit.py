"""The audit trail: who changed what, when and why. One event for each change of a document.

Entries stand on topics of the app `tricast`, which no wildcard reaches, and on a
shelf of their own, so that they are kept longer than events are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from tricast.event import AUDIT_SHELF, Draft, draft

AUDIT_TOPIC: Final = "tricast/audit"
MAX_REASON_CHARS: Final = 500


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""What stands where there was, or is, no value. (None is JSON's null.)"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a subject, the role of a person, what was shown (`key:<id>`, `token:<id>`), from where."""

    subject: str
    role: str | None = None
    credential: str | None = None
    address: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "role": self.role,
            "credential": self.credential,
            "address": self.address,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """One value that changed. `path` is a JSON Pointer (RFC 6901); "" is the whole document."""

    path: str
    before: Any | Literal[Absent.ABSENT]
    after: Any | Literal[Absent.ABSENT]

    def to_json(self) -> dict[str, Any]:
        """With neither `before` nor `after` where there was no value."""
        told: dict[str, Any] = {"path": self.path}
        if self.before is not ABSENT:
            told["before"] = self.before
        if self.after is not ABSENT:
            told["after"] = self.after
        return told

    @staticmethod
    def of_json(value: Mapping[str, Any]) -> Change:
        """The change that `to_json` told of."""
        return Change(value["path"], value.get("before", ABSENT), value.get("after", ABSENT))


def pointer(*names: str) -> str:
    """The JSON Pointer of a member inside members."""
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def segments(path: str) -> tuple[str, ...]:
    """The member names that a JSON Pointer is made of."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])


def diff(before: Any, after: Any) -> tuple[Change, ...]:
    """What it takes to get from `before` to `after` (either may be ABSENT). Lists are compared whole."""
    return tuple(_differences("", before, after))


def _differences(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before | after:
            inner = f"{path}{pointer(name)}"
            yield from _differences(inner, before.get(name, ABSENT), after.get(name, ABSENT))
    elif not same(before, after):
        yield Change(path, before, after)


def same(before: Any, after: Any) -> bool:
    """Whether two JSON values are equal. (In JSON, unlike Python, true is not 1; 1 is 1.0.)"""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(same(before[name], after[name]) for name in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(same, before, after))
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    return bool(before == after)


def audit_entry(
    action: str,
    *,
    app: str | None,
    kind: str,
    key: str,
    actor: Actor,
    changes: Sequence[Change] = (),
    version: int | None = None,
    previous_version: int | None = None,
    reason: str | None = None,
    request_id: str | None = None,
    environments: Iterable[str] = (),
) -> Draft:
    """The event that accounts for one change, to be appended in the same unit as the change.

    `action` is its type, such as `flag.updated`; `kind` and `key` name the document.
    No secret may be in `changes`: they are shown and exported. Raises TooLarge.
    """
    data = {
        "action": action,
        "app": app,
        "environments": list(environments),
        "kind": kind,
        "key": key,
        "version": version,
        "previous_version": previous_version,
        "changes": [change.to_json() for change in changes],
        "actor": actor.to_json(),
        "reason": reason,
        "request_id": request_id,
    }
    topic = AUDIT_TOPIC if app is None else f"{AUDIT_TOPIC}/{app}"
    return draft(topic, data, source="/tricast", type=action, subject=key[:255], shelf=AUDIT_SHELF)
