"""Which web pages may talk to the hub: rules on the Origin header that browsers send.

Asked for every WebSocket (which browsers don't hold to CORS), for every request
that carries a cookie, and for the headers that let other origins read answers.
A page that may connect isn't one of the server's own: only on those does the
cookie of a session count (a page on a sibling's host would act as the person).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tricast.access.people.cookies import is_secure
from tricast.errors import BadRequest, Forbidden

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = frozenset({"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})

Headers = Iterable[tuple[bytes, bytes]]

_NOT_OWN = (
    "a session's cookie counts, and is given, only on its own pages. If that is a public name of this "
    "server, set own_origins; the page of an app sends a token instead (Authorization: Bearer, or ?token=)"
)
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[^\s/:@*?#\[\]\\]+)(?::(\d{1,5}))?")
_RULE = re.compile(r"(https?)://(\*\.)?(\[[0-9a-f:.]+\]|[^\s/:@*?#\[\]\\]+)(?::(\d{1,5}))?/?")


def allowed(
    origin: str,
    host: str,
    app_origins: Sequence[str],
    own: Sequence[str] = (),
    *,
    cookies: bool = False,
    secure: bool = False,
) -> bool:
    """Whether a page of `origin` may talk to the server that was asked for as `host`.

    Yes if it is the same origin (the same host and port, or one of `own`: the
    names of a server behind a proxy that changes Host), or in `app_origins`:
    exactly, or below `https://*.example.com`. `*` holds for requests without
    cookies only. `null` (sandboxes, files) is no origin that a rule can name.

    `secure`: asked for by https, of which a page by http is not the same origin.
    Otherwise one by https is, as a proxy may do the TLS and not say so.
    """
    if "*" in app_origins and not cookies:
        return True
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        return False
    scheme, name, port = match.group(1), match.group(2), _port(match.group(1), match.group(3))
    if _authority(host, scheme) == (name, port) and (scheme == "https" or not secure):
        return True
    return any(_rule_holds(rule, scheme, name, port) for rule in (*own, *app_origins) if rule != "*")


def check_rules(rules: Iterable[str]) -> tuple[str, ...]:
    """`rules`, if each is `*`, an origin, or `https://*.example.com`; else BadRequest."""
    rules = tuple(rule.strip().lower() for rule in rules)
    for rule in rules:
        if rule != "*" and _RULE.fullmatch(rule) is None:
            raise BadRequest(
                f"origin {rule[:80]!r} is not '*', an origin such as 'https://shop.example.com', or "
                "'https://*.example.com' (scheme and host, no path)",
                field="origins",
            )
    return rules


class OriginRules:
    """The configured origins, applied to requests.

    `app_origins` are the pages of others that may; `own` are this server's public
    origins, where a proxy hides them. `loopback`: pages that this machine serves may
    (a front end's own server, under --dev).
    """

    def __init__(
        self, app_origins: Iterable[str] = (), *, own: Iterable[str] = (), loopback: bool = False
    ) -> None:
        self._app_origins = check_rules(app_origins)
        self._own = check_rules(own)
        self._loopback = loopback

    def check_origin(
        self, headers: Headers, host: str, *, ambient: bool = False, secure: bool = False
    ) -> None:
        """Raises Forbidden if the request comes from a page that may not. No Origin: not a browser.

        `ambient`: the request is trusted for something that any page could make a
        browser send, as with cookies, so that `*` doesn't hold. `secure`: it came by https.
        """
        headers = tuple(headers)
        origin = header(headers, b"origin")
        cookies = ambient or header(headers, b"cookie") is not None
        if origin is None or self.allows(origin, host, cookies=cookies, secure=secure):
            return
        remedy = "add it to TRICAST_ALLOWED_ORIGINS (a name of this server's own: to TRICAST_OWN_ORIGINS)"
        if "*" in self._app_origins:
            remedy += ", where '*' doesn't stand for requests with cookies, nor under --dev"
        raise Forbidden(f"pages of {origin[:120]!r} may not use this hub: {remedy}", field="origin")

    def check_page(self, scope: Any) -> None:
        """Raises Forbidden, or BadRequest, for what a page elsewhere could make a browser send with a cookie.

        An Origin must be one of the server's own; where there is none (browsers leave it out
        of their own pages' GET and HEAD, and of what is embedded or followed), Sec-Fetch-Site
        must not speak of another site. A body must not be one that a form can send
        (Fetch §2.2.2, so that a page elsewhere has to ask before).
        """
        headers = scope["headers"]
        origin = header(headers, b"origin")
        if origin is not None:
            if not self.is_own(origin, header(headers, b"host") or "", secure=is_secure(scope)):
                raise Forbidden(
                    f"{origin[:120]!r} is not an origin of this server: {_NOT_OWN}", field="origin"
                )
        elif (site := header(headers, b"sec-fetch-site")) not in (None, "same-origin", "none"):
            raise Forbidden(
                f"a page of another origin asks for this (Sec-Fetch-Site: {site[:40]}): {_NOT_OWN}",
                field="origin",
            )
        if (
            scope.get("type") != "websocket"
            and scope.get("method") not in SAFE_METHODS
            and _has_body(headers)
        ):
            kind = (header(headers, b"content-type") or "").partition(";")[0].strip().lower()
            if kind in _FORMS:
                raise BadRequest(
                    f"Content-Type {kind!r} is what a form sends: with a session, send application/json",
                    field="Content-Type",
                )

    def is_own(self, origin: str, host: str, *, secure: bool = False) -> bool:
        """Whether `origin` is one of the server's own, asked for as `host`."""
        return self._is_local(origin) or allowed(origin, host, (), self._own, cookies=True, secure=secure)

    def allows(self, origin: str, host: str, *, cookies: bool = False, secure: bool = False) -> bool:
        """Whether a page of `origin` may use this server as `host`, and read its answers."""
        return self._is_local(origin) or allowed(
            origin, host, self._app_origins, self._own, cookies=cookies, secure=secure
        )

    def _is_local(self, origin: str) -> bool:
        match = _ORIGIN.fullmatch(origin.lower()) if self._loopback else None
        return match is not None and match[2] in LOOPBACK_HOSTS


def header(headers: Headers, name: bytes) -> str | None:
    """The first header of that (lower-case) name, or None."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def _has_body(headers: Headers) -> bool:
    return (header(headers, b"content-length") or "0") != "0" or header(
        headers, b"transfer-encoding"
    ) is not None


def hostname(host: str) -> str:
    """A Host header without its port."""
    return _split(host.lower())[0]


def _split(host: str) -> tuple[str, str]:
    if host.endswith("]"):
        return host, ""
    name, colon, port = host.rpartition(":")
    return (name, port) if colon else (host, "")


def _authority(host: str, scheme: str) -> tuple[str, str]:
    name, port = _split(host.lower())
    return name, _port(scheme, port)


def _port(scheme: str, port: str | None) -> str:
    return port or _DEFAULT_PORTS[scheme]


def _rule_holds(rule: str, scheme: str, name: str, port: str) -> bool:
    match = _RULE.fullmatch(rule)
    if match is None or match.group(1) != scheme or _port(scheme, match.group(4)) != port:
        return False
    if match.group(2):
        return name.endswith("." + match.group(3)) and len(name) > len(match.group(3)) + 1
    return name == match.group(3)
