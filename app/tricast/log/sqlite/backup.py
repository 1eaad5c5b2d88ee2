"""A copy of the log in one file, made while it is written to."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import BinaryIO, Final

from tricast.errors import Conflict, LogFull, Unavailable
from tricast.log.sqlite.schema import BACKUP_ID, check_version, connect_readonly, wal_bytes, write_id

SPARE_BYTES: Final = 16 * 1024 * 1024


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


class Copier:
    """Makes copies of the log at `path`, beside it, for as long as somebody reads them.

    `spare_bytes` of the disk are left to the log.
    """

    def __init__(self, path: Path, *, spare_bytes: int = SPARE_BYTES) -> None:
        self._path = path
        self._spare_bytes = spare_bytes
        self._busy = threading.Lock()

    def copy(self) -> BinaryIO:
        """A copy as of one moment. It has no name any more: when it is closed, it is gone.

        One is made at a time. Raises Conflict while another is; LogFull where the disk
        has too little room for it; Unavailable where a file can't be read or written.
        """
        if not self._busy.acquire(blocking=False):
            raise Conflict("another backup is being made at the moment; ask again when it is done")
        try:
            return self._copy()
        except OSError as error:
            raise Unavailable(f"{self._path.name} could not be copied: {error}") from error
        finally:
            self._busy.release()

    def _copy(self) -> BinaryIO:
        path = self._path
        for left in path.parent.glob(f".*{path.name}.*.copy*"):  # by a server that was killed
            left.unlink(missing_ok=True)
        self._check_room()
        target = path.with_name(f".{path.name}.{secrets.token_hex(4)}.copy")
        try:
            backup(path, target)
            return target.open("rb")
        finally:
            target.unlink(missing_ok=True)

    def _check_room(self) -> None:
        need = self._path.stat().st_size + wal_bytes(self._path) + self._spare_bytes
        free = shutil.disk_usage(self._path.parent).free
        if free < need:
            raise LogFull(
                f"a backup is made beside the log first, which takes {need} bytes, and the disk has {free}; "
                "nothing was written. Make room, or run `tricast backup FILE` on the server, with FILE on "
                "another disk"
            )


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
