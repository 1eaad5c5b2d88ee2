"""Flags that nobody seems to need any more: which, and why one may think so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tricast.flags.stored import Stored

STALE_AFTER_DAYS: Final = 30.0
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Staleness:
    """Why a flag is stale. Times are RFC 3339; `last_evaluated_at` None: never, as far as is known."""

    last_evaluated_at: str | None
    last_changed_at: str

    @property
    def why(self) -> str:
        """In words, such as `never evaluated, last changed 2026-01-01T12:00:00Z`."""
        seen = self.last_evaluated_at
        evaluated = "never evaluated" if seen is None else f"last evaluated {seen}"
        return f"{evaluated}, last changed {self.last_changed_at}"

    def to_json(self) -> dict[str, Any]:
        """As answered."""
        return {
            "why": self.why,
            "last_evaluated_at": self.last_evaluated_at,
            "last_changed_at": self.last_changed_at,
        }


def staleness(
    stored: Stored, environment: str | None, evaluated_at: float | None, *, now: float, days: float
) -> Staleness | None:
    """Why a flag is stale in `environment` (None: anywhere): neither evaluated nor changed for `days`.

    None if it isn't, or is archived. `evaluated_at` and `now` are seconds since 1970.
    """
    before = now - days * DAY_S
    changed_at = last_change(stored, environment)
    if stored.flag.archived or seconds(changed_at) > before or (evaluated_at or 0.0) > before:
        return None
    return Staleness(None if evaluated_at is None else timestamp(evaluated_at), changed_at)


def last_change(stored: Stored, environment: str | None) -> str:
    """When what `environment` sees of a flag changed last (None: anything of it), as an RFC 3339 time."""
    touched = None if environment is None else stored.touched.get(environment)
    return stored.flag.updated_at if touched is None else touched.at


def seconds(time: str) -> float:
    """An RFC 3339 time as seconds since 1970."""
    return datetime.fromisoformat(time).timestamp()


def timestamp(at: float) -> str:
    """Seconds since 1970 as an RFC 3339 time, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
