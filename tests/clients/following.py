"""A client in a process of its own, whichever language it is written in, and what it has said so far."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.dialects import DIALECTS, Dialect, Language

APP = Path(__file__).parents[2] / "app"
PATIENCE_S = 90.0
ASK_S = 0.1


@dataclass
class Following:
    """What a client has said. `numbers` are the `n` of its events' data."""

    process: asyncio.subprocess.Process
    dialect: Dialect
    errors: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    transports: list[str | None] = field(default_factory=list)
    resets: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    problem: dict[str, Any] | None = None
    give_token: Callable[[int], str] | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def state(self) -> str:
        return self.states[-1] if self.states else "connecting"

    @property
    def transport(self) -> str | None:
        return self.transports[-1] if self.transports else None

    def __str__(self) -> str:
        return (
            f"{self.state} over {self.transport}, {len(self.numbers)} events; states {self.states[-12:]}, "
            f"transports {self.transports[-12:]}, resets {self.resets}, problem {self.problem}, "
            f"stderr {''.join(self.errors)[-2000:]!r}"
        )

    @property
    def is_over(self) -> bool:
        """It has ended, or said why it tries no more."""
        return self.process.returncode is not None or (self.state == "failed" and self.problem is not None)

    async def until(self, wanted: Callable[[Following], bool]) -> None:
        """Wait until it is so."""
        try:
            async with asyncio.timeout(PATIENCE_S), self.changed:
                await self.changed.wait_for(lambda: wanted(self) or self.is_over)
        except TimeoutError:
            raise AssertionError(f"it never came so far: {self}") from None
        assert wanted(self), f"it ended: {self}"

    async def live(self, transport: str) -> None:
        await self.until(lambda me: me.state == "live" and me.transport == transport)

    async def has(self, count: int) -> None:
        """Wait until it has so many events."""
        await self.until(lambda me: len(me.numbers) >= count)

    def tell(self, **what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    def signal(self, how: signal.Signals) -> None:
        self.process.send_signal(how)

    async def read(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        while some := await self.process.stdout.read(1 << 18):
            *lines, rest = (rest + some).split(b"\n")
            async with self.changed:
                for line in lines:
                    for name, value in self.dialect.heard(json.loads(line)):
                        self._take(name, value)
                self.changed.notify_all()
        await self.process.wait()
        async with self.changed:
            self.changed.notify_all()

    def _take(self, name: str, value: Any) -> None:
        match name:
            case "event":
                self.events.append(value)
                self.numbers.append(value["data"]["n"])
            case "state":
                self.states.append(value)
            case "transport":
                if value != self.transport:
                    self.transports.append(value)
            case "reset":
                self.resets.append(value)
            case "error":
                self.problem = value
            case "ask":
                self.asked += 1
                if self.give_token is not None:
                    self.tell(**self.dialect.token(self.give_token(self.asked)))

    async def ask(self) -> None:
        """Ask it again and again what it doesn't say by itself."""
        while self.dialect.asks is not None:
            self.tell(**self.dialect.asks)
            await asyncio.sleep(ASK_S)

    async def complain(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.errors.append(line.decode(errors="replace"))


@asynccontextmanager
async def following(
    language: Language,
    url: str,
    *topics: str,
    give_token: Callable[[int], str] | None = None,
    **options: Any,
) -> AsyncIterator[Following]:
    """A client of `url` that follows `topics`; `give_token(n)` answers its n-th question for one.

    `options` are of those that have the same name in both languages, such as `transports`.
    """
    dialect = DIALECTS[language]
    config = dialect.config(url, list(topics), tokens=give_token is not None, **options)
    process = await asyncio.create_subprocess_exec(
        *dialect.program,
        json.dumps(config),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(APP)},
        limit=1 << 20,
    )
    client = Following(process, dialect, give_token=give_token)
    readers = [asyncio.ensure_future(client.read()), asyncio.ensure_future(client.complain())]
    asker = asyncio.ensure_future(client.ask())
    try:
        yield client
        asker.cancel()
        client.tell(do="close")
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0, client
            await asyncio.wait(readers)
        assert not client.errors, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        for task in (*readers, asker):
            task.cancel()
        await asyncio.wait((*readers, asker))
        if process.stdin is not None:
            process.stdin.close()
