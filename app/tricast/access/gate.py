"""The door: from a request to what it may do.

Both gates are plain functions of a request (anything with an ASGI `scope`), so
that the hot path costs a dictionary look-up and not an `await`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import unquote_to_bytes

from tricast.access.grants import SCOPES
from tricast.access.keys import KEY_PREFIX, Keys
from tricast.access.origins import LOOPBACK_HOSTS, Headers, OriginRules, header, hostname
from tricast.access.people.door import SessionDoor
from tricast.access.revocation import Revocations
from tricast.access.tokens import Tokens
from tricast.errors import Forbidden, Unauthorized
from tricast.hub.caller import UNIX_ADDRESS
from tricast.hub.gate import Grant

HOW = (
    "send 'Authorization: Bearer <token or API key>' or 'X-API-Key: <API key>', or, where headers can't "
    "be set (EventSource, WebSocket in a browser), '?token=<token>'"
)
_KEY_PREFIX = KEY_PREFIX.encode()
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What credentials were found to grant; for a key, as of `version` of its document."""

    grant: Grant
    key_id: str | None
    version: int


class AccessGate:
    """Asks every request for an API key, a token, or the cookie of a session, in this order.

    What was verified once is remembered (bounded) by the bytes that were shown,
    and is good until the key's document changes, the token expires, or it is
    revoked: all three are asked each time, in memory.
    """

    def __init__(
        self,
        keys: Keys,
        tokens: Tokens,
        revocations: Revocations,
        *,
        clock: Callable[[], float],
        sessions: SessionDoor | None = None,
        remembered: int = 10_000,
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._tokens = tokens
        self._revocations = revocations
        self._clock = clock
        self._remembered = remembered
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    def __call__(self, request: Any) -> Grant:
        """The grant of a request. Raises Unauthorized that says what is wrong with its credentials."""
        scope = request.scope
        shown = credentials(scope)
        if shown is None or shown[:7].lower() != b"bearer ":
            grant = self.session_grant(scope)
            if grant is not None:
                return grant
        if shown is None:
            if self._sessions is not None and self._sessions.has_cookie(scope):
                raise Unauthorized("the session has ended, or is another server's; sign in again")
            raise Unauthorized(f"no credentials: {HOW}")
        return self._resolve(shown)

    def session_grant(self, scope: Any) -> Grant | None:
        """What the request's cookie may do; None where it shows none that is good. Raises Forbidden."""
        return None if self._sessions is None else self._sessions.grant(scope)

    def verify(self, credential: str) -> Grant:
        """The grant of a token or key by itself (`auth` on a live connection). Raises Unauthorized."""
        return self._resolve(b"Bearer " + credential.encode(errors="replace"))

    def _resolve(self, shown: bytes) -> Grant:
        seen = self._seen.get(shown)
        if seen is not None:
            if self._is_good(seen):
                self._seen.move_to_end(shown)
                return seen.grant
            del self._seen[shown]
        seen = self._verify(shown)
        self._seen[shown] = seen
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return seen.grant

    def _is_good(self, seen: _Seen) -> bool:
        if seen.key_id is not None:
            return self._keys.current(seen.key_id, seen.version)
        grant = seen.grant
        if grant.expires_at is not None and grant.expires_at <= self._clock():
            return False
        return self._revocations.reason(grant) is None

    def _verify(self, shown: bytes) -> _Seen:
        scheme, _, rest = shown.partition(b" ")
        if scheme.lower() != b"bearer":
            raise Unauthorized(f"the Authorization header is not of the form 'Bearer <credentials>': {HOW}")
        try:
            text = rest.strip().decode("ascii")
        except UnicodeDecodeError:
            raise Unauthorized("the credentials are malformed: not ASCII") from None
        if not text:
            raise Unauthorized(f"the credentials are empty: {HOW}")
        if text.startswith(KEY_PREFIX):
            key = self._keys.verify(text)
            self._keys.current(key.id, key.version)
            return _Seen(key.grant, key.id, key.version)
        grant = self._tokens.verify(text)
        self._revocations.check(grant)
        return _Seen(grant, None, 0)


_OPEN = Grant(subject="anonymous", subscribe=("**", "tricast/**"), publish=("**",), scopes=SCOPES)


class OpenGate:
    """The gate of `--dev`: a request without credentials may do everything, if it comes from here.

    (Who is signed in may do what their role allows: so that one can see how that is.)

    A request is from here if it came from a loopback address or through a Unix socket (which
    only its owner can open), not through a proxy, and with a loopback name in `Host`. A browser's
    page must also be of an allowed origin: otherwise any web page that a developer opens could
    use the hub. Credentials that are sent are verified in any case.
    """

    def __init__(
        self, gate: AccessGate, origins: OriginRules, *, hosts: frozenset[str] = LOOPBACK_HOSTS
    ) -> None:
        self._gate = gate
        self._origins = origins
        self._hosts = hosts

    def __call__(self, request: Any) -> Grant:
        scope = request.scope
        if credentials(scope) is not None:
            return self._gate(request)
        grant = self._gate.session_grant(scope)
        if grant is not None:
            return grant
        client = scope.get("client")
        if client is None or not (client[0] == UNIX_ADDRESS or is_loopback(client[0])):
            raise Unauthorized(f"--dev is open to loopback only, not to {client and client[0]!r}: {HOW}")
        headers = scope["headers"]
        if is_forwarded(headers):
            raise Unauthorized(f"--dev is not open to requests that a proxy passed on: {HOW}")
        host = header(headers, b"host") or ""
        if hostname(host) not in self._hosts:
            raise Forbidden(f"--dev answers to names of this machine, not to {host[:80]!r}: use localhost")
        self._origins.check_origin(headers, host, ambient=True)
        return _OPEN

    def verify(self, credential: str) -> Grant:
        """The grant of a token or key by itself (`auth` on a live connection). Raises Unauthorized."""
        return self._gate.verify(credential)


def is_forwarded(headers: Headers) -> bool:
    """Whether the request has a header with which proxies mark what they forward."""
    return any(name in _FORWARDED for name, _ in headers)


def credentials(scope: Any) -> bytes | None:
    """What a request shows, as the value of an Authorization header; None if nothing.

    In this order: `Authorization: Bearer`, `X-API-Key`, `?token=`. Other schemes
    (a proxy's Basic) count only where nothing else is shown.
    """
    other = api_key = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if value[:7].lower() == b"bearer ":
                return bytes(value)
            other = bytes(value)
        elif name == b"x-api-key":
            api_key = value
    if api_key is not None:
        return b"Bearer " + bytes(api_key)
    query = bytes(scope.get("query_string", b""))
    if b"token=" in query:
        for part in query.split(b"&"):
            if part.startswith(b"token=") and len(part) > 6:
                return _from_url(part[6:])
    return other


def _from_url(value: bytes) -> bytes:
    token = unquote_to_bytes(value) if b"%" in value else value
    if token.lstrip().startswith(_KEY_PREFIX):
        raise Unauthorized(
            "API keys are not taken from URLs, which end up in logs and histories: send it as "
            "'Authorization: Bearer <API key>', or mint a token with it (POST /v1/tokens)"
        )
    return b"Bearer " + token


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Whether `address` (an IP address, as text) is this machine's own."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped.is_loopback
    return ip.is_loopback
