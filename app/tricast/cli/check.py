"""`tricast check`: what a server here would run with, and what is wrong with that."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tricast.cli.examination import Examination, examine
from tricast.cli.failure import REFUSED
from tricast.cli.options import AsJson, Config, Data, Dev, Host, LogUrl, More, Port, parse_more
from tricast.cli.show import plain
from tricast.log.base import Bounds
from tricast.settings import BadSetting, about_size, format_value, load_with_sources


def check(
    full: Annotated[bool, typer.Option("--full", help="Read the whole file too (seconds per GB).")] = False,
    as_json: AsJson = False,
    dev: Dev = None,
    host: Host = None,
    port: Port = None,
    data: Data = None,
    log: LogUrl = None,
    config: Config = None,
    more: More = None,
) -> int:
    """Show the settings in force and where each comes from, the log, the disk, and problems.

    Changes nothing; a server may be running. Exits with 1 if there are problems.
    """
    try:
        settings, sources = load_with_sources(
            data=data, log=log, config=config, extra=parse_more(more), dev=dev, host=host, port=port
        )
    except BadSetting as error:
        found = Examination(problems=[error.detail])
    else:
        found = examine(settings, sources, full=full)
    if as_json:
        typer.echo(
            orjson.dumps(dataclasses.asdict(found), default=_json, option=orjson.OPT_INDENT_2).decode()
        )
    else:
        _print(found)
    return REFUSED if found.problems else 0


def _json(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(type(value).__name__)


def _print(found: Examination) -> None:
    console = Console(soft_wrap=True, highlight=False, emoji=False)
    if found.settings:
        console.print(_settings(found), "")
    if found.log is not None:
        console.print(_facts(found), "")
        if found.log.classes:
            console.print(_classes(found), "")
    for note in found.notes:
        console.print(Text.assemble(("note     ", "cyan"), plain(note)))
    for problem in found.problems:
        console.print(Text.assemble(("problem  ", "bold red"), plain(problem)))
    if not found.problems:
        console.print(Text("no problems", "green"))


def _table(*columns: str, numbers: int = 0) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        is_number = index >= len(columns) - numbers
        table.add_column(column, justify="right" if is_number else "left", no_wrap=True)
    return table


def _settings(found: Examination) -> Table:
    table = _table("setting", "value", "from")
    for source in found.settings:
        style = "dim" if source.kind == "default" else ""
        value = plain(format_value(source.name, source.value))
        table.add_row(Text(source.name, style), Text(value, style), Text(plain(source.origin), style))
    return table


def _facts(found: Examination) -> Table:
    table = _table("log", "")
    log, disk = found.log, found.disk
    assert log is not None
    cursor = Bounds(log.head, log.epochs).cursor(log.head)
    table.add_row("schema", str(log.schema))
    table.add_row("head", f"{cursor} (epoch {len(log.epochs)})")
    table.add_row("events", f"{log.events} on {log.topics} topics, {about_size(log.bytes)}")
    table.add_row("documents", str(log.documents))
    table.add_row("file", f"{about_size(log.file_bytes)}, write-ahead log {about_size(log.wal_bytes)}")
    if disk is not None:
        free = f"{about_size(disk.free_bytes)} of {about_size(disk.total_bytes)} free"
        table.add_row("disk", f"{free} at {disk.path}")
    return table


def _classes(found: Examination) -> Table:
    table = _table("shelf", "app", "events", "bytes", "trimmed up to", numbers=3)
    assert found.log is not None
    for one in found.log.classes:
        sizes = (str(one.events), about_size(one.bytes), str(one.floor))
        table.add_row(plain(one.cls.shelf), plain(one.cls.app), *sizes)
    return table
