"""The audit trail as a file: NDJSON or CSV, written as it is read."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import orjson
from starlette.responses import StreamingResponse
from starlette.types import Send

from tricast.api.entries import Entry
from tricast.errors import TricastError
from tricast.event import one_line

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
COLUMNS: Final = (
    "time",
    "actor",
    "role",
    "action",
    "app",
    "environments",
    "kind",
    "key",
    "version",
    "previous_version",
    "reason",
    "changes",
    "address",
    "credential",
    "request_id",
    "id",
)
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_log = logging.getLogger("tricast.api")

Pages = AsyncIterator[tuple[Entry, ...]]


class Export(StreamingResponse):
    """A file of entries. It breaks off without the end that HTTP has, so that it isn't taken for whole,
    where the rest can't be read or may no longer be.
    """

    def __init__(
        self, first: Sequence[Entry], pages: Pages, *, format: str, day: str, check: Callable[[], None]
    ) -> None:
        """`first`, then `pages`; `check` is called before each page, and raises if there may be no more."""
        write = _csv_rows if format == CSV else _json_lines
        head = _csv_line(COLUMNS) if format == CSV else b""
        media_type = "text/csv; charset=utf-8; header=present" if format == CSV else NDJSON
        name = f"tricast-audit-{day}.{'csv' if format == CSV else 'ndjson'}"
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
        super().__init__(
            _pieces(head + write(first), pages, write, check), 200, headers, media_type=media_type
        )

    async def stream_response(self, send: Send) -> None:
        """Send head and pieces; the last, empty one only if nothing went wrong."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        try:
            async for piece in self.body_iterator:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TricastError as error:
            _log.warning("an export of the audit trail was broken off: %s", error.detail)
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pieces(
    first: bytes, pages: Pages, write: Callable[[Sequence[Entry]], bytes], check: Callable[[], None]
) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for entries in pages:
        check()
        if entries:
            yield write(entries)


def _json_lines(entries: Sequence[Entry]) -> bytes:
    return b"".join(one_line(orjson.dumps(entry.to_json())) + b"\n" for entry in entries)


def _csv_rows(entries: Sequence[Entry]) -> bytes:
    return b"".join(_csv_line(_cells(entry)) for entry in entries)


def _cells(entry: Entry) -> Sequence[Any]:
    return (
        entry.time,
        entry.actor.subject,
        entry.actor.role,
        entry.action,
        entry.app,
        " ".join(entry.environments),
        entry.kind,
        entry.key,
        entry.version,
        entry.previous_version,
        entry.reason,
        orjson.dumps(entry.changes).decode(),
        entry.actor.address,
        entry.actor.credential,
        entry.request_id,
        entry.id,
    )


def _csv_line(cells: Sequence[Any]) -> bytes:
    """A row (RFC 4180)."""
    row = io.StringIO()
    csv.writer(row, lineterminator="\r\n").writerow([_harmless(cell) for cell in cells])
    return row.getvalue().encode()


def _harmless(cell: Any) -> Any:
    """`cell`, so that no spreadsheet takes a text for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in _FORMULA else cell
