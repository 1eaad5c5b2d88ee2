"""How long a connection may say nothing, and whether the machine slept: times, and no clock."""

from __future__ import annotations

from tricast.client.ends import Dropped, NoHello
from tricast.client.link import Link
from tricast.client.options import Options


class Patience:
    """The options' numbers, applied. Times in seconds, of one clock that goes on while a machine sleeps."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._wake_by: float | None = None

    def beat_s(self, link: Link | None) -> float:
        """How long a beat is now."""
        return (link and link.beat_s) or self._options.beat_s

    def deadline(self, link: Link | None) -> float | None:
        """When patience with a connection ends: briefly before hello, then after some beats."""
        if link is None:
            return None
        if link.hello_at is None:
            return link.opened_at + self._options.hello_timeout_s
        return None if link.beat_s is None else link.heard_at + link.beat_s * self._options.silent_beats

    def end(self, link: Link) -> Dropped:
        """What such a silence means."""
        if link.hello_at is None:
            return NoHello(f"{link.transport}: no hello for {self._options.hello_timeout_s:g} s")
        return Dropped("nothing was heard for some beats")

    def wake_by(self, at: float) -> None:
        """Somebody will look at the clock at `at`."""
        self._wake_by = at

    def has_slept(self, now: float, link: Link | None) -> bool:
        """Whether that look comes so late that the machine must have slept."""
        by, self._wake_by = self._wake_by, None
        return by is not None and now - by > self._options.sleep_beats * self.beat_s(link)
