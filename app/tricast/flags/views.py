"""The environments as evaluations see them, and the cursor of each one's last change."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from tricast import Document
from tricast.flags.collection import Collections, app_and_key
from tricast.flags.flag import Definition
from tricast.flags.stored import FLAG_KIND, SETTINGS_KIND, EnvironmentFlags

Listener = Callable[[str, str], None]
_Name = tuple[str, str]  # of a document: kind, key within the app


class _Mark(NamedTuple):
    """An environment's last change: its cursor, and a number that rises with each."""

    cursor: str
    number: int


class Views:
    """The views of all environments.

    A change shows when it is told of, together with its cursor: at the end of the
    write that made it. What nobody tells of, because another process wrote it or
    because it was not known whether it was written, shows when no write is under way.
    """

    def __init__(self, collections: Collections, documents_at: Callable[[], str]) -> None:
        self._collections = collections
        self._documents_at = documents_at
        self._views: dict[str, dict[str, _View]] = {}
        self._marks: dict[tuple[str, str], _Mark] = {}
        self._told = 0
        self._began: str | None = None
        self._listeners: list[Listener] = []
        self._writing: Counter[str] = Counter()
        self._untold: dict[str, set[_Name]] = {}

    def begin(self) -> None:
        """What is there now was there when we began."""
        self._began = self._documents_at()

    def restore(self, app: str, environment: str, cursor: str) -> None:
        """The environment changed last at `cursor`, before we began."""
        self._marks.setdefault((app, environment), _Mark(cursor, 0))

    def on_change(self, listener: Listener) -> None:
        """Call `listener(app, environment)` after each change that shows."""
        self._listeners.append(listener)

    def show(self, app: str, environment: str) -> EnvironmentFlags:
        """The environment as of the last change told of."""
        return self._view(app, environment).show(self._mark(app, environment))

    def forget(self, app: str, *, but: Iterable[str]) -> None:
        """Nobody will ask for environments of `app` other than these."""
        there = self._views.get(app, {})
        for environment in there.keys() - set(but):
            del there[environment]

    def brought(self, document: Document) -> None:
        """The tail has brought a document, and its collection has it."""
        app, key = app_and_key(document)
        if document.kind == FLAG_KIND:
            for view in self._views.get(app, {}).values():
                view.changed(key)
        self._untold.setdefault(app, set()).add((document.kind, key))
        if not self._writing[app]:
            asyncio.get_running_loop().call_soon(self._settle, app)

    @contextmanager
    def writing(self, app: str) -> Iterator[None]:
        """Whoever is inside is writing flags of `app`, and tells of it before leaving."""
        self._writing[app] += 1
        try:
            yield
        finally:
            self._writing[app] -= 1
            self._settle(app)

    def tell(self, app: str, names: Iterable[_Name], cursors: Mapping[str, str | None]) -> None:
        """These documents were written; `cursors` are where, by environment, that was last told."""
        self._untold.get(app, set()).difference_update(names)
        for environment, cursor in cursors.items():
            self._note(app, environment, cursor or self._documents_at())

    def _settle(self, app: str) -> None:
        """Tell of what came by the tail alone. Its own cursor isn't known: a later one is as good."""
        if self._writing[app] or not self._untold.get(app):
            return
        untold = self._untold.pop(app)
        keys = [key for kind, key in untold if kind == FLAG_KIND]
        for name, view in list(self._views.get(app, {}).items()):
            if (SETTINGS_KIND, name) in untold or view.differs(keys):
                self._note(app, name, self._documents_at())

    def _note(self, app: str, environment: str, cursor: str) -> None:
        self._told += 1
        known = self._marks.get((app, environment))
        if known is not None and _offset(known.cursor) > _offset(cursor):
            cursor = known.cursor  # (a later write was told of first)
        self._marks[app, environment] = _Mark(cursor, self._told)
        for listener in self._listeners:
            listener(app, environment)

    def _view(self, app: str, environment: str) -> _View:
        view = self._views.get(app, {}).get(environment)
        if view is None:
            view = _View(app, environment, self._collections)
            if app in self._collections:  # (an app that there isn't is not remembered)
                self._views.setdefault(app, {})[environment] = view
        return view

    def _mark(self, app: str, environment: str) -> _Mark:
        """Where the environment's last change stands; if that isn't known any more, where we began."""
        mark = self._marks.get((app, environment))
        if mark is None:
            if self._began is None:
                self.begin()
            mark = _Mark(self._began or "", 0)
        return mark


class _View:
    """One environment of an app."""

    def __init__(self, app: str, environment: str, collections: Collections) -> None:
        self._app = app
        self._environment = environment
        self._collection = collections.get(app)
        self._shown: EnvironmentFlags | None = None
        self._changed: set[str] = set()

    def changed(self, key: str) -> None:
        """A flag may be another than the one that is shown."""
        if self._shown is not None:
            self._changed.add(key)

    def differs(self, keys: Iterable[str]) -> bool:
        """Whether any of these flags is another than the one that is shown (if nothing is: yes)."""
        shown = self._shown
        return shown is None or any(shown.flags.get(key) != self._definition(key) for key in keys)

    def show(self, mark: _Mark) -> EnvironmentFlags:
        """The flags as of `mark`, which is the last change there was."""
        shown = self._shown
        if shown is None or shown.version != mark.number:
            settings = self._collection.settings(self._environment)
            shown = self._shown = EnvironmentFlags(
                app=self._app,
                environment=self._environment,
                flags=self._all() if shown is None else self._followed(shown.flags),
                evaluators=settings.evaluators,
                metadata=settings.metadata,
                schema=settings.schema,
                etag=mark.cursor,
                version=mark.number,
            )
            self._changed.clear()
        return shown

    def _all(self) -> dict[str, Definition]:
        found = ((key, self._definition(key)) for key in self._collection.sorted_keys())
        return {key: definition for key, definition in found if definition is not None}

    def _followed(self, flags: Mapping[str, Definition]) -> dict[str, Definition]:
        """`flags` with what changed since, by key."""
        followed = dict(flags)
        added = False
        for key in self._changed:
            definition = self._definition(key)
            if definition is None:
                followed.pop(key, None)
            elif followed.get(key) != definition:
                added = added or key not in followed
                followed[key] = definition
        return {key: followed[key] for key in sorted(followed)} if added else followed

    def _definition(self, key: str) -> Definition | None:
        stored = self._collection.get(key)
        return None if stored is None else stored.definition(self._environment)


def _offset(cursor: str) -> int:
    """Cursors compare by the integer after the last `-`, which rises along the log (DELIVERY.md 12)."""
    return int(cursor.rpartition("-")[2])
