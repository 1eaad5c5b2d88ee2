"""What `tricast check` finds out: facts, problems (the server won't work), and notes (it should be known)."""

from __future__ import annotations

import os
import resource
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tricast.errors import TricastError
from tricast.log.sqlite import Inspection, inspect
from tricast.settings import Settings, Source, about_size

MIN_FREE_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that the log is on."""

    path: Path
    free_bytes: int
    total_bytes: int


@dataclass(slots=True)
class Examination:
    """Everything that was found. `problems` empty: all is well."""

    settings: Sequence[Source] = ()
    log: Inspection | None = None
    disk: Disk | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def examine(
    settings: Settings, sources: Sequence[Source], *, full: bool, free_needed: int = MIN_FREE_BYTES
) -> Examination:
    """Look at the log's file, its disk, its permissions and this process's limits. Changes nothing."""
    found = Examination(sources)
    if settings.database is None:
        found.notes.append("the log is in memory: a restart begins an empty one")
    else:
        _log(found, settings.database, full=full)
        _disk(found, settings.database, free_needed)
        _permissions(found, settings.database)
    _limits(found, settings)
    return found


def _log(found: Examination, path: Path, *, full: bool) -> None:
    if not path.exists():
        found.notes.append(f"there is no log at {path} yet; the first start makes it")
        return
    try:
        found.log = inspect(path, integrity=full)
    except TricastError as error:
        found.problems.append(error.detail)
    else:
        found.problems += found.log.problems


def _disk(found: Examination, path: Path, needed: int) -> None:
    place = _nearest(path.parent)
    usage = shutil.disk_usage(place)
    found.disk = Disk(place, usage.free, usage.total)
    if usage.free < needed:
        found.problems.append(
            f"only {about_size(usage.free)} are free at {place}; the log needs {about_size(needed)}"
        )


def _permissions(found: Examination, path: Path) -> None:
    place = _nearest(path.parent)
    if not place.is_dir():
        found.problems.append(f"{place} is not a directory")
    elif not os.access(place, os.W_OK | os.X_OK):
        found.problems.append(f"uid {os.geteuid()} may not write to {place}")
    if not path.is_file():
        return
    if not os.access(path, os.R_OK | os.W_OK):
        found.problems.append(f"uid {os.geteuid()} may not read and write {path}")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o007 and place.stat().st_mode & 0o001:
        found.notes.append(
            f"{path} is open to all users of this machine (mode {mode:04o}), and it holds the secret that "
            f"signs tokens: chmod o-rwx {place}"
        )


def _limits(found: Examination, settings: Settings) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = settings.max_connections
    if most is not None and hard != resource.RLIM_INFINITY and hard < most:
        found.notes.append(
            f"the system allows {hard} open files (ulimit -Hn), so fewer connections than "
            f"max_connections={most}"
        )


def _nearest(place: Path) -> Path:
    """`place`, or the nearest directory above it that exists."""
    place = place.absolute()
    while not place.exists():
        place = place.parent
    return place
