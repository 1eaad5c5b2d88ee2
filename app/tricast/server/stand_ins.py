"""What stands in the place of something of uvicorn's that we have no use for."""

from __future__ import annotations

from typing import Any, Final, cast


class _Gone:
    """Stands where a transport was after it was handed on: uvicorn's closing must not reach it."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


GONE: Final = cast(Any, _Gone())


class _Told:
    """The event that uvicorn sets on a cycle; nobody waits for ours."""

    def set(self) -> None: ...


_TOLD = cast(Any, _Told())


class ParkedCycle:
    """Stands where uvicorn's request cycle would be for a poll that never had a task."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete", "response_started")

    more_body = False

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_started = self.response_complete = False
        self.message_event = _TOLD


class PublishCycle(ParkedCycle):
    """Stands where uvicorn's request cycle would be for a publish: collects the body, then is published."""

    __slots__ = ("body", "more_body")

    def __init__(self) -> None:
        super().__init__(keep_alive=True)
        self.body = b""
        self.more_body = True


DONE: Final = ParkedCycle(keep_alive=False)
DONE.response_complete = True


class UntilTheClose(float):
    """The length of a body that has none: uvicorn counts it down and asks whether it came to 0."""

    def __new__(cls) -> UntilTheClose:
        return super().__new__(cls, "inf")

    def __sub__(self, sent: float) -> UntilTheClose:
        return self

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]
