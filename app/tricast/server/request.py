"""The way of one HTTP request to its socket, and its line in the access log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tricast.server.stand_ins import DONE, ParkedCycle
from tricast.server.streams import EventStream
from tricast.transports.direct import WaitingPoll
from tricast.transports.http import closing

if TYPE_CHECKING:
    from tricast.server.direct import HttpProtocol

_access_log = logging.getLogger("tricast.access")


def log_access(client: Any, method: bytes, url: bytes, status: int) -> None:
    """One line of the access log. (What logs it takes tokens out.)"""
    address = client[0] if client else "-"
    _access_log.info("%s %s %s %d", address, method.decode(), url.decode("latin-1"), status)


class RequestWriter:
    """One HTTP request's way to its socket (`transports.direct.DirectRequest`)."""

    __slots__ = ("_cycle", "_protocol", "_request", "_waiting")

    def __init__(self, protocol: HttpProtocol, cycle: RequestResponseCycle | ParkedCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._waiting: WaitingPoll | None = None
        # Kept for the access log only.
        self._request = (
            (protocol.parser.get_method(), protocol.url, cast(Any, protocol.scope))
            if protocol.access_log
            else None
        )

    def respond(self, response: bytes) -> None:
        cycle, protocol = self._cycle, self._protocol
        parked = protocol.unpark(self)
        if cycle.response_complete and not parked:
            return
        self._cycle = DONE
        self._waiting = None
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if cycle.disconnected or protocol.transport.is_closing():
            return
        self._log(response)
        if cycle.more_body:
            protocol.part(closing(response))
            return
        if cycle.keep_alive:
            protocol.transport.write(response)
        else:
            protocol.transport.write(closing(response))
            protocol.transport.close()
        protocol.on_response_complete()

    def park(self, poll: WaitingPoll) -> None:
        cycle, protocol = self._cycle, self._protocol
        cycle.response_started = cycle.response_complete = True
        if cycle.disconnected or protocol.transport.is_closing():
            poll.lost()
        else:
            self._waiting = poll
            protocol.park(self)

    def lost(self) -> None:
        """Report the end of the client's connection to the parked poll."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.lost()

    def answer_now(self) -> None:
        """Have the parked poll answered without waiting any longer."""
        if self._waiting is not None:
            self._waiting.answer_now()

    def stream(self, head: bytes, *, chunked: bool) -> EventStream:
        cycle, protocol = self._cycle, self._protocol
        self._cycle = DONE
        cycle.response_started = cycle.response_complete = True
        self._log(head)
        return protocol.hand_over(head, chunked=chunked, gone=cycle.disconnected)

    def _log(self, response: bytes) -> None:
        if self._request is not None:
            method, url, scope = self._request
            self._request = None  # (the scope has this writer)
            log_access(scope.get("client"), method, url, int(response[9:12]))
