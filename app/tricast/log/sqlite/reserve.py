"""A little disk space kept back, so that a full disk can still be trimmed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

RESERVE_BYTES = 16 * 1024 * 1024


class Reserve:
    """`<path>.reserve`: given up only for a step of trimming, and made again after it.

    Deletions need room in the write-ahead log, and emptying that needs room in the
    file: at most what the write-ahead log holds between two checkpoints
    (`checkpoint_bytes`), which is half of the reserve. On a small disk the reserve
    is an eighth of what is free.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.reserve")
        self._target = 0
        self.size = 0

    @property
    def checkpoint_bytes(self) -> int:
        """How far the write-ahead log may grow before it is checkpointed."""
        return max(self._target, RESERVE_BYTES // 16) // 2

    def make(self) -> None:
        """Keep the space back, as far as there is any: a quarter is left to the log."""
        try:
            if self._path.exists():
                self.size = self._path.stat().st_size
            free = shutil.disk_usage(self._path.parent).free
            self._target = self._target or max(self.size, min(RESERVE_BYTES, free // 8))
            size = min(self._target, self.size + free - free // 4)
            if size > self.size:
                self._allocate(size)
                self.size = size
        except OSError:
            self.release()

    def _allocate(self, size: int) -> None:
        with self._path.open("ab") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.write(bytes(size - self.size))

    def release(self) -> None:
        """Give the space up."""
        self.size = 0
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return
