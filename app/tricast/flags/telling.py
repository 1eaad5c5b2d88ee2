"""The events and the audit entry that tell of a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tricast import Change, Draft, audit_entry, draft
from tricast.flags.edits import Context
from tricast.flags.stored import FLAG_KIND, SETTINGS_KIND, Settings, Stored

_MAX_SOURCE_CHARS: Final = 255
_SETTINGS_ACTION: Final = "flag-environment.updated"
Seen = dict[str, Any] | None
Places = tuple[str, ...]


def topic_of(app: str, environment: str) -> str:
    """Where the changes of an environment's flags are told."""
    return f"{app}/flags/{environment}"


@dataclass(frozen=True, slots=True)
class Step:
    """A flag's way from `before` (None: there was none) to `after` (None: there is none)."""

    before: Stored | None
    after: Stored | None

    @property
    def key(self) -> str:
        some = self.after or self.before
        assert some is not None
        return some.flag.key

    @property
    def previous(self) -> int:
        """The version before; 0: there was none."""
        return 0 if self.before is None else self.before.version

    @property
    def version(self) -> int:
        return self.previous + 1 if self.after is None else self.after.version

    @property
    def action(self) -> str:
        """What happened to the flag as a whole."""
        if self.before is None:
            return "flag.created"
        if self.after is None:
            return "flag.deleted"
        return _action(self.before.flag.archived, self.after.flag.archived)


class Teller:
    """Drafts what tells of one app's changes, made by one editor."""

    def __init__(self, app: str, context: Context) -> None:
        self._app = app
        self._context = context

    def flag_event(self, environment: str, step: Step, was: Seen, now: Seen, changed: Places) -> Draft:
        """For who follows an environment: the flag as seen there, before and after."""
        if was is None or now is None:
            action = "flag.created" if was is None else "flag.deleted"
        else:
            action = _action(was["archived"], now["archived"])
        told = {"flag": now, "changed": changed, "before": was}
        return self._event(environment, action, step.key, step.version, step.previous, told)

    def settings_event(self, environment: str, before: Settings, after: Settings, changed: Places) -> Draft:
        """The same of an environment's settings."""
        told = {
            "environment": environment,
            "settings": after.body(),
            "changed": changed,
            "before": before.body() if before.version else None,
        }
        return self._event(environment, _SETTINGS_ACTION, environment, after.version, before.version, told)

    def flag_entry(self, step: Step, changes: Sequence[Change], environments: Sequence[str]) -> Draft:
        """For the audit trail."""
        return self._entry(
            step.action, FLAG_KIND, step.key, step.version, step.previous, changes, environments
        )

    def settings_entry(
        self, environment: str, before: Settings, after: Settings, changes: Sequence[Change]
    ) -> Draft:
        """For the audit trail."""
        versions = (after.version, before.version)
        return self._entry(_SETTINGS_ACTION, SETTINGS_KIND, environment, *versions, changes, (environment,))

    def _event(
        self, environment: str, type: str, subject: str, version: int, previous: int, told: dict[str, Any]
    ) -> Draft:
        actor = self._context.actor
        data = {
            "version": version,
            "previous_version": previous or None,
            **told,
            "actor": {"subject": actor.subject, "role": actor.role},
            "reason": self._context.reason,
        }
        source = f"/{self._app}/{actor.subject}"[:_MAX_SOURCE_CHARS]
        return draft(topic_of(self._app, environment), data, source=source, type=type, subject=subject)

    def _entry(
        self,
        action: str,
        kind: str,
        key: str,
        version: int,
        previous: int,
        changes: Sequence[Change],
        environments: Sequence[str],
    ) -> Draft:
        context = self._context
        return audit_entry(
            action,
            app=self._app,
            kind=kind,
            key=key,
            actor=context.actor,
            changes=changes,
            version=version,
            previous_version=previous or None,
            reason=context.reason,
            request_id=context.request_id,
            environments=environments,
        )


def _action(was_archived: bool, is_archived: bool) -> str:
    if was_archived == is_archived:
        return "flag.updated"
    return "flag.archived" if is_archived else "flag.restored"
