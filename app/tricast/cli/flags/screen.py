"""Where output goes: a terminal's width and colours, or neither when it is piped."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_LONGEST_UNBROKEN = 40


def print_lines(lines: Iterable[Text]) -> None:
    """Lines as they are: broken by the terminal, if at all, so that they can be copied whole."""
    console = _console()
    for line in lines:
        console.print(line, soft_wrap=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    """A table without lines, first column in bold. Empty columns are left out."""
    kept = [n for n, _ in enumerate(columns) if n == 0 or any(row[n].plain for row in rows)]
    columns = [columns[n] for n in kept]
    rows = [[row[n] for n in kept] for row in rows]
    if sys.stdout.isatty():
        _console().print(_table(columns, rows))
    else:
        _print_columns([columns, *([cell.plain for cell in row] for row in rows)])


def print_json(value: Any) -> None:
    """`value` as one line of JSON."""
    typer.echo(orjson.dumps(value).decode())


def _console() -> Console:
    return Console(highlight=False, emoji=False, markup=False)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> Table:
    found = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        longest = max((row[number].cell_len for row in rows), default=0)
        width = min(longest, _LONGEST_UNBROKEN) if number == 0 else None
        found.add_column(column, style="bold" if number == 0 else "", overflow="fold", min_width=width)

    for row in rows:
        found.add_row(*row)
    return found


def _print_columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    typer.echo("\n".join(lines))
