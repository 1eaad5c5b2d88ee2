"""The commands of `tricast flags`, put together."""

from __future__ import annotations

import typer

from tricast.cli.flags import change, life, look, transfer

flags = typer.Typer(
    name="flags",
    help="Feature flags: look, change, import, export.",
    epilog="App and environment may stand in TRICAST_APP and TRICAST_ENVIRONMENT; "
    "a key that is confined to one needs neither.",
    no_args_is_help=False,
)
flags.command("list")(look.list_flags)
flags.command("get")(look.get)
flags.command("history")(look.history)
flags.command("create")(change.create)
flags.command("set")(change.set_flag)
flags.command("toggle")(life.toggle)
flags.command("copy")(life.copy)
flags.command("archive")(life.archive)
flags.command("restore")(life.restore)
flags.command("delete")(life.delete)
flags.command("import")(transfer.import_file)
flags.command("export")(transfer.export)
