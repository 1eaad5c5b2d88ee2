"""Where a client runs: a page, or a program of Node, Deno or Bun. Each is told in JavaScript what to do."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 45.0
LOOK_S = 0.03
FOLLOW = Path(__file__).with_name("follow.js").read_text()


@dataclass(frozen=True)
class Report:
    """What a follower has seen. `runs`: its events' numbers, [first, last] of each row without a gap."""

    state: str
    transport: str | None
    runs: list[list[int]]
    resets: list[dict[str, Any]]
    failures: list[str]
    states: list[str] = field(default_factory=list)
    transports: list[str] = field(default_factory=list)
    members: list[dict[str, Any]] = field(default_factory=list)
    flag: Any = None
    detail: str | None = None

    @property
    def count(self) -> int:
        return sum(last - first + 1 for first, last in self.runs)


class Place(ABC):
    """A page or a program. Its clients connect to `url`."""

    url: str

    @abstractmethod
    async def evaluate(self, code: str) -> Any:
        """The value of an expression (or what its promise gives), which must be JSON."""

    @abstractmethod
    async def end(self) -> None:
        """Its clients are closed, and so is it; nothing of them stays behind."""

    async def follow(self, name: str, **options: Any) -> Follower:
        """A client. `options` are those of `connect`, and those of `follow` in follow.js."""
        await self.evaluate(f"follow({json.dumps(name)}, {json.dumps({'url': self.url, **options})})")
        return Follower(self, name)


@dataclass(frozen=True)
class Follower:
    """One client at a place."""

    place: Place
    name: str

    async def report(self) -> Report:
        return Report(**await self.place.evaluate(f"report({json.dumps(self.name)})"))

    async def until(self, wanted: Callable[[Report], bool]) -> Report:
        """Wait until it is so. (A page can't call us, so it is asked again and again.)"""
        report = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not wanted(report := await self.report()):
                    assert not report.failures, f"{self.name}: {report}"
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise AssertionError(f"{self.name} never came so far: {report}") from None
        return report

    async def live(self, *transports: str) -> Report:
        """Wait until it is, over one of these (or any)."""
        return await self.until(
            lambda it: it.state == "live" and (not transports or it.transport in transports)
        )

    async def has(self, count: int, first: int = 0) -> None:
        """It gets `count` events from number `first` on: each once, in order, and no reset."""
        report = await self.until(lambda it: it.count >= count or len(it.runs) > 1)
        assert report.runs == [[first, first + count - 1]], f"{self.name}: {report}"
        assert report.resets == [], f"{self.name}: {report}"

    async def skip(self, seconds: float) -> None:
        """Its clock goes forward."""
        await self.place.evaluate(f"skip({json.dumps(self.name)}, {seconds * 1000})")
