"""What a log's file holds, for `tricast check`; a server may be running on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tricast.errors import Unavailable
from tricast.log.base import Epoch, RetentionClass
from tricast.log.sqlite.schema import check_version, connect_readonly, integrity_problems, wal_bytes
from tricast.log.sqlite.store import Store


@dataclass(frozen=True, slots=True)
class ClassInspection:
    """A retention class: what it holds, and the mark up to which it was trimmed."""

    cls: RetentionClass
    events: int
    bytes: int
    floor: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """The state of a log's file, as of one moment. `problems` is empty if all is well."""

    schema: int
    head: int
    epochs: tuple[Epoch, ...]
    events: int
    bytes: int
    topics: int
    documents: int
    file_bytes: int
    wal_bytes: int
    classes: tuple[ClassInspection, ...]
    problems: tuple[str, ...]


def inspect(path: str | Path, *, integrity: bool = False) -> Inspection:
    """Look into the log at `path` without changing it. `integrity` reads all of it.

    Raises Unavailable where there is none, or it can't be read at all.
    """
    path = Path(path)
    try:
        db = connect_readonly(path)
        try:
            db.execute("BEGIN")  # one snapshot for all that follows
            return _inspect(db, path, integrity)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise Unavailable(f"{path} could not be read: {error}") from error


def _inspect(db: sqlite3.Connection, path: Path, integrity: bool) -> Inspection:
    version = check_version(db, path)
    if version == 0:
        raise Unavailable(f"{path} holds no log yet")
    state = Store(db).load()
    classes = {*state.totals.events, *state.floors}
    problems = [*(integrity_problems(db) if integrity else ()), *_contradictions(db, state.head)]
    return Inspection(
        schema=version,
        head=state.head,
        epochs=state.epochs,
        events=sum(state.totals.events.values()),
        bytes=sum(state.totals.bytes.values()),
        topics=len(state.topics),
        documents=db.execute("SELECT count(*) FROM documents").fetchone()[0],
        file_bytes=path.stat().st_size,
        wal_bytes=wal_bytes(path),
        classes=tuple(
            ClassInspection(
                cls, state.totals.events.get(cls, 0), state.totals.bytes.get(cls, 0), state.floors.get(cls, 0)
            )
            for cls in sorted(classes, key=lambda cls: (cls.shelf, cls.app))
        ),
        problems=tuple(problems),
    )


def _contradictions(db: sqlite3.Connection, head: int) -> Iterator[str]:
    """What can't be, though the file itself is sound."""
    epochs = db.execute("SELECT count(*), ifnull(max(began), 0) FROM epochs").fetchone()
    if epochs[0] == 0:
        yield "there is no epoch"
    elif epochs[1] > head:
        yield f"an epoch began at {epochs[1]}, after the last offset {head}"
    (backwards,) = db.execute(
        "SELECT count(*) FROM epochs AS a JOIN epochs AS b ON b.number < a.number AND b.began > a.began"
    ).fetchone()
    if backwards:
        yield "an epoch began before one that it follows"
    (upto,) = db.execute("SELECT upto FROM counted").fetchone()
    if upto > head:
        yield f"events are counted up to {upto}, after the last offset {head}"
    for shelf, app, events, size in db.execute("SELECT shelf, app, events, bytes FROM classes"):
        if events < 0 or size < 0:
            yield f"the class {shelf} of {app} counts {events} events and {size} bytes"
