"""`tricast connections`: who is connected to a server now; `tricast connections end ID` ends one."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tricast.cli.connection import Connection
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Url
from tricast.cli.show import plain

connections = typer.Typer(
    name="connections",
    help="Who is connected now, the one furthest behind first; and an end to one.",
    no_args_is_help=False,
)
_COLUMNS = ("id", "subject", "address", "transport", "state", "lag", "age", "topics")
_STYLES = {"lagging": "bold yellow", "replaying": "cyan"}
_UNBROKEN = 4096


@connections.callback(invoke_without_command=True)
def list_connections(
    context: typer.Context,
    transport: Annotated[
        str | None, typer.Option("--transport", help="Only websocket, sse or poll.", show_default=False)
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="Only this subject's; * is any characters.", show_default=False),
    ] = None,
    sort: Annotated[str, typer.Option("--sort", help="lag, or since: the newest first.")] = "lag",
    limit: Annotated[int, typer.Option("--limit", help="How many at most (1-1000).")] = 100,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Show who is connected now. (Options go before `end`, too.)"""
    if context.invoked_subcommand is not None:
        return
    asked = {"transport": transport, "subject": subject, "sort": sort, "limit": limit}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    found = Connection.to(url, key).call("GET", f"/v1/connections?{query}")
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    _show(found["connections"])
    more = found["total"] - len(found["connections"])
    if more > 0:
        typer.echo(f"and {more} more (--limit)", err=True)


@connections.command("end")
def end(
    id: Annotated[str, typer.Argument(help="The connection's id (see `tricast connections`).")],
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; it stands in the audit trail.", show_default=False)
    ] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """End a connection. It may come back: to keep somebody out, revoke the key or token."""
    why = "" if reason is None else f"?{urlencode({'reason': reason})}"
    Connection.to(url, key).call("DELETE", f"/v1/connections/{quote(id, safe='')}{why}")
    typer.echo(f"ended {plain(id)}")


def _show(found: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, overflow="fold", justify="right" if column in ("lag", "age") else "left")
    now = datetime.now(UTC)
    for one in found:
        topics = " ".join(one["topics"]) + (f" +{one['more']}" if one["more"] else "")
        cells = {**one, "age": age(one["since"], now), "topics": topics}
        style = _STYLES.get(one["state"], "")
        table.add_row(*(Text(plain(str(cells[column] or "")), style) for column in _COLUMNS))
    Console(width=None if sys.stdout.isatty() else _UNBROKEN).print(table)


def age(since: str, now: datetime) -> str:
    """How long ago a time (RFC 3339) was, in its largest unit: `42s`, `3h`."""
    seconds = max(0, int((now - datetime.fromisoformat(since)).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
