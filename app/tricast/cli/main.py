"""The commands, put together, and the one place where errors become lines and exit codes."""

from __future__ import annotations

import gc
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from tricast.cli.commands import Commands
from tricast.cli.failure import INTERRUPTED, REFUSED, USAGE, Failure
from tricast.errors import TricastError

app = typer.Typer(
    name="tricast",
    cls=Commands,
    help="One event log, three transports: WebSocket, Server-Sent Events, long-poll.",
    epilog="Exit codes: 0 done, 1 refused or problems found, 2 wrong usage or settings, "
    "3 server not reachable, 130 interrupted.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if show_version:
        typer.echo(f"tricast {_version()}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; its exit code."""
    # What is imported stays: to look for waste among it took a fifth of a start.
    gc.set_threshold(50_000, 20, 100)
    # There are none of ours, and to look for some reads the metadata of every library that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    try:
        code = app(arguments, prog_name="tricast", standalone_mode=False)
    except Failure as failure:
        return _say(str(failure), failure.code)
    except TricastError as error:
        return _say(error.detail, USAGE if error.code == "bad-setting" else REFUSED)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "tricast"
        return _say(f"{_one_line(error.format_message())} (see '{command} --help')", USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _say(message: str, code: int) -> int:
    typer.echo(f"tricast: {message}", err=True)
    return code


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _version() -> str:
    try:
        return version("tricast")
    except PackageNotFoundError:
        return "(not installed)"
