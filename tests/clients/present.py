"""What tests need of the machine, beside Python."""

from __future__ import annotations

import os
import shutil

import pytest


def command(name: str, package: str) -> str:
    """The path of a command. Where there is none the test is skipped; where `CI` is set it fails."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        lacking = pytest.fail if os.environ.get("CI") else pytest.skip
        lacking(f"{name} is not installed (Debian, Ubuntu: apt-get install {package})")
    return str(found)
