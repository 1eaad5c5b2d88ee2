"""What a number of edits come to, before it is written: the flags as they would be, events, writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from tricast import ABSENT, Change, Draft, Forbidden, TooLarge, Write, pointer
from tricast.flags.collection import Collection
from tricast.flags.differences import changes_of, coarse, seen_changes
from tricast.flags.edits import Context
from tricast.flags.flag import MAX_RECENT, Flag, Recent
from tricast.flags.stored import FLAG_KIND, SETTINGS_KIND, Settings, Stored, Touched
from tricast.flags.telling import Places, Step, Teller
from tricast.flags.values import written

MAX_PLAN_BYTES: Final = 128 * 1024 * 1024
MAX_SETTINGS_BYTES: Final = 100_000  # (an event holds them twice)


class Plan:
    """Edits of one app's flags on their way. Later ones see what earlier ones did.

    `told` has the index of the last draft for each environment.
    """

    def __init__(
        self, app: str, collection: Collection, environments: tuple[str, ...], context: Context, at: str
    ) -> None:
        self.app = app
        self.context = context
        self.environments = environments
        self.drafts: list[Draft] = []
        self.writes: list[Write] = []
        self.told: dict[str, int] = {}
        self.more = 0  # flags than before
        self._teller = Teller(app, context)
        self._collection = collection
        self._at = at
        self._bytes = 0  # of drafts
        self._flags: dict[str, Stored | None] = {}
        self._settings: dict[str, Settings] = {}

    # Looking

    def get(self, key: str) -> Stored | None:
        """A flag as it would be."""
        return self._flags[key] if key in self._flags else self._collection.get(key)

    def all_keys(self) -> list[str]:
        """The keys of all flags there would be."""
        gone = {key for key, stored in self._flags.items() if stored is None}
        return [
            key for key in {**dict.fromkeys(self._collection.sorted_keys()), **self._flags} if key not in gone
        ]

    def settings(self, environment: str) -> Settings:
        """An environment's settings as they would be."""
        return self._settings.get(environment) or self._collection.settings(environment)

    def surroundings(self) -> dict[str, Mapping[str, Any]]:
        """What flags are checked against: `$evaluators` by environment."""
        return {name: self.settings(name).evaluators for name in self.environments}

    # Changing

    def put(self, flag: Flag) -> tuple[Stored, Places]:
        """`flag` as it is to be; what is there now, and the places that differ from before."""
        before = self.get(flag.key)
        changes = changes_of(ABSENT if before is None else before.flag.body(), flag.body())
        if before is not None and not changes:
            return before, ()
        paths = tuple(change.path for change in changes)
        reached = {*flag.environments, *(before.flag.environments if before else ())}
        self._check_confined(flag.key, reached, paths)
        stamped = self._stamped(before, flag, paths)
        touched = self._tell_environments(Step(before, stamped))
        told = dict.fromkeys(touched, Touched(stamped.version, self._at, self.context.actor.subject))
        stored = Stored(stamped.flag, stamped.version, {**stamped.touched, **told})
        self._draft(self._teller.flag_entry(Step(before, stored), changes, touched))
        self._write(FLAG_KIND, flag.key, stored.document(), before.version if before else 0)
        self._flags[flag.key] = stored
        self.more += before is None
        return stored, paths

    def remove(self, stored: Stored) -> None:
        """The flag is gone."""
        key, step = stored.flag.key, Step(stored, None)
        self._check_confined(key, set(stored.flag.environments), ("",))
        touched = self._tell_environments(step)
        change = Change("", stored.flag.body(), ABSENT)
        self._draft(self._teller.flag_entry(step, (change,), touched))
        self._write(FLAG_KIND, key, None, stored.version)
        self._flags[key] = None
        self.more -= 1

    def configure(self, environment: str, settings: Settings) -> Places:
        """An environment's settings as they are to be; the places that differ from before."""
        before = self.settings(environment)
        changes = changes_of(before.body(), settings.body())
        if not changes:
            return ()
        if self.context.environment not in (None, environment):
            raise self._forbidden(f"the settings of {environment!r}")
        _check_size(settings)
        paths = tuple(change.path for change in changes)
        after = replace(settings, version=before.version + 1)
        self.told[environment] = len(self.drafts)
        self._draft(self._teller.settings_event(environment, before, after, paths))
        self._draft(self._teller.settings_entry(environment, before, after, changes))
        self._write(SETTINGS_KIND, environment, after.body(), before.version)
        self._settings[environment] = after
        return paths

    # What it takes

    def _check_confined(self, key: str, reached: set[str], paths: Iterable[str]) -> None:
        """Raises Forbidden where one who belongs to an environment would change another."""
        own = self.context.environment
        if own is None or reached == {own}:
            return
        inside = pointer("environments", own)
        for path in paths:
            if path != inside and not path.startswith(f"{inside}/"):
                others = ", ".join(sorted(reached - {own})[:5]) or "no environment"
                raise self._forbidden(f"{path or 'all'} of the flag {key!r}, which is in {others}")

    def _forbidden(self, what: str) -> Forbidden:
        subject, own = self.context.actor.subject, self.context.environment
        return Forbidden(
            f"{subject!r} belongs to the environment {own!r} and may not change {what}; use a key without "
            "environment",
            field="environment",
        )

    def _stamped(self, before: Stored | None, flag: Flag, paths: Places) -> Stored:
        who, version = self.context.actor.subject, before.version + 1 if before else 1
        past = before.flag.recent if before else ()
        recent = Recent(version, coarse(paths), who, self._at, self.context.reason)
        stamped = replace(
            flag,
            created_at=before.flag.created_at if before else self._at,
            created_by=before.flag.created_by if before else who,
            updated_at=self._at,
            updated_by=who,
            recent=(*past, recent)[-MAX_RECENT:],
        )
        kept = before.touched if before else {}
        return Stored(stamped, version, {name: kept[name] for name in flag.environments if name in kept})

    def _tell_environments(self, step: Step) -> list[str]:
        """Draft an event for each environment that sees a change; which those are."""
        before, after = step.before, step.after
        told = []
        for environment in {
            **(before.flag.environments if before else {}),
            **(after.flag.environments if after else {}),
        }:
            was = before.seen_in(environment) if before else None
            now = after.seen_in(environment) if after else None
            paths = seen_changes(was, now)
            if paths:
                if now is not None:
                    now.update(
                        version=step.version, updated_at=self._at, updated_by=self.context.actor.subject
                    )
                self.told[environment] = len(self.drafts)
                self._draft(self._teller.flag_event(environment, step, was, now, paths))
                told.append(environment)
        return told

    def _draft(self, draft: Draft) -> None:
        """One more. Raises TooLarge: a small change of a large flag is told whole to each environment."""
        self._bytes += len(draft.body)
        if self._bytes > MAX_PLAN_BYTES:
            raise TooLarge(
                f"what tells of these changes has more than {MAX_PLAN_BYTES} bytes, the limit for changes "
                "that are made together; divide them"
            )
        self.drafts.append(draft)

    def _write(self, kind: str, key: str, value: Any, expected: int) -> None:
        # (as text: it is written in slices then, and ten thousand flags wait in a quarter of the memory)
        text = None if value is None else orjson.Fragment(written(value))
        self.writes.append(Write(kind, f"{self.app}/{key}", text, expected))


def _check_size(settings: Settings) -> None:
    size = len(orjson.dumps(settings.body()))
    if size > MAX_SETTINGS_BYTES:
        raise TooLarge(
            f"$evaluators and metadata have {size} bytes of JSON; the limit is {MAX_SETTINGS_BYTES}",
            field="/$evaluators",
        )
