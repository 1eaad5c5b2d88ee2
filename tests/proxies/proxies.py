"""nginx, HAProxy and Caddy with the files of `deploy/`, but for addresses, paths and the wait of a reload."""

from __future__ import annotations

import getpass
import os
import random
import shutil
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from tests.proxies.certificate import Certificate

DEPLOY = Path(__file__).parents[2] / "deploy"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
STOP_S = 20.0
START_S = 20.0


def program(name: str) -> str:
    """Where it is installed. Skips the test where it isn't; on machines that must have it (`CI`), fails."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        missing = f"{name} is not installed: apt-get install {name}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, from below those that the kernel gives away by itself meanwhile."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return found


def shipped(name: str, **replaced: str) -> str:
    """A file of `deploy/` with some of its lines or words otherwise; each must stand there once."""
    text = (DEPLOY / name).read_text()
    for old, new in replaced.items():
        assert text.count(old) == 1, f"deploy/{name} has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return text


@dataclass
class Proxy:
    """A proxy in front of the server at port `upstream`; `plain` and `tls` are its own ports.

    `timeout` is how long it waits for the server to say something, where it has such a limit.
    """

    folder: Path
    upstream: int
    certificate: Certificate
    timeout: str = "90s"
    plain: int = 0
    tls: int = 0
    admin: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    name: ClassVar[str]
    file: ClassVar[str]
    has_plain: ClassVar[bool] = True
    has_tls: ClassVar[bool] = True
    passes_websockets: ClassVar[bool] = True
    refuses_as_tricast: ClassVar[bool] = True
    tells_addresses: ClassVar[bool] = True
    keeps_host: ClassVar[bool] = True
    has_timeout: ClassVar[bool] = True
    refused: ClassVar[int] = 502
    reload_ends: ClassVar[frozenset[str]] = frozenset({"websocket", "sse"})

    def __post_init__(self) -> None:
        self.plain, self.tls, self.admin = free_ports(3)

    @property
    def kind(self) -> str:
        """Its name in `PROXIES`."""
        return next(name for name, kind in PROXIES.items() if kind is type(self))

    @property
    def url(self) -> str:
        """Where users would connect."""
        return f"https://localhost:{self.tls}" if self.has_tls else f"http://localhost:{self.plain}"

    @property
    def plain_url(self) -> str:
        return f"http://localhost:{self.plain}"

    @property
    def program(self) -> str:
        return program(self.name)

    def configure(self) -> list[str]:
        """Write what it reads; the command that starts it."""
        raise NotImplementedError

    def reload(self) -> None:
        """Have it read its file again, as an administrator does."""
        raise NotImplementedError

    def start(self, *more: str) -> None:
        command = [*self.configure(), *more]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=self.environment
            )
        for port in [self.plain] * self.has_plain + [self.tls] * self.has_tls:
            while not _listens(port):
                try:
                    ended = self.process.wait(0.01)
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError(f"{self.name} ended with {ended}: {self.log()}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            finally:
                self.process.kill()

    @property
    def environment(self) -> dict[str, str]:
        """It keeps nothing in anybody's home."""
        return os.environ | {"HOME": str(self.folder), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def run(self, *command: str) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=STOP_S, check=False, env=self.environment
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}\n{self.log()}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Nginx(Proxy):
    """`deploy/nginx.conf`, included where a distribution's own file includes it."""

    name = "nginx"
    file = "nginx.conf"

    def site(self) -> str:
        return shipped(
            self.file,
            **{
                "listen 80;": f"listen 127.0.0.1:{self.plain};",
                "# listen 443 ssl http2;": f"listen 127.0.0.1:{self.tls} ssl http2;",
                "# ssl_certificate     /etc/ssl/certs/events.example.pem;": (
                    f"ssl_certificate {self.certificate.certificate};"
                ),
                "# ssl_certificate_key /etc/ssl/private/events.example.key;": (
                    f"ssl_certificate_key {self.certificate.key};"
                ),
                "127.0.0.1:8080": f"127.0.0.1:{self.upstream}",
                "proxy_read_timeout 90s": f"proxy_read_timeout {self.timeout}",
            },
        )

    def configure(self) -> list[str]:
        (self.folder / "tricast.conf").write_text(self.site())
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {self.folder}/{kind}; " for kind in kinds)
        # (started by root, workers would else be somebody who may not enter the folder)
        user = f"user {getpass.getuser()}; " if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(
            f"{user}daemon off; worker_processes 1; worker_shutdown_timeout 1s; "
            f"pid {self.folder}/pid; error_log {self.folder}/log; "
            f"events {{}} http {{ access_log off; {paths} include {self.folder}/tricast.conf; }}"
        )
        return [*self._command]

    @property
    def _command(self) -> tuple[str, ...]:
        folder = str(self.folder)
        return (self.program, "-p", folder, "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf")

    def reload(self) -> None:
        self.run(*self._command, "-s", "reload")


class NginxDefault(Nginx):
    """`deploy/nginx-default.conf`: what one gets who only writes proxy_pass."""

    file = "nginx-default.conf"
    has_tls = False
    passes_websockets = False
    refuses_as_tricast = False
    tells_addresses = False
    keeps_host = False

    def site(self) -> str:
        return shipped(
            self.file,
            **{
                "listen 80;": f"listen 127.0.0.1:{self.plain}; proxy_read_timeout {self.timeout};",
                "127.0.0.1:8080": f"127.0.0.1:{self.upstream}",
            },
        )


class PlainNginx(NginxDefault):
    """A foreign site: `proxy_pass`, and `error_page` for nginx's own errors."""

    error_page = ""

    def site(self) -> str:
        return (
            f"server {{ listen 127.0.0.1:{self.plain}; {self.error_page} "
            f"location / {{ proxy_pass http://127.0.0.1:{self.upstream}; }} }}"
        )


class NginxWithErrorPage(PlainNginx):
    """It answers 200 with an HTML page while the server is unreachable."""

    error_page = "error_page 502 =200 @down; location @down { default_type text/html; return 200 Closed; }"


class Haproxy(Proxy):
    """`deploy/haproxy.cfg`, as it is, with nothing of a distribution's."""

    name = "haproxy"
    file = "haproxy.cfg"
    refused = 503

    def configure(self) -> list[str]:
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(
            shipped(
                self.file,
                **{
                    "bind :80\n": f"bind 127.0.0.1:{self.plain}\n",
                    "# bind :443 ssl crt /etc/haproxy/events.example.pem": (
                        f"bind 127.0.0.1:{self.tls} ssl crt {self.certificate.both}"
                    ),
                    "127.0.0.1:8080": f"127.0.0.1:{self.upstream}",
                    "hard-stop-after 30s": "hard-stop-after 1s",
                    "timeout server 90s": f"timeout server {self.timeout}",
                },
            )
        )
        return [self.program, "-db", "-f", str(configuration)]

    def reload(self) -> None:
        """Another process, that tells the one before to end softly."""
        old = self.process
        assert old is not None
        self.start("-sf", str(old.pid))
        old.wait(STOP_S)


class Caddy(Proxy):
    """`deploy/Caddyfile`."""

    name = "caddy"
    file = "Caddyfile"
    has_plain = False
    has_timeout = False
    reload_ends = frozenset({"websocket"})

    def configure(self) -> list[str]:
        made = self.certificate
        (self.folder / "Caddyfile").write_text(
            shipped(
                self.file,
                **{
                    "grace_period 10s": (
                        f"grace_period 1s\n\tadmin 127.0.0.1:{self.admin}\n\tauto_https disable_redirects"
                    ),
                    "events.example {": (
                        f"https://localhost:{self.tls}, https://0.0.0.0:{self.tls} {{\n\tbind 127.0.0.1"
                    ),
                    "# tls /etc/ssl/certs/events.example.pem /etc/ssl/private/events.example.key": (
                        f"tls {made.certificate} {made.key}"
                    ),
                    "127.0.0.1:8080": f"127.0.0.1:{self.upstream}",
                },
            )
        )
        return [self.program, "run", *self._file]

    @property
    def _file(self) -> tuple[str, ...]:
        return ("--config", str(self.folder / "Caddyfile"), "--adapter", "caddyfile")

    def reload(self) -> None:
        self.run(self.program, "reload", *self._file, "--force", "--address", f"127.0.0.1:{self.admin}")


PROXIES: dict[str, type[Proxy]] = {
    "nginx-default": NginxDefault,
    "nginx": Nginx,
    "haproxy": Haproxy,
    "caddy": Caddy,
}
