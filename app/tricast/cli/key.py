"""`tricast key create|list|revoke`: API keys, for servers."""

from __future__ import annotations

import sys
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
from tricast.cli.token import App, Environment, Publish, Scope, Subscribe

keys = typer.Typer(name="key", help="API keys, for servers: create, list, revoke.", no_args_is_help=False)

_COLUMNS = (
    "id",
    "name",
    "app",
    "environment",
    "subscribe",
    "publish",
    "scopes",
    "created_at",
    "last_used_at",
    "revoked_at",
)
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it stands in the audit trail.")]
_UNBROKEN = 4096


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for, such as web-1.")],
    subscribe: Subscribe = None,
    publish: Publish = None,
    scope: Scope = None,
    app: App = None,
    environment: Environment = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Make an API key and print it. It is shown this once: the server keeps a hash."""
    body: dict[str, Any] = {
        "name": name,
        "subscribe": subscribe or [],
        "publish": publish or [],
        "scopes": scope or [],
    }
    confined = (("app", app), ("environment", environment), ("reason", reason))
    body |= {name: given for name, given in confined if given is not None}
    made = Connection.to(url, key).call("POST", "/v1/keys", body)
    typer.echo(orjson.dumps(made).decode() if as_json else made["key"])


@keys.command("list")
def list_keys(as_json: AsJson = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show all keys that yours may see, oldest first. Never a secret."""
    found = Connection.to(url, key).call("GET", "/v1/keys")["keys"]
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column.removesuffix("_at").replace("_", " "), overflow="fold")
    for one in found:
        style = "dim strike" if one["revoked_at"] else ""
        table.add_row(*(Text(_cell(one[column]), style) for column in _COLUMNS))
    Console(width=None if sys.stdout.isatty() else _UNBROKEN).print(table)


@keys.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(help="The key's id (see `tricast key list`).")],
    reason: Reason = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Refuse a key, and every token that it minted, from now on; their connections are closed."""
    why = "" if reason is None else f"?{urlencode({'reason': reason})}"
    revoked = Connection.to(url, key).call("DELETE", f"/v1/keys/{quote(id, safe='')}{why}")
    typer.echo(f"revoked {plain(revoked['id'])} ({plain(revoked['name'])})")


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return plain(" ".join(value))
    return plain(value or "")
