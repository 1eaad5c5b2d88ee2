"""What tests take from npm: exact versions, installed once into `build/npm/`; and Node to run it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_BUILD = ROOT / "build" / "npm"
_QUIET = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--no-update-notifier")


def packages(manifest: Path) -> Path:
    """The folder whose `node_modules` has what the `package.json` at `manifest` names.

    Where there is no Node the test is skipped; on machines that must have it (`CI`), it fails.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node and npm (20 or newer) are not installed")
    wanted = manifest.read_bytes()
    folder = _BUILD / hashlib.sha256(wanted).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            (folder / "package.json").write_bytes(wanted)
            done = _run(["npm", "install", *_QUIET], cwd=folder, timeout=110)
            assert done.returncode == 0, f"npm could not install {manifest}:\n{done.stdout}{done.stderr}"
            (folder / "installed").touch()
    return folder


def node(*arguments: str | Path, folder: Path, timeout: float = 100, **environment: str) -> str:
    """What a program for Node says; `$TRICAST_NPM` tells it where the packages are. It must succeed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not (name.lower().endswith("_proxy") or name.startswith(("TRICAST_", "NODE_")))
    }
    done = _run(
        ["node", *map(str, arguments)],
        cwd=ROOT,
        timeout=timeout,
        env={**kept, "TRICAST_NPM": str(folder), **environment},
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def _run(
    command: list[str], *, cwd: Path, timeout: float, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False, env=env
    )
