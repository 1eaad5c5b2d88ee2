"""A server as a process of its own, that can be started, hurt, killed and started again."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
SHORTENED = Path(__file__).with_name("shortened.py")
START_S = 60.0
_KEY = re.compile(r"tck_\w+")


class FaultServer:
    """`tricast serve` over one directory; `start` again after it has ended."""

    def __init__(self, data: Path, errors: Path) -> None:
        self.data = data
        self.port = 0
        self.key: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = errors

    def start(self, *, dev: bool = True, shortened: str = "", port: int = 0, **settings: str) -> None:
        """Start and wait until it listens. `shortened`: names and seconds for `shortened.py`."""
        self.kill()
        self.data.mkdir(parents=True, exist_ok=True)
        program = [str(SHORTENED), shortened] if shortened else ["-m", "tricast", "serve"]
        flags = ["--port", str(port), "--data", str(self.data), *(["--dev"] if dev else [])]
        known = {name: value for name, value in os.environ.items() if not name.startswith("TRICAST_")}
        chosen = {f"TRICAST_{name.upper()}": value for name, value in settings.items()}
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, *program, *flags],
                stdout=subprocess.PIPE,
                stderr=errors,
                env=known | chosen | {"PYTHONPATH": str(APP)},
                cwd=self.data,
            )
        self._read_banner(wants_key=not dev and self.key is None)

    def _read_banner(self, *, wants_key: bool) -> None:
        process, deadline, banner = self._running(), time.monotonic() + START_S, b""
        assert process.stdout is not None
        while True:
            url = re.search(rb"http://127\.0\.0\.1:(\d+)", banner)
            key = _KEY.search(banner.decode())
            if url and banner.endswith(b"\n") and (key or not wants_key):
                break
            ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
            read = os.read(process.stdout.fileno(), 4096) if ready else b""
            assert read, f"the server did not start: {banner!r}\n{self.errors()}"
            banner += read
        self.port = int(url[1])
        if key:
            self.key = key[0]

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def errors(self) -> str:
        """What it wrote to stderr, in all its lives."""
        return self._errors.read_text(errors="replace")

    def signal(self, how: signal.Signals) -> None:
        self._running().send_signal(how)

    def wait(self, within_s: float) -> int:
        """The exit status."""
        return self._running().wait(within_s)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def resident_bytes(self) -> int:
        """Its memory, as the kernel counts it (without what it shares, as libraries)."""
        fields = Path(f"/proc/{self.pid}/status").read_text()
        sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", fields, re.MULTILINE))
        return int(sizes["RssAnon"]) * 1024
