"""`tricast schema put|get|list|remove`: JSON Schemas that the data of events must fit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import httpx2
import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tricast.cli.connection import KEY_ONLY, Connection, json_of, refuse, unreachable
from tricast.cli.failure import UNREACHABLE, USAGE, Failure
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Url
from tricast.cli.show import plain

schemas = typer.Typer(
    name="schema",
    help="What the data of events must look like, by app and type: put, get, list, remove.",
    no_args_is_help=False,
)
App = Annotated[str | None, typer.Option("--app", envvar="TRICAST_APP", help="The app.", show_default=False)]
Type = Annotated[str, typer.Argument(metavar="TYPE", help="The type of the events, such as order.paid.")]
Reason = Annotated[
    str | None, typer.Option("--reason", help="Why; it stands in the audit trail.", show_default=False)
]
Version = Annotated[
    int | None,
    typer.Option(
        "--version",
        metavar="N",
        min=1,
        help="Only if it is at this version.",
        show_default="whatever is there",
    ),
]
_COLUMNS = ("type", "version", "title", "updated_at", "updated_by")
_UNBROKEN = 4096


@schemas.command("put")
def put(
    type: Type,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A JSON Schema (draft 2020-12); - is stdin.")],
    app: App = None,
    version: Version = None,
    reason: Reason = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Refuse events of TYPE whose data doesn't fit FILE from now on. Those that are there stay."""
    content = _read(file)
    answer = _ask(Connection.to(url, key), "PUT", _path(app, type, reason), version=version, content=content)
    typer.echo(f"{plain(answer['app'])}: {plain(answer['type'])} is at version {answer['version']}")


@schemas.command("get")
def get(type: Type, app: App = None, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Print the schema for TYPE."""
    answer = Connection.to(url, key).call("GET", _path(app, type, None))
    typer.echo(orjson.dumps(answer["schema"], option=orjson.OPT_INDENT_2).decode())


@schemas.command("list")
def list_schemas(app: App = None, as_json: AsJson = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show which types of an app's events have a schema."""
    found = Connection.to(url, key).call("GET", _path(app, None, None))["schemas"]
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column.removesuffix("_at").replace("_", " "), overflow="fold")
    for one in found:
        table.add_row(*(Text(plain(str(one[column] or ""))) for column in _COLUMNS))
    Console(width=None if sys.stdout.isatty() else _UNBROKEN).print(table)


@schemas.command("remove")
def remove(
    type: Type,
    app: App = None,
    version: Version = None,
    reason: Reason = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Let events of TYPE be anything again."""
    _ask(Connection.to(url, key), "DELETE", _path(app, type, reason), version=version)
    typer.echo(f"removed the schema for {plain(type)}")


def _path(app: str | None, type: str | None, reason: str | None) -> str:
    if not app:
        raise Failure("which app? Give --app or TRICAST_APP", USAGE)
    path = f"/v1/apps/{quote(app, safe='')}/schemas"
    path += "" if type is None else f"/{quote(type, safe='')}"
    return path if reason is None else f"{path}?{urlencode({'reason': reason})}"


def _read(file: str) -> bytes:
    """The schema's text, if it is JSON. Raises Failure."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        orjson.loads(content)
    except OSError as error:
        raise Failure(f"{file!r} can not be read: {error.strerror or error}", USAGE) from None
    except orjson.JSONDecodeError as error:
        raise Failure(f"{file!r} is not JSON: {error}", USAGE) from None
    return content


def _ask(
    connection: Connection, method: str, path: str, *, version: int | None, content: bytes | None = None
) -> Any:
    headers = {"if-match": "*" if version is None else f'"{version}"'}
    if content is not None:
        headers["content-type"] = "application/json"
    url = f"{connection.url}{path}"
    with connection.client() as client:
        try:
            response = client.request(method, url, content=content, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Failure(unreachable(url, error), UNREACHABLE) from None
    if not response.is_success:
        refuse(response, KEY_ONLY)
    return json_of(response) if response.content else None
