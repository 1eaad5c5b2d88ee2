"""Edits of JSON values: merge patches (RFC 7396), the places they touch, and telling people of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tricast import ABSENT, Change, diff, pointer, segments

MAX_SHOWN: Final = 60


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with a JSON Merge Patch applied (RFC 7396, section 2); neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def leaf_paths(patch: Any, path: str = "") -> tuple[str, ...]:
    """JSON Pointers of all that a merge patch sets or removes."""
    if not isinstance(patch, dict) or not patch:
        return (path,)
    return tuple(leaf for name, value in patch.items() for leaf in leaf_paths(value, path + pointer(name)))


def collisions(ours: Iterable[str], theirs: Iterable[str]) -> tuple[str, ...]:
    """Those of `ours` that are, hold or lie within one of `theirs`."""
    there = set(theirs)
    above = {holder for path in there for holder in _holders(path)}
    return tuple(
        path for path in ours if path in there or path in above or not there.isdisjoint(_holders(path))
    )


def _holders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def value_at(value: Any, path: str) -> Any:
    """What stands at a JSON Pointer in nested objects; ABSENT if nothing does."""
    for name in segments(path):
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def put_at(value: Any, path: str, new: Any) -> Any:
    """`value` with `new` at a JSON Pointer (ABSENT: with nothing there); `value` itself is not changed.

    Objects on the way are made if they aren't there.
    """
    names = segments(path)
    if not names:
        return new
    outer = dict(value) if isinstance(value, dict) else {}
    first, rest = names[0], pointer(*names[1:])
    if not rest and new is ABSENT:
        outer.pop(first, None)
    elif new is not ABSENT or first in outer:
        outer[first] = put_at(outer.get(first), rest, new)
    return outer


@dataclass(frozen=True, slots=True)
class Undone:
    """A value with changes taken back, and the paths where it was no longer as they had left it."""

    value: Any
    collisions: tuple[str, ...]


def undo(value: Any, changes: Sequence[Change], *, force: bool = False) -> Undone:
    """`value` as it would be without `changes`.

    Places changed again since (and not back) are left as they are, and named; `force` undoes them too.
    """
    overwritten = []
    for change in reversed(changes):
        there = value_at(value, change.path)
        if diff(there, change.after) and diff(there, change.before):
            overwritten.append(change.path)
            if not force:
                continue
        value = put_at(value, change.path, change.before)
    return Undone(value, tuple(reversed(overwritten)))


def describe(change: Change) -> str:
    """One change in a person's words: `production: state ENABLED → DISABLED`."""
    names = segments(change.path)
    if names[:1] == ("environments",) and len(names) > 1:
        return f"{names[1]}: {_told(names[2:], change)}" if names[2:] else f"{names[1]}: {_presence(change)}"
    return _told(names, change)


def _told(names: tuple[str, ...], change: Change) -> str:
    what = _NAMES.get(names[0], names[0]) if names else "all"
    if what == "archived" and isinstance(change.after, bool):
        return "archived" if change.after else "restored"
    if what == "targeting":
        return f"targeting {_presence(change) if len(names) == 1 else 'changed'}"
    what = " ".join((what, ".".join(names[1:]))) if names[1:] else what
    if change.before is ABSENT:
        return f"{what} added: {_shown(change.after)}"
    if change.after is ABSENT:
        return f"{what} removed, was {_shown(change.before)}"
    return f"{what} {_shown(change.before)} → {_shown(change.after)}"


def _presence(change: Change) -> str:
    if change.before is ABSENT:
        return "added"
    return "removed" if change.after is ABSENT else "changed"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and value else orjson.dumps(value).decode()
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


_NAMES: Final = {"variants": "variant", "defaultVariant": "default variant"}
