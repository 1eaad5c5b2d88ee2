"""What a proxy does to requests on their way: who is seen to ask, HTTP/2, Origin, WebSocket handshakes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest
from tests.clients.dialects import DIALECTS, Language
from tests.clients.following import following
from tests.clients.npm import node
from tests.harness.sockets import patience, settled
from tests.proxies.certificate import Certificate
from tests.proxies.crowd import a_crowd, for_python
from tests.proxies.origin import Origin
from tests.proxies.proxies import PROXIES, Proxy
from tests.proxies.walkin import Walkin
from websockets.asyncio.client import ClientConnection, connect

HERE = Path(__file__).parent
ELSEWHERE = "127.0.0.2"
ATTEMPTS = 3  # after so many, another transport would be tried
LIE = {"x-forwarded-for": "203.0.113.9"}
HANDSHAKE = {
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "connection": "upgrade",
    "upgrade": "websocket",
}


def those(wanted: Callable[[type[Proxy]], bool]) -> pytest.MarkDecorator:
    """Only proxies for which it is so."""
    names = [name for name, kind in PROXIES.items() if wanted(kind)]
    return pytest.mark.parametrize("proxy", names, indirect=True, scope="module")


with_tls = those(lambda kind: kind.has_tls)
with_both = those(lambda kind: kind.has_tls and kind.has_plain)
without_websockets = those(lambda kind: not kind.passes_websockets)


@pytest.fixture
async def elsewhere(origin: Origin, proxy: Proxy, certificate: Certificate) -> AsyncIterator[Walkin]:
    """Somebody at another address than the proxy's."""
    way = httpx2.AsyncHTTPTransport(local_address=ELSEWHERE, verify=certificate.context(), trust_env=False)
    headers = {"authorization": f"Bearer {origin.token}"}
    async with httpx2.AsyncClient(base_url=proxy.url, headers=headers, transport=way) as http:
        yield Walkin(http)


def websocket(hub: Origin, proxy: Proxy, certificate: Certificate, topic: str, **more: object) -> connect:
    return connect(
        f"{proxy.url.replace('http', 'ws', 1)}/v1/events?topic={topic}&token={hub.token}",
        ssl=certificate.context() if proxy.has_tls else None,
        proxy=None,
        **more,  # type: ignore[arg-type]
    )


async def first(connection: ClientConnection) -> str:
    async with patience():
        return str(json.loads(await connection.recv())["type"])


def logged(origin: Origin, name: str) -> list[str]:
    """The access log's lines about the topic of this name."""
    said = [json.loads(line)["event"] for line in origin.server.errors().splitlines() if name in line]
    return [line for line in said if "/v1/events" in line]


async def seen(origin: Origin, name: str) -> str:
    """The address in the first of them."""
    await settled(lambda: bool(logged(origin, name)))
    address = logged(origin, name)[0].partition(" ")[0]
    return address.rpartition(":")[0] or address  # (uvicorn's own lines have a port)


@pytest.mark.parametrize("transport", ["websocket", "sse", "poll", "http"])
async def test_the_server_sees_the_clients_own_address_and_not_what_it_says(
    origin: Origin, proxy: Proxy, certificate: Certificate, elsewhere: Walkin, transport: str
) -> None:
    """But where the proxy is not told to: there the server sees the proxy, or what the client says."""
    name = f"{proxy.kind}-by-{transport}"
    topic = f"demo/{name}"
    if transport == "websocket":
        if not proxy.passes_websockets:
            return
        local = (ELSEWHERE, 0)
        async with websocket(
            origin, proxy, certificate, topic, local_addr=local, additional_headers=LIE
        ) as connection:
            assert await first(connection) == "tricast.hello"
    elif transport == "sse":
        async with elsewhere.stream(topic, **LIE):
            pass
    elif transport == "poll":
        assert (await elsewhere.poll(topic, **LIE)).status_code == 200
    else:
        answer = await elsewhere.http.post(f"/v1/events?topic={topic}", content=b"hello", headers=LIE)
        assert answer.status_code == 201
    assert await seen(origin, name) == (ELSEWHERE if proxy.tells_addresses else LIE["x-forwarded-for"])


async def test_a_page_of_the_proxys_own_origin_may_connect(
    origin: Origin, proxy: Proxy, certificate: Certificate, walkin: Walkin
) -> None:
    """But where the proxy changes Host: there the server must be told its name (`own_origins`)."""
    page = {"origin": proxy.url, "cookie": "a=b"}
    assert (await walkin.poll("demo/any", **page)).status_code == (200 if proxy.keeps_host else 403)
    assert (await walkin.poll("demo/any", **page | {"origin": "https://evil.example"})).status_code == 403
    if proxy.passes_websockets:
        async with websocket(origin, proxy, certificate, "demo/any", origin=proxy.url) as connection:
            assert await first(connection) == "tricast.hello"


@with_tls
async def test_streams_and_polls_come_over_http_2(
    origin: Origin, proxy: Proxy, certificate: Certificate, walkin: Walkin
) -> None:
    topic = f"demo/{proxy.kind}-2"
    url = f"{proxy.url}/v1/events?topic={topic}&token={origin.token}"
    curl = ("curl", "-qsNi", "--http2", "--noproxy", "*", "--cacert", str(certificate.certificate))
    process = await asyncio.create_subprocess_exec(
        *curl, "-H", "Accept: text/event-stream", url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with patience():
            assert (await process.stdout.readline()).startswith(b"HTTP/2 200")
            await until(process.stdout, b"event: tricast.live")
            await walkin.publish(json.dumps({"topic": topic, "data": "over-2"}).encode())
            await until(process.stdout, b"over-2")
    finally:
        process.kill()
        await process.communicate()
    process = await asyncio.create_subprocess_exec(
        *curl, f"{url}&cursor=earliest", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said.startswith(b"HTTP/2 200")
    assert b"over-2" in said


async def until(lines: asyncio.StreamReader, part: bytes) -> None:
    while part not in (line := await lines.readline()):
        assert line, f"it ended without {part!r}"


@with_tls
async def test_browsers_websockets_over_http_2_get_through_where_they_are_offered(
    origin: Origin, proxy: Proxy, certificate: Certificate
) -> None:
    """HAProxy offers them (RFC 8441), so browsers use them; the others don't."""
    path = f"/v1/events?topic=demo/any&token={origin.token}"
    trust = {"NODE_EXTRA_CA_CERTS": str(certificate.certificate)}
    said = await asyncio.to_thread(node, HERE / "extended_connect.mjs", proxy.url, path, folder=HERE, **trust)
    if proxy.kind == "haproxy":
        assert said.startswith("200\n")
        assert "tricast.hello" in said
    else:
        assert said == "not offered\n"


@with_both
async def test_without_tls_both_clients_are_live_and_given_everything(origin: Origin, proxy: Proxy) -> None:
    async with a_crowd(origin, proxy, url=proxy.plain_url, transports=("websocket", "sse", "poll")) as crowd:
        await crowd.publish(50)
        await crowd.all_given()


@without_websockets
async def test_a_handshake_that_lost_its_upgrade_is_told_so_at_once(walkin: Walkin) -> None:
    """As a poll it would wait, and the client with it."""
    answer = await walkin.http.get("/v1/events", params={"topic": "demo/any"}, headers=HANDSHAKE)
    assert answer.status_code == 400
    assert answer.json()["field"] == "Upgrade"
    assert "a proxy took it out" in answer.json()["detail"]


@without_websockets
@pytest.mark.parametrize("language", DIALECTS)
async def test_a_client_that_may_use_nothing_else_goes_on_trying_websockets(
    origin: Origin, proxy: Proxy, language: Language
) -> None:
    url = for_python(proxy.url) if language == "python" else proxy.url
    name = f"only-{language}"
    async with following(
        language, url, f"demo/{name}", give_token=lambda _: origin.token, transports=["websocket"]
    ) as client:
        await settled(lambda: len(logged(origin, name)) > ATTEMPTS)
        assert (client.state, client.problem) == ("reconnecting", None)
