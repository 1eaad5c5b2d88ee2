"""A browser's WebSocket sends its token as a sub-protocol or in its first message, on both paths."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from tests.api.served import masked, serve
from tests.harness.clients import WebSocket, http, query_of
from tests.harness.server import Installation
from tests.harness.sockets import Connection, patience, settled
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tricast.errors import Unauthorized
from tricast.hub.gate import Grant

pytestmark = pytest.mark.anyio
TOKEN = "eyJhIjox.Zm9v-_~"
TEXT, BINARY, CLOSE = 0x1, 0x2, 0x8
SHORT = b"GET /v1/events?%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def grant(subject: str = "ann", **more: Any) -> Grant:
    return Grant(subject=subject, subscribe=("demo/**",), publish=("demo/**",), **more)


def url_of(here: Installation, **query: str) -> str:
    return f"ws://127.0.0.1:{here.port}/v1/events?{query_of(['demo/**'], **query)}"


async def opened(here: Installation, *protocols: str, **query: str) -> ClientConnection:
    options: Any = {"subprotocols": list(protocols)} if protocols else {}
    return await connect(url_of(here, **query), compression=None, proxy=None, **options)


async def said(client: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await client.recv())
    return message


async def ending(client: ClientConnection) -> int:
    """The code of the Close, behind whatever comes before it."""
    try:
        while True:
            await client.recv()
    except ConnectionClosed:
        assert client.close_code is not None
        return client.close_code


async def test_a_token_is_taken_as_a_sub_protocol_and_never_answered(served: Installation) -> None:
    served.server.tokens[TOKEN] = grant(expires_at=time.time() + 600)
    async with patience(), await opened(served, "tricast.v1", f"tricast.auth.{TOKEN}") as client:
        assert client.subprotocol == "tricast.v1"
        assert client.response is not None
        assert TOKEN not in str(client.response.headers)
        hello = await said(client)
        assert hello["type"] == "tricast.hello"
        assert 590 < hello["data"]["expires_in_s"] <= 600
        assert [caller.grant.subject for caller in served.hub.callers.values()] == ["ann"]


async def test_a_header_wins_over_a_sub_protocol_and_that_over_the_url(served: Installation) -> None:
    served.server.tokens.update({"a": grant("ann"), "b": grant("ben"), "c": grant("cyd")})
    async with patience():
        for headers, subject in (({"Authorization": "Bearer a"}, "ann"), ({}, "ben")):
            async with connect(
                url_of(served, token="c"),
                compression=None,
                proxy=None,
                additional_headers=headers,
                subprotocols=["tricast.v1", "tricast.auth.b"],  # type: ignore[list-item]
            ) as client:
                await said(client)
                assert [caller.grant.subject for caller in served.hub.callers.values()] == [subject]
            await settled(lambda: not served.hub.callers)


async def test_two_offered_tokens_are_one_too_many(served: Installation) -> None:
    served.server.tokens.update(a=grant(), b=grant())
    async with patience():
        client = await opened(served, "tricast.v1", "tricast.auth.a", "tricast.auth.b")
        assert (await said(client))["data"]["field"] == "Sec-WebSocket-Protocol"
        assert await ending(client) == 4400


async def test_a_token_in_the_first_message_comes_before_hello_and_subscription(served: Installation) -> None:
    served.server.tokens[TOKEN] = grant(expires_at=time.time() + 600)
    async with patience(), await opened(served, "tricast.v1", auth="message") as client:
        await served.publish("demo/a", 0)  # (which it is not subscribed to yet)
        assert not served.hub.callers
        await client.send(json.dumps({"op": "auth", "token": TOKEN, "ref": 7}))
        hello, live, reply = await said(client), await said(client), await said(client)
        assert [hello["type"], live["type"]] == ["tricast.hello", "tricast.live"]
        assert reply["data"].items() >= {"op": "auth", "ok": True, "ref": 7}.items()
        assert 590 < reply["data"]["expires_in_s"] <= 600
        await served.publish("demo/a", 1)
        assert (await said(client))["data"]["n"] == 1


async def test_what_stands_behind_the_first_message_is_carried_out_in_order(served: Installation) -> None:
    served.server.tokens[TOKEN] = grant()
    async with patience():
        with await WebSocket.open(served.port, ["demo/**"], auth="message") as client:
            messages: list[dict[str, Any]] = [{"op": "auth", "token": TOKEN}]
            messages += [{"op": "publish", "topic": "demo/a", "data": {"n": n}} for n in range(5)]
            frames = b"".join(masked(TEXT, json.dumps(each).encode()) for each in messages)
            await client.connection.send(frames + masked(CLOSE, b"\x03\xe8"))
            rest = await client.connection.rest()
        assert rest.endswith(b"\x88\x02\x03\xe8")
        found = []
        async for event in served.hub.subscribe("demo/a", cursor="earliest"):
            found.append(event.data["n"])
            if len(found) == 5:
                break
    assert found == list(range(5))


@pytest.mark.parametrize(
    ("message", "code", "shown"),
    [
        ('{"op":"ping"}', 4401, "the first message"),
        ('{"op":"subscribe","topics":["demo/a"]}', 4401, "the first message"),
        ('{"op":"auth"}', 4400, "token"),
        ('{"op":"auth","token":"unknown"}', 4401, ""),
        ('{"op":"auth","token":"a\\r\\nX-Role: admin"}', 4401, "ASCII"),
        ('{"op":"auth","token":"a b"}', 4401, "ASCII"),
        ('{"op":"auth","token":"€"}', 4401, "ASCII"),
        ("hello", 4400, "JSON"),
        ("[]", 4400, "object"),
        (b"{}", 4400, "binary"),
        ('{"op":"auth","token":"' + "x" * 4096 + '"}', 4413, "4096"),
    ],
)
async def test_any_other_first_message_ends_it(
    served: Installation, message: str | bytes, code: int, shown: str
) -> None:
    def gate(request: Any) -> Grant:
        raise Unauthorized("no such token")

    served.server.gate = gate
    async with patience():
        client = await opened(served, auth="message")
        await client.send(message)
        error = await said(client)
        assert (error["type"], await ending(client)) == ("tricast.error", code)
    assert shown in error["data"]["detail"]


async def test_a_first_message_that_does_not_come_is_waited_for_5_seconds() -> None:
    """A client may come back (45xx): a network that stalls is nobody's fault."""
    async with (
        Installation("memory:", "direct") as direct,
        Installation("memory:", "portable") as portable,
        patience(),
    ):
        clients = [await opened(each, auth="message") for each in (direct, portable)]
        assert await asyncio.gather(*map(ending, clients)) == [4503, 4503]


async def test_a_client_that_goes_before_its_first_message_is_forgotten_at_once(direct: Installation) -> None:
    async with patience():
        with await WebSocket.open(direct.port, ["demo/**"], auth="message") as client:
            await settled(lambda: bool(direct.server.tasks))
            client.connection.reset()
        await settled(lambda: not direct.server.tasks and not direct.server.connections)


async def test_a_flood_in_front_of_the_token_is_cut_off(direct: Installation) -> None:
    with await Connection.open(direct.port) as connection:
        query = query_of(["demo/**"], auth="message").encode()
        await connection.send(
            SHORT % query
            + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        async with patience():
            await connection.until(b"\r\n\r\n")
            await connection.send(b"\x81\xff" + (1 << 20).to_bytes(8, "big") + bytes(4) + b"x" * 70_000)
            assert b"\x03\xf1" in await connection.rest()  # 1009


async def test_only_websockets_take_a_token_by_message(served: Installation) -> None:
    for headers in ((), [("accept", "text/event-stream")]):
        answer = await http(
            served.port, "GET", query_of(["demo/**"], auth="message", timeout=0), headers=headers
        )
        assert (answer.status, answer.json()["field"]) == (400, "auth")
    answer = await http(served.port, "GET", query_of(["demo/**"], auth="header", timeout=0))
    assert (answer.status, answer.json()["field"]) == (400, "auth")


def test_no_token_is_logged_whatever_is_logged() -> None:
    with serve("--set", "log_level=debug", "--set", "access_log=true", dev=False) as server:
        with server.http() as client:
            minted = client.post(
                "/v1/tokens", json={"subject": "ann", "app": "shop", "subscribe": ["shop/**"]}
            )
        token = minted.json()["token"]
        for query, protocols, first in (
            ("", ["tricast.v1", f"tricast.auth.{token}"], "tricast.hello"),
            (f"&token={token}", ["tricast.v1"], "tricast.hello"),
            ("", ["tricast.v1", f"tricast.auth.x{token}"], "tricast.error"),
        ):
            headers = {"Authorization": ""}
            with server.websocket(
                f"topic=shop/**{query}", subprotocols=protocols, additional_headers=headers
            ) as socket:
                assert socket.next()["type"] == first
        refused = server.ask(
            b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 12\r\nSec-WebSocket-Protocol: tricast.auth."
            + token.encode()
            + b"\r\n\r\n"
        )
        assert refused.status == 426
        assert token not in server.log
        assert "101" in server.log
