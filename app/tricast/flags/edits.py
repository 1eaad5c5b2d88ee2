"""What can be done to an app's flags: each edit is a value, and `Flags.apply` does any number at once.

`version` is the version that the editor has seen; None (`*` in `If-Match`) is
whatever is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tricast import Actor
from tricast.flags.flag import Definition, State


@dataclass(frozen=True, slots=True)
class Create:
    """A new flag. `value` is its JSON without key and times. Conflict if there is one."""

    key: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Patch:
    """Change a flag by JSON Merge Patch (RFC 7396)."""

    key: str
    patch: Mapping[str, Any]
    version: int | None


@dataclass(frozen=True, slots=True)
class Archive:
    """Take a flag out of use; it can be restored."""

    key: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring an archived flag back as it was."""

    key: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a flag. A later one of that key begins at version 1."""

    key: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Copy:
    """Make a flag in the environment `target` what it is in `source`."""

    key: str
    source: str
    target: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Toggle:
    """Set a flag's state in an environment; None turns it round."""

    key: str
    environment: str
    state: State | None
    version: int | None


@dataclass(frozen=True, slots=True)
class Revert:
    """Undo what one audit entry tells of, where nobody has changed it since (`force`: even then).

    `change` is the entry's cursor.
    """

    key: str
    change: str
    force: bool
    version: int | None


@dataclass(frozen=True, slots=True)
class RevertSettings:
    """The same of an entry that tells of an environment's `$evaluators`, `metadata` and `$schema`."""

    environment: str
    change: str
    force: bool


@dataclass(frozen=True, slots=True)
class Define:
    """Make a flag in one environment what a flagd definition (checked) says; made if there is none."""

    key: str
    environment: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take a flag out of an environment; archive it if it is in no other. Nothing if it isn't there."""

    key: str
    environment: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Set what a flagd file says besides its flags: `$evaluators`, `metadata`, `$schema`.

    A member that is None stays as it is. Evaluators and metadata are added by name to
    those there are; with `replace` they take their place.
    """

    environment: str
    evaluators: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    schema: str | None = None
    replace: bool = False


Edit = (
    Create
    | Patch
    | Archive
    | Restore
    | Delete
    | Copy
    | Toggle
    | Revert
    | RevertSettings
    | Define
    | Withdraw
    | Configure
)


@dataclass(frozen=True, slots=True)
class Context:
    """Who edits, why, and in which request. `environment`: the only one that may be touched."""

    actor: Actor
    reason: str | None = None
    request_id: str | None = None
    environment: str | None = None
