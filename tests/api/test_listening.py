"""Listening on IPv6 with IPv4, on several addresses and on Unix sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.harness.sockets import PATIENCE_S

ROOT = Path(__file__).parents[2]


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 on this machine")


class Server:
    """`tricast serve` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.first = process.stdout.readline()
        self.rest = ""

    @property
    def port(self) -> int:
        return next(
            int(word.rpartition(":")[2].rstrip(",")) for word in self.first.split() if "http://" in word
        )

    @property
    def key(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip().startswith("tck_"):
                return line.strip()
        raise AssertionError("no admin key was shown")

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)


def command(folder: Path, *options: str) -> dict[str, Any]:
    return {
        "args": [sys.executable, "-m", "tricast", "serve", "--port", "0", "--data", str(folder), *options],
        "cwd": folder,
        "text": True,
        "env": {name: value for name, value in os.environ.items() if not name.startswith("TRICAST_")},
        "stdout": subprocess.PIPE,
    }


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    process = subprocess.Popen(**command(folder, *options), stderr=subprocess.DEVNULL)
    try:
        yield Server(process)
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()


def refused(folder: Path, *options: str) -> str:
    """The error of a server that does not start."""
    done = subprocess.run(
        **command(folder, *options), stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def ask(
    where: tuple[str, int] | Path,
    target: str = "/healthz",
    method: str = "GET",
    body: bytes = b"",
    **headers: str,
) -> tuple[int, Any]:
    """One request on a connection of its own, over TCP or through a Unix socket: status and JSON."""
    if isinstance(where, Path):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_S)
        connection.connect(str(where))
    else:
        connection = socket.create_connection(where, timeout=PATIENCE_S)
    given = {"host": "localhost", "connection": "close", "content-length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    with closing(connection), connection.makefile("rwb") as file:
        file.write(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
        file.flush()
        head_bytes, _, rest = file.read().partition(b"\r\n\r\n")
    return int(head_bytes.split()[1]), json.loads(rest)


@needs_ipv6
def test_all_addresses_of_ipv6_are_those_of_ipv4_too(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "::") as server:
        key = server.key
        for address in ("::1", "127.0.0.1"):
            assert ask((address, server.port))[0] == 200
            # An IPv4 client has an IPv4 address: limits, logs and forwarded_allow_ips are about that.
            with websockets_of(f"ws://localhost:{server.port}", (address, server.port), key):
                connections = ask((address, server.port), "/v1/connections", authorization=f"Bearer {key}")[1]
                assert [each["address"] for each in connections["connections"]] == [address]


@needs_ipv6
def test_a_list_of_hosts_is_listened_to_on_one_port(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    with serving(tmp_path, "--dev", "--host", f"127.0.0.1,::1,127.0.0.2,unix:{path}") as server:
        for host in ("http://127.0.0.1:", "http://[::1]:", "http://127.0.0.2:", f"unix:{path}"):
            assert host in server.first
        for where in (("127.0.0.1", server.port), ("::1", server.port), ("127.0.0.2", server.port), path):
            assert ask(where)[0] == 200
        assert ask(path, "/v1/events?topic=demo/x", "POST", b"hello")[0] == 201
        assert (
            ask(("::1", server.port), "/v1/events?topic=demo/x&cursor=earliest")[1]["events"][0]["data"]
            == "hello"
        )


def test_an_address_that_another_covers_is_no_conflict(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0,127.0.0.1,localhost") as server:
        assert ask(("127.0.0.1", server.port))[0] == 200


@contextmanager
def websockets_of(url: str, where: tuple[str, int] | Path, key: str | None = None) -> Iterator[Any]:
    from websockets.sync.client import connect, unix_connect

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    target = f"{url}/v1/events?topic=demo/x"
    if isinstance(where, Path):
        opened = unix_connect(str(where), target, additional_headers=headers)
    else:
        sock = socket.create_connection(where)
        opened = connect(target, sock=sock, additional_headers=headers, proxy=None)
    with opened as one:
        assert json.loads(one.recv(timeout=PATIENCE_S))["type"] == "tricast.hello"
        yield one


def test_a_unix_socket_serves_all_transports_and_is_removed_at_the_stop(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    with serving(tmp_path, "--host", f"unix:{path}") as server:
        assert f"on unix:{path} (" in server.first
        key = f"Bearer {server.key}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        target = "/v1/events?topic=demo/x"
        assert ask(path, target, "POST", b"hello", authorization=key)[0] == 201
        assert ask(path, f"{target}&cursor=earliest", authorization=key)[1]["events"][0]["data"] == "hello"
        with closing(socket.socket(socket.AF_UNIX)) as stream:
            stream.settimeout(PATIENCE_S)
            stream.connect(str(path))
            stream.sendall(
                f"GET {target} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
                f"authorization: {key}\r\n\r\n".encode()
            )
            with stream.makefile("rb") as lines:
                while b"tricast.hello" not in lines.readline():
                    pass
            with websockets_of("ws://localhost", path, key.removeprefix("Bearer ")):
                found = ask(path, "/v1/connections", authorization=key)[1]["connections"]
                assert [each["address"] for each in found] == ["unix:", "unix:"]
        assert ask(path, target)[0] == 401
        server.stop()
        assert server.process.returncode == 0
        assert not path.exists()


def test_a_proxy_on_the_unix_socket_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    options = (
        "--set",
        "forwarded_allow_ips=192.0.2.1",
        "--set",
        "connect_rate=1",
        "--set",
        "connect_burst=1",
    )
    with serving(tmp_path, "--host", f"unix:{path}", *options) as server:
        key = f"Bearer {server.key}"
        target = "/v1/events?topic=demo/x&timeout=0"
        for address in ("192.0.2.7", "192.0.2.8"):  # each with a limit of its own
            forwarded = {"x_forwarded_for": address, "x_forwarded_proto": "https"}
            with closing(socket.socket(socket.AF_UNIX)) as stream:
                stream.settimeout(PATIENCE_S)
                stream.connect(str(path))
                stream.sendall(
                    b"GET /v1/events?topic=demo/x HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
                    b"authorization: %b\r\nx-forwarded-for: %b\r\n\r\n" % (key.encode(), address.encode())
                )
                assert b"200 OK" in stream.recv(100)
                found = ask(path, "/v1/connections", authorization=key, **forwarded)[1]["connections"]
                assert address in [each["address"] for each in found]
        assert ask(path, target, authorization=key)[0] == 200


def test_dev_on_a_unix_socket_is_open_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    with serving(tmp_path, "--dev", "--host", f"unix:{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        target = "/v1/events?topic=demo/x"
        assert ask(path, target, "POST", b"hello")[0] == 201
        assert ask(path, target, "POST", b"hello", x_forwarded_for="192.0.2.7")[0] == 401
        assert ask(path, target, "POST", b"hello", host="evil.example")[0] == 403


def test_what_a_killed_server_left_behind_is_removed_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    (tmp_path / "other").mkdir()
    with serving(tmp_path, "--host", f"unix:{path}") as server:
        said = refused(tmp_path / "other", "--host", f"unix:{path}")
        assert f"can not listen on unix:{path}: another server does; stop that one, or choose another" in said
        assert ask(path)[0] == 200
        server.stop(signal.SIGKILL)
    assert path.exists()
    with serving(tmp_path, "--host", f"unix:{path}"):
        assert ask(path)[0] == 200


def test_a_stopping_server_leaves_the_socket_of_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "hub.sock"
    with serving(tmp_path, "--host", f"unix:{path}") as server:
        path.unlink()
        with closing(socket.socket(socket.AF_UNIX)) as other:
            other.bind(str(path))
            server.stop()
            assert path.exists()


def test_nginx_passes_on_to_a_unix_socket_as_the_guide_says(tmp_path: Path) -> None:
    path, guide = tmp_path / "hub.sock", (ROOT / "docs" / "proxies.md").read_text()
    upstream = re.search(r"```nginx\n(upstream .*?)```", guide, re.DOTALL)
    sample = (ROOT / "deploy" / "nginx.conf").read_text()
    before = re.search(r"^upstream .*?^}", sample, re.DOTALL | re.MULTILINE)
    assert upstream is not None
    assert before is not None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    site = sample.replace(before[0], upstream[1].replace("/run/tricast/tricast.sock", str(path)))
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port};")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(
        f"{user} daemon off; pid {tmp_path}/pid; events {{}} http {{ access_log off; {folders}\n{site}\n}}"
    )
    with serving(tmp_path, "--host", f"unix:{path}") as server:
        key = server.key
        nginx = subprocess.Popen(["nginx", "-e", "stderr", "-c", str(tmp_path / "nginx.conf")])
        try:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                try:
                    assert ask(("127.0.0.1", port))[0] == 200
                    break
                except ConnectionRefusedError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            with websockets_of("ws://localhost", ("127.0.0.1", port), key):
                found = ask(path, "/v1/connections", authorization=f"Bearer {key}")[1]["connections"]
                assert [each["address"] for each in found] == ["127.0.0.1"]
        finally:
            nginx.terminate()
            nginx.wait(PATIENCE_S)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:{folder}/tricast.toml", "something else than a socket; choose another path"),
        ("unix:{folder}/none/x.sock", "in a directory that exists"),
        ("unix:{folder}/" + "x" * 120, "at most 107 bytes"),
        ("192.0.2.1", "choose another address (--host 127.0.0.1"),
        ("no-such-host.invalid", "choose another address (--host 127.0.0.1"),
    ],
)
def test_an_unusable_host_is_refused_with_the_remedy(tmp_path: Path, host: str, reason: str) -> None:
    (tmp_path / "tricast.toml").write_text("")
    said = refused(tmp_path, "--host", host.format(folder=tmp_path))
    assert "can not listen on" in said
    assert reason in said
    assert (tmp_path / "tricast.toml").exists()
