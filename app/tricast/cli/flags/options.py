"""Options that the flag commands share."""

from __future__ import annotations

from typing import Annotated

import typer

_WHERE = "Which flags"
_HOW = "How it is written"

KeyName = Annotated[str, typer.Argument(metavar="FLAG", help="The flag's key, such as new-checkout.")]
App = Annotated[
    str | None,
    typer.Option("--app", envvar="TRICAST_APP", help="The app.", rich_help_panel=_WHERE, show_default=False),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--environment",
        "-e",
        envvar="TRICAST_ENVIRONMENT",
        help="The environment, such as production.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
Reason = Annotated[
    str | None,
    typer.Option("--reason", help="Why, for the audit trail.", rich_help_panel=_HOW, show_default=False),
]
Version = Annotated[
    int | None,
    typer.Option(
        "--version",
        metavar="N",
        min=1,
        help="The version that you have seen: refuse to overwrite what others changed since.",
        rich_help_panel=_HOW,
        show_default="as read just before",
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Whatever the version is by now.", rich_help_panel=_HOW),
]
