"""Noise from hypothesis, on the port and on WebSockets: the server keeps serving."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.api.served import Served, masked
from tests.bad_input.test_websocket import Wire
from tests.harness.repetitions import often

pytestmark = pytest.mark.repeated
NOISE = settings(
    max_examples=often(100, 1000),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

PIECES = some.sampled_from(
    [
        *(b"GET ", b"POST ", b"OPTIONS ", b"HEAD ", b"/v1/events", b"?topic=a", b"&timeout=0", b"/v1/tokens"),
        *(
            b" HTTP/1.1\r\n",
            b" HTTP/1.0\r\n",
            b"Host: localhost\r\n",
            b"\r\n",
            b"\r\n\r\n",
            b": ",
            b"%",
            b"\x00",
        ),
        *(
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"hello",
        ),
        *(b"Upgrade: websocket\r\n", b"Connection: upgrade\r\n", b"Accept: text/event-stream\r\n"),
        *(b"Sec-WebSocket-Version: 13\r\n", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
        *(
            b"Last-Event-ID: ",
            b"Expect: 100-continue\r\n",
            b'{"topic":"a"}',
            b"ce-id: %",
            b"Origin: null\r\n",
        ),
    ]
)
REQUESTS = some.lists(PIECES | some.binary(max_size=20), max_size=20).map(b"".join)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=10),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
COMMANDS = some.fixed_dictionaries(
    {"op": some.sampled_from(["subscribe", "unsubscribe", "publish", "auth", "ping"]) | JSON},
    optional={
        **dict.fromkeys(("ref", "topics", "cursor", "token", "events", "data", "id", "trace"), JSON),
        "topic": some.sampled_from(["noise/a", "noise/b"]) | JSON,
        "type": some.sampled_from(["t", "tricast.x"]) | JSON,
    },
)


@NOISE
@given(some.binary(max_size=300) | REQUESTS)
def test_whatever_comes_to_the_port_the_server_goes_on(server: Served, noise: bytes) -> None:
    with server.raw() as connection:
        connection.socket.settimeout(0.02)
        with suppress(OSError):
            connection.send(noise)
            answer = connection.socket.recv(65536)
            assert answer[:9] in (b"", b"HTTP/1.1 ")
            # 503 and its like would be the server's own failure to understand what came.
            assert answer[9:10] in (b"", b"1", b"2", b"4"), answer
            assert b"Traceback" not in answer


@NOISE
@given(
    some.lists(
        some.tuples(some.integers(0, 15), some.binary(max_size=200), some.booleans(), some.booleans()),
        max_size=8,
    )
)
def test_whatever_frames_come_the_server_goes_on(
    server: Served, frames: list[tuple[int, bytes, bool, bool]]
) -> None:
    with server.raw() as connection, suppress(OSError):
        wire = Wire(connection)
        for opcode, payload, fin, masks in frames:
            frame = masked(opcode, payload, fin=fin)
            wire.send(frame if masks else bytes((frame[0], frame[1] & 0x7F)) + frame[2:])


@NOISE
@given(some.lists(COMMANDS, min_size=1, max_size=5))
def test_every_command_that_is_json_gets_one_reply_in_order(
    server: Served, commands: list[dict[str, Any]]
) -> None:
    said = [json.dumps(command, allow_nan=False) for command in commands if _is_json(command)]
    with server.raw() as connection:
        wire = Wire(connection, b"topic=noise/none")
        wire.send(*(masked(0x1, text.encode()) for text in said), masked(0x1, b'{"op":"ping","ref":"last"}'))
        replies = [wire.reply() for _ in said]
        assert all(reply["ok"] or reply["error"]["status"] in (400, 401, 403, 409, 413) for reply in replies)
        assert wire.reply()["ref"] == "last"


def test_after_all_that_it_serves_and_its_log_has_no_trace(served: Served) -> None:
    served.check()
    assert "Traceback" not in served.log
    assert "failed" not in served.log


def _is_json(value: Any) -> bool:
    """JSON can say it: no NaN, and no lone surrogates."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True
