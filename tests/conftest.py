"""What every test may ask for."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> Any:
    """asyncio on uvloop, as served: uvloop raises where asyncio lets things pass (DESIGN 6)."""
    return ("asyncio", {"use_uvloop": True})
