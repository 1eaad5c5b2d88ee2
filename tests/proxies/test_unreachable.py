"""What a proxy answers while the server is unreachable: to event streams, and to all other requests."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import httpx2
import pytest
from tests.proxies.certificate import Certificate
from tests.proxies.origin import Origin
from tests.proxies.proxies import PROXIES, Proxy, free_ports
from tests.proxies.walkin import Walkin

EVENTS = "/v1/events?topic=demo/any"
EVENT_STREAM = {"accept": "text/event-stream"}
Request = tuple[str, str, dict[str, str]]
STREAMS: dict[str, Request] = {
    "EventSource": ("GET", EVENTS, EVENT_STREAM),
    "EventSource that comes back": ("GET", EVENTS, {**EVENT_STREAM, "last-event-id": "k3v9q2-1042"}),
    "several types": ("GET", EVENTS, {"accept": "text/html, Text/Event-Stream;q=0.9"}),
    "transport=sse": ("GET", f"{EVENTS}&transport=sse", {}),
    "transport=sse before the rest": ("GET", "/v1/events?transport=sse&topic=demo/any", {"accept": "*/*"}),
    "OFREP": ("GET", "/v1/apps/demo/production/ofrep/v1/stream?token=x", {}),
    "OFREP by EventSource": ("GET", "/v1/apps/demo/production/ofrep/v1/stream?token=x", EVENT_STREAM),
    "below a path": ("GET", f"/tricast{EVENTS}", EVENT_STREAM),
}
OTHERS: dict[str, Request] = {
    "poll": ("GET", EVENTS, {}),
    "poll that would take a stream": ("GET", f"{EVENTS}&transport=poll", EVENT_STREAM),
    "publish": ("POST", EVENTS, EVENT_STREAM),
    "publish to a URL of streams": ("POST", f"{EVENTS}&transport=sse", {}),
    "HEAD": ("HEAD", EVENTS, EVENT_STREAM),
    "preflight": ("OPTIONS", EVENTS, {"origin": "https://shop.example"}),
    "WebSocket": (
        "GET",
        EVENTS,
        {
            "connection": "upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
    ),
    "flags": ("GET", "/v1/flags?app=demo", {}),
    "OFREP": ("POST", "/v1/apps/demo/production/ofrep/v1/evaluate/flags", {}),
    "page": ("GET", "/", {"accept": "text/html"}),
}
RETRY = b"retry: 2000\n\n"
AfterResponse = Literal["close", "reset", "wait"]
# How a server fails before its response has begun: what it sends, what it does then.
FAILURES: dict[str, tuple[bytes, AfterResponse]] = {
    "closes": (b"", "close"),
    "closes in the head": (b"HTTP/1.1 200 OK\r\ncontent-ty", "close"),
    "resets": (b"", "reset"),
}


@asynccontextmanager
async def serving(port: int, response: bytes, then: AfterResponse = "close") -> AsyncIterator[None]:
    """A server that sends `response` to every request, and then ends the connection or waits for the peer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response)
            if then == "wait":
                await reader.read()
            elif then == "reset":
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield


@pytest.fixture(scope="module", params=PROXIES)
def idle_proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Proxy]:
    """A proxy of each kind with a short time-out, in front of a port that nobody listens on."""
    folder: Path = tmp_path_factory.mktemp(f"unreachable-{request.param}")
    [port] = free_ports(1)
    proxy = PROXIES[request.param](folder, port, certificate, timeout="1s")
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.stop()


@pytest.fixture
async def http(idle_proxy: Proxy, certificate: Certificate) -> AsyncIterator[httpx2.AsyncClient]:
    """A connection for each request: HAProxy may close a reused one without an answer."""
    async with httpx2.AsyncClient(
        base_url=idle_proxy.url,
        verify=certificate.context(),
        limits=httpx2.Limits(max_keepalive_connections=0),
        trust_env=False,
        timeout=30,
    ) as http:
        yield http


async def responses(http: httpx2.AsyncClient, wanted: Mapping[str, Request]) -> dict[str, httpx2.Response]:
    """The responses to all of them, requested concurrently."""
    pending = [http.request(method, path, headers=headers) for method, path, headers in wanted.values()]
    return dict(zip(wanted, await asyncio.gather(*pending), strict=True))


def assert_says_when_to_retry(answer: httpx2.Response, asked: str = "EventSource") -> None:
    assert answer.status_code == 200, asked
    assert answer.headers["content-type"] == "text/event-stream", asked
    assert answer.headers["cache-control"] == "no-store", asked
    assert answer.content in (RETRY, b": no answer from tricast\n" + RETRY), asked


def assert_is_the_status(answer: httpx2.Response, status: int, asked: str = "poll") -> None:
    assert answer.status_code == status, asked
    assert answer.headers.get("content-type") != "text/event-stream", asked


async def test_a_stream_is_told_when_to_retry_while_nobody_listens(http: httpx2.AsyncClient) -> None:
    for asked, answer in (await responses(http, STREAMS)).items():
        assert_says_when_to_retry(answer, asked)
        assert "access-control-allow-origin" not in answer.headers, asked


async def test_an_event_source_of_any_origin_may_read_when_to_retry(http: httpx2.AsyncClient) -> None:
    """Else it would fail for ever: one that asks with credentials, too."""
    origins = ("https://shop.example", "null")
    wanted = {origin: ("GET", EVENTS, {**EVENT_STREAM, "origin": origin}) for origin in origins}
    for origin, answer in (await responses(http, wanted)).items():
        assert_says_when_to_retry(answer, origin)
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"


async def test_all_other_requests_get_the_true_status_while_nobody_listens(
    idle_proxy: Proxy, http: httpx2.AsyncClient
) -> None:
    for asked, answer in (await responses(http, OTHERS)).items():
        assert_is_the_status(answer, idle_proxy.refused, asked)


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_server_that_ends_the_connection_before_it_answers_is_unreachable(
    idle_proxy: Proxy, http: httpx2.AsyncClient, failure: str
) -> None:
    """Such as one that is killed, or whose port Docker publishes before it listens."""
    async with serving(idle_proxy.upstream, *FAILURES[failure]):
        assert_says_when_to_retry(await http.get(EVENTS, headers=EVENT_STREAM))
        assert_is_the_status(await http.get(EVENTS), 502)


async def test_a_server_that_answers_too_late_is_unreachable(
    idle_proxy: Proxy, http: httpx2.AsyncClient
) -> None:
    """Such as one that listens but is still starting. Caddy has no time-out."""
    if not idle_proxy.has_timeout:
        return
    async with serving(idle_proxy.upstream, b"", "wait"):
        assert_says_when_to_retry(await http.get(EVENTS, headers=EVENT_STREAM))
        assert_is_the_status(await http.get(EVENTS), 504)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 504])
async def test_a_status_that_the_server_answers_is_passed_on_as_it_is(
    idle_proxy: Proxy, http: httpx2.AsyncClient, status: int
) -> None:
    problem = json.dumps({"type": "/problems/any", "status": status}).encode()
    head = (
        f"HTTP/1.1 {status} Any\r\ncontent-type: application/problem+json\r\nretry-after: 7\r\n"
        f"content-length: {len(problem)}\r\nconnection: close\r\n\r\n"
    )
    async with serving(idle_proxy.upstream, head.encode() + problem):
        for answer in (await responses(http, STREAMS)).values():
            assert (answer.status_code, answer.content) == (status, problem)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("status", "path", "has_token"),
    [
        (400, "/v1/events", True),
        (401, EVENTS, False),
        (403, "/v1/events?topic=other/any", True),
    ],
)
async def test_the_refusals_of_tricast_pass_through_the_proxy_unaltered(
    origin: Origin, walkin: Walkin, *, status: int, path: str, has_token: bool
) -> None:
    headers = {**EVENT_STREAM, "authorization": f"Bearer {origin.token}"} if has_token else EVENT_STREAM
    walkin.http.headers.pop("authorization")
    through = await walkin.http.get(path, headers=headers)
    async with httpx2.AsyncClient(base_url=origin.url, trust_env=False, timeout=30) as direct:
        straight = await direct.get(path, headers=headers)
    assert through.status_code == straight.status_code == status
    assert through.json() == straight.json()
    assert through.headers["content-type"] == "application/problem+json"
