"""The body of an HTTP request, read as a whole within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tricast.errors import BadRequest, NotSupported, TooLarge, TooSlow
from tricast.transports import http

BODY_TIMEOUT_S: Final = 30.0


async def read_body(scope: Any, receive: Any, limit: int) -> bytes:
    """The whole body, of at most `limit` bytes, within 30 s.

    Raises TooLarge, TooSlow, NotSupported for a transfer coding other than chunked (RFC 9112 §6.1), and
    BadRequest for a content coding or a connection that ended before the body was complete.
    """
    check_codings(scope)
    length = http.header(scope, b"content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise TooLarge(f"the body has {int(length)} bytes; the limit is {limit}", field="body")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await _parts(receive, limit)
    except TimeoutError:
        raise TooSlow(f"the body did not arrive within {BODY_TIMEOUT_S:g} s", field="body") from None
    if not body and http.header(scope, b"upgrade") is not None:
        _check_lost(scope, length)
    return body


def check_codings(scope: Any) -> None:
    """Raises NotSupported for a transfer coding other than chunked, BadRequest for a content coding."""
    transfer = b",".join(value for name, value in scope["headers"] if name == b"transfer-encoding")
    if transfer and transfer.lower() != b"chunked":
        raise NotSupported(
            f"Transfer-Encoding {transfer.decode('latin-1')[:80]!r} is not supported; send the body with a "
            "Content-Length, or chunked",
            field="Transfer-Encoding",
        )
    content = http.header(scope, b"content-encoding")
    if content is not None and content.lower() != b"identity":
        raise BadRequest(
            f"Content-Encoding {content.decode('latin-1')[:80]!r} is not supported; "
            "send the body uncompressed",
            field="Content-Encoding",
        )


def _check_lost(scope: Any, length: bytes | None) -> None:
    """Raises BadRequest if the ASGI server lost the body of a request with an upgrade offer (DELIVERY.md 28).

    uvicorn's parser leaves the bytes after such a head to the other protocol. `tricast serve` ignores the
    offer and reads the body.
    """
    if length not in (None, b"0") or http.header(scope, b"transfer-encoding") is not None:
        raise BadRequest(
            "the server lost the body, since the request offers an upgrade; send it without Upgrade (curl: "
            "--http1.1; Java: HttpClient.Version.HTTP_1_1)",
            field="Upgrade",
        )


async def _parts(receive: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("the client went away before the body was complete", field="body")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge(f"the body is larger than the limit of {limit} bytes", field="body")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
