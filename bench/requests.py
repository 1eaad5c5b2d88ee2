"""A client that sends prepared bytes and times the answers: HTTP/1.1 on a connection that is kept."""

import json
import socket
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.errors import LoadFailed

TIMEOUT_S = 120.0
TICKS_PER_S = 100


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One kept connection to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, request: bytes, *, expected: int = 200) -> Answer:
        """Send a request, read its whole answer. Raises LoadFailed on another status."""
        self._socket.sendall(request)
        status = int(self._file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self._file.read(int(headers.get("content-length", "0")))
        if status != expected:
            raise LoadFailed(f"{request[:80]!r} was answered {status}: {body[:300]!r}")
        return Answer(status, headers, body)


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """The bytes of a request; a body that isn't bytes is sent as JSON."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}"]
    if content:
        lines.append("Content-Type: application/json")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@dataclass(frozen=True, slots=True)
class Timed:
    """What many requests came to. `cpu_us` is the server's for each."""

    p50_ms: float
    p99_ms: float
    per_s: float
    cpu_us: float


def timed(
    port: int,
    pid: int,
    next_request: Callable[[int], bytes],
    *,
    duration_s: float,
    connections: int = 8,
    expected: int = 200,
) -> Timed:
    """First one connection for half of `duration_s`, which gives the latency, then `connections` at once."""
    alone: list[float] = []
    with Connection(port) as connection:
        connection.ask(next_request(0), expected=expected)
        ends = time.perf_counter() + duration_s / 2
        while (began := time.perf_counter()) < ends:
            connection.ask(next_request(len(alone) + 1), expected=expected)
            alone.append((time.perf_counter() - began) * 1000)
    counts, before, began = [0] * connections, _cpu_s(pid), time.perf_counter()
    ends = began + duration_s / 2

    def work(index: int) -> None:
        with Connection(port) as connection:
            while time.perf_counter() < ends:
                number = 1_000_000 * (index + 1) + counts[index]
                connection.ask(next_request(number), expected=expected)
                counts[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cpu, done = time.perf_counter() - began, _cpu_s(pid) - before, sum(counts)
    if not alone or not done:
        raise LoadFailed("no request was answered in the window")
    alone.sort()
    p99 = alone[min(len(alone) - 1, int(len(alone) * 0.99))]
    return Timed(statistics.median(alone), p99, done / took, cpu / done * 1e6)


def _cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS_PER_S
