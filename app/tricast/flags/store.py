"""The flags of a hub: documents, read from memory and written with the events that tell of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from tricast import Change, Conflict, Hub, TooLarge, TricastError, rfc3339
from tricast.flags import edits as kinds
from tricast.flags.apps import App, Apps, check_app
from tricast.flags.collection import Collection, Collections
from tricast.flags.edits import Context, Edit
from tricast.flags.merging import VersionConflict
from tricast.flags.performing import Reverts, no_environment, perform
from tricast.flags.plan import Plan
from tricast.flags.reverting import changes_at
from tricast.flags.slices import MANY, keep_for_good, pause
from tricast.flags.stored import (
    FLAG_KIND,
    SETTINGS_KIND,
    EnvironmentFlags,
    Merged,
    Outcome,
    Settings,
    Stored,
)
from tricast.flags.telling import topic_of
from tricast.flags.turns import Turns
from tricast.flags.views import Listener, Views

__all__ = ["EnvironmentFlags", "Flags", "Merged", "Outcome", "Settings", "Stored"]

MAX_FLAGS: Final = 20_000
_FREE_TRIES: Final = 3
_MAX_TRIES: Final = 16
_SLICE: Final = 25
_MAX_LOOKS: Final = 100


class Flags:
    """The flags of all apps. Make it before the hub starts; when that runs, `await load()`."""

    def __init__(
        self, hub: Hub, *, clock: Callable[[], float] = time.time, max_flags: int = MAX_FLAGS
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._max_flags = max_flags
        self._apps = Apps(hub)
        projections = [hub.projection(kind) for kind in (FLAG_KIND, SETTINGS_KIND)]
        self._collections = Collections(projections)
        self._views = Views(self._collections, lambda: hub.documents_at)
        for projection in projections:
            projection.on_change(self._collections.take)
            projection.on_change(self._views.brought)
        self._coming: Counter[str] = Counter()  # flags that are being made
        self._turns = Turns()

    async def load(self) -> None:
        """Learn from the log when each environment changed last, so that etags survive a restart."""
        self._views.begin()
        for app in self.apps():
            await self.collection(app).parse()
            for environment in self.environments(app):
                cursor = await self._last_change(topic_of(app, environment))
                if cursor is not None:
                    self._views.restore(app, environment, cursor)

    async def _last_change(self, topic: str) -> str | None:
        """The cursor of the last event on `topic` that is kept."""
        before = None
        for _ in range(_MAX_LOOKS):
            past = await self._hub.history(before, topic, limit=1)
            if past.events:
                return past.events[0].cursor
            before = past.next
            if before is None:
                break
        return None

    # Looking

    def apps(self) -> list[str]:
        """The apps that have flags or were set up, by name."""
        return sorted({*self._apps.set_up(), *self._collections.apps()})

    def app(self, app: str) -> App:
        """An app, set up or not."""
        return self._apps.get(app)

    def environments(self, app: str) -> tuple[str, ...]:
        """The names of an app's environments (of an app that nobody has set up: the two defaults)."""
        return self._apps.get(app).environments

    def environment(self, app: str, environment: str) -> EnvironmentFlags:
        """What an evaluation needs. Raises NotFound for an environment that the app doesn't have."""
        there = self.environments(app)
        if environment not in there:
            raise no_environment(app, environment, there)
        return self._views.show(app, environment)

    def collection(self, app: str) -> Collection:
        """All that is kept of an app's flags, as JSON too."""
        return self._collections.get(app)

    def get(self, app: str, key: str) -> Stored | None:
        """One flag, archived or not."""
        return self.collection(app).get(key)

    def list(self, app: str) -> list[Stored]:
        """All flags of an app by key, archived ones too."""
        return self.collection(app).all()

    def settings(self, app: str, environment: str) -> Settings:
        """What a flagd file says besides its flags."""
        return self.collection(app).settings(environment)

    def on_change(self, listener: Listener) -> None:
        """Call `listener(app, environment)` after a change there, when `environment` tells of it."""
        self._views.on_change(listener)

    # Writing

    async def apply(
        self,
        app: str,
        edits: Sequence[Edit],
        context: Context,
        *,
        places: Sequence[str] | None = None,
        dry_run: bool = False,
    ) -> tuple[Outcome, ...]:
        """Do all of `edits`, in order, as one append: all, or nothing. Answers when it is durable.

        `places` say for each edit where it came from, for errors. `dry_run` says what
        would come of it. Raises BadRequest, NotFound, Forbidden, Conflict
        (VersionConflict has members that say who changed what since), TooLarge, or
        what the hub's append raises.
        """
        check_app(app)
        reverts = await self._reverts(app, edits)

        async def attempt(*, alone: bool) -> tuple[Outcome, ...] | None:
            plan = Plan(app, self.collection(app), self.environments(app), context, self._now())
            outcomes = await _perform_all(plan, edits, reverts, places)
            self._check_room(app, plan.more)
            if dry_run or not plan.writes:
                return outcomes
            if not alone and (closed := self._turns.closed(app)) is not None:
                await closed.wait()
                return None
            return outcomes if await self._try_to_write(plan) else None

        for _ in range(_FREE_TRIES):
            if (outcomes := await attempt(alone=False)) is not None:
                return outcomes
        # (an import takes long to plan: beside others' quick changes its turn would never come)
        async with self._turns.alone(app):
            for _ in range(_MAX_TRIES):
                if (outcomes := await attempt(alone=True)) is not None:
                    return outcomes
        raise VersionConflict(
            f"flags of {app!r} were changed again and again while this was done; repeat it",
            field="version",
        )

    async def put_app(
        self,
        app: str,
        *,
        name: str | None,
        environments: Sequence[str] | None,
        version: int | None,
        context: Context,
    ) -> App:
        """Set an app's name and environments (None: as they are); see `Apps.put`."""

        def used(environment: str) -> int:
            return sum(environment in stored.flag.environments for stored in self.list(app))

        async with self._turns.alone(app):
            made = await self._apps.put(
                app,
                name=name,
                environments=environments,
                version=version,
                context=context,
                at=self._now(),
                used=used,
            )
            self._views.forget(app, but=made.environments)
            self.collection(app).forget(but=made.environments)
        return made

    async def _reverts(self, app: str, edits: Sequence[Edit]) -> Reverts:
        found: dict[str, Sequence[Change]] = {}
        for edit in edits:
            match edit:
                case kinds.Revert():
                    about = FLAG_KIND, edit.key
                case kinds.RevertSettings():
                    about = SETTINGS_KIND, edit.environment
                case _:
                    continue
            found[edit.change] = await changes_at(self._hub, app, about, edit.change)
        return found

    def _check_room(self, app: str, more: int) -> None:
        if more > 0 and len(self.collection(app)) + self._coming[app] + more > self._max_flags:
            raise TooLarge(
                f"the app {app!r} would have more than {self._max_flags} flags, its limit; delete some, or "
                "use another app",
                field="app",
            )

    async def _try_to_write(self, plan: Plan) -> bool:
        """Whether it was written; False: somebody else was first."""
        if plan.environments != self.environments(plan.app):
            return False
        try:
            await self._write(plan)
        except Conflict as error:
            if error.field != "version":
                raise
            return False
        return True

    async def _write(self, plan: Plan) -> None:
        """Append; goes on to its end even if nobody waits any more, so that all learn of it."""
        self._coming[plan.app] += max(plan.more, 0)  # (counted from here on, where there was room for them)
        task = asyncio.create_task(self._append(plan))
        self._turns.begin(plan.app, task)
        await asyncio.shield(task)

    async def _append(self, plan: Plan) -> None:
        app = plan.app
        try:
            with self._views.writing(app):
                appended = await self._hub.append(plan.drafts, plan.writes)
                await self.collection(app).parse()  # (whoever hears of many changes is about to read them)
                cursors = {name: appended.receipts[index].cursor for name, index in plan.told.items()}
                names = [(write.kind, write.key.partition("/")[2]) for write in plan.writes]
                self._views.tell(app, names, cursors)
            if len(plan.writes) >= MANY:
                keep_for_good()
        finally:
            self._coming[app] -= max(plan.more, 0)

    def _now(self) -> str:
        return rfc3339(int(self._clock() * 1000))


async def _perform_all(
    plan: Plan, edits: Sequence[Edit], reverts: Reverts, places: Sequence[str] | None
) -> tuple[Outcome, ...]:
    outcomes = []
    for index, edit in enumerate(edits):
        try:
            outcomes.append(perform(plan, edit, reverts))
        except TricastError as error:
            if places is not None:
                raise _placed(error, places[index]) from None
            raise
        if index % _SLICE == _SLICE - 1:
            await pause()
    return tuple(outcomes)


def _placed(error: TricastError, place: str) -> TricastError:
    """`error`, saying where the edit came from."""
    inner = error.field or ""
    field = f"{place}{inner if inner.startswith('/') else '.' + inner if inner else ''}"
    return type(error)(f"{place}: {error.detail}", field=field, members=error.members)
