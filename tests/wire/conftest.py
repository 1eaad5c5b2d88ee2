"""The plain wire, as clients see it that know nothing of tricast."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
