"""`tricast audit`: who changed what, when and why."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from typing import Annotated, Any, Final

import orjson
import typer
from rich.console import Console
from rich.text import Text

from tricast.api.entries import FLAG_KIND, Entry, Wanted
from tricast.audit import AUDIT_TOPIC
from tricast.cli.audit_server import AuditServer
from tricast.cli.connection import Connection
from tricast.cli.entries import entry_line, entry_table
from tricast.cli.failure import USAGE, Failure
from tricast.cli.follow import TRANSPORTS, Follower
from tricast.cli.options import DEFAULT_URL, Key, Token, Url
from tricast.cli.show import plain
from tricast.cli.subscription import Message, Query
from tricast.cursor import Cursor

_SHOWN: Final = 100
_SHOWN_BEFORE_FOLLOWING: Final = 10
_UNBROKEN: Final = 4096
_WHICH = "Which entries"


def _which(name: str, help: str, metavar: str = "TEXT") -> Any:
    return typer.Option(name, metavar=metavar, help=help, rich_help_panel=_WHICH, show_default=False)


def audit(
    app: Annotated[str | None, _which("--app", "Only what belongs to this app.")] = None,
    environment: Annotated[
        str | None, _which("--environment", "Only what concerns this environment.")
    ] = None,
    flag: Annotated[str | None, _which("--flag", "Only this flag.")] = None,
    actor: Annotated[
        str | None, _which("--actor", "Only what this subject did, or what was done with key:<id>.")
    ] = None,
    action: Annotated[str | None, _which("--action", "Only this action, such as 'flag.*'.", "GLOB")] = None,
    since: Annotated[
        str | None, _which("--since", "From then on: a time, or a duration back such as 30d.", "WHEN")
    ] = None,
    until: Annotated[str | None, _which("--until", "Before then.", "WHEN")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            help="How many, at most.",
            rich_help_panel=_WHICH,
            show_default=f"{_SHOWN}; with --json and --csv: all; with --follow: {_SHOWN_BEFORE_FOLLOWING}",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, with a head.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what comes. The key must reach 'tricast/audit/**'.")
    ] = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    token: Token = None,
) -> None:
    """Show who changed what, when and why, the newest first; with --follow, as it happens.

    Needs a key with the scope admin, or flags:read for what happened to flags.
    """
    if as_json and as_csv:
        raise Failure("give --json or --csv, not both", USAGE)
    if follow and (as_csv or until is not None):
        raise Failure(f"--follow has no end, so it goes without {'--csv' if as_csv else '--until'}", USAGE)
    asked = {
        "app": app,
        "environment": environment,
        "flag": flag,
        "actor": actor,
        "action": action,
        "since": since,
        "until": until,
    }
    server = AuditServer(
        Connection.to(url, key, token), {name: value for name, value in asked.items() if value is not None}
    )
    try:
        if follow:
            wanted = Wanted(app, environment, FLAG_KIND if flag is not None else None, flag, actor)
            asyncio.run(_Following(server, wanted, action, as_json=as_json).run(limit))
        elif as_json or as_csv:
            _copy(server, "csv" if as_csv else "ndjson", limit)
        else:
            _show(server.newest(limit or _SHOWN))
    except BrokenPipeError:
        # Whoever read us has read enough. What is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(entries: list[Entry]) -> None:
    width = None if sys.stdout.isatty() else _UNBROKEN
    Console(width=width, highlight=False, emoji=False, markup=False).print(entry_table(entries))


def _copy(server: AuditServer, format: str, limit: int | None) -> None:
    """The export as it is, except that a terminal gets nothing that it would obey."""
    is_terminal = sys.stdout.isatty()
    for line in server.export(format, limit):
        text = plain(line.removesuffix("\r")) if is_terminal else line
        sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class _Following:
    """What was, and then what comes: each entry in a line, the newest last."""

    def __init__(self, server: AuditServer, wanted: Wanted, action: str | None, *, as_json: bool) -> None:
        self._server = server
        self._wanted = wanted
        every = (AUDIT_TOPIC, f"{AUDIT_TOPIC}/**")
        topics = every if wanted.app is None else (f"{AUDIT_TOPIC}/{wanted.app}",)
        self._query = Query(topics, () if action is None else (action,))
        self._as_json = as_json
        self._shown = 0
        self._console = Console(soft_wrap=True, highlight=False, emoji=False, markup=False)

    async def run(self, limit: int | None) -> None:
        begin = await self._server.position(self._query)
        # (what happens in between is in both, and shown once)
        for entry in reversed(self._server.newest(limit or _SHOWN_BEFORE_FOLLOWING)):
            self._print(entry)
        follower = Follower(self._server.connection, self._query, begin, TRANSPORTS, _note)
        async with aclosing(follower.messages()) as messages:
            async for said in messages:
                self._take(said)

    def _take(self, said: Message) -> None:
        if said.control == "reset":
            _note("reset: entries may be missing here; look without --follow")
            return
        data = said.data
        if isinstance(data.get("actor"), dict):
            entry = Entry.of_json({**data, "id": said.envelope["cursor"], "time": said.envelope["time"]})
            if self._wanted.accepts(entry):
                self._print(entry)

    def _print(self, entry: Entry) -> None:
        offset = Cursor.parse(entry.id).offset
        if offset <= self._shown:
            return
        self._shown = offset
        if self._as_json:
            sys.stdout.write(plain(orjson.dumps(entry.to_json()).decode()) + "\n")
            sys.stdout.flush()
        else:
            self._console.print(entry_line(entry))


def _note(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(f"tricast: {plain(text)}", "yellow"))
