"""The table people read and the file programs read."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from bench.bench import Bench
from bench.figures import Figure
from bench.machine import Machine

COLOURS = {"pass": "green", "miss": "red", "not measured": "yellow", "": ""}


def table_of(figures: Sequence[Figure]) -> Table:
    table = Table(title="tricast beside nchan, one core each, in one run", title_justify="left")
    for name in ("scenario", "figure", "unit"):
        table.add_column(name, overflow="fold")
    for name in ("tricast", "nchan", "floor", "× nchan", "× floor", "target"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for index, figure in enumerate(figures):
        new = index == 0 or figures[index - 1].scenario != figure.scenario
        if new and index:
            table.add_section()
        table.add_row(figure.scenario if new else "", *_cells(figure))
    return table


def _cells(figure: Figure) -> list[str]:
    colour = COLOURS[figure.verdict]
    return [
        figure.name,
        figure.unit,
        *map(_number, (figure.tricast, figure.nchan, figure.floor, figure.ratio, figure.floor_ratio)),
        str(figure.target or ""),
        f"[{colour}]{figure.verdict}[/]" if colour else "",
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 99.5 else f"{value:.4g}"


def write_json(
    path: Path, *, bench: Bench, machine: Machine, figures: Sequence[Figure], failures: dict[str, str]
) -> None:
    """Writes everything measured; no host name and no path of this machine is in it."""
    document = {
        "format": 1,
        "machine": asdict(machine),
        "settings": {"rounds": bench.rounds, "duration_s": bench.duration_s, "quick": bench.quick},
        "not_installed": bench.missing,
        "failures": failures,
        "figures": [
            asdict(f) | {"ratio": f.ratio, "floor_ratio": f.floor_ratio, "verdict": f.verdict}
            for f in figures
        ],
        "runs": [asdict(run) for run in bench.runs],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
