"""The cookie of a session: its id and the time of writing, signed.

Over https it is called `__Host-tricast_session`, which browsers take from this very
host only: a page on a sibling's host can't plant a session of its own. Below a path
it is `__Secure-tricast_session` with that path, because `__Host-` needs `Path=/`
(RFC 6265bis §4.1.3.2). Over plain http neither prefix is allowed: `tricast_session`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from itsdangerous import BadData, URLSafeSerializer

from tricast.errors import NotStarted

COOKIE: Final = "tricast_session"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
SECURE_COOKIE_BELOW: Final = f"__Secure-{COOKIE}"
SESSION_TTL_S: Final = 30 * 86_400
RENEW_AFTER_S: Final = 86_400
MAX_COOKIE_CHARS: Final = 512

_TEXT = re.compile(rb"[A-Za-z0-9_.-]{1,%d}" % MAX_COOKIE_CHARS)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a cookie says: which session, and when it was written, in milliseconds since 1970."""

    session_id: str
    written_ms: int


class Cookies:
    """Writes cookies and reads them, once it was given its secrets; remembers (bounded) what it read.

    `path` is the path that the server is served below; '' at the root.
    """

    def __init__(self, *, clock: Callable[[], float], path: str = "", remembered: int = 10_000) -> None:
        self._clock = clock
        self._path = path or "/"
        self._secure_name = SECURE_COOKIE_BELOW if path else SECURE_COOKIE
        self._remembered = remembered
        self._serializer: URLSafeSerializer | None = None
        self._seen: OrderedDict[bytes, Shown] = OrderedDict()

    def use(self, secrets: Sequence[str]) -> None:
        """Sign with the first of `secrets` from now on, verify with all."""
        self._seen.clear()
        self._serializer = URLSafeSerializer(
            list(reversed(secrets)),  # itsdangerous signs with the last
            salt="tricast.session.v1",
            signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
        )

    def write(self, session_id: str, *, secure: bool) -> str:
        """The Set-Cookie header that makes a browser keep the session for 30 days."""
        text = self._signer().dumps([session_id, int(self._clock() * 1000)])
        return self._header(str(text), secure=secure, max_age_s=SESSION_TTL_S)

    def is_old(self, shown: Shown) -> bool:
        """Whether it was written a day ago, or longer: then it is to be written anew."""
        return self._clock() * 1000 - shown.written_ms >= RENEW_AFTER_S * 1000

    def forget(self, *, secure: bool) -> str:
        """The Set-Cookie header that makes a browser drop it."""
        return self._header("", secure=secure, max_age_s=0)

    def read(self, scope: Any) -> Shown | None:
        """What the request's cookie says; None if it has none, or one that isn't ours."""
        text = self._text_in(scope)
        if text is None:
            return None
        seen = self._seen.get(text)
        if seen is not None:
            self._seen.move_to_end(text)
            return seen
        shown = self._verify(text)
        if shown is not None:
            self._seen[text] = shown
            if len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
        return shown

    def has_cookie(self, scope: Any) -> bool:
        """Whether the request has a session cookie, valid or not."""
        return self._text_in(scope) is not None

    def _text_in(self, scope: Any) -> bytes | None:
        wanted = (self._secure_name if is_secure(scope) else COOKIE).encode()
        for name, value in scope["headers"]:
            if name == b"cookie" and wanted in value:
                for part in value.split(b";"):
                    key, _, text = part.partition(b"=")
                    if key.strip() == wanted:
                        return bytes(text.strip())
        return None

    def _header(self, text: str, *, secure: bool, max_age_s: int) -> str:
        name, more = (self._secure_name, "; Secure") if secure else (COOKIE, "")
        return f"{name}={text}; Path={self._path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{more}"

    def _verify(self, text: bytes) -> Shown | None:
        if not _TEXT.fullmatch(text):  # itsdangerous skips what it can't read
            return None
        try:
            session_id, written_ms = self._signer().loads(text)
        except BadData:
            return None
        return Shown(session_id, written_ms)

    def _signer(self) -> URLSafeSerializer:
        if self._serializer is None:
            raise NotStarted("sessions have no secret yet: enter `async with Access(...)` after the hub")
        return self._serializer


def is_secure(scope: Any) -> bool:
    """Whether the request came by TLS, to us or to a proxy that we believe."""
    return scope.get("scheme") in ("https", "wss")
