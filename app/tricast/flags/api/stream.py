"""The stream that makes OFREP's providers ask again: Server-Sent Events (DELIVERY.md 27).

It follows a level and not edges. What it tells is where the environment is now, so
it needs no queue, coalesces by itself and can't be behind. Its ids are the cursors
of the environment's last change: a client that comes back with the present one has
missed nothing, and any other is told at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from tricast import (
    Ask,
    Caller,
    Hub,
    Session,
    TooMany,
    TricastError,
    Unavailable,
    problem_response,
)
from tricast.flags import ofrep
from tricast.flags.api.place import Place, place_of
from tricast.flags.store import Flags

_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "connection": "close",
}
_RETRY_S: Final = 5.0
_PARTING_S: Final = 1.0

_log = logging.getLogger("tricast.flags")

_Write = Callable[[bytes], Awaitable[None]]


class Bells:
    """Wakes those who wait for a change of an environment."""

    def __init__(self, flags: Flags) -> None:
        self._there: dict[Place, set[asyncio.Event]] = {}
        flags.on_change(self._ring)

    @contextmanager
    def at(self, place: Place) -> Iterator[asyncio.Event]:
        """An event that is set after each change of `place`. Clear it, then look."""
        bell = asyncio.Event()
        there = self._there.setdefault(place, set())
        there.add(bell)
        try:
            yield bell
        finally:
            there.discard(bell)
            if not there:
                self._there.pop(place, None)

    def _ring(self, app: str, environment: str) -> None:
        for bell in self._there.get(Place(app, environment), ()):
            bell.set()


class Streams:
    """The streams of a hub's flags.

    `admit(caller)` is asked right before one begins, and may raise TooMany; from
    then on it is one of the hub's connections.
    """

    def __init__(
        self,
        hub: Hub,
        flags: Flags,
        bells: Bells,
        *,
        admit: Callable[[Caller], None] = lambda _: None,
        heartbeat_s: float = 15.0,
    ) -> None:
        self.hub = hub
        self.admit = admit
        self.bells = bells
        self.heartbeat_s = heartbeat_s
        self._flags = flags

    async def open(self, ask: Ask) -> Response:
        """The stream of an environment, for whoever may read flags."""
        ask.need("flags:read")
        place = place_of(ask)
        self.etag(place)
        if ask.request.method == "HEAD":
            return _Head()
        caller = replace(ask.caller, transport="sse")
        return _Stream(self, caller, place, ask.last_event_id)

    def etag(self, place: Place) -> str:
        """Where the environment is. Raises NotFound if it isn't."""
        return self._flags.environment(place.app, place.environment).etag


def stream_refusal(error: TricastError) -> Response:
    """The answer to a GET of a stream that fails.

    A temporary refusal (TooMany, Unavailable) is a stream that ends at once and says when to reconnect,
    because EventSource gives up on an error status (DELIVERY.md 23). Any other is a problem.
    """
    if not isinstance(error, TooMany | Unavailable):
        return problem_response(error)
    wait_s = _RETRY_S if error.retry_after_s is None else max(1.0, error.retry_after_s)
    return Response(ofrep.goodbye(error.code, round(wait_s * 1000)), headers=_HEADERS)


class _Head(Response):
    """What a stream begins with."""

    def __init__(self) -> None:
        self.status_code = 200
        self.background = None
        self._has_begun = False
        self.init_headers(_HEADERS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._begin(send)
        await send({"type": "http.response.body"})

    async def _begin(self, send: Any) -> None:
        self._has_begun = True
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})


class _Stream(_Head):
    """One stream, as long as its session, its environment and its client last."""

    def __init__(self, streams: Streams, caller: Caller, place: Place, seen: str | None) -> None:
        super().__init__()
        self._streams = streams
        self._caller = caller
        self._place = place
        self._seen = seen

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def write(block: bytes) -> None:
            await send({"type": "http.response.body", "body": block, "more_body": True})

        try:
            admitted = self._streams.hub.session(self._caller, admit=self._streams.admit)
            async with admitted as session, _not_long_after(session):
                await self._begin(send)
                await self._while_wanted(session, receive, write)
                await send({"type": "http.response.body"})
        except TricastError as error:
            await self._refuse(error, scope, receive, send)
        except Exception:
            if self._has_begun:
                raise
            _log.exception("a flag stream could not begin")
            failure = Unavailable("the server failed to do this; its log says why")
            await self._refuse(failure, scope, receive, send)

    async def _refuse(self, error: TricastError, scope: Any, receive: Any, send: Any) -> None:
        refusal = stream_refusal(error)
        for name, value in self.headers.items():  # `Api.route` has added CORS and the request's id
            refusal.headers.setdefault(name, value)
        await refusal(scope, receive, send)

    async def _while_wanted(self, session: Session, receive: Any, write: _Write) -> None:
        """Write until the session or the client ends; then, to a client that is there, why."""
        gone = asyncio.ensure_future(_disconnected(receive))
        with self._streams.bells.at(self._place) as bell:
            for end in (gone, session.ended):
                end.add_done_callback(lambda _: bell.set())
            try:
                await self._follow(bell, lambda: gone.done() or session.ended.done(), write)
            except TricastError as error:  # the environment was removed, or the hub has stopped
                await write(ofrep.goodbye(error.code, 0))
            finally:
                gone.cancel()
        if session.ended.done():
            ending = session.ended.result()
            await write(ofrep.goodbye(ending.reason, ending.reconnect_after_ms))

    async def _follow(self, bell: asyncio.Event, is_over: Callable[[], bool], write: _Write) -> None:
        told: str | None = None
        quiet = False
        while not is_over():
            etag = self._streams.etag(self._place)
            if told is None:
                await write(ofrep.opening(etag, self._seen))
            elif etag != told:
                await write(ofrep.refetch(etag))
            elif quiet:
                await write(ofrep.heartbeat())
            told = etag
            quiet = not await _rung(bell, self._streams.heartbeat_s)


@asynccontextmanager
async def _not_long_after(session: Session) -> AsyncIterator[None]:
    """What runs inside ends with the session, even if the client takes nothing more."""
    limit = asyncio.timeout(None)
    is_inside = True

    def ended(_: object) -> None:
        if is_inside:
            limit.reschedule(asyncio.get_running_loop().time() + _PARTING_S)

    try:
        async with limit:
            session.ended.add_done_callback(ended)
            try:
                yield
            finally:
                is_inside = False
    except TimeoutError:
        if not limit.expired():
            raise


async def _rung(bell: asyncio.Event, within_s: float) -> bool:
    """Wait for `bell`, and clear it: what comes now is seen by who looks afterwards."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await bell.wait()
    rung = bell.is_set()
    bell.clear()
    return rung


async def _disconnected(receive: Any) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
