"""Whether an edit of a version that has passed may still be done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tricast import Conflict, pointer
from tricast.flags.changes import collisions
from tricast.flags.flag import MAX_RECENT, Recent
from tricast.flags.stored import Merged, Stored


class VersionConflict(Conflict):
    """409: somebody else was first. Members: `version` (there now), `since`, `collisions`, `flag`."""

    code = "version-conflict"
    title = "It was changed by somebody else"


def check_version(
    stored: Stored, given: int | None, ours: Iterable[str] | None, *, environment: str | None = None
) -> Merged | None:
    """None if `given` is the version there is, or None; else how the edit is merged.

    `ours` are the places that it changes; None: it can't be merged. `environment`
    is all that the editor may see. Raises VersionConflict.
    """
    if given is None or given == stored.version:
        return None
    since = [change for change in stored.flag.recent if change.version > given]
    is_known = given < stored.version and len(since) == stored.version - given
    since = [seen for change in since if (seen := _seen(change, environment))]
    if not is_known:
        raise conflict(stored, given, (), (), _unknown(stored, given), environment=environment)
    theirs = [path for change in since for path in change.changed]
    if ours is None:
        clashing = tuple(dict.fromkeys(theirs))
    else:
        clashing = tuple(dict.fromkeys(collisions(ours, theirs)))
    if ours is None or clashing:
        why = (
            f"version {given} is not there any more: {_told(since)}; look at it, and repeat with the new one"
        )
        raise conflict(stored, given, since, clashing, why, environment=environment)
    return Merged(given, stored.version, tuple(change.document() for change in since))


def conflict(
    stored: Stored,
    given: int | None,
    since: Sequence[Recent],
    clashing: Sequence[str],
    why: str,
    *,
    environment: str | None = None,
) -> VersionConflict:
    """The refusal, with all that it takes to decide anew."""
    members: dict[str, Any] = {
        "version": stored.version,
        "since": [change.document() for change in since],
        "collisions": list(clashing),
        "flag": stored.whole() if environment is None else stored.seen_in(environment),
    }
    detail = f"the flag {stored.flag.key!r} is at version {stored.version}: {why}"
    return VersionConflict(detail, field="version", members=members)


def overwritten(what: str, version: int, places: Sequence[str]) -> VersionConflict:
    """The refusal to undo what was changed again since; `what` is it that is no flag."""
    return VersionConflict(
        f"{what} is at version {version}: {changed_again(places)}",
        field="version",
        members={"version": version, "collisions": list(places)},
    )


def changed_again(places: Sequence[str]) -> str:
    """Why something isn't undone, and what to do."""
    where = ", ".join(place or "all of it" for place in places[:5])
    return f"changed again since that entry: {where}; 'force': true overwrites it"


def _seen(change: Recent, environment: str | None) -> Recent | None:
    """What one who may see one environment alone is told of a change (None: nothing)."""
    if environment is None:
        return change
    inside = pointer("environments", environment)
    paths = tuple(
        path
        for path in change.changed
        if not path.startswith("/environments/") or path == inside or path.startswith(f"{inside}/")
    )
    return replace(change, changed=paths) if paths else None


def _unknown(stored: Stored, given: int) -> str:
    if given > stored.version:
        return f"there was no version {given} yet; get the flag, and repeat with its version"
    return (
        f"version {given} is too long ago to say what changed since (only the last {MAX_RECENT} changes are "
        "kept for that); get the flag, and repeat with its version"
    )


def _told(since: Sequence[Recent]) -> str:
    if not since:
        return "another environment was changed"
    last = since[-1]
    who = f"{last.actor!r} changed {', '.join(last.changed[:3])}{' …' if len(last.changed) > 3 else ''}"
    more = len(since) - 1
    return who if not more else f"{who}, after {more} other change{'s' if more > 1 else ''}"
