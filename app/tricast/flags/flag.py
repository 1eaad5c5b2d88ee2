"""A flag, and how it is seen: whole, from one environment, by flagd.

The document (kind `flag`, key `<app>/<flag key>`) is `Flag.document()`. Values
inside (variants, targeting, metadata) are plain JSON and shared: never change
them in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

FlagType = Literal["boolean", "string", "number", "object"]
State = Literal["ENABLED", "DISABLED"]

MAX_RECENT = 32

_FLAGD = ("state", "variants", "defaultVariant", "targeting", "metadata")


@dataclass(frozen=True, slots=True)
class Definition:
    """A flag as flagd defines it, for one environment.

    `default_variant` None means that the caller's own default is used. `layout`
    names the members in the order of the file that this came from: so files go
    out as they came in. Empty: the order of flagd's documentation.
    """

    state: State
    variants: Mapping[str, Any]
    default_variant: str | None = None
    targeting: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    layout: tuple[str, ...] = ()
    version: int = 0

    def flagd(self) -> dict[str, Any]:
        """This as a flag in flagd's file format."""
        members: dict[str, Any] = {"state": self.state, "variants": self.variants}
        if self.default_variant is not None or not self.layout or "defaultVariant" in self.layout:
            members["defaultVariant"] = self.default_variant
        if self.targeting is not None:
            members["targeting"] = self.targeting
        if self.metadata is not None:
            members["metadata"] = self.metadata
        if not self.layout:
            return members
        order = dict.fromkeys((*self.layout, *_FLAGD))
        return {name: members[name] for name in order if name in members}


@dataclass(frozen=True, slots=True)
class EnvironmentFlag:
    """What one environment says of a flag. `variants` only where they differ from the flag's own."""

    state: State
    default_variant: str | None = None
    targeting: Mapping[str, Any] | None = None
    variants: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    layout: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """As a member of a flag's `environments`."""
        value: dict[str, Any] = {"state": self.state, "defaultVariant": self.default_variant}
        if self.targeting is not None:
            value["targeting"] = self.targeting
        if self.variants is not None:
            value["variants"] = self.variants
        if self.metadata is not None:
            value["metadata"] = self.metadata
        return value

    def document(self) -> dict[str, Any]:
        """As kept: `body()` and the layout, where there is one."""
        return {**self.body(), "layout": list(self.layout)} if self.layout else self.body()

    @staticmethod
    def from_document(value: Mapping[str, Any]) -> EnvironmentFlag:
        """What `document()` gave; nothing is checked."""
        return EnvironmentFlag(
            state=value["state"],
            default_variant=value.get("defaultVariant"),
            targeting=value.get("targeting"),
            variants=value.get("variants"),
            metadata=value.get("metadata"),
            layout=tuple(value.get("layout", ())),
        )


@dataclass(frozen=True, slots=True)
class Recent:
    """One of the last changes of a flag: what a stale writer is told, and what a merge is decided by."""

    version: int
    changed: tuple[str, ...]
    actor: str
    at: str
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        """As kept in the document and shown in a conflict."""
        return {
            "version": self.version,
            "changed": list(self.changed),
            "actor": self.actor,
            "at": self.at,
            "reason": self.reason,
        }

    @staticmethod
    def from_document(value: Mapping[str, Any]) -> Recent:
        """What `document()` gave."""
        return Recent(
            version=value["version"],
            changed=tuple(value["changed"]),
            actor=value["actor"],
            at=value["at"],
            reason=value.get("reason"),
        )


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of one app, in all its environments. `tricast.flags.body` makes them from outside's JSON."""

    key: str
    type: FlagType
    variants: Mapping[str, Any]
    environments: Mapping[str, EnvironmentFlag]
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str | None = None
    archived: bool = False
    created_at: str = ""
    created_by: str = ""
    updated_at: str = ""
    updated_by: str = ""
    recent: tuple[Recent, ...] = ()

    def body(self) -> dict[str, Any]:
        """What can be edited, with what names the flag: patches apply to it, changes are found in it."""
        return {
            "key": self.key,
            "type": self.type,
            "name": self.name,
            "description": self.description,
            "tags": list(self.tags),
            "owner": self.owner,
            "archived": self.archived,
            "variants": self.variants,
            "environments": {name: there.body() for name, there in self.environments.items()},
        }

    def whole(self, version: int) -> dict[str, Any]:
        """The flag in all its environments, as answered to whoever may see them all."""
        return {**self.body(), **self._stamps(), "version": version}

    def document(self) -> dict[str, Any]:
        """As kept: `from_document` gives the same flag back."""
        return {
            **self.body(),
            "environments": {name: there.document() for name, there in self.environments.items()},
            **self._stamps(),
            "recent": [change.document() for change in self.recent],
        }

    @staticmethod
    def from_document(value: Mapping[str, Any]) -> Flag:
        """What `document()` gave; nothing is checked."""
        environments = value["environments"]
        return Flag(
            key=value["key"],
            type=value["type"],
            variants=value["variants"],
            environments={name: EnvironmentFlag.from_document(there) for name, there in environments.items()},
            name=value["name"],
            description=value["description"],
            tags=tuple(value["tags"]),
            owner=value["owner"],
            archived=value["archived"],
            created_at=value["created_at"],
            created_by=value["created_by"],
            updated_at=value["updated_at"],
            updated_by=value["updated_by"],
            recent=tuple(Recent.from_document(change) for change in value.get("recent", ())),
        )

    def variants_in(self, environment: str) -> Mapping[str, Any]:
        """The variants that hold in `environment`."""
        there = self.environments.get(environment)
        return self.variants if there is None or there.variants is None else there.variants

    def definition(self, environment: str, version: int) -> Definition | None:
        """flagd's definition of this flag in `environment`; None where it isn't, or is archived."""
        there = self.environments.get(environment)
        if there is None or self.archived:
            return None
        return Definition(
            state=there.state,
            variants=self.variants_in(environment),
            default_variant=there.default_variant,
            targeting=there.targeting,
            metadata=there.metadata,
            layout=there.layout,
            version=version,
        )

    def seen_in(self, environment: str, version: int) -> dict[str, Any] | None:
        """The flag as `environment` sees it: the `flag` of events and snapshots; None where it isn't."""
        there = self.environments.get(environment)
        if there is None:
            return None
        seen: dict[str, Any] = {
            "key": self.key,
            "type": self.type,
            "name": self.name,
            "description": self.description,
            "tags": list(self.tags),
            "owner": self.owner,
            "archived": self.archived,
            "version": version,
            "state": there.state,
            "variants": self.variants_in(environment),
            "defaultVariant": there.default_variant,
        }
        if there.targeting is not None:
            seen["targeting"] = there.targeting
        if there.metadata is not None:
            seen["metadata"] = there.metadata
        seen.update(created_at=self.created_at, updated_at=self.updated_at, updated_by=self.updated_by)
        return seen

    def _stamps(self) -> dict[str, Any]:
        return {
            "created_at": self.created_at,
            "created_by": self.created_by,
            "updated_at": self.updated_at,
            "updated_by": self.updated_by,
        }
