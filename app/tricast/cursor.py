"""Cursors: `<epoch>-<offset>`, a position in the log that a subscriber can name.

Two cursors compare by the integer after the last `-`, which rises along the log
over all its epochs (DELIVERY.md 12).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tricast.errors import BadCursor

ResetReason = Literal["trimmed", "epoch", "ahead", "unknown"]

_CURSOR = re.compile(r"([a-z0-9]{1,32})-(0|[1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A parsed cursor. That it is well-formed doesn't mean that a log can serve it."""

    epoch: str
    offset: int

    @staticmethod
    def parse(text: str, field: str = "cursor") -> Cursor:
        """Raises BadCursor naming `field` if `text` is not well-formed."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise BadCursor(
                f"{field} {text[:80]!r} is not a cursor; give one that the server sent (such as "
                "'k3v9q2-1042'), 'latest', 'earliest', an RFC 3339 time, or a duration such as '10m'",
                field=field,
            )
        return Cursor(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"
