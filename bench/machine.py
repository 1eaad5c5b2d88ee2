"""What the figures were measured on."""

import os
import platform
import re
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bench.cores import Cores


@dataclass(frozen=True, slots=True)
class Machine:
    """Enough to judge a figure, nothing that identifies the host."""

    when: str
    cpu: str
    cores: int
    server_core: int
    load_core: int
    kernel: str
    load_before: float
    python: str
    sqlite: str
    nginx: str | None
    packages: dict[str, str]


def describe(cores: Cores) -> Machine:
    return Machine(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        server_core=cores.server,
        load_core=cores.load,
        kernel=platform.release(),
        load_before=os.getloadavg()[0],
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        nginx=_nginx(),
        packages={name: v for name in ("tricast", "uvicorn", "uvloop", "starlette") if (v := _version(name))},
    )


def _cpu() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _nginx() -> str | None:
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if program is None:
        return None
    said = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=10, check=False).stderr
    return said.strip().rpartition("/")[2]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
