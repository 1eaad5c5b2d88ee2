"""`tricast flags list|get`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from tricast.cli.audit import audit
from tricast.cli.flags.given import parse_state
from tricast.cli.flags.options import App, Environment, KeyName
from tricast.cli.flags.screen import print_json, print_lines, print_table
from tricast.cli.flags.server import FlagServer, path_of
from tricast.cli.flags.sheet import flag_rows, flag_sheet
from tricast.cli.flags.words import counted
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Token, Url


def list_flags(
    text: Annotated[
        str | None,
        typer.Argument(help="Only flags with this in key, name or description.", show_default=False),
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only with this tag.", show_default=False)] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state",
            metavar="enabled|disabled",
            help="Only in this state.",
            show_default=False,
        ),
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only those neither evaluated nor changed for long, and why.")
    ] = False,
    archived: Annotated[bool, typer.Option("--archived", help="Archived ones too.")] = False,
    app: App = None,
    environment: Environment = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Show the flags of an app: in all environments, or as one of them sees them."""
    server = FlagServer.to(url, api_key, token, app=app, environment=environment)
    query = {
        "environment": server.environment,
        "q": text,
        "tag": tag,
        "state": None if state is None else parse_state(state),
        "stale": "true" if stale else None,
        "archived": "true" if archived else None,
    }
    found = server.call("GET", query=query)
    if as_json:
        print_json(found)
        return
    flags: list[dict[str, Any]] = found["flags"]
    why = server.why_stale() if stale and flags else None
    if not flags:
        typer.echo(_nothing(server, is_filtered=bool(text or tag or state), stale=stale), err=True)
        return
    print_table(*flag_rows(flags, found.get("environments") or (), datetime.now().astimezone().date(), why))
    typer.echo(counted(len(flags), "flag"), err=True)


def get(
    key: KeyName,
    app: App = None,
    environment: Environment = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Show one flag, and how it is used."""
    server = FlagServer.to(url, api_key, token, app=app, environment=environment)
    path, query = path_of(key), {"environment": server.environment}
    if as_json:
        flag = server.call("GET", path, query=query)
        print_json({**flag, "usage": server.call("GET", f"{path}/usage", query=query)})
        return
    found = server.read(key)
    flag = _narrowed(found.flag, server.environment)
    usage = server.call("GET", f"{path}/usage")
    if "environment" in usage:  # (the credentials' own, and all that they see)
        usage = {"stale": usage["stale"], "environments": {usage["environment"]: usage}}
    print_lines(flag_sheet({**flag, "version": found.version}, usage))


def history(
    key: KeyName,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="How many, at most.", show_default="100")
    ] = None,
    app: App = None,
    environment: Environment = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Show who changed a flag, what, when and why: short for tricast audit --flag FLAG."""
    audit(
        app=app,
        environment=environment,
        flag=key,
        limit=limit,
        as_json=as_json,
        url=url,
        key=api_key,
        token=token,
    )


def _narrowed(flag: dict[str, Any], environment: str | None) -> dict[str, Any]:
    """`flag` with one of its environments only."""
    if environment is None or environment not in (flag.get("environments") or ()):
        return flag
    return {**flag, "environments": {environment: flag["environments"][environment]}}


def _nothing(server: FlagServer, *, is_filtered: bool, stale: bool) -> str:
    place = server.place
    if stale:
        return f"no flag of {place} is stale"
    if is_filtered:
        return f"no flag of {place} is like that; tricast flags list shows all"
    return f"no flags in {place} yet; begin with tricast flags create FLAG, or tricast flags import FILE"
