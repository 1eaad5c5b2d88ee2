"""Connections as a hostile or unlucky client makes them: what an adversarial review found.

Each was seen to fail before its fix. The numbers in the docstrings are those of the
rules of delivery.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import pytest
import uvicorn
from tests.harness.clients import (
    Sse,
    TransportName,
    WebSocket,
    http,
    query_of,
    read_answer,
    read_head,
    request_bytes,
)
from tests.harness.fakes import FakeOutlet, connect
from tests.harness.server import ANYONE, LARGE_BYTES, Installation, Path_, Server
from tests.harness.sockets import Connection, patience, settled
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from tricast.access.context import TRICAST
from tricast.hub.caller import Caller
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub
from tricast.hub.subscription import Subscription
from tricast.server.app import Service
from tricast.server.direct import HttpProtocol
from tricast.server.runner import config_of
from tricast.server.streams import EventStream, WebSocketStream
from tricast.settings import Settings
from tricast.transports import portable
from tricast.transports.door import Door
from tricast.transports.portable import PortableOutlet
from tricast.transports.websocket import Session
from tricast.wire import commands

pytestmark = pytest.mark.anyio
STREAMS: tuple[TransportName, ...] = ("websocket", "sse")
UPGRADE = (
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
)
PUBLISH = request_bytes(
    "POST", "/v1/events", [("content-type", "application/json")], b'{"topic":"demo/a","data":1}'
)


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> TransportName:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def direct() -> AsyncIterator[Installation]:
    async with Installation("memory:", "direct") as installation:
        yield installation


def handshake(query: str) -> bytes:
    return request_bytes("GET", f"/v1/events?{query}", UPGRADE)


def protocol_of(here: Installation) -> HttpProtocol:
    (protocol,) = here.server.connections
    assert isinstance(protocol, HttpProtocol)
    return protocol


# A client that goes, or is full, before it is a subscriber


async def test_a_client_that_went_while_it_was_let_in_is_forgotten(
    path: Path_, stream: TransportName
) -> None:
    """Its connection was lost before anybody was there to be told."""
    counted: list[int] = []
    async with Installation("memory:", path, admit=lambda _: counted.append(1)) as here:
        here.hub.on_disconnect(lambda _: counted.append(-1))
        asked, let = asyncio.Event(), asyncio.Event()

        @here.hub.on_subscribe
        async def hold(*_: object) -> None:
            asked.set()
            await let.wait()

        query = query_of(["demo/**"], transport=stream)
        sent = handshake(query) if stream == "websocket" else request_bytes("GET", f"/v1/events?{query}")
        with await Connection.open(here.port) as connection:
            await connection.send(sent)
            async with patience():
                await asked.wait()
            connection.reset()
            if stream == "websocket" and path == "direct":
                # (isn't read meanwhile, so that only our own stopping can end it)
                (taken,) = here.server.connections
                taken.shutdown()
        await settled(lambda: not here.server.connections)
        let.set()
        await settled(lambda: not here.server.tasks and not here.hub.callers)
        assert sum(counted) == 0
        assert not here.server.connections


@pytest.mark.parametrize("together", [True, False])
async def test_a_stream_behind_an_answer_that_is_not_read_is_not_written_into_memory(
    direct: Installation, stream: TransportName, together: bool
) -> None:
    """Its turn comes when the answer was taken; the transport tells nobody twice that it is full."""
    query = query_of(["demo/**"], transport=stream)
    asked = handshake(query) if stream == "websocket" else request_bytes("GET", f"/v1/events?{query}")
    if together and stream == "websocket":
        return  # (refused: see below)
    with await Connection.open(direct.port, receive_bytes=4096) as connection:
        await connection.send(request_bytes("GET", "/large") + (asked if together else b""))
        await settled(lambda: bool(direct.server.connections))
        transport = protocol_of(direct).transport
        await settled(lambda: transport.get_write_buffer_size() > 1_000_000)
        if not together:
            await connection.send(asked)
        for _ in range(20):
            await asyncio.sleep(0)
        highest = transport.get_write_buffer_size()
        for n in range(200):
            await direct.publish("demo/a", n, pad=100_000)
        assert transport.get_write_buffer_size() <= highest
        async with patience():
            assert len((await read_answer(connection)).body) == LARGE_BYTES
            assert (await read_head(connection)).status in (101, 200)
            await connection.until(b"tricast.live")
            await direct.publish("demo/a", -1)
            await connection.until(b'"n":-1')


@pytest.mark.parametrize("before", ["/v1/events?topic=demo/a", "/large"])
async def test_an_upgrade_behind_an_answer_that_is_owed_ends_the_connection(
    direct: Installation, before: str
) -> None:
    """Else the answer would stand between the frames of the WebSocket."""
    with await Connection.open(direct.port) as connection:
        await connection.send(request_bytes("GET", before) + handshake("topic=demo/b"))
        async with patience():
            assert b" 101 " not in await connection.rest()
        await settled(lambda: not direct.hub.callers and not direct.server.connections)


async def test_an_upgrade_after_an_answer_on_a_kept_connection_is_taken(direct: Installation) -> None:
    with await Connection.open(direct.port) as connection:
        for request in (PUBLISH, request_bytes("GET", "/v1/events?topic=demo/a&timeout=0")):
            await connection.send(request)
            assert (await read_answer(connection)).status in (200, 201)
        await connection.send(handshake("topic=demo/a"))
        async with patience():
            assert (await read_head(connection)).status == 101
            await connection.until(b"tricast.live")


async def test_a_websocket_that_could_not_be_let_in_is_told_so(served: Installation) -> None:
    """Rule 24: a failure of ours, too; not an open socket that nobody reads."""

    def gate(_: object) -> Grant:
        raise RuntimeError("on purpose")

    served.server.gate = gate
    with await WebSocket.open(served.port, ["demo/a"]) as socket:
        (error,) = await socket.end()
        assert (error.type, socket.close_code) == ("tricast.error", 4503)
    await settled(lambda: not served.server.connections)


async def test_a_portable_outlet_that_ends_for_a_reader_who_reads_nothing_is_aborted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(portable, "_FINISH_S", 0.01)
    never = asyncio.Event()

    async def send(_: object) -> None:
        await never.wait()

    for finished in (True, False):
        outlet = PortableOutlet("texts")
        outlet.write((b"{}",))
        sending = asyncio.ensure_future(portable.send_texts(outlet, send))
        async with patience(), outlet.until_aborted():
            outlet.finish((b"{}",))
            if not finished:
                outlet.lose()
            await never.wait()
        sending.cancel()
        await asyncio.wait([sending])
        assert outlet.dead


# What stays behind an answer


async def test_a_kept_connection_keeps_no_body_and_no_timer_of_a_request_that_was_answered(
    direct: Installation,
) -> None:
    """The timer of a body that came in two parts would write an unasked-for 408 later on."""
    with await Connection.open(direct.port) as connection:
        await connection.send(PUBLISH[:-5])
        await settled(lambda: bool(direct.server.connections))
        protocol = protocol_of(direct)
        await settled(lambda: protocol._head_timer is not None and protocol._turns == 1)
        await connection.send(PUBLISH[-5:])
        assert (await read_answer(connection)).status == 201
        assert protocol._head_timer is None
        assert protocol.timeout_keep_alive_task is not None
        assert cast(Any, protocol.cycle).body == b""


@pytest.mark.parametrize("more", [b"abc", b"ab", b"\r\n"])
async def test_what_follows_an_answered_request_is_bounded_in_time(direct: Installation, more: bytes) -> None:
    """A body that comes after its answer, whole or not, and the empty lines that RFC 9112 §2.2 allows."""
    body = [("content-length", "3")] if more.startswith(b"a") else []
    with await Connection.open(direct.port) as connection:
        await connection.send(request_bytes("GET", "/v1/events?topic=demo/a&timeout=0", body))
        assert (await read_answer(connection)).status == 200
        protocol = protocol_of(direct)
        await connection.send(more)
        whole = more != b"ab"
        await settled(lambda: protocol._head_bytes >= len(more) or (whole and protocol._turns == 2))
        await settled(lambda: (protocol._head_timer is None) is whole)
        await settled(lambda: (protocol.timeout_keep_alive_task is not None) is whole)
        if whole:
            await connection.send(PUBLISH)
            assert (await read_answer(connection)).status == 201


async def test_a_poll_that_waits_is_not_ended_by_a_timer_of_its_body(direct: Installation) -> None:
    with await Connection.open(direct.port) as connection:
        request = request_bytes("GET", "/v1/events?topic=demo/a", [("content-length", "3")])
        await connection.send(request + b"ab")
        await settled(lambda: direct.hub.stats.poll == 1)
        protocol = protocol_of(direct)
        assert (protocol._head_timer, protocol.timeout_keep_alive_task) == (None, None)
        await direct.publish("demo/a", 1)
        assert (await read_answer(connection)).status == 200


async def test_a_closed_connection_is_freed_at_once(direct: Installation) -> None:
    """Not by the garbage collector, which stops the loop for it."""
    requests = {
        "publish": PUBLISH,
        "poll": request_bytes("GET", "/v1/events?topic=demo/a&timeout=0"),
        "asgi": request_bytes("GET", "/large"),
    }
    for request in requests.values():
        with await Connection.open(direct.port) as connection:
            await connection.send(request)
            async with patience():
                assert (await read_answer(connection)).status in (200, 201)
            protocol = weakref.ref(protocol_of(direct))
            await settled(lambda: not direct.server.tasks)
            gc.collect()
            gc.disable()
            try:
                connection.close()
                await settled(lambda: not direct.server.connections)
                await settled(lambda p=protocol: p() is None)  # type: ignore[misc]
            finally:
                gc.enable()


# Frames


class Transport:
    """A socket that takes everything."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closing = self.aborted = False
        self.reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def is_closing(self) -> bool:
        return self.closing

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return 0


class Parser(ServerProtocol):
    """websockets' protocol after a handshake, that counts what it is fed."""

    def __init__(self) -> None:
        super().__init__()
        self.fed: list[int] = []
        self.state = State.OPEN
        self.parser = self.parse()
        next(self.parser)

    def receive_data(self, data: bytes | bytearray) -> None:
        self.fed.append(len(data))
        super().receive_data(data)


@contextmanager
def taken_over() -> Iterator[tuple[WebSocketStream, Transport, Parser]]:
    transport, parser = Transport(), Parser()
    stream = WebSocketStream(cast(Any, transport), set(), parser)
    stream.hold()
    yield stream, transport, parser
    stream.connection_lost(None)


def masked(opcode: Opcode, data: bytes = b"") -> bytes:
    return Frame(opcode, data).serialize(mask=True)


@pytest.mark.parametrize("kind", [EventStream, WebSocketStream])
async def test_a_stream_that_begins_on_a_full_socket_lags(kind: Any) -> None:
    """The transport has told so before, and won't again."""
    async with Hub("memory:") as hub:
        transport = Transport()
        more = () if kind is EventStream else (Parser(),)
        stream = kind(transport, set(), *more, stalled=True)
        caller = Caller(ANYONE, "sse")
        subscriber = hub.open(stream, caller=caller, subscription=Subscription.of(["demo/a"]))
        await hub.publish("demo/a", "first")
        assert subscriber.state == "lagging"
        assert b"first" not in transport.written
        stream.resume_writing()
        await settled(lambda: b"first" in transport.written)
        assert subscriber.state == "live"
        stream.connection_lost(None)
        assert not hub.callers


async def test_what_is_read_at_once_is_not_worked_off_in_one_turn_of_the_loop() -> None:
    """A quarter of a megabyte of pings is 40,000 answers; others have their turn between them."""
    with taken_over() as (stream, transport, parser):
        stream.listen(lambda _: None)
        flood = masked(Opcode.PING) * 40_000
        stream.data_received(flood)
        assert sum(parser.fed) <= 8192
        assert not transport.reading
        await settled(lambda: len(transport.written) == 80_000)
        assert sum(parser.fed) == len(flood)
        assert max(parser.fed) <= 8192
        await settled(lambda: transport.reading)


async def test_what_was_read_waits_while_a_command_is_worked_on() -> None:
    with taken_over() as (stream, transport, _):
        heard: list[str | bytes] = []

        def received(message: str | bytes) -> None:
            heard.append(message)
            stream.hold()

        stream.listen(received)
        stream.data_received(masked(Opcode.TEXT, b"x" * 100) * 1000)
        for _ in range(10):
            await asyncio.sleep(0)
        assert 0 < len(heard) < 100
        assert not transport.reading
        while len(heard) < 1000:
            before = len(heard)
            stream.release()
            await settled(lambda before=before: len(heard) > before)  # type: ignore[misc]
        stream.release()
        await settled(lambda: transport.reading)


async def test_frames_that_come_after_the_end_are_dropped_unread() -> None:
    with taken_over() as (stream, _, parser):
        stream.listen(lambda _: None)
        stream.finish(b"", code=4403, reason="no")
        for _ in range(10):
            stream.data_received(masked(Opcode.PING) * 40_000)
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert sum(parser.fed) <= 64 * 1024


async def test_a_close_frame_still_ends_the_handshake_of_the_end() -> None:
    with taken_over() as (stream, transport, _):
        stream.listen(lambda _: None)
        stream.finish(b"", code=4403, reason="no")
        stream.data_received(masked(Opcode.TEXT, b"{}") * 100 + masked(Opcode.CLOSE, b"\x0f\xa1"))
        await settled(lambda: transport.closing)
        assert not transport.aborted


async def test_pongs_that_are_not_read_are_not_missed() -> None:
    """Rule 26: while a command is worked on, or the subscriber lags, nothing is read."""
    with taken_over() as (stream, _, _):
        stream.listen(lambda _: None)
        stream.beat()
        stream.beat()
        for wait, go_on in ((stream.hold, stream.release), (stream.pause_writing, stream.resume_writing)):
            wait()
            for _ in range(5):
                stream.beat()
            go_on()
            stream.beat()
            stream.beat()
        with pytest.raises(TimeoutError):
            stream.beat()


class HeldOutlet(FakeOutlet):
    """A WebSocket outlet as a Session sees it."""

    def hold(self) -> None: ...

    def release(self) -> None: ...

    async def writable(self) -> None: ...


async def test_commands_that_wait_for_nothing_let_others_have_their_turn() -> None:
    async with Hub("memory:") as hub:
        subscriber, outlet = await connect(hub, "demo/a", outlet=HeldOutlet(), transport="websocket")
        session = Session(Door(hub, lambda _: ANYONE), subscriber, cast(Any, outlet))
        for ref in range(500):
            session.received(json.dumps({"op": "ping", "ref": ref}))
        for _ in range(3):
            await asyncio.sleep(0)
        assert 0 < len(outlet.controls("reply")) <= 150
        await outlet.until(lambda: len(outlet.controls("reply")) == 500)
        assert [reply["data"]["ref"] for reply in outlet.controls("reply")] == list(range(500))


def test_the_lists_of_a_command_are_bounded() -> None:
    for op, member in (("subscribe", "topics"), ("unsubscribe", "topics"), ("subscribe", "type")):
        message = {"op": op, "topics": ["demo/a"]} | {member: [f"demo/{n}" for n in range(129)]}
        problem = commands.parse(json.dumps(message)).problem
        assert problem is not None
        assert problem.field == member


async def test_all_of_128_topics_are_unsubscribed_at_once(served: Installation) -> None:
    topics = [f"demo/{n}" for n in range(128)]
    with await WebSocket.open(served.port, topics) as socket:
        reply = await socket.command("unsubscribe", topics=topics[1:])
        assert reply.data["topics"] == topics[:1]


# Rights


class ServiceServer(Server):
    """The whole service, with its keys and tokens."""

    def __init__(self) -> None:
        self.service = Service(Settings(log="memory:", port=0))
        self._server = uvicorn.Server(config_of(self.service))
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]


@asynccontextmanager
async def guarded() -> AsyncIterator[tuple[ServiceServer, str]]:
    """A service, and a key that may do everything."""
    server = ServiceServer()
    await server.start()
    try:
        assert server.service.root_key is not None
        yield server, server.service.root_key
    finally:
        await server.stop()


async def _token(server: ServiceServer, key: str) -> str:
    asked = json.dumps({"subject": "ann", "subscribe": ["shop/**"], "publish": ["shop/**"]}).encode()
    given = [("authorization", f"Bearer {key}"), ("content-type", "application/json")]
    with await Connection.open(server.port) as connection:
        await connection.send(request_bytes("POST", "/v1/tokens", given, asked))
        token: str = (await read_answer(connection)).json()["token"]
        return token


@pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
async def test_what_is_revoked_while_it_is_let_in_stays_outside(transport: TransportName) -> None:
    """A sweep that has been cannot find who joins later."""
    async with guarded() as (server, key):
        token = await _token(server, key)
        service = server.service

        @service.hub.on_subscribe
        async def revoke(*_: object) -> None:
            await service.access.revocations.revoke_subject("ann", by=TRICAST)

        if transport == "websocket":
            with await WebSocket.open(server.port, ["shop/a"], token=token) as socket:
                (error,) = await socket.end()
                assert (error.type, socket.close_code) == ("tricast.error", 4401)
        else:
            query = query_of(["shop/a"], token=token, transport=transport, timeout=0)
            assert (await http(server.port, "GET", query)).status == 401
        assert not service.hub.callers
        assert service.access.limits._open == {}


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
async def test_what_is_revoked_while_its_body_comes_is_not_published(framing: str) -> None:
    body = b'{"topic":"shop/a","data":1}'
    async with guarded() as (server, key):
        token = await _token(server, key)
        given = [("authorization", f"Bearer {token}"), ("content-type", "application/json")]
        if framing == "chunked":
            given.append(("transfer-encoding", "chunked"))
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            given.append(("content-length", str(len(body))))
        with await Connection.open(server.port) as connection:
            await connection.send(request_bytes("POST", "/v1/events", given))
            await settled(lambda: bool(server.connections))
            (protocol,) = server.connections
            await settled(lambda: protocol._in_body)
            for _ in range(5):
                await asyncio.sleep(0)
            head = server.service.hub.bounds.head
            await server.service.access.revocations.revoke_subject("ann", by=TRICAST)
            await connection.send(body)
            assert (await read_answer(connection)).status == 401
        assert server.service.hub.bounds.head == head + 1  # the revocation's own event


async def test_a_plain_gate_that_answers_with_a_coroutine_is_asked_once(direct: Installation) -> None:
    """After the first poll has found out; and what it made then is closed, which else is a warning."""
    asked: list[int] = []

    async def answer() -> Grant:
        return ANYONE

    def gate(_: object) -> Any:
        asked.append(1)
        return answer()

    door = direct.server._server.config.app.hot._door  # type: ignore[union-attr]
    assert door.is_synchronous
    direct.server.gate = gate
    with await Connection.open(direct.port) as connection:
        for count in (2, 3, 4):
            await connection.send(request_bytes("GET", "/v1/events?topic=demo/a&timeout=0"))
            assert (await read_answer(connection)).status == 200
            assert len(asked) == count
    gc.collect()
    with await Sse.open(direct.port, ["demo/a"]) as listener:
        await listener.until("tricast.live")
