"""The audit trail as NDJSON and CSV: all that matches, as it is read, harmless, and never cut unnoticed."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
import uvicorn
from tests.api.documents import Document
from tests.api.served import Served
from tests.api.trail import ADMIN, Given, trail
from tests.harness.clients import read_chunk, read_head, request_bytes
from tests.harness.server import Server
from tests.harness.sockets import Closed, Connection, patience

from tricast import Actor, Change, Grant, Unauthorized, audit_entry
from tricast.access.context import TRICAST
from tricast.api.exports import COLUMNS
from tricast.hub.caller import Caller
from tricast.server.app import Service
from tricast.server.runner import config_of
from tricast.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def given() -> AsyncIterator[Given]:
    async with trail() as given:
        yield given


def rows_of(answer: httpx2.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def lines_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_ndjson_has_the_entries_as_json_has_them_one_to_a_line(given: Given) -> None:
    await given.add(environments=["production"])
    await given.add("key.revoked", kind="key", key="k")
    answer = await given.get(format="ndjson")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert lines_of(answer) == await given.read()


async def test_csv_has_a_head_and_a_row_for_each_entry(given: Given) -> None:
    await given.add(environments=["development", "production"], reason='so, "it" is\nsaid')
    answer = await given.get(format="csv")
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.content.startswith(",".join(COLUMNS).encode() + b"\r\n")
    (row,) = rows_of(answer)
    (entry,) = await given.read()
    assert json.loads(row["changes"]) == entry["changes"]
    assert (row["actor"], row["role"], row["credential"], row["address"]) == tuple(entry["actor"].values())
    assert row["environments"] == "development production"
    for name in ("time", "action", "app", "kind", "key", "reason", "request_id", "id"):
        assert row[name] == entry[name]
    assert (row["version"], row["previous_version"]) == ("2", "1")


async def test_nothing_in_a_csv_is_taken_for_a_formula(given: Given) -> None:
    for begin in "=+-@\t\r＝":
        text = f"{begin}cmd|' /C calc'!A0"
        await given.add(key="f", reason=text, actor=Actor(text, text, text, text), request_id=text)
    rows = rows_of(await given.get(format="csv"))
    assert len(rows) == 7
    for row in rows:
        for cell in row.values():
            assert cell[:1] not in set("=+-@\t\r\n＝")
        assert row["reason"] == row["actor"] == row["credential"]
        assert row["reason"].startswith("'")


async def test_without_entries_there_is_the_head_alone(given: Given) -> None:
    assert (await given.get(format="csv")).text == ",".join(COLUMNS) + "\r\n"
    assert (await given.get(format="ndjson")).text == ""


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv"),
        ("text/html, Text/CSV;q=0.9", "text/csv"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("*/*", "application/json"),
        ("application/json, text/plain", "application/json"),
    ],
)
async def test_accept_says_it_too_and_format_goes_before_it(
    given: Given, accept: str, media_type: str
) -> None:
    given.client.headers["accept"] = accept
    assert (await given.get()).headers["content-type"].partition(";")[0] == media_type
    assert (await given.get(format="json")).headers["content-type"] == "application/json"


async def test_a_browser_saves_it_under_a_name_with_the_day(given: Given) -> None:
    for format in ("csv", "ndjson"):
        answer = await given.get(format=format)
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="tricast-audit-2100-01-01.{format}"'
        )
        assert answer.headers["cache-control"] == "no-store"


async def test_all_that_matches_is_in_it_however_much_that_is(given: Given) -> None:
    await given.add_many(3500)
    await given.add_many(10, app="blog")
    for asked, count in (({}, 3510), ({"app": "shop"}, 3500), ({"app": "shop", "limit": 2222}, 2222)):
        keys = [entry["key"] for entry in lines_of(await given.get(format="ndjson", **asked))]
        assert len(keys) == count
    assert keys == [str(number) for number in reversed(range(3500 - 2222, 3500))]


async def test_rights_hold_in_exports_too(given: Given) -> None:
    await given.add()
    await given.add(kind="key", key="k")
    given.grant = Grant("reader", app="shop", scopes=frozenset({"flags:read"}))
    (row,) = rows_of(await given.get(format="csv"))
    assert (row["kind"], row["credential"], row["address"], row["request_id"]) == ("flag", "", "", "")
    assert (await given.refused(403, format="csv", app="blog"))["field"] == "app"


async def sent(given: Given, on_piece: Any) -> list[dict[str, Any]]:
    """What the application sends for an export; `on_piece(count)` is called after each piece of body."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)
        on_piece(len(messages) - 1)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": "/v1/audit",
        "query_string": b"format=ndjson",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        "scheme": "http",
        "root_path": "",
    }
    await given.app(scope, receive, send)
    return messages


async def test_it_is_written_as_it_is_read_and_not_held_in_memory(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given.add_many(4500)
    read: list[int] = []
    history = given.hub.history

    async def counting(*positional: Any, **named: Any) -> Any:
        past = await history(*positional, **named)
        read.append(len(past.events))
        return past

    monkeypatch.setattr(given.hub, "history", counting)
    read_by_then: list[int] = []
    messages = await sent(given, lambda _: read_by_then.append(sum(read)))
    # (the head is sent when the first thousand is there)
    assert read_by_then[:4] == [1000, 1000, 2000, 3000]
    assert sum(message.get("body", b"").count(b"\n") for message in messages) == 4500
    assert messages[-1]["more_body"] is False


@pytest.mark.parametrize("why", ["revoked", "expired", "draining"])
async def test_who_loses_the_right_meanwhile_gets_no_more_and_no_proper_end(
    given: Given, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    await given.add_many(4500)
    given.grant = replace(ADMIN, expires_at=given.ms / 1000 + 60)

    def lose(count: int) -> None:
        if count != 2:
            return
        if why == "revoked":
            given.recheck = refuse
        elif why == "expired":
            given.ms += 60_000
        else:
            monkeypatch.setattr(type(given.hub), "draining", True)

    def refuse(caller: Caller) -> None:
        raise Unauthorized("the token was revoked")

    messages = await sent(given, lose)
    assert messages[-1]["more_body"] is True
    assert sum(message.get("body", b"").count(b"\n") for message in messages) == 2000


class ServiceServer(Server):
    """The whole service behind a real port, in this process."""

    def __init__(self) -> None:
        self.service = Service(Settings(log="memory:", port=0))
        self._server = uvicorn.Server(config_of(self.service))
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]


async def to_the_end(connection: Connection) -> None:
    """Read chunks up to the empty one. Raises Closed where there is none."""
    while await read_chunk(connection):
        pass


async def test_a_client_sees_that_an_export_was_broken_off() -> None:
    server = ServiceServer()
    await server.start()
    try:
        access, hub = server.service.access, server.service.hub
        key, text = await access.keys.create("auditor", scopes=["admin"], by=TRICAST)
        change = Change("/description", "x" * 50_000, "y" * 50_000)
        for _ in range(25):  # 25 MB, more than the kernel takes for one that doesn't read
            await hub.append(
                [
                    audit_entry(
                        "flag.updated", app="a", kind="flag", key="k", actor=Actor("a"), changes=[change]
                    )
                    for _ in range(10)
                ]
            )
        async with patience():
            with await Connection.open(server.port, receive_bytes=64 * 1024) as connection:
                asked = [("authorization", f"Bearer {text}")]
                await connection.send(request_bytes("GET", "/v1/audit?format=ndjson", asked))
                assert (await read_head(connection)).status == 200
                await read_chunk(connection)
                await access.keys.revoke(key.id, by=TRICAST)
                with pytest.raises(Closed):
                    await to_the_end(connection)
    finally:
        await server.stop()


def test_a_real_server_exports_as_documented(served: Served, openapi: Document) -> None:
    with served.http() as client:
        for reason in ("=1+1", "fine", 'quoted "so", yes'):
            body = {"name": "web", "app": "exported", "reason": reason}
            assert client.post("/v1/keys", json=body).status_code == 201
        as_json = client.get("/v1/audit", params={"app": "exported"})
        openapi.check_answer("get", "/v1/audit", as_json)
        entries = as_json.json()["entries"]
        assert [entry["reason"] for entry in entries] == ['quoted "so", yes', "fine", "=1+1"]
        ndjson = client.get("/v1/audit", params={"app": "exported", "format": "ndjson"})
        openapi.check_answer("get", "/v1/audit", ndjson)
        assert lines_of(ndjson) == entries
        for line in lines_of(ndjson):
            openapi.check("AuditEntry", line)
        table = client.get("/v1/audit", params={"app": "exported"}, headers={"accept": "text/csv"})
        openapi.check_answer("get", "/v1/audit", table)
        assert [row["reason"] for row in rows_of(table)] == ['quoted "so", yes', "fine", "'=1+1"]
        for format in ("json", "ndjson", "csv"):
            head = client.head("/v1/audit", params={"app": "exported", "format": format})
            assert (head.status_code, head.content) == (200, b"")
            assert "x-request-id" in head.headers
