"""What changes, path by path, before → after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from tricast.audit import ABSENT, Change, diff
from tricast.cli.flags.words import json_text
from tricast.cli.show import plain

_STAMPS = frozenset(
    {"version", "created_at", "created_by", "updated_at", "updated_by", "merged", "changed", "is_partial"}
)


def flag_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What was edited between two states of a flag: times and versions are no edits."""
    return diff(_edited(before), _edited(after))


def change_lines(changes: Iterable[Change], *, indent: str = "  ") -> Iterator[Text]:
    """A line for each change: `~ /path  "before" → "after"`, `+ /path  value`, `- /path  value`."""
    for change in changes:
        path = plain(change.path) or "/"
        if change.before is ABSENT:
            yield Text.assemble(indent, (f"+ {path}  ", "green"), (json_text(change.after), "green"))
        elif change.after is ABSENT:
            yield Text.assemble(indent, (f"- {path}  ", "red"), (json_text(change.before), "red"))
        else:
            before, after = (json_text(value) for value in (change.before, change.after))
            yield Text.assemble(indent, (f"~ {path}  ", "yellow"), (before, "red"), " → ", (after, "green"))


def patch_between(before: Any, after: Any) -> Any:
    """The JSON Merge Patch (RFC 7396) that makes `after` of `before`, two objects. {}: nothing to do."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name, ABSENT)
        if isinstance(old, dict) and isinstance(value, dict):
            if inner := patch_between(old, value):
                patch[name] = inner
        elif diff(old, value):
            patch[name] = value
    return patch


def _edited(flag: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flag.items() if name not in _STAMPS}
