"""What an edit changed, place by place: fine enough to merge by, coarse enough to read.

A rule, a variant's value, the tags and the metadata are each one value here: half
of a rule means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from tricast import ABSENT, BadRequest, Change, pointer

MAX_PLACES: Final = 32
MAX_NAME_CHARS: Final = 256
_STAMPS: Final = frozenset({"version", "created_at", "created_by", "updated_at", "updated_by"})


def changes_of(before: Any, after: Any) -> tuple[Change, ...]:
    """From one `Flag.body()` to another; either may be ABSENT, which is one change of the whole."""
    if before is not ABSENT and after is not ABSENT and same(before, after):
        return ()  # (an import is mostly of what is there already)
    return tuple(_changes((), before, after))


def seen_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Where two `Stored.seen_in` differ, but for stamps; `""` if the flag is in one of them only."""
    if before is None or after is None:
        return () if before is after else ("",)
    return tuple(change.path for change in _changes((), _unstamped(before), _unstamped(after)))


def patched_places(patch: Mapping[str, Any]) -> tuple[str, ...]:
    """The places that a merge patch sets or removes. Raises BadRequest on a name longer than any there is."""
    return tuple(_patched((), patch))


def _patched(path: tuple[str, ...], patch: Any) -> Iterator[str]:
    if not (isinstance(patch, dict) and patch and _holds_places(path)):
        yield pointer(*path)
        return
    for name, value in patch.items():
        if len(name) > MAX_NAME_CHARS:
            where = pointer(*path, name[:40])
            raise BadRequest(
                f"{where}…: there is no such member; its name has {len(name)} characters", field=where
            )
        yield from _patched((*path, name), value)


def coarse(paths: Iterable[str]) -> tuple[str, ...]:
    """`paths`, or if they are too many those of what holds them."""
    found = tuple(paths)
    depth = max((path.count("/") for path in found), default=0)
    while len(found) > MAX_PLACES and depth > 1:
        depth -= 1
        found = tuple(dict.fromkeys("/".join(path.split("/")[: depth + 1]) for path in found))
    return found if len(found) <= MAX_PLACES else ("",)


def same(before: Any, after: Any) -> bool:
    """Whether two JSON values are the same. (3 and 3.0 are not: files go out as they came in.)"""
    return before is after or _canonical(before) == _canonical(after)


def _canonical(value: Any) -> bytes | None:
    return None if value is ABSENT else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _changes(path: tuple[str, ...], before: Any, after: Any) -> Iterator[Change]:
    if before is after:
        return
    if isinstance(before, dict) and isinstance(after, dict) and _holds_places(path):
        for name in before | after:
            yield from _changes((*path, name), before.get(name, ABSENT), after.get(name, ABSENT))
    elif not same(before, after):
        yield Change(pointer(*path), before, after)


def _holds_places(path: tuple[str, ...]) -> bool:
    match path:
        case () | ("variants" | "environments" | "evaluators" | "metadata",):
            return True
        case ("environments", _) | ("environments", _, "variants"):
            return True
    return False


def _unstamped(seen: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in seen.items() if name not in _STAMPS}
