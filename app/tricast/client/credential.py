"""When to ask for a token, as a matter of bookkeeping: who asks, and whom, is elsewhere."""

from __future__ import annotations


class Credential:
    """A token, until when it is good, and whether another may be asked for.

    `renewable`: there is somebody to ask. Times in seconds, of one clock.
    """

    def __init__(self, token: str | None, *, renewable: bool, ask_early_s: float, renew_at: float) -> None:
        self.token = token
        self.asking = False
        self.renew_due_at: float | None = None
        self._renewable = renewable
        self._ask_early_s = ask_early_s
        self._renew_at = renew_at
        self._expires_at: float | None = None
        self._refused = False

    @property
    def is_renewable(self) -> bool:
        """Whether there is somebody to ask."""
        return self._renewable

    def is_wanted(self, now: float) -> bool:
        """Whether one must be asked for before connecting: there is none, or it expires at once."""
        if not self._renewable:
            return False
        expires_at = self._expires_at
        return self.token is None or (expires_at is not None and expires_at - now < self._ask_early_s)

    def given(self, token: str) -> None:
        """A new token came."""
        self.asking = False
        self.token = token
        self.renew_due_at = self._expires_at = None

    def refused(self) -> bool:
        """The server refused it. Whether another one may be tried: once, until one is accepted."""
        if not self._renewable or self._refused:
            return False
        self._refused = True
        return True

    def accepted(self, now: float, expires_in_s: float | None) -> None:
        """The server took it, and said for how long."""
        self._refused = False
        if expires_in_s is None:
            self.renew_due_at = self._expires_at = None
            return
        self._expires_at = now + expires_in_s
        self.renew_due_at = now + expires_in_s * self._renew_at if self._renewable else None

    def not_given(self, again_at: float | None) -> None:
        """None was to be had; ask again then (None: not before it is refused)."""
        self.asking = False
        self.renew_due_at = again_at
