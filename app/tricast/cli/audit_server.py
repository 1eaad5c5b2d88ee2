"""The audit trail of a server, as the command line asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2

from tricast.api.entries import Entry
from tricast.cli.connection import Connection, json_of, refuse, send, unreachable
from tricast.cli.failure import REFUSED, UNREACHABLE, Failure
from tricast.cli.sessions import CONNECT_S, Unreachable, ask, client_of
from tricast.cli.subscription import Ended, Query

_MAX_PAGE: Final = 1000
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class AuditServer:
    """A server's audit trail. `asked`: the parameters of `GET /v1/audit` that say which entries."""

    connection: Connection
    asked: Mapping[str, str]

    def newest(self, limit: int) -> list[Entry]:
        """Up to `limit` entries, the newest first. Raises Failure."""
        found: list[Entry] = []
        more: dict[str, str] = {}
        with self.connection.client() as client:
            while len(found) < limit:
                more["limit"] = str(min(_MAX_PAGE, limit - len(found)))
                response = send(client, "GET", self._url(more))
                if not response.is_success:
                    refuse(response)
                page = json_of(response)
                found += _entries(page)
                if not page.get("next"):
                    break
                more["cursor"] = str(page["next"])
        return found

    def export(self, format: str, limit: int | None) -> Iterator[str]:
        """The lines of an export, as they come. Raises Failure, also where it is broken off."""
        more = {"format": format} if limit is None else {"format": format, "limit": str(limit)}
        begun = False
        try:
            with self._exporting() as client, client.stream("GET", self._url(more)) as response:
                if not response.is_success:
                    response.read()
                    refuse(response)
                begun = True
                yield from _lines(response.iter_text())
        except httpx2.HTTPError as error:
            if not begun:
                raise Failure(unreachable(self.connection.url, error), UNREACHABLE) from None
            raise Failure(f"the export was broken off ({error}): what came is not all", REFUSED) from None

    async def position(self, query: Query) -> str:
        """Where the log is now, as a cursor; and that `query` may be subscribed to. Raises Failure."""
        timeout = httpx2.Timeout(CONNECT_S * 3, connect=CONNECT_S)
        try:
            async with client_of(self.connection, timeout) as client:
                return str((await ask(client, self.connection, query, "latest", 0))["cursor"])
        except Unreachable as end:
            raise Failure(str(end), UNREACHABLE) from None
        except Ended as end:
            raise Failure(str(end), REFUSED) from None

    def _exporting(self) -> httpx2.Client:
        connection = self.connection
        return httpx2.Client(
            headers=connection.headers, timeout=_TIMEOUT_S, trust_env=connection.through_proxy
        )

    def _url(self, more: Mapping[str, str]) -> str:
        return f"{self.connection.url}/v1/audit?{urlencode({**self.asked, **more})}"


def _entries(page: Any) -> list[Entry]:
    try:
        return [Entry.of_json(entry) for entry in page["entries"]]
    except (KeyError, TypeError):
        raise Failure("the answer has no entries; is it a tricast server (--url)?", REFUSED) from None


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    """Pieces of text as lines without their `\\n`. (A `\\r` or other separator stays where it is.)"""
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        yield from whole
    if rest:
        yield rest
