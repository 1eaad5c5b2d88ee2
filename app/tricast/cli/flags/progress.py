"""A bar on stderr for files that take a while: first on their way, then worked on. Only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

WORTH_A_BAR_BYTES = 256 * 1024
_PIECE_BYTES = 64 * 1024


class Upload:
    """The pieces of `body`, whose sending is shown."""

    def __init__(self, body: bytes, bar: Progress | None) -> None:
        self._body = body
        self._bar = bar
        self._task: TaskID | None = None
        if bar is not None:
            self._task = bar.add_task("sending", total=len(body))

    def __iter__(self) -> Iterator[bytes]:
        for begin in range(0, len(self._body), _PIECE_BYTES):
            yield self._body[begin : begin + _PIECE_BYTES]
            self._sent(min(begin + _PIECE_BYTES, len(self._body)))

    def _sent(self, bytes: int) -> None:
        if self._bar is None or self._task is None:
            return
        self._bar.update(self._task, completed=bytes)
        if bytes == len(self._body):
            self._bar.add_task("the server is at work", total=None)


@contextmanager
def uploading(body: bytes) -> Iterator[Upload]:
    """`body` in pieces to be sent inside the block."""
    if len(body) < WORTH_A_BAR_BYTES or not sys.stderr.isatty():
        yield Upload(body, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<22}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Upload(body, bar)
