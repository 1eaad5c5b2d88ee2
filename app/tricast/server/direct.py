"""The way past ASGI: uvicorn's HTTP protocol, subclassed to hand its sockets over.

Each request finds a writer of its own in `scope["extensions"]["tricast.direct"]`.
A stream that is taken over gets a small protocol object in the place of uvicorn's:
no task, no scope, no headers stay behind an idle connection. A long-poll that
needs nothing to be waited for is parked before uvicorn makes a task for it.

Pinned to uvicorn's minor version: `on_headers_complete`, `on_response_complete` and
the attributes of the request cycle are used as they are in 0.54.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tricast.errors import BadRequest, HeadTooLarge, TooSlow, TricastError
from tricast.server.heads import host_problem, wants_websocket, without_upgrade
from tricast.server.listening import UNIX_CLIENT, has_unix_peer
from tricast.server.request import RequestWriter
from tricast.server.stand_ins import GONE, ParkedCycle, PublishCycle, UntilTheClose
from tricast.server.streams import ChunkedEventStream, EventStream, tune
from tricast.transports.direct import EXTENSION, HotPath
from tricast.transports.http import refusal

HEADERS_TIMEOUT_S: Final = 15.0
MAX_HEAD_BYTES: Final = 64 * 1024
_MAX_HELD_BYTES: Final = 64 * 1024
_MAX_DROPPED_BYTES: Final = 16 * 1024 * 1024
_PARTING_S: Final = 5.0
EVENTS_PATH: Final = b"/v1/events"

_log = logging.getLogger("tricast.server")

# A publish with one of these, or with a larger body, takes the ordinary path.
_NEEDS_MORE: Final = frozenset(
    (
        b"content-encoding",
        b"cookie",
        b"expect",
        b"forwarded",
        b"origin",
        b"transfer-encoding",
        b"x-forwarded-for",
        b"x-forwarded-proto",
    )
)
_SMALL_BODY_BYTES: Final = 64 * 1024


class _BadHead(Exception):
    """Raised in a callback of the parser to make `feed_data` fail: the head is refused."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with direct writers, bounded heads and parked requests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = self.config.access_log
        self._parked: RequestWriter | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._turns = 0  # heads and bodies that came to their end
        self._head_bytes = 0
        self._in_head = False
        self._in_body = False
        self._parting = False
        self._half_closed = False
        self._full = False
        self._problem: TricastError | None = None  # why the head is refused, if the parser accepts it
        self._head_timer: asyncio.TimerHandle | None = None
        self._hot: HotPath | None = getattr(self.config.app, "hot", None)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.client is None and has_unix_peer(transport):
            self.client = UNIX_CLIENT
        self._await_head()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEADERS_TIMEOUT_S, self._slow_head)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _slow_head(self) -> None:
        self._head_timer = None
        cycle: Any = self.cycle
        if isinstance(cycle, PublishCycle) and cycle.more_body and not cycle.response_complete:
            cycle.response_complete = True
            self._refuse(TooSlow(f"the body did not arrive within {HEADERS_TIMEOUT_S:g} s", field="body"))
        elif self._in_body:
            self.transport.close()
        elif not self.transport.is_closing():
            self._refuse(TooSlow(f"the request's head did not arrive within {HEADERS_TIMEOUT_S:g} s"))

    def send_400_response(self, msg: str) -> None:
        problem, self._problem = self._problem, None
        self._refuse(
            problem or BadRequest("what was sent is not HTTP/1.1 as RFC 9112 has it", field="request")
        )

    def _refuse(self, problem: TricastError) -> None:
        """Answer with `problem` and close.

        If an earlier request is unanswered, close after its answer instead: the client would take
        the refusal for that answer (RFC 9112 §9.3.2).
        """
        if self._has_unanswered:
            self._parting = True
            self.finish()
            return
        self.transport.write(refusal(problem))
        self.transport.close()

    @property
    def _has_unanswered(self) -> bool:
        """Whether a complete request is still to be answered."""
        cycle: Any = self.cycle
        if cycle is None:
            return False
        waits = not cycle.response_complete and not cycle.more_body
        return waits or bool(self.pipeline) or self._parked is not None

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer the complete requests of a client that has closed its side (`nc -N`), then close.

        A waiting poll is answered at once. A response of unknown length that has begun ends instead:
        its client can't be told from one that is gone. An incomplete request is refused.
        """
        cycle: Any = self.cycle
        if not self._has_unanswered:
            self._refuse_incomplete()
            return False
        if not self._parting:  # (uvloop calls this again when reading is resumed)
            streams = cycle.response_started and not cycle.response_complete
            if streams and cycle.chunked_encoding is not False:
                return False
            # What was held came before the end, and is read first.
            self._half_closed = bool(self._held)
            if not self._half_closed:
                self._parting = True
                self.finish()
        if self._parked is not None:
            self._parked.answer_now()
        return True

    def _refuse_incomplete(self) -> None:
        """Refuse the head or the body that breaks off with the client's side, where nothing was answered."""
        cycle: Any = self.cycle
        if self._parting or self.transport.is_closing():
            return
        if self._in_head:
            self._refuse(BadRequest("the connection was closed in the middle of a head", field="request"))
        elif self._in_body and cycle is not None and not cycle.response_started:
            cycle.disconnected = True
            cycle.message_event.set()
            self._refuse(BadRequest("the connection was closed before the body was complete", field="body"))

    def _end_of_input(self) -> None:
        if not self.transport.is_closing() and not self.eof_received():
            self.transport.close()

    def part(self, response: bytes) -> None:
        """Answer while more is coming: read and drop it for a moment, then close.

        Closing at once would reset the connection, and the answer be lost to who is
        still sending (RFC 9112 §9.6).
        """
        self._parting = True
        self._stop_waiting()
        self.transport.write(response)
        self.transport.write_eof()
        self.flow.resume_reading()
        self._head_timer = self.loop.call_later(_PARTING_S, self.transport.close)

    @property
    def _must_wait(self) -> bool:
        """Whether what comes now waits: for a parked poll's answer, or for the client to take one."""
        return self._parked is not None or self._full

    def data_received(self, data: bytes) -> None:
        if self._parting:
            return
        if self._must_wait:
            # A request pipelined behind a waiting poll: its turn comes after the answer.
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes > _MAX_HELD_BYTES:
                self.transport.abort()
            return
        turns = self._turns
        self._feed(data)
        self._await_more(len(data) if self._turns == turns else 0)

    def _feed(self, data: bytes) -> None:
        """Parse what arrived.

        An offer to upgrade to anything but a WebSocket is ignored (RFC 9110 §7.8). After such an offer
        the parser would not read the body and the next requests as HTTP, so a new one is fed the head
        without the offer. (The old one reads nothing more where the head has `close` or HTTP/1.0.)
        """
        self._unset_keepalive_if_required()
        rest: bytes | memoryview = data
        while True:
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                rest = memoryview(rest)[upgrade.args[0] :]
            except httptools.HttpParserError:
                self.send_400_response("")
                return
            if self._should_upgrade():
                self.handle_websocket_upgrade(bytes(rest))
                return
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # (as uvicorn's)
            try:
                self.parser.feed_data(self._head_without_upgrade())
            except (httptools.HttpParserError, _BadHead):
                self.send_400_response("")
                return

    def _should_upgrade(self) -> bool:
        scope = self.scope
        return wants_websocket(scope["method"], scope["http_version"], self.headers)

    def _head_without_upgrade(self) -> bytes:
        scope = self.scope
        if scope["method"] == "CONNECT":
            raise _BadHead  # the parser reports CONNECT as an upgrade too, and it is nothing else
        return without_upgrade(scope["method"], self.url, scope["http_version"], self.headers)

    def _await_more(self, size: int) -> None:
        """Bound the time and size of what is still to arrive; `size` bytes of it have arrived."""
        if self._parting or self.transport.is_closing() or self._must_wait:
            return
        cycle: Any = self.cycle
        if isinstance(cycle, PublishCycle) and cycle.more_body:
            self._await_head()  # its body is bounded in time as a head is
            return
        if cycle is not None and (not cycle.response_complete or self.pipeline):
            return
        self._head_bytes += size
        if self._in_body:  # of a request that was answered before
            if self._head_bytes > _MAX_DROPPED_BYTES:
                self.transport.abort()
            else:
                self._await_head()
        elif self._head_bytes > MAX_HEAD_BYTES:
            detail = f"the request's head has more than {MAX_HEAD_BYTES} bytes"
            self.part(refusal(HeadTooLarge(detail, field="request")))
        elif self._in_head:
            self._await_head()
        elif self.timeout_keep_alive_task is None:
            # (any byte stops uvicorn's timer; those were the end of a body, or empty lines)
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        self.scope["http_version"] = version
        self._problem = host_problem(self.headers, version)
        if self._problem is not None:
            raise _BadHead
        if self.parser.should_upgrade():
            self.scope["method"] = self.parser.get_method().decode("ascii")
            return  # `_feed` decides
        if version == "1.0":
            self.expect_100_continue = False  # RFC 9110 §10.1.1
        self._turns += 1
        self._head_bytes = 0
        self._in_head = False
        self._in_body = True
        self._stop_waiting()
        if self._hot is not None and self.url.startswith(EVENTS_PATH) and self._is_hot(self._hot, version):
            return
        before = self.cycle
        if self._must_wait:
            # Pipelined in one segment with a poll that waits: queued, so that the poll's answer comes first.
            complete, before.response_complete = before.response_complete, False
            super().on_headers_complete()
            before.response_complete = complete
            self._read_while_parked()
        else:
            super().on_headers_complete()
        cycle: Any = self.cycle
        if cycle is not before:
            if version == "1.0":
                # (uvicorn chunks to these, too, and proxies speak 1.0: the close ends the body)
                cycle.chunked_encoding = False
                cycle.expected_content_length = UntilTheClose()
            cast(Any, self.scope)["extensions"] = {EXTENSION: RequestWriter(self, cycle)}

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if not isinstance(cycle, PublishCycle):
            super().on_body(body)
        elif not cycle.response_complete:
            cycle.body += body

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._turns += 1
        self._head_bytes = 0
        self._in_body = False
        self._stop_waiting()
        cycle: Any = self.cycle
        if not isinstance(cycle, PublishCycle):
            super().on_message_complete()
        elif not cycle.response_complete:
            cycle.more_body = False
            body, cycle.body = cycle.body, b""
            assert self._hot is not None
            task = self.loop.create_task(self._hot.publish_now(self.scope, body))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _is_hot(self, hot: HotPath, version: str) -> bool:
        """Take a request past uvicorn: a poll or a publish like most, whose turn has come."""
        parser, before = self.parser, cast(Any, self.cycle)
        path, _, query = self.url.partition(b"?")
        if path != EVENTS_PATH or version != "1.1":
            return False
        if before is not None and not before.response_complete:
            return False
        if self.pipeline or self._must_wait:
            return False
        method = parser.get_method()
        if b"#" in query or not parser.should_keep_alive():
            return False
        scope = cast(Any, self.scope)
        scope.update(path="/v1/events", raw_path=path, query_string=query)
        if method == b"GET":
            return self._parks(hot, scope, before)
        return method == b"POST" and self._collects(scope)

    def _parks(self, hot: HotPath, scope: Any, before: Any) -> bool:
        """Open the request as a parked poll."""
        scope["method"] = "GET"
        cycle = ParkedCycle(keep_alive=True)
        self.cycle = cast(Any, cycle)
        try:
            if hot.poll_now(scope, RequestWriter(self, cycle)):
                return True
        except Exception:  # noqa: BLE001
            _log.exception("a poll could not be parked")
        # Nothing was done: the ordinary path, and what it has to say about it.
        self.cycle = before
        return False

    def _collects(self, scope: Any) -> bool:
        """Collect the body of a publish, if it is small and nothing else is asked for."""
        size = None
        for name, value in self.headers:
            if name in _NEEDS_MORE:
                return False
            if name == b"content-length":
                size = int(value)  # the parser has checked it
        if size is None or size > _SMALL_BODY_BYTES:
            return False
        cycle = PublishCycle()
        self.cycle = cast(Any, cycle)
        scope["method"] = "POST"
        scope["extensions"] = {EXTENSION: RequestWriter(self, cycle)}
        return True

    def handle_websocket_upgrade(self, early: bytes = b"") -> None:
        """Hand the connection over, with `early`: the bytes that arrived after the head."""
        cycle: Any = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if answering or self.pipeline or self._must_wait or self.flow.write_paused:
            # An answer that is owed would stand between the frames.
            self.transport.abort()
            return
        others = [(name, value) for name, value in self.headers if name != b"upgrade"]
        self.scope["headers"] = [*others, (b"upgrade", b"websocket")]
        transport = self.transport
        super().handle_websocket_upgrade()
        if early and not transport.is_closing():
            cast(Any, transport.get_protocol()).data_received(early)
        self._let_go()

    def _let_go(self) -> None:
        """Hold nothing, now that the connection is another's or gone (no garbage for the collector)."""
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self.transport = GONE
        self.parser = None  # type: ignore[assignment]
        self.cycle = None  # type: ignore[assignment]
        self.scope = None  # type: ignore[assignment]
        self.headers = None  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        parked, self._parked = self._parked, None
        for waiting, _ in self.pipeline:
            waiting.disconnected = True
        super().connection_lost(exc)
        scope, cycle = cast(Any, self.scope), cast(Any, self.cycle)
        if cycle is not None and cycle.response_complete:
            scope.pop("extensions", None)  # (which has the cycle, which has the scope)
        self._let_go()
        if parked is not None:
            parked.lost()

    def finish(self) -> None:
        """Let the answer that is owed be the connection's last one, and say so."""
        cycle: Any = self.cycle
        if cycle is not None and (self._parked is not None or not cycle.response_complete):
            cycle.keep_alive = False

    def park(self, request: RequestWriter) -> None:
        self._parked = request
        self._read_while_parked()
        if self._parting:
            request.answer_now()

    def _read_while_parked(self) -> None:
        """Read on, which uvicorn doesn't behind a queued request: the poll's client may go."""
        if self._parked is not None and not self._full:
            self.flow.resume_reading()

    def unpark(self, request: RequestWriter) -> bool:
        """Whether `request` was parked; it isn't afterwards."""
        if self._parked is not request:
            return False
        self._parked = None
        return True

    def on_response_complete(self) -> None:
        """Go on to the next request, once the client has taken what it was answered.

        A client that pipelines and reads nothing would have every answer kept for it,
        and a stream behind them would not know that its socket is full.
        """
        if self.flow.write_paused and not self.transport.is_closing():
            self._full = True
            self.flow.pause_reading()
            tune(self.transport)
            return
        super().on_response_complete()
        if self._held:
            self._feed_held()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._full:
            self._full = False
            self.on_response_complete()

    def _feed_held(self) -> None:
        """Read what arrived while a request had to wait."""
        held, self._held, self._held_bytes = self._held, [], 0
        for data in held:
            if not self.transport.is_closing():
                self.data_received(data)
        if self._half_closed:
            self.loop.call_soon(self._end_of_input)

    def hand_over(self, head: bytes, *, chunked: bool, gone: bool) -> EventStream:
        """Give the connection to a new EventStream, which is all that stays."""
        transport = self.transport
        self.connections.discard(self)
        kind = ChunkedEventStream if chunked else EventStream
        stream = kind(transport, cast(Any, self.connections), stalled=self.flow.write_paused)
        if gone or transport.is_closing():
            stream.connection_lost(None)
            return stream
        self.server_state.total_requests += 1
        transport.set_protocol(stream)
        tune(transport)
        transport.write(head)
        if self.pipeline:
            stream.abort()
        if not transport.is_reading():
            transport.resume_reading()
        self._let_go()
        return stream
