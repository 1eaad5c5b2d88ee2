"""Entries of the audit trail in a terminal: who did what to which, and what changed, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from rich.table import Table
from rich.text import Text

from tricast.api.entries import FLAG_KIND, Entry
from tricast.audit import segments
from tricast.cli.show import plain

_COLUMNS: Final = ("time", "who", "action", "what", "changes", "reason")
_STYLES: Final = ("dim", "magenta", "green", "cyan", "", "italic")
_MAX_CHANGES: Final = 3
_MAX_VALUE_CHARS: Final = 40
_WORD = re.compile(r"[\w.:/@-]+")


def entry_table(entries: Iterable[Entry]) -> Table:
    """A row for each entry."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=column == "time")
    for entry in entries:
        table.add_row(*_cells(entry))
    return table


def entry_line(entry: Entry) -> Text:
    """An entry in one line."""
    return Text("  ").join(cell for cell in _cells(entry) if cell.plain)


def _cells(entry: Entry) -> list[Text]:
    who = entry.actor.subject if entry.actor.role is None else f"{entry.actor.subject} ({entry.actor.role})"
    texts = (
        _time(entry.time),
        who,
        entry.action,
        _what(entry),
        changes_in_words(entry.changes),
        entry.reason or "",
    )
    return [Text(plain(text), style) for text, style in zip(texts, _STYLES, strict=True)]


def _time(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return text


def _what(entry: Entry) -> str:
    """`demo/new-checkout [production]`; of what is no flag, the kind too."""
    named = entry.key if entry.app in (None, entry.key) else f"{entry.app}/{entry.key}"
    kind = "" if entry.kind == FLAG_KIND else f"{entry.kind} "
    where = f" [{' '.join(entry.environments)}]" if entry.environments else ""
    return f"{kind}{named}{where}"


def changes_in_words(changes: Iterable[Mapping[str, Any]]) -> str:
    """The first three changes, and how many more there are."""
    told = [_in_words(change) for change in changes]
    more = len(told) - _MAX_CHANGES
    shown = "; ".join(told[:_MAX_CHANGES])
    return f"{shown}; and {more} more" if more > 0 else shown


def _in_words(change: Mapping[str, Any]) -> str:
    names = segments(str(change.get("path", "")))
    if names[:1] == ("environments",) and len(names) > 1:
        names = names[1:]
    before, after = "before" in change, "after" in change
    if not names:
        what = "changed as a whole" if before and after else "created" if after else "deleted"
        return f"{what}{_called(change.get('after', change.get('before')))}"
    place = " ".join(names)
    if not before:
        return f"{place} = {_value(change.get('after'))}"
    if not after:
        return f"{place} removed, was {_value(change['before'])}"
    return f"{place}: {_value(change['before'])} → {_value(change['after'])}"


def _called(document: Any) -> str:
    """The name of a document as a whole, if it has one: its key may tell a reader nothing."""
    name = document.get("name") if isinstance(document, dict) else None
    return f" ({_value(name)})" if name else ""


def _value(value: Any) -> str:
    """A JSON value, shortly; a word stands without quotes."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        text = value
    else:
        text = "none" if value is None else orjson.dumps(value).decode()
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[: _MAX_VALUE_CHARS - 1]}…"
