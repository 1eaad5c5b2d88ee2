"""Entries of the audit trail as they are read: which are asked for, and how much of them who may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tricast.access.grants import check_app
from tricast.audit import AUDIT_TOPIC, Actor, segments
from tricast.errors import Forbidden
from tricast.event import Event, rfc3339
from tricast.hub.gate import Grant

FLAG_KIND: Final = "flag"
FLAG_KINDS: Final = frozenset({FLAG_KIND, "flag-environment", "app"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: who did what to which document, when and why. `id` is the entry's cursor.

    `changes` are those of `tricast.audit.Change`, as JSON; `time` is RFC 3339.
    """

    id: str
    time: str
    action: str
    app: str | None
    environments: tuple[str, ...]
    kind: str
    key: str
    version: int | None
    previous_version: int | None
    changes: tuple[Mapping[str, Any], ...]
    actor: Actor
    reason: str | None
    request_id: str | None

    @staticmethod
    def of_event(event: Event) -> Entry | None:
        """The entry that an event of the trail is; None if it is none."""
        data = event.data
        if not isinstance(data, dict) or not isinstance(data.get("actor"), dict):
            return None
        return Entry.of_json({**data, "id": event.cursor, "time": rfc3339(event.time_ms)})

    @staticmethod
    def of_json(value: Mapping[str, Any]) -> Entry:
        """The entry that `to_json` told of."""
        actor = value["actor"]
        return Entry(
            id=str(value["id"]),
            time=str(value["time"]),
            action=str(value.get("action")),
            app=value.get("app"),
            environments=tuple(value.get("environments") or ()),
            kind=str(value.get("kind")),
            key=str(value.get("key")),
            version=value.get("version"),
            previous_version=value.get("previous_version"),
            changes=tuple(value.get("changes") or ()),
            actor=Actor(
                str(actor.get("subject")), actor.get("role"), actor.get("credential"), actor.get("address")
            ),
            reason=value.get("reason"),
            request_id=value.get("request_id"),
        )

    def to_json(self) -> dict[str, Any]:
        """As `GET /v1/audit` answers it."""
        return {
            "id": self.id,
            "time": self.time,
            "action": self.action,
            "app": self.app,
            "environments": list(self.environments),
            "kind": self.kind,
            "key": self.key,
            "version": self.version,
            "previous_version": self.previous_version,
            "changes": list(self.changes),
            "actor": self.actor.to_json(),
            "reason": self.reason,
            "request_id": self.request_id,
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for of those entries that one may see. None: anything.

    `actor` is a subject, or what was shown (`key:<id>`). (The action is a glob, which
    the hub looks at before an entry is read.)
    """

    app: str | None = None
    environment: str | None = None
    kind: str | None = None
    key: str | None = None
    actor: str | None = None

    def accepts(self, entry: Entry) -> bool:
        """Whether `entry`, as its reader sees it, is asked for."""
        return (
            self.app in (None, entry.app)
            and (self.environment is None or self.environment in entry.environments)
            and self.kind in (None, entry.kind)
            and self.key in (None, entry.key)
            and self.actor in (None, entry.actor.subject, entry.actor.credential)
        )

    @property
    def is_anything(self) -> bool:
        """Whether all but the app is left open."""
        return replace(self, app=None) == Wanted()


@dataclass(frozen=True, slots=True)
class Sight:
    """How much of the trail a grant sees: one app's or all, and all of it or what happened to flags."""

    app: str | None
    environment: str | None
    whole: bool

    @staticmethod
    def of(grant: Grant) -> Sight:
        """`admin` sees all (of its app), `flags:read` what happened to flags. Raises Forbidden."""
        if not grant.scopes & {"admin", "flags:read"}:
            raise Forbidden(
                f"{grant.subject!r} lacks the scope 'admin' (all of the audit trail) or 'flags:read' (what "
                "happened to flags)"
            )
        whole = "admin" in grant.scopes and grant.environment is None
        return Sight(grant.app, grant.environment, whole)

    def topics(self, wanted: Wanted) -> Sequence[str]:
        """Where to look for what is wanted. Raises Forbidden if that is out of sight."""
        for name, own, asked in (
            ("app", self.app, wanted.app),
            ("environment", self.environment, wanted.environment),
        ):
            if own is not None and asked not in (None, own):
                raise Forbidden(
                    f"these credentials see the audit trail of the {name} {own!r} only, not of {asked!r}",
                    field=name,
                )
        if not self.whole and wanted.kind not in (None, *FLAG_KINDS):
            raise Forbidden(
                f"entries of kind {wanted.kind!r} are seen with the scope 'admin' only", field="kind"
            )
        app = wanted.app or self.app
        if app is not None:
            return (f"{AUDIT_TOPIC}/{check_app(app)}",)
        every = f"{AUDIT_TOPIC}/*"
        return (AUDIT_TOPIC, every) if self.whole else (every,)

    def view(self, entry: Entry) -> Entry | None:
        """What is seen of `entry`; None: nothing."""
        if self.whole:
            return entry
        if entry.kind not in FLAG_KINDS:
            return None
        seen = replace(entry, actor=Actor(entry.actor.subject, entry.actor.role), request_id=None)
        if self.environment is None or not entry.environments:
            return seen
        if self.environment not in entry.environments:
            return None
        changes = (_confined(change, self.environment) for change in entry.changes)
        return replace(
            seen,
            environments=(self.environment,),
            changes=tuple(change for change in changes if change is not None),
        )


def _confined(change: Mapping[str, Any], environment: str) -> Mapping[str, Any] | None:
    """What `change` of a flag tells of one environment; None: nothing."""
    path = segments(change["path"])
    if path[:1] == ("environments",):
        if len(path) > 1:
            return change if path[1] == environment else None
        return {**change, **{name: _only(change[name], environment) for name in _sides(change)}}
    if path:
        return change
    told = dict(change)
    for side in _sides(change):
        flag = change[side]
        if isinstance(flag, dict) and "environments" in flag:
            told[side] = {**flag, "environments": _only(flag["environments"], environment)}
    return told


def _sides(change: Mapping[str, Any]) -> list[str]:
    return [side for side in ("before", "after") if side in change]


def _only(environments: Any, environment: str) -> Any:
    if not isinstance(environments, dict):
        return environments
    return {name: value for name, value in environments.items() if name == environment}
