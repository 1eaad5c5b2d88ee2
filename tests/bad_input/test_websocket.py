"""Whatever is done wrongly on a WebSocket: a close code that fits, and nobody else notices."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.api.served import Answer, Raw, Served, masked

TEXT, BINARY, CLOSE, PING, PONG, MORE = 0x1, 0x2, 0x8, 0x9, 0xA, 0x0
HOST = b"Host: localhost\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Wire:
    """A WebSocket, frame by frame."""

    def __init__(self, connection: Raw, query: bytes = b"topic=ws/a", headers: bytes = b"") -> None:
        self.connection = connection
        connection.send(b"GET /v1/events?" + query + b" HTTP/1.1\r\n" + HOST + UPGRADE + headers + b"\r\n")
        self.head = connection.head()

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.connection.send(frame)

    def frame(self) -> tuple[int, bytes]:
        """The next frame (opcode, payload)."""
        head = self.connection.file.read(2)
        if len(head) < 2:
            raise EOFError
        size = head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(self.connection.file.read(2), "big")
        elif size == 127:
            size = int.from_bytes(self.connection.file.read(8), "big")
        return head[0] & 0xF, self.connection.file.read(size)

    def until(self, opcode: int, kind: str | None = None) -> bytes:
        """The payload of the first frame with that opcode (and type); those before it are dropped."""
        while True:
            got, payload = self.frame()
            if got == opcode and (kind is None or json.loads(payload)["type"] == kind):
                return payload

    def reply(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.until(TEXT, "tricast.reply"))["data"]
        return data

    def ending(self) -> tuple[dict[str, Any] | None, int]:
        """The problem of the `tricast.error`, if there is one, and the close code."""
        problem = None
        while True:
            opcode, payload = self.frame()
            if opcode == CLOSE:
                assert len(payload) <= 125
                payload[2:].decode()
                return problem, int.from_bytes(payload[:2], "big")
            if opcode == TEXT and (event := json.loads(payload))["type"] == "tricast.error":
                problem = event["data"]


def text(value: Any) -> bytes:
    return masked(TEXT, json.dumps(value).encode())


NO_COMMANDS: list[tuple[bytes, str]] = [
    (masked(BINARY, b'{"op":"ping"}'), "binary"),
    (masked(BINARY), "binary"),
    (masked(TEXT), "JSON"),
    (masked(TEXT, b"hello"), "JSON"),
    (masked(TEXT, b'{"op":"ping"'), "JSON"),
    (masked(TEXT, b'{"op":NaN}'), "JSON"),
    (masked(TEXT, b'{"op":"ping","ref":"\\ud800"}'), "surrogate"),
    (masked(TEXT, b"[]"), "object"),
    (masked(TEXT, b"null"), "object"),
    (masked(TEXT, b'"ping"'), "object"),
    (masked(TEXT, b"[" * 100_000), "JSON"),
    (masked(TEXT, b'{"op":"publish","topic":"a","data":' + b"[" * 10_000 + b"]" * 10_000 + b"}"), "JSON"),
]


@pytest.mark.parametrize(("frame", "said"), NO_COMMANDS, ids=[repr(said) for _, said in NO_COMMANDS])
def test_a_message_that_is_no_command_is_an_error_and_4400(served: Served, frame: bytes, said: str) -> None:
    with served.raw() as connection:
        wire = Wire(connection)
        wire.send(frame)
        problem, code = wire.ending()
        assert code == 4400
        assert problem is not None
        assert problem["field"] == "message"
        assert said in problem["detail"]


@pytest.mark.parametrize(
    "frames",
    [
        [masked(TEXT, b"x" * 1_048_577)],
        [masked(TEXT, "é".encode() * 530_000)],
        [masked(TEXT if n == 0 else MORE, b"x" * 65536, fin=n == 16) for n in range(17)],
    ],
    ids=["one frame", "more bytes than characters", "fragments"],
)
def test_a_message_beyond_the_limit_is_an_error_and_4413(served: Served, frames: list[bytes]) -> None:
    with served.raw() as connection:
        wire = Wire(connection)
        wire.send(*frames)
        problem, code = wire.ending()
        assert code == 4413
        assert problem is not None
        assert "1048576" in problem["detail"]


BROKEN: list[tuple[str, list[bytes], int]] = [
    ("not UTF-8", [masked(TEXT, b"\xff\xfe")], 1007),
    ("a surrogate", [masked(TEXT, b'"\xed\xa0\x80"')], 1007),
    ("cut in a character", [masked(TEXT, b'"\xc3')], 1007),
    ("not UTF-8 in fragments", [masked(TEXT, b"\xff", fin=False), masked(MORE, b"x")], 1007),
    ("not masked", [b"\x81\x02{}"], 1002),
    ("a reserved bit", [bytes((0xC1,)) + masked(TEXT, b"{}")[1:]], 1002),
    ("a reserved opcode", [masked(0x3, b"{}")], 1002),
    ("a reserved control opcode", [masked(0xB, b"")], 1002),
    ("a continuation of nothing", [masked(MORE, b"{}")], 1002),
    ("a new message in another", [masked(TEXT, b"{", fin=False), masked(TEXT, b"}")], 1002),
    ("a long ping", [masked(PING, b"x" * 126)], 1002),
    ("a fragmented ping", [masked(PING, b"x", fin=False)], 1002),
    ("a close code that is none", [masked(CLOSE, b"\x00\x01")], 1002),
    ("half a close code", [masked(CLOSE, b"\x03")], 1002),
    ("a frame of 2^63 bytes", [b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"abcd"], 1009),
    ("a frame of 2^64 bytes", [b"\x81\xff" + b"\xff" * 8 + b"abcd"], 1009),
]


@pytest.mark.parametrize(("what", "frames", "code"), BROKEN, ids=[what for what, _, _ in BROKEN])
def test_a_frame_that_breaks_the_protocol_is_closed_by_its_code(
    served: Served, what: str, frames: list[bytes], code: int
) -> None:
    with served.raw() as connection:
        wire = Wire(connection)
        wire.send(*frames)
        assert wire.ending()[1] == code
        assert connection.rest() == b""


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4000, 4999])
def test_a_close_is_answered_by_a_close_and_the_end(served: Served, code: int) -> None:
    with served.raw() as connection:
        wire = Wire(connection)
        wire.send(masked(CLOSE, code.to_bytes(2, "big") + "bye é".encode()))
        assert wire.ending()[1] == code
        assert connection.rest() == b""


def test_nothing_after_a_close_is_carried_out(served: Served) -> None:
    with served.raw() as connection:
        wire = Wire(connection, b"topic=ws/after")
        wire.until(TEXT, "tricast.live")
        wire.send(masked(CLOSE, b"\x03\xe8") + text({"op": "publish", "topic": "ws/after"}))
        assert wire.ending()[1] == 1000
    with served.http() as client:
        read = client.get(
            "/v1/events", params={"topic": "ws/after", "cursor": "earliest", "timeout": "0"}
        ).json()
    assert read["events"] == []


def test_a_fragmented_message_is_one_and_control_frames_may_stand_between(served: Served) -> None:
    with served.raw() as connection:
        wire = Wire(connection)
        wire.until(TEXT, "tricast.live")
        wire.send(
            masked(TEXT, b'{"op":"pi', fin=False),
            masked(PING, b"between"),
            masked(MORE, b"", fin=False),
            masked(PONG, b"unasked"),
            masked(MORE, b'ng","ref":"', fin=False),
            masked(MORE, "é".encode()[:1], fin=False),
            masked(MORE, "é".encode()[1:] + b'"}'),
        )
        assert wire.frame() == (PONG, b"between")
        assert wire.reply()["ref"] == "é"


def test_a_message_in_ten_thousand_fragments_is_one(served: Served) -> None:
    message = json.dumps({"op": "ping", "ref": 1, "x": "y" * 10_000}).encode()
    with served.raw() as connection:
        wire = Wire(connection)
        frames = [masked(MORE if n else TEXT, message[n : n + 1], fin=False) for n in range(len(message))]
        wire.send(b"".join(frames), masked(MORE))
        assert wire.reply()["error"]["field"] == "x"


def test_a_frame_that_comes_byte_by_byte_is_one(served: Served) -> None:
    with served.raw() as connection:
        wire = Wire(connection)
        wire.send(*(bytes((byte,)) for byte in text({"op": "ping", "ref": "slow"})))
        assert wire.reply()["ref"] == "slow"


def test_a_thousand_commands_in_one_segment_are_answered_in_order(served: Served) -> None:
    with served.raw() as connection:
        wire = Wire(connection)
        wire.send(b"".join(text({"op": "ping", "ref": n}) for n in range(1000)))
        assert [wire.reply()["ref"] for _ in range(1000)] == [*range(1000)]


def test_a_refused_command_says_so_and_the_connection_stays(served: Served) -> None:
    with served.raw() as connection:
        wire = Wire(connection)
        for command, status in (
            ({"op": "publish", "topic": "ws/a", "id": "clash", "data": 1}, None),
            ({"op": "publish", "topic": "ws/a", "id": "clash", "data": 2}, 409),
            ({"op": "publish", "topic": "tricast/a"}, 403),
            ({"op": "publish", "topic": "ws/a", "data": "x" * 262_144}, 413),
            ({"op": "auth", "token": "nonsense"}, 401),
            ({"op": "auth", "token": "é"}, 401),
            ({"op": "auth", "token": "x\r\nEvil: 1"}, 401),
            ({"op": "auth", "token": "x" * 100_000}, 401),
            ({"op": "subscribe", "topics": ["a"] * 200 + ["b//"]}, 400),
            ({"op": "dance", "ref": "\x00\u2028"}, 400),
        ):
            wire.send(text(command))
            reply = wire.reply()
            assert (reply["ok"] is True) == (status is None)
            if status is not None:
                assert reply["error"]["status"] == status
                assert "x" * 100 not in reply["error"]["detail"]
            assert reply.get("ref") == command.get("ref")


REFUSED: list[tuple[bytes, int, str]] = [
    (b"topic=a//b", 4400, "topic"),
    (b"topic=a%00", 4400, "topic"),
    (b"topic=%ff", 4400, "query"),
    (b"topic=a&cursor=x", 4400, "cursor"),
    (b"topic=a&colour=red", 4400, "colour"),
    (b"topic=a&transport=sse", 4400, "transport"),
    (b"topic=a&transport=poll", 4400, "transport"),
    (b"topic=a&limit=0", 4400, "limit"),
    (b"&".join(b"topic=a%d" % n for n in range(129)), 4400, "topic"),
]


@pytest.mark.parametrize(("query", "code", "field"), REFUSED)
def test_a_wrong_query_is_refused_after_the_handshake_so_that_browsers_can_read_it(
    served: Served, query: bytes, code: int, field: str
) -> None:
    with served.raw() as connection:
        wire = Wire(connection, query)
        assert wire.head.status == 101
        problem, got = wire.ending()
        assert got == code
        assert problem is not None
        assert problem["field"] == field


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", b"file://", b"\xff"])
def test_a_page_of_another_origin_is_told_so_and_closed_with_4403(served: Served, origin: bytes) -> None:
    with served.raw() as connection:
        wire = Wire(connection, headers=b"Origin: " + origin + b"\r\n")
        assert wire.head.status == 101
        problem, code = wire.ending()
        assert code == 4403
        assert problem is not None
        assert "allowed_origins" in problem["detail"].lower()


def test_wrong_credentials_close_with_4401(served: Served) -> None:
    for query, headers in (
        (b"topic=a&token=nonsense", b""),
        (b"topic=a&token=tck_a_b", b""),
        (b"topic=a", b"Authorization: Bearer x\r\n"),
    ):
        with served.raw() as connection:
            problem, code = Wire(connection, query, headers).ending()
            assert code == 4401
            assert problem is not None
            assert problem["type"] == "/problems/unauthorized"


def test_whatever_is_in_last_event_id_is_reset(served: Served) -> None:
    with served.raw() as connection:
        wire = Wire(connection, headers=b"Last-Event-ID: \xff nonsense\r\n")
        assert json.loads(wire.until(TEXT, "tricast.reset"))["data"]["reason"] == "unknown"


def handshake(served: Served, head: bytes) -> Answer:
    return served.ask(head + b"\r\n")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + UPGRADE.replace(b"13", b"12"), 426),
        (b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + UPGRADE.partition(b"Sec-WebSocket-Key")[0], 400),
        (b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + UPGRADE.replace(b"dGhl", b"!!!!"), 400),
        (b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + UPGRADE + UPGRADE, 426),
        (b"GET /v1/events?topic=" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + UPGRADE, 400),
        (b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + UPGRADE + b"x: " + b"y" * 9000 + b"\r\n", 400),
        (b"GET /v1/events?topic=a HTTP/1.1\r\n" + HOST + UPGRADE + b"x: y\r\n" * 150, 400),
        (b"POST /v1/events HTTP/1.1\r\n" + HOST + UPGRADE + b"Content-Length: 0\r\n", 400),
        (b"GET /v1/events?topic=\xff HTTP/1.1\r\n" + HOST + UPGRADE, 400),
    ],
    ids=[
        "version",
        "no key",
        "bad key",
        "twice",
        "long line",
        "long header",
        "headers",
        "POST",
        "target",
    ],
)
def test_a_handshake_that_is_none_is_refused_and_not_left_waiting(
    served: Served, head: bytes, status: int
) -> None:
    answer = handshake(served, head)
    assert answer.status == status, answer.body
    assert len(answer.body) > 20
    assert b"Traceback" not in answer.body


def test_a_client_that_goes_away_in_the_middle_costs_nothing(served: Served) -> None:
    for frames in ([b""], [b"\x81"], [masked(TEXT, b"x" * 100)[:50]], [masked(TEXT, b"{", fin=False)]):
        for _ in range(5):
            with served.raw() as connection:
                Wire(connection).send(*frames)
