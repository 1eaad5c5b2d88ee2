"""A disk that is full or refuses: publishers are told, subscribers stay, and it goes on when it can."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from faultserver import FaultServer
from faultwire import STREAMS, WAIT_S, Answer, Stream, Wire, history, live, offset_of, target

DISK_BYTES = 24 * 2**20
LARGE = "x" * 200_000


def _must(command: list[str], why: str) -> None:
    """Run `command`; where this machine doesn't permit it the test is skipped, but not on CI as root."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    reason = f"{why}: {' '.join(command[:1])} says {done.stderr.strip()!r}"
    if os.environ.get("CI") and os.geteuid() == 0:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    _must(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)], "no small disk can be made"
    )
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def small_server(small_disk: Path, tmp_path: Path) -> Iterator[FaultServer]:
    """A server on the small disk, not started yet."""
    server = FaultServer(small_disk / "data", tmp_path / "stderr")
    try:
        yield server
    finally:
        server.kill()


class Audience:
    """A stream of each kind and a chain of polls, which must not be cut; what each got."""

    def __init__(self, server: FaultServer, topic: str) -> None:
        self.server = server
        self.topic = topic
        self.events: dict[str, list[str]] = {name: [] for name in (*STREAMS, "poll")}
        self.beats = 0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            streams = {
                name: await stack.enter_async_context(await kind.subscribe(self.server.port, self.topic))
                for name, kind in STREAMS.items()
            }
            for stream in streams.values():
                await live(stream)
            wire = await stack.enter_async_context(await Wire.open(self.server.port))
            cursor = (await wire.poll(self.topic, "latest", timeout=0)).json()["cursor"]
            group = await stack.enter_async_context(asyncio.TaskGroup())
            tasks = [group.create_task(self._listen(name, stream)) for name, stream in streams.items()]
            tasks.append(group.create_task(self._poll(wire, cursor)))
            yield
            for task in tasks:
                task.cancel()

    async def _listen(self, name: str, stream: Stream) -> None:
        while True:
            message = await stream.next()
            assert message.is_event or message.type == "tricast.heartbeat", message
            self.beats += not message.is_event
            self._note(name, [message.envelope["id"]] if message.is_event else [])

    async def _poll(self, wire: Wire, cursor: str) -> None:
        while True:
            answer = await wire.poll(self.topic, cursor, timeout=1)
            page = answer.json()
            assert (answer.status, page["reset"]) == (200, None), page
            cursor = page["cursor"]
            self._note("poll", [event["id"] for event in page["events"]])

    def _note(self, name: str, ids: list[str]) -> None:
        self.events[name] += ids
        self._changed.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not reached():
                self._changed.clear()
                await self._changed.wait()

    async def got(self, id: str) -> None:
        """Wait until everybody has the event `id`."""
        await self.until(lambda: all(id in ids for ids in self.events.values()))


class Publisher:
    """Publishes one after another; `acknowledged`: offsets by id."""

    def __init__(self, wire: Wire, topic: str) -> None:
        self.wire = wire
        self.topic = topic
        self.acknowledged: dict[str, int] = {}
        self._count = 0

    async def one(self, data: Any = None, *, id: str | None = None) -> Answer:
        self._count += 1
        id = id or f"event-{self._count}"
        answer = await self.wire.publish({"topic": self.topic, "id": id, "data": data})
        if answer.status == 201:
            (event,) = answer.json()["events"]
            self.acknowledged[id] = offset_of(event["cursor"])
        return answer

    async def until(self, refused: tuple[int, ...], data: Any) -> Answer:
        """Publish until one is refused."""
        while (answer := await self.one(data)).status == 201:
            pass
        assert answer.status in refused, answer
        return answer

    async def until_taken(self, id: str) -> Answer:
        """Repeat one event until it is taken."""
        async with asyncio.timeout(WAIT_S):
            while (answer := await self.one(id=id)).status != 201:
                assert answer.status in (503, 507), answer
                await asyncio.sleep(0.05)
        return answer


async def _ready(server: FaultServer) -> Answer:
    async with await Wire.open(server.port) as wire:
        return await wire.request("GET", "/readyz")


async def _check_log(server: FaultServer, publisher: Publisher, audience: Audience) -> None:
    """Everything acknowledged is in the log, once, where it was said to be; everybody got the log."""
    log = [(event["id"], offset_of(event["cursor"])) for event in await history(server.port, publisher.topic)]
    assert len(dict(log)) == len(log)
    assert {id: dict(log).get(id) for id in publisher.acknowledged} == publisher.acknowledged
    for name, ids in audience.events.items():
        assert ids == [id for id, _ in log], name


async def test_a_full_disk_refuses_publishers_with_507_and_goes_on_when_there_is_room(
    small_server: FaultServer,
) -> None:
    server = small_server
    server.data.mkdir()
    ballast = server.data.parent / "ballast"
    ballast.write_bytes(bytes(DISK_BYTES // 3))
    server.start(heartbeat_s="200ms")
    audience = Audience(server, "demo/disk")
    async with await Wire.open(server.port) as wire, audience.listening():
        publisher = Publisher(wire, "demo/disk")
        full = await publisher.until((507,), LARGE)
        assert full.problem()["type"] == "/problems/log-full"
        for _ in range(5):
            refused = await publisher.one(LARGE)
            assert refused.status == 507, refused
            assert "full" in refused.problem()["detail"]
        reply = await _by_websocket(server, LARGE)
        assert (reply["ok"], reply["error"]["status"]) == (False, 507)
        # Who listens stays, and reads what there is.
        beats = audience.beats
        await audience.until(lambda: audience.beats > beats + 4)
        assert (await _ready(server)).status in (200, 503, 507)  # (what is small may still fit)
        assert len(await history(server.port, "demo/disk")) == len(publisher.acknowledged)

        ballast.unlink()
        await publisher.until_taken("room again")
        for _ in range(10):
            assert (await publisher.one(LARGE)).status == 201
        assert (await _ready(server)).status == 200
        await publisher.one(id="last")
        await audience.got("last")
        await _check_log(server, publisher, audience)

        # And so it is after a kill in the middle of it.
        full = await publisher.until((507,), LARGE)
    server.kill()
    ballast.unlink(missing_ok=True)
    server.start()
    await _check_acknowledged(server, publisher)


async def _check_acknowledged(server: FaultServer, publisher: Publisher) -> None:
    log = {event["id"]: offset_of(event["cursor"]) for event in await history(server.port, publisher.topic)}
    assert {id: log.get(id) for id in publisher.acknowledged} == publisher.acknowledged


async def _by_websocket(server: FaultServer, data: Any) -> Any:
    async with await STREAMS["websocket"].subscribe(server.port, "demo/other") as socket:
        await live(socket)
        await socket.say(op="publish", ref="p", topic="demo/disk", data=data)  # type: ignore[union-attr]
        while (message := await socket.next()).type != "tricast.reply":
            pass
        return message.data


@contextmanager
def _immutable(*files: Path) -> Iterator[None]:
    """Nobody may write to `files`, not even root with the file open."""
    names = [str(file) for file in files if file.exists()]
    _must(["chattr", "+i", *names], "files can't be made immutable here")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *names], check=True)


@contextmanager
def _failing_writes(server: FaultServer) -> Iterator[None]:
    """Each write to a file fails in the kernel (EFBIG)."""
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.parametrize("fault", ["read-only file", "failing writes"])
async def test_a_log_that_can_not_be_written_refuses_with_503_and_goes_on_without_a_restart(
    server: FaultServer, fault: str
) -> None:
    server.start(heartbeat_s="200ms")
    audience = Audience(server, "demo/disk")
    database = server.data / "tricast.db"
    broken = (
        _failing_writes(server)
        if fault == "failing writes"
        else _immutable(database, database.with_name("tricast.db-wal"))
    )
    async with await Wire.open(server.port) as wire, audience.listening():
        publisher = Publisher(wire, "demo/disk")
        for _ in range(20):
            assert (await publisher.one("before")).status == 201
        with broken:
            doubtful = await publisher.one("while", id="doubtful")
            assert doubtful.status == 503, doubtful
            assert doubtful.problem()["type"] == "/problems/unavailable"
            for _ in range(10):
                refused = await publisher.one("while")
                assert refused.status == 503, refused
                refused.problem()
            reply = await _by_websocket(server, "while")
            assert (reply["ok"], reply["error"]["status"]) == (False, 503)
            beats = audience.beats
            await audience.until(lambda: audience.beats > beats + 4)
            assert (await _ready(server)).status == 503
            assert (await wire.request("GET", target("demo/disk", "earliest", timeout=0))).status == 200
        first = await publisher.until_taken("doubtful")
        again = await publisher.one(id="doubtful")
        assert again.json()["cursor"] == first.json()["cursor"]
        assert (await _ready(server)).status == 200
        await publisher.one(id="last")
        await audience.got("last")
        await _check_log(server, publisher, audience)
    server.kill()
    server.start()
    await _check_acknowledged(server, publisher)


async def test_a_log_on_a_read_only_disk_is_an_error_at_start_that_says_so(
    small_server: FaultServer, small_disk: Path
) -> None:
    server = small_server
    server.start()
    async with await Wire.open(server.port) as wire:
        assert (await wire.publish({"topic": "demo/disk", "id": "kept"})).status == 201
    server.kill()
    _must(["mount", "-o", "remount,ro", str(small_disk)], "the disk can't be made read-only")
    with pytest.raises(AssertionError, match="did not start"):
        server.start()
    assert server.wait(WAIT_S) == 1
    said = server.errors()
    assert "tricast.db" in said, said
    assert "Traceback" not in said, said
    _must(["mount", "-o", "remount,rw", str(small_disk)], "the disk can't be made writable")
    server.start()
    assert [event["id"] for event in await history(server.port, "demo/disk")] == ["kept"]
