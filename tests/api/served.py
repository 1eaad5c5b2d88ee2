"""A real server in a process of its own, and what talks to it: HTTP, event streams, WebSockets, raw bytes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

TIMEOUT_S = 10.0
_APP = Path(__file__).parents[2] / "app"


@dataclass
class Served:
    """A running server. `log` is what it printed to stderr so far; `setup` the link for the first admin."""

    url: str
    key: str | None
    process: subprocess.Popen[str]
    stderr: Any
    setup: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def ws_url(self) -> str:
        return self.url.replace("http://", "ws://")

    @property
    def log(self) -> str:
        self.stderr.seek(0)
        return str(self.stderr.read())

    @property
    def headers(self) -> dict[str, str]:
        """What shows the admin key, where there is one."""
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    def http(self, **options: Any) -> httpx2.Client:
        options.setdefault("headers", self.headers)
        return httpx2.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False, **options)

    @contextmanager
    def websocket(self, query: str = "", path: str = "/v1/events", **options: Any) -> Iterator[Talk]:
        headers = {**self.headers, **options.pop("additional_headers", {})}
        url = f"{self.ws_url}{path}{'?' if query else ''}{query}"
        with connect(
            url,
            additional_headers={name: value for name, value in headers.items() if value},
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=TIMEOUT_S,
            close_timeout=1,
            **options,
        ) as connection:
            yield Talk(connection)

    def raw(self) -> Raw:
        return Raw(socket.create_connection(self.address, timeout=TIMEOUT_S))

    def ask(self, request: bytes) -> Answer:
        """Send bytes on a connection of their own; the first answer that comes back."""
        with self.raw() as connection:
            connection.send(request)
            return connection.answer()

    def events(self, query: str, headers: dict[str, str] | None = None) -> Stream:
        """An event stream, over a socket of its own."""
        connection = self.raw()
        asked = {"Accept": "text/event-stream", **self.headers, **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in asked.items())
        host = ":".join(map(str, self.address))
        connection.send(f"GET /v1/events?{query} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode())
        return Stream(connection)

    def publish(self, topic: str, data: Any) -> str:
        """Publish; the cursor."""
        with self.http() as client:
            answer = client.post("/v1/events", json={"topic": topic, "data": data})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["cursor"])

    def check(self) -> None:
        """The process is up, and what is published can be read."""
        assert self.process.poll() is None, self.log
        with self.http() as client:
            posted = client.post("/v1/events", json={"topic": "check/alive", "data": "well"})
            assert posted.status_code == 201, posted.text
            offset = int(posted.json()["cursor"].rpartition("-")[2])
            epoch = posted.json()["cursor"].rpartition("-")[0]
            before = f"{epoch}-{offset - 1}" if offset > 1 else "earliest"
            read = client.get("/v1/events", params={"topic": "check/*", "cursor": before, "timeout": "0"})
            assert read.status_code == 200, read.text
            assert posted.json()["events"][0]["id"] in [event["id"] for event in read.json()["events"]]


@contextmanager
def serve(*arguments: str, dev: bool = True, keyed: bool = True, new: bool = True) -> Iterator[Served]:
    """`tricast serve` on a free port, in memory, until the block ends.

    Of a server that asks for credentials: whether it prints a key (`keyed`: no log has
    one yet) and a link for the first admin (`new`: there is nobody yet).
    """
    command = [sys.executable, "-m", "tricast", "serve", "--port", "0", "--log", "memory:"]
    command += ["--dev"] if dev else []
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRICAST_")}
    environment = {**kept, "PYTHONPATH": str(_APP)}
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=home,
            env=environment,
        )
        served = Served("", None, process, stderr)
        try:
            wanted = {"url"} if dev else {"url", *(["key"] if keyed else []), *(["setup"] if new else [])}
            told = _announced(process, wanted)
            served.url, served.key, served.setup = told["url"], told.get("key"), told.get("setup")
            yield served
        finally:
            process.terminate()
            try:
                process.wait(TIMEOUT_S)
            finally:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()


_TOLD = {
    "url": re.compile(r"^tricast .* on (http://\S+:\d+)"),
    "key": re.compile(r"(tck_\S+)"),
    "setup": re.compile(r"(http\S+/#/setup/\S+)"),
}


def _announced(process: subprocess.Popen[str], wanted: set[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        for name, pattern in _TOLD.items():
            if found := pattern.search(line):
                told[name] = found[1]
        if wanted <= told.keys():
            return told
    raise AssertionError(f"the server did not start: {process.wait()}")


@dataclass
class Answer:
    """An HTTP answer as it came over a socket. `status` 0: the server closed without one."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def problem(self) -> dict[str, Any]:
        assert self.header("content-type") == "application/problem+json", (
            self.status,
            self.headers,
            self.body,
        )
        found: dict[str, Any] = json.loads(self.body)
        assert found["status"] == self.status
        return found


class Raw:
    """A TCP connection on which anything can be said."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.file = sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self) -> Answer:
        """The next answer without its body."""
        try:
            line = self.file.readline()
        except ConnectionError:
            return Answer(0)
        if not line:
            return Answer(0)
        headers: list[tuple[str, str]] = []
        while (text := self.file.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = text.partition(": ")
            headers.append((name.lower(), value))
        return Answer(int(line.split()[1]), headers)

    def answer(self) -> Answer:
        """The next answer, whole (after any `100 Continue`)."""
        found = self.head()
        while found.status == 100:
            found = self.head()
        length = found.header("content-length")
        if length is not None:
            found.body = self.file.read(int(length))
        return found

    def rest(self) -> bytes:
        """Everything until the server closes."""
        try:
            return self.file.read()
        except ConnectionError:
            return b""


class Stream:
    """An event stream: its head, then its blocks as (fields, envelope)."""

    def __init__(self, connection: Raw) -> None:
        self._connection = connection
        self.head = connection.head()
        self._left = 0 if self.head.header("transfer-encoding") == "chunked" else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _line(self) -> bytes:
        """The next line of the body; empty at its end. (A chunk holds whole lines.)"""
        file = self._connection.file
        if self._left is None:
            return file.readline()
        if self._left == 0:
            self._left = int(file.readline() or b"0", 16)
            if self._left == 0:
                return b""
        line = file.readline(self._left)
        self._left -= len(line)
        if self._left == 0:
            file.read(2)
        return line

    def next(self) -> tuple[dict[str, str], dict[str, Any]]:
        """The next block. Raises EOFError at the end of the stream."""
        fields: dict[str, str] = {}
        while True:
            line = self._line().decode()
            if not line:
                raise EOFError
            if line == "\n":
                return fields, json.loads(fields["data"])
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value

    def until(self, kind: str) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
        """The blocks up to and with the first of type `kind`."""
        while True:
            block = self.next()
            yield block
            if block[1]["type"] == kind:
                return


class Talk:
    """A WebSocket that speaks JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, message: Any) -> None:
        """One command, or a text as it is."""
        self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def next(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.connection.recv(timeout=TIMEOUT_S))
        return found

    def until(self, kind: str) -> dict[str, Any]:
        """The first event of type `kind`; those before it are dropped."""
        while (event := self.next())["type"] != kind:
            pass
        return event

    def ask(self, message: Any) -> dict[str, Any]:
        """The data of the reply to a command."""
        self.say(message)
        data: dict[str, Any] = self.until("tricast.reply")["data"]
        return data

    def closed(self) -> int:
        """The code of the Close frame that ends it, once everything before was read."""
        with suppress(ConnectionClosed):
            while True:
                self.connection.recv(timeout=TIMEOUT_S)
        assert self.connection.close_code is not None
        return self.connection.close_code


def masked(
    opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bytes = b"\x01\x02\x03\x04"
) -> bytes:
    """A client's frame (RFC 6455 §5.2)."""
    first = (0x80 if fin else 0) | opcode
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    padded = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload) ^ int.from_bytes(padded)).to_bytes(size)


def headers_of(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Header lines, ready for the wire."""
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode("latin-1")
