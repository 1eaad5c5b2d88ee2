"""Event streams by clients from PyPI and the standard library: `follow_python.py NAME URL`.

Where the client does not reconnect by itself, a loop here does, with the last id. Writes the envelope of
each event as a line; ends where the log has a gap.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

WAIT_S = 0.2
# Longer than the tests wait: a client that reconnects by itself would be given what it was kept from.
READ_S = 120


class Stream:
    """What is taken from one stream; `headers` make it go on after `last_event_id`."""

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self._fields: dict[str, str] = {}

    @property
    def headers(self) -> dict[str, str]:
        known = {"Last-Event-ID": self.last_event_id} if self.last_event_id else {}
        return {"Accept": "text/event-stream", **known}

    def take(self, event: str | None, data: str, event_id: str | None) -> None:
        self.last_event_id = event_id or self.last_event_id
        if not event or event == "message":
            print(data, flush=True)  # noqa: T201
        elif event == "tricast.reset":
            sys.exit(data)

    def take_line(self, line: str | bytes) -> None:
        text = (line.decode() if isinstance(line, bytes) else line).rstrip("\r\n")
        if text:
            name, _, value = text.partition(": ")
            self._fields[name] = value
        else:
            fields, self._fields = self._fields, {}
            if "data" in fields:
                self.take(fields.get("event"), fields["data"], fields.get("id"))

    def take_lines(self, lines: Iterable[str | bytes]) -> None:
        for line in lines:
            self.take_line(line)


def by_requests(url: str, stream: Stream, *, as_text: bool = False) -> None:
    import requests

    with requests.get(url, headers=stream.headers, stream=True, timeout=READ_S) as response:
        response.raise_for_status()
        stream.take_lines(response.iter_lines(decode_unicode=True) if as_text else response.iter_lines())


def by_requests_text(url: str, stream: Stream) -> None:
    by_requests(url, stream, as_text=True)


def by_sseclient(url: str, stream: Stream) -> None:
    from sseclient import SSEClient

    import requests

    with requests.get(url, headers=stream.headers, stream=True, timeout=READ_S) as response:
        response.raise_for_status()
        for event in SSEClient(response).events():
            stream.take(event.event, event.data, event.id)


def by_urllib3(url: str, stream: Stream) -> None:
    import urllib3

    response = urllib3.request("GET", url, headers=stream.headers, preload_content=False, timeout=READ_S)
    try:
        stream.take_lines(response)
    finally:
        response.close()


def by_urllib(url: str, stream: Stream) -> None:
    from urllib.request import Request, urlopen

    with urlopen(Request(url, headers=stream.headers), timeout=READ_S) as response:
        stream.take_lines(response)


def by_httpx(url: str, stream: Stream) -> None:
    import httpx

    with httpx.stream("GET", url, headers=stream.headers, timeout=READ_S) as response:
        response.raise_for_status()
        stream.take_lines(response.iter_lines())


def by_httpx_sse(url: str, stream: Stream) -> None:
    import httpx
    from httpx_sse import connect_sse

    with (
        httpx.Client(timeout=READ_S) as client,
        connect_sse(client, "GET", url, headers=stream.headers) as source,
    ):
        for event in source.iter_sse():
            stream.take(event.event, event.data, event.id)


def by_httpx2(url: str, stream: Stream) -> None:
    import httpx2

    async def follow() -> None:
        async with (
            httpx2.AsyncClient(timeout=READ_S) as client,
            client.sse(url, headers=stream.headers) as source,
        ):
            async for event in source:
                stream.take(event.event, event.data, event.id)

    asyncio.run(follow())


def by_aiohttp(url: str, stream: Stream) -> None:
    import aiohttp

    async def follow() -> None:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
            session.get(url, headers=stream.headers, raise_for_status=True) as response,
        ):
            async for line in response.content:
                stream.take_line(line)

    asyncio.run(follow())


def by_launchdarkly(url: str, stream: Stream) -> None:
    from ld_eventsource import SSEClient
    from ld_eventsource.config import ErrorStrategy

    for event in SSEClient(url, error_strategy=ErrorStrategy.always_continue()).events:
        stream.take(event.event, event.data, event.id)


CLIENTS: dict[str, Callable[[str, Stream], Any]] = {
    "PyPI requests": by_requests,
    "PyPI requests, text": by_requests_text,
    "PyPI sseclient-py": by_sseclient,
    "PyPI urllib3": by_urllib3,
    "Python urllib.request": by_urllib,
    "PyPI httpx": by_httpx,
    "PyPI httpx-sse": by_httpx_sse,
    "PyPI httpx2": by_httpx2,
    "PyPI aiohttp": by_aiohttp,
    "PyPI launchdarkly-eventsource": by_launchdarkly,
}


def follow(name: str, url: str) -> None:
    stream = Stream()
    while True:
        try:
            CLIENTS[name](url, stream)
        except Exception as error:  # noqa: BLE001 (each client has its own for a connection that is lost)
            print(repr(error), file=sys.stderr, flush=True)  # noqa: T201
        stream = Stream(stream.last_event_id)
        time.sleep(WAIT_S)


if __name__ == "__main__":
    follow(*sys.argv[1:])
