"""How often tests repeat what they repeat: a little in `make test`, more in `make test-long`.

Tests that differ between the two have the marker `repeated`.
"""

from __future__ import annotations

import os
from typing import Final, TypeVar

LONG: Final = os.environ.get("LONG") == "1"
_T = TypeVar("_T")


def often(short: _T, long: _T) -> _T:
    """`short`, or `long` in `make test-long`."""
    return long if LONG else short
