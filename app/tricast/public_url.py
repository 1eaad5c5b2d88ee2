"""The server's URL as clients know it: an origin, and the path that a proxy serves it below."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from tricast.errors import BadRequest
from tricast.origin import OriginRule

_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
_EXAMPLE: Final = "write one such as https://example.com/tricast"


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """`origin` is as browsers send it; `path` is '' or begins with a slash and ends without one."""

    origin: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The URL written as `text`, with or without a slash at the end.

        Raises BadRequest that says what to write instead.
        """
        try:
            parts = urlsplit(text.strip())
        except ValueError:
            raise _bad(text, _EXAMPLE) from None
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise _bad(text, f"{_EXAMPLE}, beginning with https:// or http://")
        if "@" in parts.netloc:
            raise _bad(text, "leave the user and password out")
        if "?" in text or "#" in text:
            raise _bad(text, "leave the query (?) and the fragment (#) out")
        path = parts.path.rstrip("/")
        if not _PATH.fullmatch(path):
            raise _bad(text, f"{_EXAMPLE}; its path may have letters, digits, '.', '_', '~' and '-'")
        try:
            rule = OriginRule.parse(f"{parts.scheme}://{parts.netloc}")
        except BadRequest:
            raise _bad(text, _EXAMPLE) from None
        if rule.is_wildcard:
            raise _bad(text, "name one host, without '*'")
        return cls(str(rule.origin), path)

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"


def _bad(text: str, remedy: str) -> BadRequest:
    return BadRequest(f"{text[:80]!r} is not a public URL: {remedy}", field="public_url")
