"""What an audit entry says beside the change itself: who, why, and in which request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tricast.audit import MAX_REASON_CHARS, Actor, Change, audit_entry
from tricast.errors import BadRequest
from tricast.event import Draft


@dataclass(frozen=True, slots=True)
class Context:
    """Who changes a key or revokes, why (up to 500 characters), and in which request.

    Raises BadRequest where the reason is longer.
    """

    actor: Actor
    reason: str | None = None
    request_id: str | None = None

    def __post_init__(self) -> None:
        if self.reason is not None and len(self.reason) > MAX_REASON_CHARS:
            raise BadRequest(
                f"reason {self.reason[:40]!r}… has {len(self.reason)} characters; the limit is "
                f"{MAX_REASON_CHARS}",
                field="reason",
            )

    def entry(
        self,
        action: str,
        *,
        app: str | None,
        kind: str,
        key: str,
        changes: Sequence[Change],
        version: int | None = None,
        previous_version: int | None = None,
        environments: Iterable[str] = (),
    ) -> Draft:
        """The audit entry of one change, to be appended in the same unit."""
        return audit_entry(
            action,
            app=app,
            kind=kind,
            key=key,
            actor=self.actor,
            changes=changes,
            version=version,
            previous_version=previous_version,
            reason=self.reason or None,
            request_id=self.request_id,
            environments=environments,
        )


TRICAST = Context(Actor("tricast"))
"""The server itself."""
