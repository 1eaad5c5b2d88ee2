"""The dashboard's and the client's files: compressed once, asked for anew each time, and answered 304."""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from tricast.transports.representation import matching_etag, takes_gzip

# Nothing but this server's own files, no inline script or style, and no text taken for markup.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final = {
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_PUBLIC: Final = {"cross-origin-resource-policy": "cross-origin", "access-control-allow-origin": "*"}
_PAGE_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
_COMPRESSED: Final = frozenset({".css", ".html", ".js", ".json", ".svg", ".ts"})
_TYPES: Final = {".js": "text/javascript", ".ts": "text/plain"}


@dataclass(frozen=True, slots=True)
class File:
    """What is answered, and how."""

    body: bytes
    compressed: bytes | None
    etag: str
    media_type: str

    @property
    def compressed_etag(self) -> str:
        """Of the compressed body: other bytes have another tag (RFC 9110 §8.8.3.3)."""
        return f'{self.etag[:-1]}-gzip"'


class Pages(StaticFiles):
    """The files of a folder, kept in memory; one that has changed on disk is read again.

    `public`: pages of other origins may load them (the client's modules).
    """

    def __init__(self, folder: Path, *, public: bool = False) -> None:
        super().__init__(directory=folder)
        self._folder = folder
        self._headers = _HEADERS | (_PUBLIC if public else {})
        self._kept: dict[tuple[str, int, int], File] = {}

    def page(self, request: Request) -> Response:
        """The folder's `index.html`, with the headers that a page needs."""
        path = self._folder / "index.html"
        return self._answer(path, path.stat(), request.headers)

    async def get_response(self, path: str, scope: Any) -> Response:
        """What StaticFiles answers with, for a file's one path only: `main.js/` and `main.js/.` are none."""
        if not scope["path"].endswith(f"/{Path(path).as_posix()}"):
            raise HTTPException(status_code=404)
        return await super().get_response(path, scope)

    def file_response(
        self, full_path: Any, stat_result: os.stat_result, scope: Any, status_code: int = 200
    ) -> Response:
        """What StaticFiles asks for once it has found the file inside the folder."""
        return self._answer(Path(full_path), stat_result, Request(scope).headers)

    def _answer(self, path: Path, stat: os.stat_result, asked: Headers) -> Response:
        file = self._read(path, stat)
        small = file.compressed if takes_gzip(asked.getlist("accept-encoding")) else None
        etag = file.etag if small is None else file.compressed_etag
        headers = {**self._headers, "vary": "accept-encoding"}
        if file.media_type == "text/html":
            headers |= _PAGE_HEADERS
        # Who takes gzip may use either body that it has; who doesn't, only the plain one.
        known = matching_etag(asked.getlist("if-none-match"), etag, file.etag)
        if known is not None:
            return Response(status_code=304, headers=headers | {"etag": known})
        headers["etag"] = etag
        if small is not None:
            headers["content-encoding"] = "gzip"
        return Response(file.body if small is None else small, headers=headers, media_type=file.media_type)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """What StaticFiles asks for in a thread: a file is read and compressed there too."""
        found, stat = super().lookup_path(path)
        if stat and S_ISREG(stat.st_mode):
            self._read(Path(found), stat)
        return found, stat

    def _read(self, path: Path, stat: os.stat_result) -> File:
        key = (str(path), stat.st_mtime_ns, stat.st_size)
        file = self._kept.get(key)
        if file is None:
            file = self._kept[key] = file_of(path, path.read_bytes())
            for old in [each for each in self._kept if each[0] == key[0] and each != key]:
                del self._kept[old]
        return file


def file_of(path: Path, body: bytes) -> File:
    """A body ready to be sent as what its path's ending says."""
    small = gzip.compress(body, 9, mtime=0) if path.suffix in _COMPRESSED else b""
    return File(
        body,
        small if 0 < len(small) < len(body) else None,
        f'"{hashlib.sha256(body).hexdigest()[:20]}"',
        _TYPES.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream",
    )
