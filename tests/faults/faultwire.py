"""Clients that do exactly what they are told, on plain sockets: they stop, dribble, vanish and resume."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

import orjson

WAIT_S = 30.0
EVENTS = "/v1/events"


class Gone(Exception):
    """The server ended the connection (or it could not be made)."""


@dataclass(slots=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes
    version: str = "HTTP/1.1"

    def json(self) -> Any:
        return orjson.loads(self.body)

    def problem(self) -> dict[str, Any]:
        assert self.headers.get("content-type") == "application/problem+json", self
        found: dict[str, Any] = self.json()
        assert found["status"] == self.status, self
        assert found["detail"], self
        return found


class Wire:
    """A TCP connection. Nothing is read unless it is asked for."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, port: int, *, receive_buffer: int | None = None) -> Self:
        sock = socket.socket()
        try:
            sock.setblocking(False)
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise Gone(str(error)) from None
            raise
        return cls(sock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Vanish with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    async def send(self, data: bytes) -> None:
        try:
            await self._loop.sock_sendall(self.sock, data)
        except OSError as error:
            raise Gone(str(error)) from None

    async def more(self) -> None:
        """Read what there is."""
        try:
            data = await self._loop.sock_recv(self.sock, 1 << 18)
        except OSError as error:
            raise Gone(str(error)) from None
        if not data:
            raise Gone("the server closed the connection")
        self.buffer += data

    async def until(self, separator: bytes) -> bytes:
        start = 0
        while (found := self.buffer.find(separator, start)) < 0:
            start = max(0, len(self.buffer) - len(separator) + 1)
            await self.more()
        return self.take(found + len(separator))

    async def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self.more()
        return self.take(size)

    def take(self, size: int) -> bytes:
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    async def ended(self) -> bytes:
        """What still comes until the server ends the connection."""
        while True:
            try:
                await self.more()
            except Gone:
                return self.take(len(self.buffer))

    # HTTP

    async def head(self) -> Answer:
        lines = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        pairs = (line.partition(": ") for line in lines[1:] if line)
        return Answer(int(status), {name.lower(): value for name, _, value in pairs}, b"", version)

    async def answer(self) -> Answer:
        """The next response, whose body must have a length."""
        answer = await self.head()
        if answer.status not in (100, 204):
            answer.body = await self.exactly(int(answer.headers["content-length"]))
        return answer

    async def request(
        self, method: str, target: str, body: bytes | None = None, *, version: str = "1.1", **headers: str
    ) -> Answer:
        """Ask and wait for the response."""
        await self.send(request(method, target, body, version=version, **headers))
        return await self.answer()

    async def publish(self, events: Any, **headers: str) -> Answer:
        return await self.request(
            "POST", EVENTS, orjson.dumps(events), content_type="application/json", **headers
        )

    async def poll(self, topic: str, cursor: str | None = None, **query: Any) -> Answer:
        return await self.request("GET", target(topic, cursor, **query))


def target(topic: str, cursor: str | None = None, **query: Any) -> str:
    """The URL of a subscription."""
    values = {"topic": topic, "cursor": cursor, **query}
    pairs = (f"{name}={quote(str(value), safe='/*')}" for name, value in values.items() if value is not None)
    return f"{EVENTS}?{'&'.join(pairs)}"


def request(
    method: str, target: str, body: bytes | None = None, *, version: str = "1.1", **headers: str
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (body or b"")


@dataclass(slots=True)
class Message:
    """What a stream brought: an event or a control event, and the cursor beside it (None: none)."""

    type: str
    cursor: str | None
    envelope: dict[str, Any] = field(repr=False)

    @property
    def data(self) -> Any:
        return self.envelope.get("data")

    @property
    def is_event(self) -> bool:
        return not self.type.startswith("tricast.")


class Sse(Wire):
    """An event stream."""

    _is_chunked = False
    _body = b""

    @classmethod
    async def subscribe(
        cls,
        port: int,
        topic: str,
        cursor: str | None = None,
        *,
        version: str = "1.1",
        receive_buffer: int | None = None,
        **headers: str,
    ) -> Self:
        self = await cls.open(port, receive_buffer=receive_buffer)
        try:
            last = {} if cursor is None or "-" not in cursor else {"Last_Event_ID": cursor}
            where = target(topic, None if last else cursor)
            await self.send(
                request("GET", where, version=version, accept="text/event-stream", **last, **headers)
            )
            answer = await self.head()
            assert answer.status == 200, (answer, bytes(self.buffer))
            assert answer.headers["content-type"].startswith("text/event-stream"), answer
            assert answer.headers["connection"] == "close", answer
            self._is_chunked = answer.headers.get("transfer-encoding") == "chunked"
            assert self._is_chunked is (version == "1.1"), answer
        except BaseException:
            self.close()
            raise
        return self

    async def _block(self) -> bytes:
        if not self._is_chunked:
            return await self.until(b"\n\n")
        while b"\n\n" not in self._body:
            size = int(await self.until(b"\r\n"), 16)
            if size == 0:
                await self.exactly(2)
                raise Gone("the last chunk")
            self._body += (await self.exactly(size + 2))[:-2]
        block, end, self._body = self._body.partition(b"\n\n")
        return block + end

    async def next(self) -> Message:
        block = await self._block()
        values: dict[bytes, bytes] = {}
        for line in block[:-2].split(b"\n"):
            name, _, value = line.partition(b": ")
            assert name not in values, block[:1000]
            values[name] = value
        envelope = orjson.loads(values[b"data"])
        cursor = values[b"id"].decode() if b"id" in values else None
        event = values.get(b"event", b"").decode()
        assert event == ("" if not envelope["type"].startswith("tricast.") else envelope["type"])
        if event != "tricast.goodbye":
            assert envelope.get("cursor") == cursor
        return Message(envelope["type"], cursor, envelope)


class WebSocket(Wire):
    """A WebSocket; answers pings unless `answers` is false, and a Close with a Close."""

    answers: bool = True
    code: int | None = None
    reason: str = ""

    @classmethod
    async def subscribe(
        cls,
        port: int,
        topic: str,
        cursor: str | None = None,
        *,
        receive_buffer: int | None = None,
        **headers: str,
    ) -> Self:
        self = await cls.open(port, receive_buffer=receive_buffer)
        try:
            await self.send(handshake(target(topic, cursor), **headers))
            answer = await self.head()
            assert answer.status == 101, answer
        except BaseException:
            self.close()
            raise
        return self

    async def frame(self) -> tuple[int, bytes]:
        first, second = await self.exactly(2)
        assert first & 0x70 == 0
        assert second < 0x80
        size = second
        if size == 126:
            (size,) = struct.unpack("!H", await self.exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.exactly(8))
        return first, await self.exactly(size)

    async def next(self) -> Message:
        while True:
            first, data = await self.frame()
            if first == 0x89 and self.answers:
                await self.send(masked(0xA, data))
            elif first == 0x88:
                self.code, self.reason = int.from_bytes(data[:2]), data[2:].decode()
                await self.send(masked(0x8, data[:2]))
                raise Gone(f"closed with {self.code} {self.reason}")
            elif first == 0x81:
                envelope = orjson.loads(data)
                return Message(envelope["type"], envelope.get("cursor"), envelope)

    async def say(self, **command: Any) -> None:
        await self.send(masked(0x1, orjson.dumps(command)))


def handshake(where: str, **headers: str) -> bytes:
    return request(
        "GET",
        where,
        connection="Upgrade",
        upgrade="websocket",
        sec_websocket_version="13",
        sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    )


def masked(opcode: int, data: bytes) -> bytes:
    """A client's frame."""
    size = len(data)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2)
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8)
    mask = os.urandom(4)
    padded = mask * (size // 4 + 1)
    mixed = int.from_bytes(data) ^ int.from_bytes(padded[:size]) if size else 0
    return head + mask + mixed.to_bytes(size)


Stream = Sse | WebSocket
STREAMS: dict[str, type[Sse] | type[WebSocket]] = {"sse": Sse, "websocket": WebSocket}
TRANSPORTS = ("sse", "websocket", "poll")


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells of: what a process prints, what tasks have counted."""
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def counted(port: int, metric: str, label: str, count: int) -> None:
    """Wait until the server's `metric` for `label` is `count`."""
    line = re.compile(rf'^{metric}{{\w+="{label}"}} {count}(\.0)?$', re.MULTILINE)
    async with asyncio.timeout(WAIT_S), await Wire.open(port) as wire:
        while not line.search((await wire.request("GET", "/metrics")).body.decode()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def connected(port: int, transport: str, count: int) -> None:
    """Wait until the server has `count` open connections of `transport`."""
    await counted(port, "tricast_connections", transport, count)


def offset_of(cursor: str) -> int:
    return int(cursor.rpartition("-")[2])


async def history(port: int, topic: str, cursor: str = "earliest") -> list[dict[str, Any]]:
    """All events of the log after `cursor`, by poll."""
    events: list[dict[str, Any]] = []
    async with await Wire.open(port) as wire:
        while True:
            answer = await wire.poll(topic, cursor, timeout=0)
            assert answer.status == 200, answer
            page = answer.json()
            assert page["reset"] is None, page["reset"]
            if not page["events"] and page["cursor"] == cursor:
                return events
            events += page["events"]
            cursor = page["cursor"]


async def messages(stream: Stream, last_type: str) -> AsyncIterator[Message]:
    """What comes, up to and including the first of `last_type`."""
    while True:
        message = await stream.next()
        yield message
        if message.type == last_type:
            return


async def live(stream: Stream) -> list[Message]:
    """What comes until `tricast.live`."""
    return [message async for message in messages(stream, "tricast.live")]
