"""The server as a client reaches it: URLs, credentials, one pool of HTTP connections."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

import httpx2

from tricast.client.ends import Dropped, Ended, Unreachable
from tricast.client.link import Open
from tricast.client.problems import refusal
from tricast.errors import BadRequest

# Above what a server may be set to (max_event_bytes), so that it is the server that refuses.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
MAX_PROBLEM_BYTES = 64 * 1024
_NO_NETWORK = frozenset((errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address and what is needed to ask it. `count` is told the bytes that come."""

    url: str
    http: httpx2.AsyncClient
    count: Callable[[int], None]

    @property
    def events(self) -> str:
        return f"{self.url}/v1/events"

    def query(self, order: Open, cursor: str, **more: str) -> str:
        """The query of a subscription."""
        pairs = [("topic", topic) for topic in order.topics] + [("cursor", cursor), *more.items()]
        if order.presence:
            pairs.append(("presence", "1"))
        return urlencode(pairs, safe="/*:,", quote_via=quote)

    @asynccontextmanager
    async def failures(self) -> AsyncGenerator[None]:
        """Raises what a failure of HTTP means: Unreachable, or Dropped."""
        try:
            yield
        except httpx2.HTTPError as error:
            raise lost(error) from None


def address_of(url: str) -> str:
    """A server's URL without a slash at the end. Raises BadRequest if it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadRequest(f"url {url[:80]!r} is not a URL such as http://127.0.0.1:8080", field="url")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise BadRequest(
            "url must have no credentials, query and fragment; give credentials as token", field="url"
        )
    return url.rstrip("/")


def through_proxy(url: str) -> bool:
    """Whether the environment's HTTP proxy may be asked: not for this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def http_of(url: str, *, trust_env: bool, timeout_s: float) -> httpx2.AsyncClient:
    """A pool of HTTP connections to the server at `url`; it must be closed.

    `trust_env`: whether the environment's HTTP proxy may be asked (for another machine than this one).
    """
    trusting = trust_env and through_proxy(url)
    # (loading the authorities takes 25 ms, and there is nobody to check: this trusts none at all)
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") and not trusting else True
    return httpx2.AsyncClient(trust_env=trusting, timeout=timeout_s, verify=verify)


async def read(response: httpx2.Response, most: int) -> bytes:
    """The body. Raises Dropped if it is longer than `most` bytes."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > most:
            raise Dropped(f"the answer has more than {most} bytes; is a tricast server there?")
    return bytes(body)


def credentials(token: str | None) -> dict[str, str]:
    """The header that shows a token or an API key."""
    return {} if token is None else {"authorization": f"Bearer {token}"}


async def check(response: httpx2.Response, media_type: str, *, is_last: bool) -> None:
    """Raises what a response means, unless it is a success of `media_type`.

    `is_last`: nothing could do better, so that a stranger's refusal counts.
    """
    if response.status_code != httpx2.codes.OK:
        body = await read(response, MAX_PROBLEM_BYTES)
        raise refusal(response.status_code, response.headers, body, is_last=is_last)
    got = response.headers.get("content-type", "").partition(";")[0].strip()
    if got != media_type:
        raise Dropped(f"the answer is {got[:80] or 'of no type'} and not {media_type}")


def lost(error: Exception) -> Ended:
    """What an exception of the network means."""
    why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    cause: BaseException | None = error
    is_unreachable = isinstance(error, httpx2.ConnectError)
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return Unreachable(why, no_network=cause.errno == socket.EAI_AGAIN)
        if isinstance(cause, OSError) and cause.errno in _NO_NETWORK:
            return Unreachable(why, no_network=True)
        is_unreachable = is_unreachable or isinstance(cause, ConnectionRefusedError)
        cause = cause.__cause__ or cause.__context__
    return Unreachable(why) if is_unreachable else Dropped(why)
