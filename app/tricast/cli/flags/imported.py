"""What an import changes, or would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from tricast.audit import Change
from tricast.cli.flags.difference import change_lines
from tricast.cli.flags.words import counted
from tricast.cli.show import plain


def import_lines(answer: Mapping[str, Any]) -> Iterator[Text]:
    """Each flag that would be created, changed (path by path) or archived."""
    for key in answer.get("created") or ():
        yield Text.assemble(("+ ", "bold green"), (plain(key), "bold"), ("  new", "green"))
    for updated in answer.get("updated") or ():
        yield Text.assemble(("~ ", "bold yellow"), (plain(updated["key"]), "bold"))
        yield from change_lines(_changes(updated), indent="    ")
    for key in answer.get("archived") or ():
        yield Text.assemble(("- ", "bold red"), (plain(key), "bold"), ("  archived", "red"))
    for key in answer.get("removed") or ():
        yield Text.assemble(("- ", "bold red"), (plain(key), "bold"), ("  out of this environment", "red"))
    for path in answer.get("settings") or ():
        yield Text.assemble(("~ ", "bold yellow"), f"the environment's {plain(path)}")


def summary(answer: Mapping[str, Any], place: str) -> Text:
    """The last line: how many were created, updated, archived, and left as they are."""
    counts = {name: len(answer.get(name) or ()) for name in ("created", "updated", "archived", "removed")}
    same = int(answer.get("unchanged") or 0)
    done = [f"{count:,} {name}" for name, count in counts.items() if count]
    done += ["settings changed"] if answer.get("settings") else []
    if not done:
        return Text(f"{place}: nothing to change, {counted(same, 'flag')} as in the file")
    told = ", ".join([*done, f"{same:,} unchanged"] if same else done)
    if answer.get("dry_run"):
        return Text(f"{place}: {told}, if it were done (nothing was written)")
    return Text(f"{place}: {told}")


def _changes(updated: Mapping[str, Any]) -> Iterable[Change]:
    return [Change.of_json(change) for change in updated.get("changes") or ()]
