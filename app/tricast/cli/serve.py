"""`tricast serve`: the server itself."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Annotated, NoReturn

import typer

from tricast.cli.failure import REFUSED
from tricast.cli.options import Config, Data, Dev, Host, LogUrl, More, Port, parse_more
from tricast.settings import load_with_sources


def serve(
    dev: Dev = None,
    host: Host = None,
    port: Port = None,
    data: Data = None,
    log: LogUrl = None,
    config: Config = None,
    synchronous: Annotated[
        str | None,
        typer.Option("--synchronous", metavar="FULL|NORMAL", help="Durability.", show_default="FULL"),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--log-format", metavar="FORMAT", help="json or console.")
    ] = None,
    access_log: Annotated[bool | None, typer.Option("--access-log", help="One log line per request.")] = None,
    more: More = None,
) -> int:
    """Run the server until SIGTERM or Ctrl-C; then say goodbye to everybody and exit."""
    # Until the server has its own: in a container we are process 1, which else ignores the signal.
    signal.signal(signal.SIGTERM, _stop)
    settings, sources = load_with_sources(
        data=data,
        extra=parse_more(more),
        config=config,
        dev=dev,
        host=host,
        port=port,
        log=log,
        synchronous=synchronous,
        log_level=log_level,
        log_format=log_format,
        access_log=access_log,
    )
    from tricast.server.runner import serve as run

    return REFUSED if run(settings, sources) else 0


def _stop(signal_number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
