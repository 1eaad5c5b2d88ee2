"""`GET /v1/backup`: the whole log in one file, as of one moment, while the server goes on."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import BinaryIO, Final

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from tricast.access.context import Context
from tricast.api.answers import Api, Ask
from tricast.audit import ABSENT, Change
from tricast.errors import Conflict, Draining, Forbidden, TricastError, Unauthorized
from tricast.hub.caller import Caller
from tricast.hub.hub import Hub
from tricast.log.size import Copyable

MEDIA_TYPE: Final = "application/vnd.sqlite3"
STALL_S: Final = 60.0
_PIECE_BYTES: Final = 256 * 1024
_log = logging.getLogger("tricast.api")


def backup_routes(
    hub: Hub,
    api: Api,
    *,
    recheck: Callable[[Caller], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
    prefix: str = "/v1",
) -> list[Route]:
    """The route that gives a copy of the log of `hub`, to the scope `admin` where no app confines it.

    `recheck(caller)` may raise Unauthorized for who has lost the right while it is sent.
    """

    async def get(ask: Ask) -> Response:
        ask.need("admin")
        if ask.grant.app is not None:
            raise Forbidden(
                f"{ask.grant.subject!r} belongs to the app {ask.grant.app!r}, and a backup holds all apps "
                "and the server's secrets: use an admin key that belongs to none"
            )
        if ask.request.headers.get("sec-fetch-site") == "cross-site":  # (a link: the cookie comes along)
            raise Forbidden("another site's page asks for this backup: download it from the dashboard")
        by = Context(ask.actor, ask.query("reason").get("reason"), ask.request_id)
        log = hub.log
        if not isinstance(log, Copyable):
            raise Conflict(
                "the log is in memory and goes with the process, so there is no file to back up; start the "
                "server with --log sqlite:///data/tricast.db to keep one"
            )
        name = f"tricast-{datetime.fromtimestamp(clock(), UTC):%Y%m%dT%H%M%SZ}.db"
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
        if ask.request.method == "HEAD":
            return Response(headers=headers, media_type=MEDIA_TYPE)
        copy = await log.copy()
        try:
            size = os.fstat(copy.fileno()).st_size
            changes = (Change("", ABSENT, {"file": name, "bytes": size}),)
            entry = by.entry("backup.downloaded", app=None, kind="backup", key=name, changes=changes)
            await hub.append((entry,))
        except BaseException:
            copy.close()
            raise
        return Download(copy, {**headers, "content-length": str(size)}, lambda: may_go_on(ask.caller))

    def may_go_on(caller: Caller) -> None:
        if hub.draining:
            raise Draining("the server is stopping")
        expires_at = caller.grant.expires_at
        if expires_at is not None and expires_at <= clock():
            raise Unauthorized("the token has expired")
        recheck(caller)

    return [api.route(f"{prefix}/backup", get, methods=["GET"])]


class Download(StreamingResponse):
    """An open file, closed when it is sent.

    It breaks off, short of its length, where `check` raises a TricastError before a
    piece, and where a piece is not taken within `stall_s`: the copy holds disk space.
    """

    def __init__(
        self,
        file: BinaryIO,
        headers: dict[str, str],
        check: Callable[[], None],
        *,
        stall_s: float = STALL_S,
    ) -> None:
        super().__init__(_pieces(file, check), 200, headers, media_type=MEDIA_TYPE)
        self._file = file
        self._stall_s = stall_s

    async def stream_response(self, send: Send) -> None:
        """Send head and pieces; the last, empty one only if nothing went wrong."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        try:
            await send(start)
            async for piece in self.body_iterator:
                async with asyncio.timeout(self._stall_s):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (TricastError, OSError) as error:  # (TimeoutError is an OSError)
            _log.warning("a backup was broken off: %s", error or f"nothing was taken for {self._stall_s:g} s")
            return
        finally:
            self._file.close()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pieces(file: BinaryIO, check: Callable[[], None]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
        check()
        yield piece
