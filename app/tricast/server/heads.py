"""Checks of parsed HTTP/1 request heads that the parser does not make: Host, and offers to upgrade."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from tricast.errors import BadRequest

# The value of Host: uri-host, which may be empty, and an optional port (RFC 9110 §7.2, RFC 3986 §3.2.2).
_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.%A-Za-z_~-]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?")

Headers = Sequence[tuple[bytes, bytes]]


def host_problem(headers: Headers, version: str) -> BadRequest | None:
    """The error of a request's missing, second or malformed Host; None if it is valid.

    HTTP/1.1 has exactly one, HTTP/1.0 may have none (RFC 9112 §3.2).
    """
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) == 1 and _is_host(hosts[0]):
        return None
    if not hosts and version == "1.0":
        return None
    shown = f"Host {hosts[0][:80]!r}" if len(hosts) == 1 else f"{len(hosts)} Host headers"
    return BadRequest(f"the request has {shown}; send one, with the host and port of the URL", field="Host")


@lru_cache(maxsize=256)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def wants_websocket(method: str, version: str, headers: Headers) -> bool:
    """Whether the head is a WebSocket handshake: a GET by HTTP/1.1 whose Upgrade names `websocket`."""
    if method != "GET" or version != "1.1":
        return False
    offered = b",".join(value for name, value in headers if name == b"upgrade").lower()
    return b"websocket" in (protocol.strip() for protocol in offered.split(b","))


def without_upgrade(method: str, url: bytes, version: str, headers: Headers) -> bytes:
    """The bytes of a head without its offer to upgrade, which a server may ignore (RFC 9110 §7.8)."""
    lines = [b"%b %b HTTP/%b" % (method.encode(), url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            value = b", ".join(option for option in options if option.lower() != b"upgrade")
            if not value:
                continue
        if name != b"upgrade":
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join((*lines, b"\r\n"))
