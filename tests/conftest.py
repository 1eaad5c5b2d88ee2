"""What every test may ask for, and which are looked for."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

DASHBOARD = Path(__file__).parent / "dashboard"


@pytest.fixture(scope="session")
def anyio_backend() -> Any:
    """asyncio on uvloop, as served: uvloop raises where asyncio lets things pass (DESIGN 6)."""
    return ("asyncio", {"use_uvloop": True})


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What `-m` leaves out as a whole isn't imported: it would take each process ten seconds."""
    if not re.match(r"test_.*\.py$", collection_path.name):
        return None
    wanted = config.option.markexpr
    is_dashboard = DASHBOARD in collection_path.parents
    if "not dashboard" in wanted:
        return is_dashboard or None
    if wanted == "dashboard":
        return not is_dashboard or None
    if wanted == "alone":
        return "pytest.mark.alone" not in collection_path.read_text(encoding="utf-8") or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for ever on an event loop fails: pytest-timeout's signal doesn't reach into uvloop's."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            marker = item.get_closest_marker("timeout")
            limit_s = float(marker.args[0] if marker else item.config.getini("timeout"))
            item.obj = _bounded(item.obj, limit_s)


def _bounded(test: Callable[..., Awaitable[None]], limit_s: float) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def run(*args: Any, **options: Any) -> None:
        async with asyncio.timeout(limit_s):
            await test(*args, **options)

    return run
