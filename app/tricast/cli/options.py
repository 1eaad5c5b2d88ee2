"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tricast.cli.failure import USAGE, Failure

_SERVER = "Server"
_SETTINGS = "Settings"

Url = Annotated[
    str,
    typer.Option("--url", envvar="TRICAST_URL", help="Where the server is.", rich_help_panel=_SERVER),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", envvar="TRICAST_KEY", help="An API key.", rich_help_panel=_SERVER, show_default=False
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="TRICAST_TOKEN", help="A token.", rich_help_panel=_SERVER, show_default=False
    ),
]
DEFAULT_URL = "http://127.0.0.1:8080"

Config = Annotated[
    Path | None,
    typer.Option("--config", help="A settings file (TOML).", rich_help_panel=_SETTINGS, show_default=False),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The directory that holds tricast.db: short for --log.",
        rich_help_panel=_SETTINGS,
        show_default=False,
    ),
]
LogUrl = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="URL",
        help="Where the events live: sqlite:///path/to/file.db or memory:",
        rich_help_panel=_SETTINGS,
        show_default=False,
    ),
]
More = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any setting by its name. May be repeated.",
        rich_help_panel=_SETTINGS,
        show_default=False,
    ),
]
Dev = Annotated[
    bool | None,
    typer.Option("--dev", help="Accept requests without credentials. Only on loopback and Unix sockets."),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        help="Addresses, host names and unix:/path to listen on, separated by commas.",
        show_default="127.0.0.1",
    ),
]
Port = Annotated[
    str | None,
    typer.Option("--port", metavar="PORT", help="The port; 0 takes a free one.", show_default="8080"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def parse_more(items: list[str] | None) -> dict[str, str]:
    """`--set name=value` as a dict."""
    found: dict[str, str] = {}
    for item in items or ():
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise Failure(f"--set {item!r} must look like name=value, such as heartbeat_s=5", USAGE)
        if name in found:
            raise Failure(f"--set {name} is given twice", USAGE)
        found[name] = value
    return found
