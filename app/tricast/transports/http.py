"""HTTP answers in one write where the server lets us, by ASGI messages where not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from starlette.datastructures import MutableHeaders

from tricast.errors import TricastError
from tricast.transports import direct

Headers = Sequence[tuple[bytes, bytes]]
NO_STORE = (b"cache-control", b"no-store")
JSON = (b"content-type", b"application/json")
PROBLEM = (b"content-type", b"application/problem+json")


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def head(status: int, headers: Headers) -> bytes:
    """The head of an HTTP/1.1 response."""
    lines = [_status_line(status)]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


_UPGRADE = ((b"connection", b"upgrade, close"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13"))


def refusal(problem: TricastError) -> bytes:
    """A whole response for a connection that ends with it, before there was a request to answer."""
    body = problem.problem_json() + b"\n"
    length = (b"content-length", b"%d" % len(body))
    # A 426 names the version that is supported (RFC 9110 §15.5.22, RFC 6455 §4.2.2).
    last = _UPGRADE if problem.status == 426 else ((b"connection", b"close"),)
    return head(problem.status, (PROBLEM, NO_STORE, *last, length)) + body


def closing(response: bytes) -> bytes:
    """A response that says that it is the connection's last (RFC 9112 §9.6); it must not say so already."""
    return response.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)


async def reply(scope: Any, send: Any, status: int, headers: Headers, body: bytes | None = b"") -> None:
    """Send a complete response, without its body to a HEAD request.

    `body` None: there is no body and no Content-Length, as in the answer to HEAD if GET's length is unknown.
    """
    if body is not None and status != 204:
        headers = (*headers, (b"content-length", b"%d" % len(body)))
    if body is None or scope["method"] == "HEAD":
        body = b""
    way = direct.of(scope)
    if way is not None:
        way.respond(head(status, headers) + body)
        return
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def refuse(scope: Any, send: Any, problem: TricastError, headers: Headers = ()) -> None:
    """Send `problem` as RFC 9457 problem details."""
    told = (*headers_of(problem), *headers)
    await reply(scope, send, problem.status, told, problem.problem_json() + b"\n")


def headers_of(problem: TricastError) -> Headers:
    """What the head of an answer with problem details has."""
    headers: list[tuple[bytes, bytes]] = [PROBLEM, NO_STORE]
    if problem.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, round(problem.retry_after_s))))
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def header(scope: Any, name: bytes) -> bytes | None:
    """The first header of that (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            return value  # type: ignore[no-any-return]
    return None


def headers_named(scope: Any, name: bytes) -> list[str]:
    """The values of all headers of that (lower-case) name."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def without_slash(scope: Any) -> Any:
    """`scope` without the one slash at the end of its path, if there is one: `/v1/events/` is `/v1/events`.

    A redirect would not do: clients drop the body, and WebSocket handshakes don't follow it.
    A slash that belongs to a name is sent as `%2F`, and is kept.
    """
    path: str = scope["path"]
    if not path.endswith("/") or path.endswith("//") or path == f"{scope.get('root_path', '')}/":
        return scope
    raw: bytes = (scope.get("raw_path") or b"").partition(b"?")[0]
    if raw[-3:].lower() == b"%2f":
        return scope
    # `raw_path` may lack the slash: Litestar adds it to `path` alone.
    return {**scope, "path": path[:-1], "raw_path": raw.removesuffix(b"/")}


def own_host(scope: Any, origin: str) -> str:
    """The Host that a page's origin is to be compared with.

    '' if the request came by https and the page by plain http: that is none of this host's origin.
    """
    if scope.get("scheme") in ("https", "wss") and origin.lower().startswith("http://"):
        return ""
    return (header(scope, b"host") or b"").decode("latin-1")


# (origin, host, with cookies) → may a page from there read the answer?
Allowed = Callable[[str, str, bool], bool]

METHODS = b"GET, HEAD, POST, OPTIONS"
# The response headers that pages of other origins can read, besides the safelisted ones (Fetch §2.2.2).
EXPOSED_HEADERS = (
    b"Allow, Content-Disposition, ETag, Link, Location, Retry-After, Tricast-Cursor, WWW-Authenticate, "
    b"X-Request-ID"
)
# The request headers that such pages may send; a preflight may ask for others.
REQUEST_HEADERS = (
    b"Authorization, X-API-Key, Content-Type, If-Match, If-None-Match, Last-Event-ID, Idempotency-Key, "
    b"X-Request-ID, Cache-Control, ce-id, ce-source, ce-specversion, ce-subject, ce-time, ce-topic, ce-type"
)
MAX_REFLECTED_HEADERS = 32
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # RFC 9110 §5.1, of bounded length


def cors(scope: Any, allowed: Allowed, *, methods: bytes | None = None) -> Headers:
    """The CORS headers of an answer (Fetch §3.3); with `methods`, of the answer to a preflight.

    A request without an Origin gets none; an origin that is not allowed gets `Vary` only.
    Credentials are allowed to origins that are allowed with cookies, so not to those that
    only `*` allows.
    """
    origin = header(scope, b"origin")
    if origin is None:
        return ()
    page = origin.decode("latin-1")
    host = own_host(scope, page)
    cookies = header(scope, b"cookie") is not None
    if not allowed(page, host, cookies):
        return ((b"vary", b"Origin"),)
    headers = [(b"access-control-allow-origin", origin)]
    if cookies or allowed(page, host, True):
        headers.append((b"access-control-allow-credentials", b"true"))
    if methods is None:
        return (*headers, (b"access-control-expose-headers", EXPOSED_HEADERS), (b"vary", b"Origin"))
    return (
        *headers,
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", b", ".join((REQUEST_HEADERS, *_asked_for(scope)))),
        (b"access-control-max-age", b"600"),
        (b"vary", b"Origin, Access-Control-Request-Headers"),
    )


def _asked_for(scope: Any) -> Sequence[bytes]:
    """The header names that a preflight asks for; none if there are too many or one is malformed."""
    lines = b",".join(value for name, value in scope["headers"] if name == b"access-control-request-headers")
    names = [name for name in (part.strip(b" \t") for part in lines.split(b",")) if name]
    if len(names) > MAX_REFLECTED_HEADERS or not all(map(_FIELD_NAME.fullmatch, names)):
        return ()
    return names


def add_cors(headers: MutableHeaders, scope: Any, allowed: Allowed) -> None:
    """Add the CORS headers to an answer's `headers`. For OPTIONS, the methods are those of its `Allow`."""
    allow = headers.get("allow") if scope["method"] == "OPTIONS" else None
    for name, value in cors(scope, allowed, methods=None if allow is None else allow.encode("latin-1")):
        text = value.decode("latin-1")
        if name != b"vary":
            headers[name.decode()] = text
        elif text not in headers.get("vary", ""):
            headers.add_vary_header(text)


def sending_cors(scope: Any, send: Any, allowed: Allowed) -> Any:
    """`send` that adds the CORS headers to the response, for applications that don't."""
    if header(scope, b"origin") is None:
        return send

    async def send_with_cors(message: Any) -> None:
        if message["type"] == "http.response.start":
            add_cors(MutableHeaders(scope=message), scope, allowed)
        await send(message)

    return send_with_cors


async def preflight(scope: Any, send: Any, allowed: Allowed) -> None:
    """Answer OPTIONS at `/v1/events`, a CORS preflight or not."""
    await reply(scope, send, 204, ((b"allow", METHODS), *cors(scope, allowed, methods=METHODS)))
