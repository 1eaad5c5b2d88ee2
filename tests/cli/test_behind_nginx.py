"""`deploy/nginx.conf` as it is shipped, with a real nginx: every transport gets through it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commandline import WAIT_S, Command, Server

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

if NGINX is None and not os.environ.get("CI"):
    pytest.skip("nginx is not installed: apt-get install nginx", allow_module_level=True)


@contextmanager
def nginx(place: Path, listen: int, upstream: str) -> Iterator[str]:
    """nginx with the shipped file, but for the two addresses."""
    assert NGINX is not None, "nginx is not installed: apt-get install nginx"
    shipped = SHIPPED.read_text()
    assert shipped.count("listen 80;") == shipped.count("127.0.0.1:8080") == 1
    served = shipped.replace("listen 80;", f"listen 127.0.0.1:{listen};").replace("127.0.0.1:8080", upstream)
    (place / "tricast.conf").write_text(served)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {place}/{kind}; " for kind in kinds)
    configuration = place / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; worker_processes 1; pid {place}/pid; error_log {place}/error; "
        f"events {{}} http {{ access_log off; {paths} include {place}/tricast.conf; }}"
    )
    with subprocess.Popen(
        [NGINX, "-p", str(place), "-e", f"{place}/error", "-c", str(configuration)]
    ) as process:
        try:
            while process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", listen)) == 0:
                        break
            yield f"http://127.0.0.1:{listen}"
        finally:
            process.terminate()
            process.wait(WAIT_S)


@pytest.fixture
def behind(guarded_server: Server, root_key: str, tmp_path: Path, unused_port: int) -> Iterator[Command]:
    with nginx(tmp_path, unused_port, guarded_server.url.removeprefix("http://")) as url:
        yield Command(tmp_path, url, root_key)


@pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
def test_events_come_as_they_are_published(behind: Command, topic: str, transport: str) -> None:
    behind.ok("publish", topic, "1")
    with behind.running("tail", topic, "--since", "earliest", "--transport", transport) as tail:
        assert tail.stdout is not None
        for number in (1, 2, 3):
            assert json.loads(tail.stdout.readline())["data"] == number
            behind.ok("publish", topic, str(number + 1))


def test_a_refusal_of_a_large_body_is_the_hubs_own(behind: Command, topic: str) -> None:
    text = json.dumps("x" * 300_000)
    assert "the limit is 262144" in behind.fails(1, "publish", topic, "-", stdin=text)
