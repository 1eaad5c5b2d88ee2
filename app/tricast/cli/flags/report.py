"""What a change says of itself: which version it is made on, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from tricast.cli.failure import USAGE, Failure
from tricast.cli.flags.conflict import told_changes
from tricast.cli.flags.difference import change_lines, flag_changes
from tricast.cli.flags.screen import print_json, print_lines
from tricast.cli.flags.server import Changed, FlagServer, Found, Match
from tricast.cli.show import plain


def with_reason(body: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    """`body` with the reason, if there is one."""
    return dict(body) if reason is None else {**body, "reason": reason}


def match_of(before: Found, version: int | None, force: bool) -> Match:
    """The version to be changed: any, the one that was given, or the one just read."""
    if force:
        return "*"
    return before.version if version is None else version


def environment_of(server: FlagServer, before: Found) -> str:
    """The environment that was given, or the flag's only one. Raises Failure if it has several."""
    if server.environment is not None:
        return server.environment
    names = list(before.flag["environments"])
    if len(names) == 1:
        return str(names[0])
    there = ", ".join(map(plain, names))
    raise Failure(f"which environment? give --environment or TRICAST_ENVIRONMENT (there are: {there})", USAGE)


def report(before: Found, changed: Changed, as_json: bool) -> None:
    """Say what changed, and with whose changes it was merged; or that nothing did."""
    if as_json:
        print_json(changed.answer)
        return
    now = changed.now
    if before.version == now.version:
        say_unchanged(before)
        return
    print_lines(_report(before, now, changed.answer.get("merged")))


def _report(before: Found, now: Found, merged: Mapping[str, Any] | None) -> Iterator[Text]:
    key = plain(str(now.flag["key"]))
    yield Text.assemble((key, "bold"), f"  version {before.version} → {now.version}")
    yield from change_lines(flag_changes(before.flag, now.flag))
    if merged:
        yield Text("merged with what others changed meanwhile:", "yellow")
        yield from map(Text, told_changes(merged))


def say_unchanged(before: Found) -> None:
    """Say that a flag is what it was to become."""
    key = plain(str(before.flag["key"]))
    print_lines([Text(f"{key} is like that already (version {before.version})")])
