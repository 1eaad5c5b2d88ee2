"""`python -m bench`: runs the scenarios, prints the table, writes the JSON file."""

import argparse
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bench.bench import Bench
from bench.build import BUILD, HERE, loadgen_binary
from bench.cores import pick_cores
from bench.errors import BenchError
from bench.figures import Figure
from bench.loadgen import LoadGenerator
from bench.machine import describe
from bench.report import table_of, write_json
from bench.scenarios import SCENARIOS
from bench.servers.server import Name

TABLE_WIDTH = 150
SERVERS: tuple[Name, ...] = ("tricast", "nchan", "floor")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=SCENARIOS,
        metavar="NAME",
        help="one scenario; may be repeated: " + ", ".join(SCENARIOS),
    )
    parser.add_argument(
        "--quick", action="store_true", help="one short round of each, fewer connections: to see that it runs"
    )
    parser.add_argument(
        "--duration", type=float, metavar="S", help="seconds of each measured window (5; 2 when quick)"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help="rounds of each load, of which the median counts (3; 1 when quick)",
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=HERE / "results" / "latest.json",
        metavar="FILE",
        help="where the figures go",
    )
    parser.add_argument(
        "--without", action="append", choices=SERVERS, default=[], help="leave out a server; may be repeated"
    )
    parser.add_argument(
        "--tricast", metavar="COMMAND", help="another way to start tricast; {port} and {data} are filled in"
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=BUILD,
        metavar="DIR",
        help="where the databases go: a disk, not memory (default: bench/build)",
    )
    return parser.parse_args()


def a_console() -> Console:
    """At least as wide as the table, so that a pipe or a narrow terminal loses no column."""
    console = Console()
    return Console(width=max(console.width, TABLE_WIDTH))


def raise_open_files() -> None:
    """As many open files as this process may have, for its children too."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def measure(bench: Bench, names: list[str], console: Console) -> tuple[list[Figure], dict[str, str]]:
    """Runs the scenarios one after another; one that fails does not stop the next."""
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    for name in names:
        try:
            figures += SCENARIOS[name](bench)
        except BenchError as error:
            failures[name] = str(error).partition("\n")[0]  # not the log: it may hold paths
            console.print(f"[red]{name} failed:[/] {error}", highlight=False)
    return figures, failures


def main() -> int:
    options, console = arguments(), a_console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `with` blocks stop the servers
    raise_open_files()
    cores = pick_cores()
    if cores.shared:
        console.print(
            "[yellow]Only one core: the server and the load generator share it, figures mean little.[/]"
        )
    try:
        binary = loadgen_binary()
    except BenchError as error:
        console.print(f"[red]{error}[/]", highlight=False)
        return 2
    machine = describe(cores)
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=options.scratch.resolve()))
    scratch.chmod(0o755)
    bench = Bench(
        load=LoadGenerator(binary, cores.load),
        cores=cores,
        scratch=scratch,
        rounds=options.rounds or (1 if options.quick else 3),
        duration_s=options.duration or (2 if options.quick else 5),
        quick=options.quick,
        wanted=frozenset(SERVERS) - frozenset(options.without),
        tricast_command=options.tricast,
        say=_sayer(console),
    )
    try:
        figures, failures = measure(bench, options.only or list(SCENARIOS), console)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    console.print(table_of(figures))
    write_json(options.json, bench=bench, machine=machine, figures=figures, failures=failures)
    console.print(f"Written to {options.json.name}. What each figure means: bench/README.md.")
    return 1 if failures else 0


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(f"[dim]{text}[/]", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
