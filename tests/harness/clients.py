"""Clients of the three transports on bare sockets, and one interface over them.

They parse strictly, take nothing for granted, and go on reading only when asked.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode, urljoin

from tests.harness.sockets import Closed, Connection, patience
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

TransportName = Literal["websocket", "sse", "poll"]
TRANSPORTS: tuple[TransportName, ...] = ("websocket", "sse", "poll")


@dataclass(frozen=True)
class Message:
    """One event or control event as it came. `id` is SSE's, `cursor` what a client goes on from."""

    envelope: dict[str, Any]
    cursor: str | None
    id: str | None = None
    event: str | None = None
    retry: int | None = None

    @property
    def type(self) -> str:
        return str(self.envelope["type"])

    @property
    def data(self) -> Any:
        return self.envelope.get("data")

    @property
    def is_control(self) -> bool:
        return self.type.startswith("tricast.")


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


def offset_of(cursor: str) -> int:
    """What a client may compare cursors by: the integer after the last `-`."""
    return int(cursor.rpartition("-")[2])


def query_of(topics: Sequence[str], cursor: str | None = None, **more: Any) -> str:
    pairs = [("topic", topic) for topic in topics]
    pairs += [] if cursor is None else [("cursor", cursor)]
    for name, value in more.items():
        pairs += [(name, v) for v in (value if isinstance(value, list | tuple) else [value])]
    return urlencode(pairs, safe="/*:", quote_via=quote)


async def read_head(connection: Connection) -> Answer:
    lines = (await connection.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, status = lines[0].split(" ")[:2]
    assert version == "HTTP/1.1", lines[0]
    headers: dict[str, str] = {}
    for line in lines[1:]:
        if line:
            name, _, value = line.partition(": ")
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value
    return Answer(int(status), headers)


async def read_answer(connection: Connection) -> Answer:
    """A whole answer: by its length, in chunks, or up to the end."""
    answer = await read_head(connection)
    if "content-length" in answer.headers:
        answer.body = await connection.exactly(int(answer.headers["content-length"]))
    elif answer.headers.get("transfer-encoding") == "chunked":
        parts = []
        while chunk := await read_chunk(connection):
            parts.append(chunk)
        answer.body = b"".join(parts)
    else:
        answer.body = await connection.rest()
    return answer


async def read_chunk(connection: Connection) -> bytes:
    size = int(await connection.until(b"\r\n"), 16)
    data = await connection.exactly(size)
    assert await connection.exactly(2) == b"\r\n"
    return data


def request_bytes(
    method: str, target: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", version: str = "1.1"
) -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def http(
    port: int,
    method: str,
    query: str = "",
    *,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    path: str = "/v1/events",
) -> Answer:
    """One request on a connection of its own."""
    async with patience():
        with await Connection.open(port) as connection:
            target = path + (f"?{query}" if query else "")
            await connection.send(request_bytes(method, target, [*headers, ("connection", "close")], body))
            return await read_answer(connection)


async def publish(port: int, events: Any, **headers: str) -> Answer:
    """POST one event or a batch."""
    given = [("content-type", "application/json"), *((k.replace("_", "-"), v) for k, v in headers.items())]
    return await http(port, "POST", headers=given, body=json.dumps(events).encode())


class Listener:
    """A subscriber on some transport. `cursor` is what it would reconnect with."""

    transport: TransportName

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.cursor: str | None = None
        self.seen: list[Message] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()

    async def _next(self) -> Message:
        raise NotImplementedError

    async def next(self) -> Message:
        """The next event or control event. Raises Closed at the end."""
        message = await self._next()
        if message.cursor is not None:
            self.cursor = message.cursor
        self.seen.append(message)
        return message

    async def until(self, wanted: Callable[[Message], bool] | str) -> Message:
        """The first message from now on that is wanted (a text: of that type)."""
        async with patience():
            while True:
                message = await self.next()
                if message.type == wanted if isinstance(wanted, str) else wanted(message):
                    return message

    async def take(self, count: int) -> list[Message]:
        """The next `count` events; controls are passed over (they stay in `seen`)."""
        events: list[Message] = []
        async with patience():
            while len(events) < count:
                message = await self.next()
                if not message.is_control:
                    events.append(message)
        return events

    async def numbers(self, count: int) -> list[int]:
        return [message.data["n"] for message in await self.take(count)]

    async def end(self) -> list[Message]:
        """All that still comes, up to the end of the connection."""
        rest: list[Message] = []
        async with patience():
            try:
                while True:
                    rest.append(await self.next())
            except Closed:
                return rest

    @property
    def controls(self) -> list[Message]:
        return [message for message in self.seen if message.is_control]

    def control(self, name: str) -> Message:
        """The first control event of that name."""
        return next(m for m in self.seen if m.type == f"tricast.{name}")


@dataclass
class Blocks:
    """An event stream's parser (WHATWG HTML 9.2.6): only complete blocks count."""

    last_event_id: str = ""
    _line: dict[str, list[str]] = field(default_factory=dict)

    def block(self, text: str) -> Message:
        fields: dict[str, str] = {}
        for line in text.split("\n"):
            assert line, f"empty line inside {text!r}"
            name, _, value = line.partition(": ")
            assert name not in fields, f"{name} twice in {text!r}"
            fields[name] = value
        if "id" in fields:
            self.last_event_id = fields["id"]
        envelope = json.loads(fields["data"])
        retry = int(fields["retry"]) if "retry" in fields else None
        message = Message(envelope, fields.get("id"), fields.get("id"), fields.get("event"), retry)
        # The same cursor stands in the envelope; an `event:` line is for control events only.
        assert envelope.get("cursor") == message.id, text
        assert (message.event or "message") == (envelope["type"] if message.is_control else "message"), text
        return message


class Sse(Listener):
    transport: TransportName = "sse"

    def __init__(self, connection: Connection, head: Answer) -> None:
        super().__init__(connection)
        self.head = head
        self._chunked = head.headers.get("transfer-encoding") == "chunked"
        self._body = bytearray()
        self._blocks = Blocks()

    @classmethod
    async def open(
        cls,
        port: int,
        topics: Sequence[str],
        cursor: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        receive_bytes: int | None = None,
        version: str = "1.1",
        **query: Any,
    ) -> Self:
        async with patience():
            connection = await Connection.open(port, receive_bytes=receive_bytes)
            try:
                target = "/v1/events?" + query_of(topics, cursor, **query)
                given = [("accept", "text/event-stream"), *headers]
                await connection.send(request_bytes("GET", target, given, version=version))
                head = await read_head(connection)
            except BaseException:
                connection.close()
                raise
        if head.status != 200:
            head.body = await connection.rest() if "connection" in head.headers else b""
        return cls(connection, head)

    async def _next(self) -> Message:
        while (at := self._body.find(b"\n\n")) < 0:
            await self._more()
        text = bytes(self._body[:at]).decode()
        del self._body[: at + 2]
        return self._blocks.block(text)

    @property
    def unread(self) -> bytes:
        """What came after the last complete block."""
        return bytes(self._body)

    async def _more(self) -> None:
        if self._chunked:
            chunk = await read_chunk(self.connection)
            if not chunk:
                raise Closed("the last chunk")
            self._body += chunk
            return
        if not self.connection.buffer and not await self.connection.more():
            raise Closed(f"ended; left: {bytes(self._body)!r}")
        self._body += self.connection.buffer
        self.connection.buffer.clear()


class WebSocket(Listener):
    transport: TransportName = "websocket"

    def __init__(self, connection: Connection, protocol: ClientProtocol) -> None:
        super().__init__(connection)
        self.protocol = protocol
        self.pings = 0
        self.pongs = True  # whether pings are answered
        self._frames: deque[Frame] = deque()
        self._ref = 0

    @classmethod
    async def open(
        cls,
        port: int,
        topics: Sequence[str] = (),
        cursor: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        receive_bytes: int | None = None,
        **query: Any,
    ) -> Self:
        url = f"ws://localhost/v1/events?{query_of(topics, cursor, **query)}"
        protocol = ClientProtocol(parse_uri(url), subprotocols=["tricast.v1"], max_size=None)  # type: ignore[list-item]
        request = protocol.connect()
        for name, value in headers:
            request.headers[name] = value
        protocol.send_request(request)
        async with patience():
            connection = await Connection.open(port, receive_bytes=receive_bytes)
            listener = cls(connection, protocol)
            try:
                await listener._flush()
                while protocol.handshake_exc is None and protocol.state is State.CONNECTING:
                    await listener._receive()
            except BaseException:
                connection.close()
                raise
        if protocol.handshake_exc is not None:
            connection.close()
            raise protocol.handshake_exc
        return listener

    async def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                await self.connection.send(data)

    async def _receive(self) -> None:
        more = await self.connection.more()
        if more:
            self.protocol.receive_data(bytes(self.connection.buffer))
            self.connection.buffer.clear()
        else:
            self.protocol.receive_eof()
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                self._frames.append(event)
            else:
                assert isinstance(event, Response)
        if self.pongs:
            try:
                await self._flush()
            except (BrokenPipeError, ConnectionResetError):
                more = False
        if not more and not self._frames:
            raise Closed("the connection ended")

    async def _next(self) -> Message:
        while True:
            while not self._frames:
                await self._receive()
            frame = self._frames.popleft()
            if frame.opcode is Opcode.TEXT:
                assert frame.fin
                envelope = json.loads(bytes(frame.data))
                return Message(envelope, envelope.get("cursor"))
            if frame.opcode is Opcode.PING:
                self.pings += 1
            if frame.opcode is Opcode.CLOSE:
                raise Closed("a Close frame")

    @property
    def close_code(self) -> int | None:
        received = self.protocol.close_rcvd
        return None if received is None else received.code

    async def say(self, text: str | bytes) -> None:
        if isinstance(text, bytes):
            self.protocol.send_binary(text)
        else:
            self.protocol.send_text(text.encode())
        await self._flush()

    async def command(self, op: str, **members: Any) -> Message:
        """Send a command and wait for its reply (events before it are taken, and stay in `seen`)."""
        self._ref += 1
        ref = f"r{self._ref}"
        await self.say(json.dumps({"op": op, "ref": ref, **members}))
        return await self.until(lambda m: m.type == "tricast.reply" and m.data.get("ref") == ref)


class LongPoll(Listener):
    """A client that polls again and again, as its `Link` says."""

    transport: TransportName = "poll"

    def __init__(self, connection: Connection, target: str, headers: Sequence[tuple[str, str]]) -> None:
        super().__init__(connection)
        self.target = target
        self.headers = headers
        self.answers: list[Answer] = []
        self._queue: deque[Message] = deque()
        self._after: str | None = None

    @classmethod
    async def open(
        cls,
        port: int,
        topics: Sequence[str],
        cursor: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        receive_bytes: int | None = None,
        **query: Any,
    ) -> Self:
        """Without a cursor the first poll is `latest` with `timeout=0`, so that there is one (rule 10)."""
        query.setdefault("timeout", 20)
        connection = await Connection.open(port, receive_bytes=receive_bytes)
        path = "/v1/events?"
        if cursor is None:
            first = path + query_of(topics, "latest", **(query | {"timeout": 0}))
            listener = cls(connection, first, headers)
            try:
                async with patience():
                    answer = await listener.poll()
            except BaseException:
                connection.close()
                raise
            assert answer.status == 200, answer
            assert all(message.type == "tricast.presence" for message in listener._queue)
            cursor, waiting = listener._after, listener._queue
        else:
            waiting = deque()
        listener = cls(connection, path + query_of(topics, cursor, **query), headers)
        listener.cursor = listener._after = cursor
        listener._queue = waiting
        return listener

    async def send(self) -> None:
        """Ask for the next answer."""
        await self.connection.send(request_bytes("GET", self.target, self.headers))

    async def answer(self) -> Answer:
        """Take an answer; what it has is then in the queue."""
        answer = await read_answer(self.connection)
        self.answers.append(answer)
        if answer.status != 200:
            return answer
        body = answer.json()
        presence = "presence=1" in self.target
        assert set(body) == {"cursor", "events", "reset", *(["presence"] if presence else [])}
        assert answer.headers["tricast-cursor"] == body["cursor"]
        assert answer.headers["cache-control"] == "no-store"
        link = answer.headers["link"]
        assert link.startswith("<"), link
        assert link.endswith(f'cursor={body["cursor"]}>; rel="next"'), link
        # The first poll (`latest`, `timeout=0`) has a link of its own kind; the rest follow theirs.
        self.target = urljoin(self.target, link[1 : link.index(">")])
        if body["reset"] is not None:
            assert body["reset"]["cursor"] == body["cursor"]
            envelope = {"type": "tricast.reset", "data": body["reset"], "cursor": body["cursor"]}
            self._queue.append(Message(envelope, body["cursor"]))
            assert not body["events"]
        if presence:
            self._queue.append(Message({"type": "tricast.presence", "data": body["presence"]}, None))
        for event in body["events"]:
            self._queue.append(Message(event, event["cursor"]))
        if not self._queue:
            self.cursor = body["cursor"]
        self._after = body["cursor"]
        return answer

    async def poll(self) -> Answer:
        await self.send()
        return await self.answer()

    async def _next(self) -> Message:
        while not self._queue:
            answer = await self.poll()
            if answer.status != 200:
                raise Closed(f"status {answer.status}: {answer.body!r}")
        return self._queue.popleft()

    async def next(self) -> Message:
        message = await super().next()
        if not self._queue:
            self.cursor = self._after
        return message


LISTENERS: dict[TransportName, type[Sse] | type[WebSocket] | type[LongPoll]] = {
    "sse": Sse,
    "websocket": WebSocket,
    "poll": LongPoll,
}


async def listen(
    transport: TransportName, port: int, topics: Sequence[str], cursor: str | None = None, **more: Any
) -> Listener:
    """A subscriber that is certain to be one: streams have said hello, a poll has a cursor."""
    listener: Listener = await LISTENERS[transport].open(port, topics, cursor, **more)
    if transport != "poll":
        try:
            assert (await listener.until(lambda _: True)).type == "tricast.hello"
        except BaseException:
            listener.connection.close()
            raise
    return listener
