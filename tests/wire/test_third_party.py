"""Clients that are not ours follow the plain wire without a gap and without a duplicate."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.faultproxy import proxying
from tests.clients.npm import ROOT
from tests.faults.faultserver import FaultServer
from tests.faults.faultwire import Wire, connected, eventually
from tests.wire.followers import PROGRAMS, Followers, commands, following, jdk, shell_loop
from tests.wire.numbered import LINE_BREAKS, TOPIC, data_of, publishing

LEAST = 1000
KILLS = 2
# Cuts at any byte, again and again, are too much for them: two report nothing of a chunk before they have all
# of it, and one takes an id for seen with its line, before the empty line that ends the event.
NOT_ANYWHERE = {"PyPI urllib3", "PyPI launchdarkly-eventsource", "npm @microsoft/fetch-event-source"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultServer]:
    server = FaultServer(tmp_path / "data", tmp_path / "stderr")
    try:
        yield server
    finally:
        server.kill()


def a_port() -> int:
    """One that a server can have again after it was killed: no connection gets it in between."""
    ports = range(20_000, 30_000)  # below those that systems give to who connects
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port := random.choice(ports)))
            except OSError:
                continue
            return port


def where(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1/events?topic={TOPIC}"


async def all_live(server: FaultServer, followers: Followers) -> None:
    for transport in ("sse", "websocket"):
        await connected(server.port, transport, followers.count(transport))


def heard(followers: Followers, total: int) -> None:
    """Everyone has reported the events 0, 1, 2, … up to `total` unaltered, and nothing else."""
    wrong = {}
    for each in followers.each:
        pairs = enumerate(each.reported)
        first = next((f"{data!r} where {at} was due" for at, data in pairs if data != data_of(at)), "")
        if first or len(each.reported) != total:
            wrong[each.name] = f"{len(each.reported)} of {total} events; {first} {each.errors[-500:]}"
    assert not wrong


async def test_they_report_each_event_before_anything_else_is_written(server: FaultServer) -> None:
    # No heartbeat pushes out what a client's buffer holds back: none is due before the test ends.
    await asyncio.to_thread(server.start, heartbeat_s="10m")
    async with following(where(server.port)) as followers, await Wire.open(server.port) as publisher:
        await all_live(server, followers)
        for number in range(len(LINE_BREAKS)):
            answer = await publisher.publish({"topic": TOPIC, "data": data_of(number)})
            assert answer.status == 201, answer
            await followers.have(number + 1)
        heard(followers, len(LINE_BREAKS))


async def test_they_hear_every_event_once_while_the_server_is_killed_and_started_again(
    server: FaultServer,
) -> None:
    port = a_port()
    await asyncio.to_thread(server.start, port=port)
    async with following(where(port)) as followers:
        await all_live(server, followers)
        async with publishing(port) as numbered:
            await followers.have(LEAST // 3)
            for _ in range(KILLS):
                await asyncio.to_thread(server.start, port=port)  # (which kills the one that runs)
                await followers.have(numbered.acknowledged + LEAST // 3)
        await followers.have(numbered.acknowledged)
        assert numbered.acknowledged >= LEAST
        heard(followers, numbered.acknowledged)


async def test_an_event_whose_data_was_cut_is_given_again(server: FaultServer) -> None:
    await asyncio.to_thread(server.start)
    async with proxying(server.port) as proxy:
        # Room for the beginning of a stream, and for a part of the event.
        proxy.faults.truncate_bytes, long = 20_000, 100_000
        async with following(where(proxy.port)) as followers, await Wire.open(server.port) as publisher:
            await all_live(server, followers)
            once = dict(proxy.seen)
            answer = await publisher.publish({"topic": TOPIC, "data": {"long": "x" * long}})
            assert answer.status == 201, answer
            await eventually(lambda: all(proxy.seen[kind] >= 2 * count for kind, count in once.items()))
            proxy.faults.truncate_bytes = None
            await followers.have(1)
            assert {each.name: each.reported for each in followers.each if len(each.reported) != 1} == {}


async def test_they_hear_every_event_once_through_connections_that_are_cut_in_the_middle_of_one(
    server: FaultServer,
) -> None:
    await asyncio.to_thread(server.start)
    names = commands("").keys() - NOT_ANYWHERE
    async with proxying(server.port) as proxy:
        # Room for the beginning of a stream and some events: who has more was cut, and came back.
        proxy.faults.truncate_bytes, at_most = 4001, 13
        async with following(where(proxy.port), *names) as followers:
            await all_live(server, followers)
            async with publishing(server.port) as numbered:
                await followers.have(at_most + 1)
                proxy.faults.truncate_bytes = None
                await followers.have(numbered.acknowledged + LEAST // 2)
                proxy.cut()
                await followers.have(max(numbered.acknowledged, LEAST))
            await followers.have(numbered.acknowledged)
            heard(followers, numbered.acknowledged)


async def test_a_client_that_begins_anew_after_a_502_resumes_from_the_id_in_its_query(
    server: FaultServer,
) -> None:
    await asyncio.to_thread(server.start)
    async with (
        proxying(server.port) as proxy,
        following(where(proxy.port), "npm reconnecting-eventsource") as followers,
        await Wire.open(server.port) as publisher,
    ):
        await all_live(server, followers)
        for number in range(4):
            if number % 2:
                # Final for EventSource: what wraps it makes another, which has no id of its own.
                proxy.faults.status, asked = 502, proxy.seen["sse"]
                proxy.cut()
                await eventually(lambda asked=asked: proxy.seen["sse"] > asked)
            answer = await publisher.publish({"topic": TOPIC, "data": data_of(number)})
            assert answer.status == 201, answer
            proxy.faults.status = None
            await followers.have(number + 1)
        heard(followers, 4)


def test_the_table_of_the_docs_has_these_clients_and_the_code_that_they_run() -> None:
    table = (
        (ROOT / "docs" / "protocol.md").read_text().partition("<!-- clients -->")[2].partition("<!-- /")[0]
    )
    rows = [line.strip("| ").split(" | ") for line in table.strip().splitlines()[2:]]
    named = {client.replace("`", "") for client, *_ in rows}
    run = {name.partition(",")[0] for name in commands("http://127.0.0.1:1/")}
    assert named == run | {"JDK java.net.http"}
    programs = [ROOT / "README.md", *PROGRAMS.glob("*.*")]
    source = "\n".join(path.read_text() for path in programs)
    code = [reads.split("`")[1] for _, reads, _ in rows]
    assert [line for line in code if not all(part in source for part in line.split("…"))] == []


def test_java_net_http_is_among_them() -> None:
    if jdk() is None:
        pytest.skip("no JDK is installed (Debian, Ubuntu: apt-get install default-jdk-headless)")
    assert "JDK java.net.http" in commands("http://127.0.0.1:1/")


async def test_the_command_line_of_websockets_shows_events_and_publishes(server: FaultServer) -> None:
    await asyncio.to_thread(server.start)
    url = where(server.port).replace("http://", "ws://")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "websockets", url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            await process.stdout.readuntil(b'"type":"tricast.live"')
            process.stdin.write(b'{"op":"publish","topic":"%b","data":{"typed":1}}\n' % TOPIC.encode())
            said = await process.stdout.readuntil(b'"typed":1')
            assert f'"topic":"{TOPIC}"'.encode() in said
            process.stdin.close()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_the_shell_loop_has_ten_lines_at_most() -> None:
    assert len(shell_loop("http://127.0.0.1:1/").strip().splitlines()) <= 10
