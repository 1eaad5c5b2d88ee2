"""What others did to a flag meanwhile, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tricast.cli.flags.words import moment
from tricast.cli.show import plain


def told_changes(members: Mapping[str, Any]) -> Iterator[str]:
    """A line for each change in `since`: who, when, what, why."""
    for change in members.get("since") or ():
        paths = ", ".join(plain(str(path)) for path in change.get("changed") or ()) or "nothing"
        reason = f' "{plain(str(change["reason"]))}"' if change.get("reason") else ""
        who, at = plain(str(change.get("actor"))), moment(change.get("at"))
        yield f"  version {change.get('version')}: {who} changed {paths} at {at}{reason}"
