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
        self.size = 0

    @property
    def checkpoint_bytes(self) -> int:
        """How far the write-ahead log may grow before it is checkpointed."""
        return max(self.size, RESERVE_BYTES // 16) // 2

    def make(self) -> None:
        """Keep the space back, as far as there is any."""
        try:
            if self._path.exists():
                self.size = self._path.stat().st_size
                if self.size == RESERVE_BYTES:
                    return
            size = min(RESERVE_BYTES, shutil.disk_usage(self._path.parent).free // 8)
            if size > self.size:
                with self._path.open("ab") as file:
                    os.posix_fallocate(file.fileno(), 0, size)
                self.size = size
        except OSError:
            self.release()

    def release(self) -> None:
        """Give the space up."""
        self.size = 0
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return
