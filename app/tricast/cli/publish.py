"""`tricast publish`: one event, or many from stdin."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import Annotated, Any

import httpx2
import orjson
import typer

from tricast.cli.connection import Connection, json_of, refuse, send
from tricast.cli.failure import USAGE, Failure
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Token, Url
from tricast.cli.show import plain

_MAX_BATCH_EVENTS = 1000
_MAX_BATCH_BYTES = 384 * 1024


def publish(
    topic: Annotated[str, typer.Argument(help="Where to, such as demo/orders.")],
    data: Annotated[str, typer.Argument(help="JSON, or else text; '-' reads stdin.")],
    type: Annotated[
        str | None, typer.Option("--type", help="The event's type.", show_default="message")
    ] = None,
    id: Annotated[
        str | None, typer.Option("--id", help="Makes a repetition safe: the same id is published once.")
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="What the event is about.")] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Who says so.", show_default="/<app>/<key>")
    ] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="With '-': one event per line of stdin, as they come.")
    ] = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
    token: Token = None,
) -> None:
    """Publish an event and print its cursor, once it is durable.

    For example: tricast publish demo/orders '{"id":1}'
    """
    optional = {"type": type, "id": id, "subject": subject, "source": source}
    event = {"topic": topic, **{name: value for name, value in optional.items() if value is not None}}
    connection = Connection.to(url, key, token)
    if not lines:
        answer = _publish(
            connection,
            {
                **event,
                **_data(sys.stdin.buffer.read() if data == "-" else data.encode(errors="surrogateescape")),
            },
        )
        _show(answer, as_json)
        return
    if data != "-":
        raise Failure("--lines reads stdin: give '-' as DATA", USAGE)
    if id is not None:
        raise Failure("--lines publishes many events, so --id can't be the id of each", USAGE)
    _publish_lines(connection, event, as_json)


def _publish(connection: Connection, body: Any) -> Any:
    with connection.client() as client:
        return _post(client, connection.events, body)


def _post(client: httpx2.Client, url: str, body: Any) -> Any:
    response = send(client, "POST", url, body)
    if not response.is_success:
        refuse(response)
    return json_of(response)


def _publish_lines(connection: Connection, event: dict[str, str], as_json: bool) -> None:
    count = 0
    with connection.client() as client:
        for batch in _batches():
            events = [{**event, **_data(line)} for line in batch]
            try:
                answer = _post_patiently(client, connection.events, events)
            except Failure as failure:
                raise Failure(f"{failure} ({count} lines before were published)", failure.code) from None
            count += len(batch)
            _show(answer, as_json)


def _post_patiently(client: httpx2.Client, url: str, body: Any) -> Any:
    """`_post`, waiting out the server's rate limit (429: nothing was written)."""
    while True:
        response = send(client, "POST", url, body)
        if response.status_code != httpx2.codes.TOO_MANY_REQUESTS:
            break
        time.sleep(_retry_after_s(response))
    if not response.is_success:
        refuse(response)
    return json_of(response)


def _retry_after_s(response: httpx2.Response) -> float:
    try:
        return min(max(float(json_of(response)["retry_after_s"]), 0.05), 60.0)
    except (Failure, KeyError, TypeError, ValueError):
        return 1.0


def _batches() -> Iterator[list[bytes]]:
    """The lines of stdin in batches of all that wait: a slow line isn't held back for others."""
    batch: list[bytes] = []
    size = 0
    for line in _arriving():
        full = line is not None and (len(batch) == _MAX_BATCH_EVENTS or size + len(line) > _MAX_BATCH_BYTES)
        if batch and (line is None or full):
            yield batch
            batch, size = [], 0
        if line is not None:
            batch.append(line)
            size += len(line)
    if batch:
        yield batch


def _arriving() -> Iterator[bytes | None]:
    """Lines that aren't blank, as they come; None whenever the next one isn't there yet."""
    waiting: queue.Queue[bytes | None] = queue.Queue(maxsize=2 * _MAX_BATCH_EVENTS)
    threading.Thread(target=_read_lines, args=(waiting,), daemon=True).start()
    while True:
        try:
            line = waiting.get_nowait()
        except queue.Empty:
            yield None
            line = waiting.get()
        if line is None:
            return
        yield line


def _read_lines(waiting: queue.Queue[bytes | None]) -> None:
    # Not sys.stdin: the interpreter locks that one at exit, and this thread may still be reading.
    with open(0, "rb", closefd=False) as stdin:
        for line in stdin:
            if stripped := line.strip():
                waiting.put(stripped)
    waiting.put(None)


def _data(text: bytes) -> dict[str, Any]:
    try:
        return {"data": orjson.loads(text)}
    except orjson.JSONDecodeError:
        pass
    try:
        return {"data": text.decode(), "datacontenttype": "text/plain"}
    except UnicodeDecodeError:
        raise Failure(
            "the data is neither JSON nor UTF-8 text; POST bytes with curl --data-binary", USAGE
        ) from None


def _show(answer: Any, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(answer).decode())
        return
    for event in answer["events"]:
        again = " (published before)" if event.get("duplicate") else ""
        typer.echo(f"{event['cursor']} {plain(event['id'])}{again}")
