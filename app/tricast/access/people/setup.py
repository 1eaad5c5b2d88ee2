"""The first start: a code that lets one person make themselves the first admin.

It is made in memory and dies with the process, so that an old line in some log opens
nothing, and is good only while there is nobody.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from tricast.access.people.people import People

CODE_BYTES: Final = 16


class SetUp:
    """The set-up code of one process. Where nobody is asked for credentials there is none."""

    def __init__(self, people: People, *, offered: bool) -> None:
        self._people = people
        self._code = secrets.token_urlsafe(CODE_BYTES) if offered else None

    @property
    def code(self) -> str | None:
        """The code, while it is good."""
        return self._code if self._people.is_empty else None

    def matches(self, code: str) -> bool:
        """Whether that is it, in constant time."""
        expected = self._code or ""
        return hmac.compare_digest(code.encode(errors="replace"), expected.encode()) and expected != ""
