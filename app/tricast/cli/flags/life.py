"""`tricast flags toggle|copy|archive|restore|delete`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from tricast.cli.flags.given import parse_state
from tricast.cli.flags.options import App, Environment, Force, KeyName, Reason, Version
from tricast.cli.flags.report import environment_of, match_of, report, with_reason
from tricast.cli.flags.screen import print_json
from tricast.cli.flags.server import FlagServer, path_of
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Token, Url
from tricast.cli.show import plain


def toggle(
    key: KeyName,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="enabled|disabled", help="Which.", show_default="the other one"),
    ] = None,
    app: App = None,
    environment: Environment = None,
    reason: Reason = None,
    version: Version = None,
    force: Force = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Enable a flag in an environment, or disable it if it is enabled."""
    server = FlagServer.to(url, api_key, token, app=app, environment=environment)
    before = server.read(key)
    body: dict[str, Any] = {"environment": environment_of(server, before)}
    if state is not None:
        body["state"] = parse_state(state)
    match = match_of(before, version, force)
    report(before, server.change("POST", f"{path_of(key)}/toggle", match, with_reason(body, reason)), as_json)


def copy(
    key: KeyName,
    source: Annotated[str, typer.Option("--from", metavar="ENVIRONMENT", help="What to copy.")],
    target: Annotated[str, typer.Option("--to", metavar="ENVIRONMENT", help="Where to.")],
    app: App = None,
    reason: Reason = None,
    version: Version = None,
    force: Force = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Make a flag in one environment what it is in another."""
    server = FlagServer.to(url, api_key, token, app=app)
    before = server.read(key)
    body = with_reason({"from": source, "to": target}, reason)
    match = match_of(before, version, force)
    report(before, server.change("POST", f"{path_of(key)}/copy", match, body), as_json)


def archive(
    key: KeyName,
    app: App = None,
    reason: Reason = None,
    version: Version = None,
    force: Force = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Take a flag out of use everywhere. It can be restored."""
    server = FlagServer.to(url, api_key, token, app=app)
    before = server.read(key)
    match = match_of(before, version, force)
    report(before, server.change("POST", f"{path_of(key)}/archive", match, with_reason({}, reason)), as_json)


def restore(
    key: KeyName,
    app: App = None,
    reason: Reason = None,
    version: Version = None,
    force: Force = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Bring an archived flag back as it was."""
    server = FlagServer.to(url, api_key, token, app=app)
    before = server.read(key)
    match = match_of(before, version, force)
    report(before, server.change("POST", f"{path_of(key)}/restore", match, with_reason({}, reason)), as_json)


def delete(
    key: KeyName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask (asked only on a terminal).")] = False,
    app: App = None,
    reason: Reason = None,
    version: Version = None,
    force: Force = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Remove a flag from all environments, for good. (To take it out of use: archive.)"""
    server = FlagServer.to(url, api_key, token, app=app)
    before = server.read(key)
    environments = ", ".join(map(plain, before.flag["environments"]))
    if sys.stdin.isatty() and not yes:
        typer.confirm(
            f"delete {plain(key)} ({environments}) of {server.place} for good?", abort=True, err=True
        )
    server.call("DELETE", path_of(key), query={"reason": reason}, match=match_of(before, version, force))
    if as_json:
        print_json({"key": key, "deleted": True})
    else:
        typer.echo(f"deleted {plain(key)} ({environments})")
