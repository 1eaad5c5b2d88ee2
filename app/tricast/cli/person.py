"""`tricast person …`: who may use the dashboard. With an admin key, it is also the way back in."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urljoin

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tricast.cli.connection import Connection
from tricast.cli.key import Reason
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Url
from tricast.cli.show import plain
from tricast.cli.token import seconds_of

people = typer.Typer(
    name="person",
    help="Who may use the dashboard: list, invite, disable, enable, role, remove, sign-out.",
    no_args_is_help=False,
)
_COLUMNS = ("login", "name", "role", "sessions", "last_seen_at", "created_at", "disabled_at")
_UNBROKEN = 4096
Login = Annotated[str, typer.Argument(help="Whose login (see `tricast person list`).", metavar="LOGIN")]


@people.command("list")
def list_people(as_json: AsJson = False, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Show everybody, and in how many places they are signed in."""
    found = Connection.to(url, key).call("GET", "/v1/people")
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column.removesuffix("_at").replace("_", " "), overflow="fold")
    for one in found:
        style = "dim strike" if one["disabled_at"] else ""
        table.add_row(
            *(
                Text(plain("" if one[c] is None else str(one[c])), style if c == "login" else "")
                for c in _COLUMNS
            )
        )
    Console(width=None if sys.stdout.isatty() else _UNBROKEN).print(table)


@people.command("invite")
def invite(
    login: Annotated[
        str | None,
        typer.Option("--login", help="Theirs. Of somebody who is there: a link to a new password."),
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", help="viewer, editor or admin: what somebody new will be.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="How they will be shown.")] = None,
    ttl: Annotated[
        str | None,
        typer.Option(
            "--ttl",
            metavar="DURATION",
            help="How long the link is good.",
            show_default="7d; for a new password 1d",
        ),
    ] = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Print a link that makes somebody a person here, or gives one a new password. It is good once."""
    given: dict[str, Any] = {"login": login, "role": role, "name": name, "reason": reason}
    body = {member: value for member, value in given.items() if value is not None}
    if ttl is not None:
        body["ttl_s"] = seconds_of(ttl)
    server = Connection.to(url, key)
    made = server.call("POST", "/v1/invites", body)
    made["link"] = urljoin(f"{server.url}/v1/invites", made["link"])
    typer.echo(orjson.dumps(made).decode() if as_json else made["link"])


@people.command("disable")
def disable(login: Login, reason: Reason = None, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Let somebody in no more, and end all their sessions."""
    _edit(login, {"disabled": True}, reason, url, key)


@people.command("enable")
def enable(login: Login, reason: Reason = None, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Let somebody in again, with the password that they had."""
    _edit(login, {"disabled": False}, reason, url, key)


@people.command("role")
def role(
    login: Login,
    role: Annotated[str, typer.Argument(help="viewer, editor or admin.", metavar="ROLE")],
    reason: Reason = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Give somebody another role. It holds at once, for who is connected too."""
    _edit(login, {"role": role}, reason, url, key)


@people.command("remove")
def remove(login: Login, reason: Reason = None, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Remove somebody, and end all their sessions. (API keys that they made are good still.)"""
    Connection.to(url, key).call("DELETE", f"{_path(login)}{_query({'reason': reason})}")
    typer.echo(f"removed {plain(login)}")


@people.command("sign-out")
def sign_out(login: Login, reason: Reason = None, url: Url = DEFAULT_URL, key: Key = None) -> None:
    """End all sessions of somebody, wherever they are signed in."""
    query = _query({"login": login, "reason": reason})
    ended = Connection.to(url, key).call("DELETE", f"/v1/sessions{query}")["ended"]
    typer.echo(f"ended {ended} session{'' if ended == 1 else 's'} of {plain(login)}")


def _edit(login: str, change: dict[str, Any], reason: str | None, url: str, key: str | None) -> None:
    body = change | ({} if reason is None else {"reason": reason})
    person = Connection.to(url, key).call("PATCH", _path(login), body)
    state = "disabled" if person["disabled_at"] else "enabled"
    typer.echo(f"{plain(person['login'])}: {person['role']}, {state}")


def _path(login: str) -> str:
    return f"/v1/people/{quote(login, safe='')}"


def _query(given: dict[str, str | None]) -> str:
    found = {name: value for name, value in given.items() if value is not None}
    return f"?{urlencode(found)}" if found else ""
