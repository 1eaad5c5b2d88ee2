"""What the tests of usage are given: a clock, a log that can be full, and installations that start again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tricast import Hub, LogFull, Write
from tricast.flags.flag import EnvironmentFlag, Flag
from tricast.flags.stored import Stored, Touched
from tricast.flags.usage import Usage
from tricast.log.base import Append, Appended
from tricast.log.memory import MemoryLog

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
DAY_S = 86_400.0
CREATED = "2026-01-01T12:00:00.000Z"


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class FullableLog(MemoryLog):
    """A log whose disk is full whenever a test says so."""

    full = False
    appends = 0

    def __init__(self) -> None:
        super().__init__()
        self.tried = asyncio.Event()

    async def append(self, unit: Append) -> Appended:
        self.appends += 1
        try:
            if self.full:
                raise LogFull("the log's disk is full; nothing was written")
            return await super().append(unit)
        finally:
            self.tried.set()


def flag(
    key: str = "banner",
    *,
    environments: Iterable[str] = ("development", "production"),
    state: str = "ENABLED",
    created_at: str = CREATED,
    updated_at: str = CREATED,
    archived: bool = False,
) -> Flag:
    there = EnvironmentFlag(state, "on")  # type: ignore[arg-type]
    return Flag(
        key=key,
        type="boolean",
        variants={"on": True, "off": False},
        environments=dict.fromkeys(environments, there),
        archived=archived,
        created_at=created_at,
        updated_at=updated_at,
    )


def stored(*, touched: Mapping[str, str] | None = None, **members: Any) -> Stored:
    """The flag, and when each environment saw a change last."""
    seen = {name: Touched(1, at, "ann") for name, at in (touched or {}).items()}
    return Stored(flag(**members), 1, seen)


@dataclass
class Installation:
    """A log and a clock that outlive hubs."""

    log: FullableLog = field(default_factory=FullableLog)
    clock: Clock = field(default_factory=Clock)

    @asynccontextmanager
    async def running(self, *, flush_every_s: float = 3600) -> AsyncIterator[tuple[Hub, Usage]]:
        hub = Hub(self.log)
        usage = Usage(hub, clock=self.clock, flush_every_s=flush_every_s)
        async with hub, usage:
            yield hub, usage


async def put(hub: Hub, *flags: Flag, app: str = "shop") -> None:
    writes = [Write("flag", f"{app}/{each.key}", each.document()) for each in flags]
    await hub.append((), writes)


async def delete(hub: Hub, key: str = "banner", app: str = "shop") -> None:
    await hub.append((), [Write("flag", f"{app}/{key}", None)])


def totals(
    usage: Usage, key: str = "banner", *, environment: str = "production", app: str = "shop"
) -> dict[str, int]:
    """Evaluations by variant."""
    tally = usage.tally(app, environment, key)
    return {} if tally is None else {name: each.total for name, each in tally.variants.items()}


def minutes(usage: Usage, variant: str = "on") -> list[tuple[float, int]]:
    """(minutes since NOON, evaluations) of the shop's banner in production."""
    tally = usage.tally("shop", "production", "banner")
    assert tally is not None
    return [(minute - NOON / 60, n) for minute, n in tally.variants[variant].minutes().items()]
