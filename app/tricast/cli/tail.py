"""`tricast tail`: events as they come."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from tricast.cli.connection import Connection
from tricast.cli.follow import TRANSPORTS, Follower, history
from tricast.cli.options import DEFAULT_URL, Key, Token, Url
from tricast.cli.show import event_line, plain
from tricast.cli.subscription import Message, Query


def tail(
    patterns: Annotated[list[str], typer.Argument(help="What to listen to, such as 'demo/**'.")],
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="A cursor, earliest, latest, a time, or a duration back such as 10m.",
            show_default="latest; with --no-follow: earliest",
        ),
    ] = None,
    type: Annotated[list[str] | None, typer.Option("--type", help="Only this type (may hold *).")] = None,
    subject: Annotated[
        list[str] | None, typer.Option("--subject", help="Only this subject (may hold *).")
    ] = None,
    as_json: Annotated[
        bool | None,
        typer.Option("--json/--pretty", help="One JSON object per line.", show_default="--json in a pipe"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for more, or stop where the log is now.")
    ] = True,
    transport: Annotated[
        Literal["auto", "websocket", "sse", "poll"],
        typer.Option("--transport", help="auto: the first of the three that gets through."),
    ] = "auto",
    url: Url = DEFAULT_URL,
    key: Key = None,
    token: Token = None,
) -> None:
    """Show events as they come, from now or from --since on, until Ctrl-C.

    Comes back by itself after a broken connection or a restart of the server, and
    goes on where it was. Resets and reconnects are told on stderr.
    """
    connection = Connection.to(url, key, token)
    query = Query(patterns, type or (), subject or ())
    if follow:
        transports = TRANSPORTS if transport == "auto" else (transport,)
        messages = Follower(connection, query, since or "latest", transports, _note).messages()
    else:
        messages = history(connection, query, since or "earliest")
    printer = _Printer(as_json=not sys.stdout.isatty() if as_json is None else as_json)
    try:
        asyncio.run(_print_all(messages, printer))
    except BrokenPipeError:
        # Whoever read us has read enough. What is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _print_all(messages: AsyncGenerator[Message], printer: _Printer) -> None:
    async with aclosing(messages):
        async for said in messages:
            printer.print(said)


class _Printer:
    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(soft_wrap=True, highlight=False, emoji=False, markup=False)

    def print(self, said: Message) -> None:
        if said.control == "reset":
            _note(_reset_line(said))
        elif self._as_json:
            sys.stdout.write(said.text + "\n")
            sys.stdout.flush()
        else:
            self._console.print(event_line(said.envelope, datetime.now().astimezone().date()))


def _reset_line(said: Message) -> str:
    reason, cursor = said.data.get("reason"), said.data.get("cursor") or said.envelope.get("cursor")
    return f"reset ({reason}): the log can't go on from where you were; from {cursor} on"


def _note(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(f"tricast: {plain(text)}", "yellow"))
