"""`tricast backup`: a copy of the log in one file, also beside a running server."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from tricast.cli.failure import Failure
from tricast.cli.options import Config, Data, LogUrl, More, parse_more
from tricast.settings import about_size, load

_LOOK_EVERY_S = 0.1


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy. It must not be there yet.")],
    data: Data = None,
    log: LogUrl = None,
    config: Config = None,
    more: More = None,
) -> None:
    """Copy the log to FILE, as of one moment. A server may be running on it.

    FILE appears when it is complete and on the disk. To restore it, stop the
    server, remove <log>-wal and <log>-shm if they are there, and put a copy of
    FILE where the log was: clients with newer cursors are told.
    """
    os.umask(0o077)  # it holds the secret that signs tokens
    settings = load(data=data, log=log, config=config, extra=parse_more(more))
    if settings.database is None:
        raise Failure(f"the log {settings.log!r} has no file to copy")
    if not settings.database.is_file():
        raise Failure(f"there is no log at {settings.database}: name the server's with --data, or --log")
    began = time.monotonic()
    _copy(settings.database, target)
    size, took_s = target.stat().st_size, time.monotonic() - began
    typer.echo(f"{target}: {about_size(size)}, in {took_s:.1f} s")


def _copy(path: Path, target: Path) -> None:
    """Copy and show how far it is. Raises TricastError where it can't be done."""
    from tricast.log.sqlite import backup as copy

    console = Console(stderr=True)
    if not console.is_terminal:
        copy(path, target)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("copying", total=path.stat().st_size)
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(target, progress, task, done), daemon=True)
        watcher.start()
        try:
            copy(path, target)
        finally:
            done.set()
            watcher.join()


def _watch(target: Path, progress: Progress, task: int, done: threading.Event) -> None:
    while not done.wait(_LOOK_EVERY_S):
        written = sum(part.stat().st_size for part in target.parent.glob(f".{target.name}.*.partial"))
        progress.update(task, completed=written)  # type: ignore[arg-type]
