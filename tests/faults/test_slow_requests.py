"""Requests that dribble, swell, vanish or come too early, over HTTP/1.1 and HTTP/1.0."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from faultserver import FaultServer
from faultwire import EVENTS, WAIT_S, Answer, Gone, Sse, Wire, connected, live, offset_of, request, target

BODY = b'{"topic":"demo/slow"}'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A server with short patience, for all tests of this file."""
    path = tmp_path_factory.mktemp("slow")
    server = FaultServer(path / "data", path / "stderr")
    try:
        server.start(shortened="headers=1.5,body=1.5", heartbeat_s="10s")
        yield server
    finally:
        server.kill()


@pytest.fixture
async def wire(shared: FaultServer) -> AsyncIterator[Wire]:
    async with await Wire.open(shared.port) as wire:
        yield wire


async def _dribble(wire: Wire, data: bytes, every_s: float = 0.1) -> None:
    """A byte now and then, until the server has had enough."""
    for byte in data:
        try:
            await wire.send(bytes((byte,)))
        except Gone:
            return
        await asyncio.sleep(every_s)


async def _answer_to(wire: Wire, dribble: bytes) -> Answer:
    """The answer while `dribble` comes; the connection must be closed after it."""
    sending = asyncio.create_task(_dribble(wire, dribble))
    try:
        async with asyncio.timeout(WAIT_S):
            answer = await wire.answer()
            assert answer.headers["connection"] == "close"
            assert await wire.ended() == b""
    finally:
        sending.cancel()
        await asyncio.wait([sending])
    return answer


async def test_a_head_that_dribbles_is_refused_with_408(wire: Wire) -> None:
    answer = await _answer_to(wire, b"GET /v1/events?topic=demo/slow HTTP/1.1\r\n" + b"x: y\r\n" * 1000)
    assert answer.status == 408


async def test_a_connection_that_never_says_a_word_is_closed_with_408(wire: Wire) -> None:
    assert (await _answer_to(wire, b"")).status == 408


async def test_a_second_head_that_dribbles_on_a_kept_connection_is_refused_with_408(wire: Wire) -> None:
    assert (await wire.request("POST", EVENTS, BODY, content_type="application/json")).status == 201
    assert (await _answer_to(wire, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 1000)).status == 408


@pytest.mark.parametrize("shape", ["one header", "many headers", "url"])
async def test_a_head_that_is_too_large_is_refused_with_431(wire: Wire, shape: str) -> None:
    start = {
        "one header": b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nx: ",
        "many headers": b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n",
        "url": b"GET /v1/events?topic=",
    }[shape]
    await wire.send(start)
    filling = (b"y: z\r\n" * 200) if shape == "many headers" else b"z" * 1200
    sent = 0
    with suppress(Gone):
        while sent < 1_000_000:
            await wire.send(filling)
            sent += len(filling)
            await asyncio.sleep(0)
    try:
        answer = await asyncio.wait_for(wire.answer(), WAIT_S)
    except Gone:
        # Who goes on sending into a closed connection may get a RST before the answer.
        assert sent > 64 * 1024
    else:
        assert answer.status == 431
        assert answer.headers["connection"] == "close"


async def test_a_head_that_is_just_too_large_is_told_so(wire: Wire) -> None:
    await wire.send(b"GET /v1/events HTTP/1.1\r\nx: " + b"z" * 65_536)
    assert (await asyncio.wait_for(wire.answer(), WAIT_S)).status == 431
    assert await wire.ended() == b""


@pytest.mark.parametrize(
    "framing", ["Content-Length: 1000", "Content-Length: 1000000", "Transfer-Encoding: chunked"]
)
async def test_a_body_that_dribbles_is_refused_and_the_connection_closed(wire: Wire, framing: str) -> None:
    await wire.send(f"POST {EVENTS} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode())
    chunk = b"1\r\nx\r\n" if "chunked" in framing else b"x"
    answer = await _answer_to(wire, chunk * 1000)
    assert answer.status in (400, 408)
    answer.problem()


@pytest.mark.parametrize("path", [EVENTS, "/v1/tokens"])
@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked"])
async def test_a_body_that_never_comes_is_refused_with_408(wire: Wire, path: str, framing: str) -> None:
    await wire.send(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode())
    answer = await wire.answer()
    assert answer.status == 408
    assert answer.problem()["field"] == "body"


async def test_a_body_that_is_cut_off_publishes_nothing(shared: FaultServer, wire: Wire) -> None:
    before = (await wire.poll("demo/cut", "latest", timeout=0)).json()["cursor"]
    whole = request("POST", f"{EVENTS}?topic=demo/cut", b"x" * 100)
    for size in (1, 60, len(whole) - 1):
        async with await Wire.open(shared.port) as cut:
            await cut.send(whole[:size])
            cut.reset()
    async with await Wire.open(shared.port) as closing:
        await closing.send(whole[:-1])
        closing.sock.shutdown(1)
        assert b" 201 " not in await asyncio.wait_for(closing.ended(), WAIT_S)
    page = (await wire.poll("demo/cut", before, timeout=0)).json()
    assert page["events"] == []


async def _parked(shared: FaultServer, wire: Wire, topic: str, **options: str) -> str:
    """Park a poll; the cursor that it has."""
    async with await Wire.open(shared.port) as other:
        cursor: str = (await other.poll(topic, "latest", timeout=0)).json()["cursor"]
    await connected(shared.port, "poll", 0)
    await wire.send(request("GET", target(topic, cursor, timeout=30), **options))
    await connected(shared.port, "poll", 1)
    return cursor


async def _publish(shared: FaultServer, topic: str) -> str:
    async with await Wire.open(shared.port) as wire:
        cursor: str = (await wire.publish({"topic": topic})).json()["cursor"]
        return cursor


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
async def test_a_parked_poll_whose_client_goes_away_is_forgotten(
    shared: FaultServer, wire: Wire, how: str
) -> None:
    await _parked(shared, wire, "demo/parked")
    if how == "half-close":
        wire.sock.shutdown(1)
    elif how == "reset":
        wire.reset()
    else:
        wire.close()
    await connected(shared.port, "poll", 0)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_parked_poll_is_answered_and_the_connection_kept_as_its_version_says(
    shared: FaultServer, wire: Wire, version: str
) -> None:
    cursor = await _parked(shared, wire, "demo/kept", version=version)
    published = await _publish(shared, "demo/kept")
    answer = await wire.answer()
    page = answer.json()
    assert [event["cursor"] for event in page["events"]] == [published] == [page["cursor"]]
    assert offset_of(published) > offset_of(cursor)
    if version == "1.0":
        assert answer.headers["connection"] == "close"
        assert await wire.ended() == b""
        return
    for _ in range(3):
        again = await wire.poll("demo/kept", page["cursor"], timeout=0)
        assert again.json()["events"] == []
    assert (await wire.publish({"topic": "demo/kept"})).status == 201
    assert len((await wire.poll("demo/kept", page["cursor"])).json()["events"]) == 1


@pytest.mark.parametrize("together", [True, False], ids=["in one segment", "after it was parked"])
async def test_requests_behind_a_waiting_poll_are_answered_after_it_in_order(
    shared: FaultServer, wire: Wire, together: bool
) -> None:
    behind = request("GET", "/healthz") + request(
        "POST", EVENTS, b'{"topic":"demo/behind"}', content_type="application/json"
    )
    if together:
        async with await Wire.open(shared.port) as other:
            cursor = (await other.poll("demo/first", "latest", timeout=0)).json()["cursor"]
        await wire.send(request("GET", target("demo/first", cursor, timeout=30)) + behind)
        await connected(shared.port, "poll", 1)
    else:
        await _parked(shared, wire, "demo/first")
        await wire.send(behind)
    published = await _publish(shared, "demo/first")
    first, second, third = [await asyncio.wait_for(wire.answer(), WAIT_S) for _ in range(3)]
    assert [event["cursor"] for event in first.json()["events"]] == [published]
    assert second.json()["status"] == "ok"
    assert third.status == 201
    assert offset_of(third.json()["cursor"]) > offset_of(published)


async def test_two_polls_in_one_segment_are_answered_one_after_the_other(
    shared: FaultServer, wire: Wire
) -> None:
    async with await Wire.open(shared.port) as other:
        cursor = (await other.poll("demo/both", "latest", timeout=0)).json()["cursor"]
    await wire.send(request("GET", target("demo/both", cursor, timeout=30)) * 2)
    await connected(shared.port, "poll", 1)
    published = await _publish(shared, "demo/both")
    answers = [await asyncio.wait_for(wire.answer(), WAIT_S) for _ in range(2)]
    assert [a.json()["cursor"] for a in answers] == [published, published]


async def test_a_client_that_pipelines_and_reads_nothing_is_not_answered_into_memory(
    shared: FaultServer, wire: Wire
) -> None:
    async with await Wire.open(shared.port) as other:
        for _ in range(8):
            assert (await other.publish({"topic": "demo/pipe", "data": "x" * 120_000})).status == 201
        whole = (await other.poll("demo/pipe", "earliest", timeout=0)).body
    before = shared.resident_bytes()
    asked = 200
    await wire.send(request("GET", target("demo/pipe", "earliest", timeout=0)) * asked)
    # Others are served meanwhile, which also shows that the server has come to them.
    async with await Wire.open(shared.port) as other:
        for _ in range(20):
            assert (await other.request("GET", "/healthz")).status == 200
    assert shared.resident_bytes() - before < 20 * len(whole)
    for _ in range(asked):
        assert (await asyncio.wait_for(wire.answer(), WAIT_S)).body == whole


async def test_too_much_behind_a_waiting_poll_ends_the_connection(shared: FaultServer, wire: Wire) -> None:
    await _parked(shared, wire, "demo/flooded")
    with suppress(Gone):
        await wire.send(request("GET", "/healthz") * 5000)
    assert await wire.ended() == b""
    await connected(shared.port, "poll", 0)


@pytest.mark.parametrize("together", [True, False], ids=["in one segment", "on the live stream"])
async def test_a_request_behind_an_event_stream_aborts_it(shared: FaultServer, together: bool) -> None:
    behind = request("GET", "/healthz")
    if together:
        wire = await Wire.open(shared.port)
        await wire.send(request("GET", target("demo/stream"), accept="text/event-stream") + behind)
    else:
        wire = await Sse.subscribe(shared.port, "demo/stream")
        await live(wire)
        await wire.send(behind)
    async with wire:
        assert b'"status":"ok"' not in await asyncio.wait_for(wire.ended(), WAIT_S)
    await connected(shared.port, "sse", 0)


async def test_an_http_1_0_client_gets_a_stream_that_ends_with_the_connection(shared: FaultServer) -> None:
    async with await Sse.subscribe(shared.port, "demo/old", version="1.0") as stream:
        await live(stream)
        published = await _publish(shared, "demo/old")
        assert (await stream.next()).cursor == published


async def test_an_http_1_0_client_publishes_and_polls_and_is_refused_like_others(
    shared: FaultServer,
) -> None:
    asked: list[tuple[int, bytes]] = [
        (201, request("POST", EVENTS, BODY, version="1.0", content_type="application/json")),
        (200, request("GET", target("demo/slow", "earliest", timeout=0), version="1.0")),
        (200, request("GET", "/healthz", version="1.0")),
        (400, request("GET", target("demo/**/no"), version="1.0")),
        (400, request("POST", EVENTS, b"{", version="1.0", content_type="application/json")),
        (404, request("GET", "/nothing", version="1.0")),
    ]
    for status, sent in asked:
        async with await Wire.open(shared.port) as wire:
            await wire.send(sent)
            answer = await wire.answer()
            assert answer.status == status
            assert answer.headers["connection"] == "close"
            assert "transfer-encoding" not in answer.headers
            assert await wire.ended() == b""


async def test_a_request_that_asks_to_close_is_answered_and_closed(shared: FaultServer, wire: Wire) -> None:
    await _parked(shared, wire, "demo/closing", connection="close")
    await _publish(shared, "demo/closing")
    assert (await wire.answer()).status == 200
    assert await wire.ended() == b""


async def test_the_server_went_through_all_this_without_an_error(shared: FaultServer, wire: Wire) -> None:
    assert (await wire.request("GET", "/readyz")).status == 200
    for transport in ("sse", "websocket", "poll"):
        await connected(shared.port, transport, 0)
    assert "Traceback" not in shared.errors(), shared.errors()
