"""Origins of web pages, as browsers send them (RFC 6454 §6.2), and the rules that allow them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, Self

from tricast.errors import BadRequest

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/:@*?#\[\]\\]+)(?::([0-9]{1,5}))?", re.ASCII
)
# Schemes that no page's origin has, each with the remedy.
_NOT_OF_PAGES: Final = {
    "ws": "a page's origin begins with http://, not with ws://",
    "wss": "a page's origin begins with https://, not with wss://",
    "ftp": "browsers show no pages by ftp",
    "file": "pages that are files have the origin 'null', which no rule can name: serve them by http",
}
_FORM: Final = (
    "an origin such as https://shop.example, http://localhost:5173 or capacitor://localhost "
    "(scheme://host[:port], no path), or https://*.shop.example"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a page.

    The host is in lower case; an IPv6 address is in its shortest form, in brackets. `port`
    is None if none is given and the scheme has no default port.
    """

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The origin written as `text`; None if `text` is not an origin, such as `null`."""
        match = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
        if match is None:
            return None
        scheme, host, port = match.groups()
        if host.startswith("["):
            try:
                host = f"[{IPv6Address(host[1:-1]).compressed}]"
            except ValueError:
                return None
        if port is not None and int(port) > 65535:
            return None
        return cls(scheme, host, _DEFAULT_PORTS.get(scheme) if port is None else int(port))

    def has_host(self, host: str) -> bool:
        """Whether it is the origin of the web server that `host`, a Host header, names."""
        return self.is_web and self == Origin.parse(f"{self.scheme}://{host}")

    @property
    def is_web(self) -> bool:
        """Whether its scheme is http or https."""
        return self.scheme in _DEFAULT_PORTS

    def __str__(self) -> str:
        """As browsers write it: without the scheme's default port."""
        has_port = self.port is not None and self.port != _DEFAULT_PORTS.get(self.scheme)
        return f"{self.scheme}://{self.host}{f':{self.port}' if has_port else ''}"


@dataclass(frozen=True, slots=True)
class OriginRule:
    """One origin, or with a wildcard (`https://*.shop.example`) those of all subdomains of its host."""

    origin: Origin
    is_wildcard: bool

    @classmethod
    def parse(cls, text: str) -> OriginRule:
        """The rule written as `text`. Raises BadRequest that says what to write instead."""
        return _rule(text)

    def matches(self, origin: Origin) -> bool:
        """Whether the rule allows `origin`. A wildcard does not match its own host."""
        rule = self.origin
        if not self.is_wildcard:
            return origin == rule
        if (origin.scheme, origin.port) != (rule.scheme, rule.port):
            return False
        return origin.host.endswith(f".{rule.host}") and len(origin.host) > len(rule.host) + 1

    def __str__(self) -> str:
        text = str(self.origin)
        return text.replace("://", "://*.", 1) if self.is_wildcard else text


@lru_cache(maxsize=1024)
def _rule(text: str) -> OriginRule:
    given = text.strip().removesuffix("/")
    scheme, separator, rest = given.partition("://")
    is_wildcard = rest.startswith("*.")
    host = rest.removeprefix("*.")
    if scheme.lower() in _NOT_OF_PAGES:
        raise _bad(text, _NOT_OF_PAGES[scheme.lower()])
    origin = Origin.parse(f"{scheme}{separator}{_ascii(text, host)}")
    if origin is None or (is_wildcard and origin.host.startswith("[")):
        raise _bad(text, f"write {_FORM}")
    return OriginRule(origin, is_wildcard)


def _ascii(text: str, host: str) -> str:
    """`host`, perhaps with a port, as browsers send it: an internationalised name in Punycode (UTS 46)."""
    if host.isascii():
        return host
    import idna

    name, colon, port = host.partition(":")
    try:
        return f"{idna.encode(name, uts46=True).decode()}{colon}{port}"
    except idna.IDNAError as error:
        raise _bad(text, f"its host is not a valid name ({error}); write {_FORM}") from None


def _bad(text: str, remedy: str) -> BadRequest:
    return BadRequest(f"{text[:80]!r} is not an origin: {remedy}", field="origins")
