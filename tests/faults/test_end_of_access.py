"""Tokens that expire and credentials that are revoked, on connections that are open, of every kind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from faultserver import FaultServer
from faultwire import (
    STREAMS,
    TRANSPORTS,
    WAIT_S,
    Answer,
    Gone,
    Message,
    Stream,
    WebSocket,
    Wire,
    live,
    request,
    target,
)

TTL_S = 1.5
LATE_S = 5.0
BIG = "x" * 200_000


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """A server that asks for credentials; `key` is the one that it printed at its first start."""
    path = tmp_path_factory.mktemp("guarded")
    server = FaultServer(path / "data", path / "stderr")
    try:
        server.start(dev=False, heartbeat_s="200ms")
        yield server
    finally:
        server.kill()


def _with(credential: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}


async def _admin(server: FaultServer, method: str, path: str, body: Any = None) -> Answer:
    async with await Wire.open(server.port) as wire:
        sent = None if body is None else orjson.dumps(body)
        answer = await wire.request(method, path, sent, content_type="application/json", **_with(server.key))
        assert answer.status in (200, 201, 204), answer
        return answer


async def _token(server: FaultServer, subject: str, ttl_s: float = 60.0) -> str:
    asked = {"subject": subject, "subscribe": ["shop/**"], "ttl_s": ttl_s}
    token: str = (await _admin(server, "POST", "/v1/tokens", asked)).json()["token"]
    return token


async def _key(server: FaultServer) -> tuple[str, str]:
    asked = {"name": "web", "subscribe": ["shop/**"], "publish": ["shop/**"]}
    made = (await _admin(server, "POST", "/v1/keys", asked)).json()
    return made["id"], made["key"]


async def _publish(server: FaultServer, data: Any = None) -> str:
    async with await Wire.open(server.port) as wire:
        answer = await wire.publish({"topic": "shop/orders", "data": data}, **_with(server.key))
        assert answer.status == 201, answer
        cursor: str = answer.json()["cursor"]
        return cursor


async def _stream(server: FaultServer, transport: str, credential: str, **options: Any) -> Stream:
    stream = await STREAMS[transport].subscribe(server.port, "shop/**", **options, **_with(credential))
    await live(stream)
    return stream


async def _until_gone(stream: Stream) -> list[Message]:
    found = []
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                found.append(await stream.next())
            except Gone:
                stream.close()
                return found


async def _parked(server: FaultServer, credential: str) -> tuple[Wire, str]:
    """A connection on which a poll waits, and the cursor that it was asked with."""
    wire = await Wire.open(server.port)
    first = await wire.request("GET", target("shop/**", "latest", timeout=0), **_with(credential))
    assert first.status == 200, first
    cursor: str = first.json()["cursor"]
    await wire.send(request("GET", target("shop/**", cursor, timeout=60), **_with(credential)))
    return wire, cursor


def _ended_with(found: list[Message], stream: Stream, reason: str) -> None:
    assert found[-1].type == "tricast.goodbye"
    assert found[-1].data["reason"] == reason
    if isinstance(stream, WebSocket):
        assert stream.code == 4401


@pytest.mark.parametrize("transport", STREAMS)
async def test_a_stream_ends_when_its_token_expires(guarded: FaultServer, transport: str) -> None:
    began = time.monotonic()
    stream = await _stream(guarded, transport, await _token(guarded, "user-1", TTL_S))
    published = await _publish(guarded)
    found = await _until_gone(stream)
    assert TTL_S - 0.1 < time.monotonic() - began < TTL_S + LATE_S
    assert [message.cursor for message in found if message.is_event] == [published]
    _ended_with(found, stream, "expired")


async def test_a_waiting_poll_is_answered_when_its_token_expires(guarded: FaultServer) -> None:
    began = time.monotonic()
    wire, cursor = await _parked(guarded, await _token(guarded, "user-2", TTL_S))
    async with wire:
        answer = await asyncio.wait_for(wire.answer(), WAIT_S)
        assert TTL_S - 0.1 < time.monotonic() - began < TTL_S + LATE_S
        assert answer.status == 200
        assert answer.json() == {"cursor": cursor, "events": [], "reset": None}


@pytest.mark.parametrize("transport", STREAMS)
async def test_a_lagging_stream_gets_no_event_of_after_the_expiry(
    guarded: FaultServer, transport: str
) -> None:
    token = await _token(guarded, "user-3", TTL_S)
    stream = await _stream(guarded, transport, token, receive_buffer=4096)
    for _ in range(6):
        await _publish(guarded, BIG)
    await asyncio.sleep(TTL_S)
    late = await _publish(guarded, BIG)
    found = await _until_gone(stream)
    assert late not in [message.cursor for message in found]
    assert len([message for message in found if message.is_event]) < 6
    _ended_with(found, stream, "expired")


async def test_a_renewal_in_place_keeps_a_websocket_open(guarded: FaultServer) -> None:
    first = await _token(guarded, "user-4", TTL_S)
    began = time.monotonic()
    stream = await _stream(guarded, "websocket", first)
    assert isinstance(stream, WebSocket)
    async with stream:
        await stream.say(op="auth", ref=1, token=await _token(guarded, "user-4", 60))
        reply = await _reply(stream)
        assert reply["ok"] is True
        assert 55 <= reply["expires_in_s"] <= 60
        while time.monotonic() < began + TTL_S + 1:
            assert (await stream.next()).type == "tricast.heartbeat"
        published = await _publish(guarded)
        while not (message := await stream.next()).is_event:
            pass
        assert message.cursor == published


async def _reply(stream: Stream) -> Any:
    while (message := await asyncio.wait_for(stream.next(), WAIT_S)).type != "tricast.reply":
        pass
    return message.data


async def test_a_renewal_for_somebody_else_changes_nothing(guarded: FaultServer) -> None:
    stream = await _stream(guarded, "websocket", await _token(guarded, "user-5", TTL_S))
    assert isinstance(stream, WebSocket)
    await stream.say(op="auth", token=await _token(guarded, "user-6", 60))
    reply = await _reply(stream)
    assert (reply["ok"], reply["error"]["status"]) == (False, 403)
    await stream.say(op="auth", token="nonsense")
    reply = await _reply(stream)
    assert (reply["ok"], reply["error"]["status"]) == (False, 401)
    _ended_with(await _until_gone(stream), stream, "expired")


@pytest.mark.parametrize("what", ["key", "token", "token of a revoked key", "subject"])
async def test_what_is_revoked_is_disconnected_within_a_second(guarded: FaultServer, what: str) -> None:
    key_id, key = await _key(guarded)
    subject = f"user of {what}"
    if what == "token of a revoked key":
        async with await Wire.open(guarded.port) as wire:
            asked = orjson.dumps({"subject": subject, "subscribe": ["shop/**"]})
            answer = await wire.request(
                "POST", "/v1/tokens", asked, content_type="application/json", **_with(key)
            )
            credential = answer.json()["token"]
    else:
        credential = key if what == "key" else await _token(guarded, subject)
    streams = [await _stream(guarded, name, credential) for name in STREAMS]
    unaffected = [await _stream(guarded, name, await _token(guarded, "somebody else")) for name in STREAMS]
    wire, _ = await _parked(guarded, credential)

    if "key" in what:
        await _admin(guarded, "DELETE", f"/v1/keys/{key_id}")
    else:
        given = {"token": credential} if what == "token" else {"subject": subject}
        await _admin(guarded, "POST", "/v1/tokens/revoke", given)
    began = time.monotonic()
    endings = await asyncio.gather(*(_until_gone(stream) for stream in streams))
    answer = await asyncio.wait_for(wire.answer(), WAIT_S)
    assert time.monotonic() - began < 1.0 + LATE_S / 5  # (a second, on a busy machine)
    for stream, found in zip(streams, endings, strict=True):
        _ended_with(found, stream, "revoked")
    assert answer.status == 401
    answer.problem()
    wire.close()

    published = await _publish(guarded)
    for stream in unaffected:
        while not (message := await asyncio.wait_for(stream.next(), WAIT_S)).is_event:
            pass
        assert message.cursor == published
        stream.close()
    for transport in TRANSPORTS:
        await _refused(guarded, transport, credential)


async def _refused(server: FaultServer, transport: str, credential: str) -> None:
    """Nobody gets in again with it."""
    if transport == "websocket":
        async with await WebSocket.subscribe(server.port, "shop/**", **_with(credential)) as socket:
            assert (await socket.next()).type == "tricast.error"
            with pytest.raises(Gone):
                await socket.next()
            assert socket.code == 4401
        return
    async with await Wire.open(server.port) as wire:
        accept = {"accept": "text/event-stream"} if transport == "sse" else {}
        answer = await wire.request("GET", target("shop/**"), **accept, **_with(credential))
        assert answer.status == 401
        answer.problem()


async def test_no_secret_is_in_the_logs(guarded: FaultServer) -> None:
    token = await _token(guarded, "user-7")
    async with await Wire.open(guarded.port) as wire:
        assert (await wire.poll("shop/**", timeout=0, token=token)).status == 200
        assert (await wire.poll("shop/**", timeout=0, token=f"{token}x")).status == 401
    said = guarded.errors()
    assert guarded.key is not None
    assert guarded.key not in said
    assert token not in said
    assert "Traceback" not in said
