"""Long answers, smaller on the wire."""

from __future__ import annotations

import asyncio
import gzip
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tricast.flags.api.encodings import takes_gzip

WORTH_IT_BYTES: Final = 2048
_LEVEL: Final = 3  # (more takes twice the time for a tenth less)


async def packed(request: Request, answer: Response) -> Response:
    """`answer`, compressed in a thread if it is long and whoever asks takes gzip.

    Its ETag is weak then (RFC 9110 §8.8.1): the bytes are others.
    """
    answer.headers.add_vary_header("Accept-Encoding")
    body = bytes(answer.body)
    if len(body) < WORTH_IT_BYTES or not takes_gzip(request.headers):
        return answer
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    if etag := headers.get("etag"):
        headers["etag"] = f"W/{etag}"
    headers["content-encoding"] = "gzip"
    small = await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
    return Response(small, answer.status_code, headers)
