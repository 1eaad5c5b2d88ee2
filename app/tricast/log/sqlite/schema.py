"""The file: how it is opened, brought up to date, checked, and kept to one server."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sqlite3
from pathlib import Path
from typing import IO, Literal

from tricast.errors import Unavailable
from tricast.log.commit import new_epoch
from tricast.log.workers import ONE_WORKER

Synchronous = Literal["FULL", "NORMAL"]

APPLICATION_ID = int.from_bytes(b"tric")
# A copy says in its header that it is one (until it is opened as a log), so that it isn't taken
# for the file that a write-ahead log beside it belongs to.
BACKUP_ID = int.from_bytes(b"trib")
_ID_AT = 68  # where a database file has its application id (SQLite file format, §1.3)
BUSY_S = 2.0
MAX_WAL_BYTES = 64 * 1024 * 1024
_logger = logging.getLogger("tricast.log")
_MIGRATION = re.compile(r"(\d{4})_\w+\.sql")


class FileLock:
    """That this process is the only one to write to `path`. The kernel ends it with the process."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = open(f"{path}.lock", "ab")  # noqa: SIM115
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise Unavailable(
                f"{path} is in use by another server (it holds {path.name}.lock): stop that one, or give "
                f"this one another file; if it is another worker of this server, {ONE_WORKER}"
            ) from None

    def release(self) -> None:
        self._file.close()


def migrations() -> list[tuple[int, str]]:
    """The schema's steps in order: (number, SQL)."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "_sqlite", package.parents[1] / "sqlite"):
        files = [(m, file) for file in sorted(folder.glob("*.sql")) if (m := _MIGRATION.fullmatch(file.name))]
        if files:
            return [(int(match[1]), file.read_text()) for match, file in files]
    raise Unavailable("tricast's schema (sqlite/0001_log.sql) is missing; install tricast again")


def wal_of(path: Path) -> Path:
    """The write-ahead log beside `path`."""
    return path.with_name(f"{path.name}-wal")


def wal_bytes(path: Path) -> int:
    """How large the write-ahead log is; 0 if there is none."""
    try:
        return wal_of(path).stat().st_size
    except OSError:
        return 0


def connect(path: Path, synchronous: Synchronous, *, create: bool) -> sqlite3.Connection:
    """The one connection that writes and checkpoints. (SQLite before 3.51.3 can corrupt a
    write-ahead log when two connections do so at once.)"""
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        check_version(db, path)
        db.execute("PRAGMA mmap_size = 0")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        # Debian's SQLite overwrites what is deleted, so that trimming would write as much as it frees.
        db.execute("PRAGMA secure_delete = FAST")
        db.execute(f"PRAGMA journal_size_limit = {MAX_WAL_BYTES}")
    except BaseException:
        db.close()
        raise
    return db


def open_file(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """The writing connection to a file that is checked (if it was left in haste) and up to date."""
    unclean = wal_bytes(path) > 0
    if read_id(path) == BACKUP_ID:
        if unclean:
            raise Unavailable(
                f"{path} is a backup, and the write-ahead log beside it belongs to the file that was there "
                f"before: remove {wal_of(path)} (and {path.name}-shm), then start again"
            )
        write_id(path, APPLICATION_ID)
    db = connect(path, synchronous, create=True)
    try:
        if unclean:
            check_integrity(db, path)
        migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def read_id(path: Path) -> int:
    """The application id in the header of the file itself, whatever a write-ahead log says; 0: none."""
    try:
        with path.open("rb") as file:
            return int.from_bytes(file.read(_ID_AT + 4)[_ID_AT:])
    except FileNotFoundError:
        return 0


def write_id(path: Path, id: int) -> None:
    """Put `id` into the header of a file that nobody has open, and onto the disk."""
    with path.open("r+b") as file:
        file.seek(_ID_AT)
        file.write(id.to_bytes(4))
        file.flush()
        os.fsync(file.fileno())


def readonly_uri(path: Path) -> str:
    """`path` for a connection that can neither write nor checkpoint."""
    return f"{path.absolute().as_uri()}?mode=ro"


def connect_readonly(path: Path) -> sqlite3.Connection:
    """A connection that only reads; a server may be running."""
    if not path.is_file():
        raise Unavailable(f"there is no log at {path}")
    db = sqlite3.connect(
        readonly_uri(path), uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    db.execute("PRAGMA mmap_size = 0")
    return db


def check_version(db: sqlite3.Connection, path: Path) -> int:
    """The schema's number (0: a new file). Raises Unavailable where it isn't ours, or too new."""
    application: int = db.execute("PRAGMA application_id").fetchone()[0]
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    tables: int = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application not in (APPLICATION_ID, BACKUP_ID) and (application or version or tables):
        raise Unavailable(f"{path} is a database of something else; give tricast a file of its own")
    newest = migrations()[-1][0]
    if version > newest:
        raise Unavailable(
            f"{path} has schema {version}, and this tricast knows schemas up to {newest}; "
            "install a newer tricast, or restore a backup that an older one made"
        )
    return version


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, one transaction a step; a new file gets its first epoch."""
    version = found = check_version(db, path)
    for number, sql in migrations():
        if number <= version:
            continue
        if found:  # five million events took 0.7 s, and 3.4 s where the file was not in memory
            _logger.info("bringing %s from schema %d to %d; a large log takes seconds", path, version, number)
        try:
            db.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise Unavailable(
                f"{path} could not be brought from schema {version} to {number}: {error}; nothing was changed"
            ) from error
        version = number
    if db.execute("SELECT count(*) FROM epochs").fetchone()[0] == 0:
        db.execute("INSERT INTO epochs (id, began) VALUES (?, 0)", (new_epoch(0).id,))


def check_integrity(db: sqlite3.Connection, path: Path) -> None:
    """Raises Unavailable where the file is damaged. Takes seconds per GB."""
    if problems := integrity_problems(db):
        raise Unavailable(
            f"{path} is damaged: {problems[0]}; restore a backup, or save what is left with "
            f"`sqlite3 {path.name} .recover`"
        )


def integrity_problems(db: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with the file; empty if nothing."""
    try:
        found = [str(line) for (line,) in db.execute("PRAGMA quick_check(10)")]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    return [line for line in found if line != "ok"]
