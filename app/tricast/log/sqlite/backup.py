"""A copy of the log in one file, made while it is written to."""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path

from tricast.errors import Conflict, Unavailable
from tricast.log.sqlite.schema import BACKUP_ID, check_version, connect_readonly, write_id


def backup(path: str | Path, target: str | Path) -> None:
    """Copy the log at `path` to `target`, as of one moment; a server may be running on it.

    `target` appears when it is complete and on the disk. Raises Conflict if it is
    there already, Unavailable where a file can't be read or written. (A server's
    write-ahead log can't be emptied while the copy is made, and grows meanwhile.)
    """
    path, target = Path(path), Path(target)
    if os.path.lexists(target):
        raise Conflict(f"{target} exists; name a file that doesn't", field="target")
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        db = connect_readonly(path)
        try:
            check_version(db, path)
            db.execute("VACUUM INTO ?", (str(partial),))
        finally:
            db.close()
        write_id(partial, BACKUP_ID)
        if os.path.lexists(target):
            raise Conflict(f"{target} exists; name a file that doesn't", field="target")
        partial.rename(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{path} could not be copied to {target}: {error}") from error
    finally:
        for left in (partial, partial.with_name(f"{partial.name}-journal")):
            left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
