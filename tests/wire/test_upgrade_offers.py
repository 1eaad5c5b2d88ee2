"""Requests that offer an upgrade, which is not taken: they are answered as any other (RFC 9110 §7.8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.faults.faultserver import FaultServer
from tests.faults.faultwire import Wire, history
from tests.wire.followers import jdk

POSTS = 2  # of each body: with its length, and chunked
SHORT, LONG = "hello", "no end · " * 10_000  # (the long one is more than one read)
PRO, FREE = ({"context": {"targetingKey": "u", "plan": plan}} for plan in ("pro", "free"))
TARGETING = {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultServer]:
    server = FaultServer(tmp_path / "data", tmp_path / "stderr")
    server.start()
    try:
        yield server
    finally:
        server.kill()


def curl(url: str, content_type: str, bodies: tuple[str, ...]) -> list[str]:
    """curl with `--http2`, which offers `h2c`; one process, so that connections are kept."""
    posts = []
    for body in bodies:
        for header in ("Expect: 100-continue", "Transfer-Encoding: chunked"):
            sent = ["-H", f"Content-Type: {content_type}", "-H", header, "--data-binary", body]
            posts += ["--next", "--http2", "-s", "-S", "-w", r"\n%{http_code}\n", *sent, url]
    return ["curl", *posts[1:]]


def java(url: str, content_type: str, bodies: tuple[str, ...]) -> list[str]:
    """java.net.http on its defaults, which offers `h2c` too."""
    command = jdk()
    if command is None:
        pytest.skip("no JDK is installed (Debian, Ubuntu: apt-get install default-jdk-headless)")
    return [*command, "post", url, content_type, *bodies]


CLIENTS = pytest.mark.parametrize("client", [curl, java])


async def post(client: Any, server: FaultServer, path: str, content_type: str, *bodies: str) -> list[Any]:
    """The answers to `POSTS` requests for each body, which must be successes."""
    command = client(f"http://127.0.0.1:{server.port}{path}", content_type, bodies)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, errors = await process.communicate()
    assert process.returncode == 0, (said, errors)
    lines = [line for line in said.decode().splitlines() if line]
    answers, statuses = lines[::2], lines[1::2]
    assert len(statuses) == POSTS * len(bodies), lines
    assert set(statuses) <= {"200", "201"}, lines
    return [json.loads(answer) for answer in answers]


@CLIENTS
async def test_a_body_behind_an_upgrade_offer_is_stored_as_it_was_sent(
    client: Any, server: FaultServer
) -> None:
    await post(client, server, "/v1/events?topic=demo/offers", "text/plain", SHORT, LONG)
    stored = [event["data"] for event in await history(server.port, "demo/offers")]
    assert stored == [SHORT] * POSTS + [LONG] * POSTS


@CLIENTS
async def test_json_behind_an_upgrade_offer_is_read(client: Any, server: FaultServer) -> None:
    event = json.dumps({"topic": "demo/offers", "data": {"n": 1}})
    await post(client, server, "/v1/events", "application/json", event, f"[{event},{event}]")
    stored = [event["data"] for event in await history(server.port, "demo/offers")]
    assert stored == [{"n": 1}] * POSTS * 3


@CLIENTS
async def test_a_flag_is_evaluated_for_the_context_behind_an_upgrade_offer(
    client: Any, server: FaultServer
) -> None:
    flag = {"environments": {"production": {"state": "ENABLED", "targeting": TARGETING}}, "type": "boolean"}
    async with await Wire.open(server.port) as wire:
        made = await wire.request("POST", "/v1/flags?app=demo", orjson.dumps({"key": "a", **flag}))
        assert made.status == 201, made
    evaluate = "/ofrep/v1/evaluate/flags/a?app=demo&environment=production"
    bodies = [json.dumps(context) for context in (PRO, FREE)]
    answers = await post(client, server, evaluate, "application/json", *bodies)
    assert [answer["value"] for answer in answers] == [True] * POSTS + [False] * POSTS
