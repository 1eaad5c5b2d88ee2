"""Which web pages may talk to the hub: rules on the Origin header that browsers send.

Asked for every WebSocket (which browsers don't hold to CORS), for every request
that carries a cookie, and for the headers that let other origins read answers.
An allowed page is not a page of the server's own. A session cookie is accepted from
the server's own pages only: any other page would act as the person signed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tricast.access.people.cookies import is_secure
from tricast.errors import BadRequest, Forbidden
from tricast.origin import Origin, OriginRule

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = frozenset({"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})

Headers = Iterable[tuple[bytes, bytes]]

_OWN_PAGES_ONLY = (
    "session cookies are accepted and set only for the server's own pages. If it is a public name of this "
    "server, set public_url or own_origins; other pages send a token (Authorization: Bearer, or ?token=)"
)
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


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
    exactly, or below `https://*.example.com` (see `OriginRule`). `*` holds for
    requests without cookies only. `null` (sandboxes, files) is no origin that a rule can name.

    `secure`: asked for by https, of which a page by http is not the same origin.
    Otherwise one by https is, as a proxy may do the TLS and not say so.
    """
    if "*" in app_origins and not cookies:
        return True
    page = Origin.parse(origin)
    if page is None:
        return False
    if page.has_host(host) and (page.scheme == "https" or not secure):
        return True
    return any(OriginRule.parse(rule).matches(page) for rule in (*own, *app_origins) if rule != "*")


def check_rules(rules: Iterable[str]) -> tuple[str, ...]:
    """`rules` in the form that browsers send. Raises BadRequest unless each is `*` or an `OriginRule`."""
    return tuple("*" if rule.strip() == "*" else str(OriginRule.parse(rule)) for rule in rules)


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

    @property
    def first_own(self) -> str | None:
        """The first of the server's own origins that is not a wildcard, or None."""
        return next((origin for origin in self._own if "*" not in origin), None)

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
        remedy = (
            "add it to TRICAST_ALLOWED_ORIGINS, or to TRICAST_OWN_ORIGINS if it is this server's own name"
        )
        if "*" in self._app_origins:
            remedy += ", where '*' doesn't stand for requests with cookies, nor under --dev"
        raise Forbidden(f"pages of {origin[:120]!r} may not use this hub: {remedy}", field="origin")

    def check_page(self, scope: Any) -> None:
        """Raises Forbidden or BadRequest for a request that another site's page can make a browser send.

        An Origin must be one of the server's own. Without one (browsers omit it from same-origin
        GET and HEAD, and from links and embedded resources), Sec-Fetch-Site must be absent,
        `same-origin` or `none`. A body must not have a form's media type, which needs no preflight
        (Fetch §2.2.2).
        """
        headers = scope["headers"]
        origin = header(headers, b"origin")
        if origin is not None:
            if not self.is_own(origin, header(headers, b"host") or "", secure=is_secure(scope)):
                raise Forbidden(
                    f"{origin[:120]!r} is not an origin of this server: {_OWN_PAGES_ONLY}", field="origin"
                )
        elif (site := header(headers, b"sec-fetch-site")) not in (None, "same-origin", "none"):
            raise Forbidden(
                f"a page of another origin sent this (Sec-Fetch-Site: {site[:40]}): {_OWN_PAGES_ONLY}",
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
        """Whether `origin` is one of the server's own; `host` is the request's Host header."""
        return self._is_local(origin) or allowed(origin, host, (), self._own, cookies=True, secure=secure)

    def allows(self, origin: str, host: str, *, cookies: bool = False, secure: bool = False) -> bool:
        """Whether a page of `origin` may use this server as `host`, and read its answers."""
        return self._is_local(origin) or allowed(
            origin, host, self._app_origins, self._own, cookies=cookies, secure=secure
        )

    def _is_local(self, origin: str) -> bool:
        page = Origin.parse(origin) if self._loopback else None
        return page is not None and page.is_web and page.host in LOOPBACK_HOSTS


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
    name, colon, port = host.lower().rpartition(":")
    return name if colon and not port.endswith("]") else host.lower()
