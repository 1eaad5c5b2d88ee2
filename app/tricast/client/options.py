"""How a client behaves: every number that it waits for, and what it does when it is too slow."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from tricast.errors import BadRequest

TransportName = Literal["websocket", "sse", "poll"]
TRANSPORTS: tuple[TransportName, ...] = ("websocket", "sse", "poll")
Overflow = Literal["error", "drop-oldest", "drop-newest"]

_MAY_BE_ZERO = ("ask_early_s",)


@dataclass(frozen=True, slots=True)
class Options:
    """How a client behaves. Times in seconds; the defaults are for people, not for tests.

    `transports`: best first; what isn't named is never used. `beat_s` is the heartbeat that is
    assumed before the server has said its own. `trust_env`: whether the environment's HTTP proxy
    may be asked (for another machine than this one). Raises BadRequest naming the wrong one.
    """

    transports: tuple[TransportName, ...] = TRANSPORTS
    hello_timeout_s: float = 10.0
    failures_before_next: int = 3
    better_every_s: float = 300.0
    backoff_first_s: float = 1.0
    backoff_most_s: float = 30.0
    stable_s: float = 60.0
    beat_s: float = 15.0
    silent_beats: float = 2.5
    sleep_beats: float = 2.0
    poll_timeout_s: float = 25.0
    publish_timeout_s: float = 10.0
    publish_deadline_s: float = 30.0
    token_timeout_s: float = 10.0
    ask_early_s: float = 10.0
    renew_at: float = 0.8
    buffer: int = 1000
    overflow: Overflow = "error"
    trust_env: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                check_number(field.name, value, zero=field.name in _MAY_BE_ZERO)
        check_choice("overflow", self.overflow, get_args(Overflow))
        if not self.transports or len(set(self.transports)) != len(self.transports):
            raise BadRequest(
                f"transports must name one or more of {', '.join(TRANSPORTS)}, each once", field="transports"
            )
        for name in self.transports:
            check_choice("transports", name, TRANSPORTS)
        if self.poll_timeout_s > 60:
            raise BadRequest(
                f"poll_timeout_s {self.poll_timeout_s!r} must be 60 or less", field="poll_timeout_s"
            )
        if self.renew_at >= 1:
            raise BadRequest(
                f"renew_at {self.renew_at!r} is a part of the token's life: below 1", field="renew_at"
            )


def check_number(name: str, value: float, *, zero: bool = False) -> None:
    """Raises BadRequest unless `value` is above 0 (or 0, if `zero`)."""
    if not (value > 0 or (zero and value == 0)):
        raise BadRequest(f"{name} {value!r} must be {'0 or more' if zero else 'above 0'}", field=name)


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises BadRequest unless `value` is one of `choices`."""
    if value not in choices:
        raise BadRequest(f"{name} {str(value)[:80]!r} must be one of {', '.join(choices)}", field=name)
