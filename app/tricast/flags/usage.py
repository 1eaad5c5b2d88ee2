"""How flags are used: evaluations by flag, environment, variant and minute.

Counted in memory and written down now and then as silent documents (kind
`flag-usage`, key `<app>/<environment>/<flag key>`): an evaluation is never an
event, and costs no write. What a crash can lose is the time since the last
flush, at most FLUSH_EVERY_S.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Final, Self

from tricast import Document, Hub, NotStarted, TricastError, Write
from tricast.flags.counting import Counting, Counts, Pairs
from tricast.flags.staleness import (
    DAY_S,
    STALE_AFTER_DAYS,
    Staleness,
    last_change,
    seconds,
    staleness,
)
from tricast.flags.stored import FLAG_KIND, Stored
from tricast.flags.tally import NO_VARIANT, Tally

USAGE_KIND: Final = "flag-usage"
FLUSH_EVERY_S: Final = 30.0

_WRITES_A_SLICE = 200
_log = logging.getLogger("tricast.flags")

_Place = tuple[str, str]  # app, environment
_Name = tuple[str, str, str]  # app, environment, flag key


class Usage:
    """The usage of all flags of one hub.

    Make it before the hub starts and enter it after: `async with hub, usage:`.
    Entering reads what was stored; leaving writes down what is new. Counting is
    allowed at any time and never raises. What is counted for a flag that there
    isn't (in that environment) is forgotten, as is the usage of a deleted flag.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        clock: Callable[[], float] = time.time,
        stale_after_days: float = STALE_AFTER_DAYS,
        flush_every_s: float = FLUSH_EVERY_S,
    ) -> None:
        self.stale_after_days = stale_after_days
        self._flush_every_s = flush_every_s
        self._hub = hub
        self._clock = clock
        self._flags = hub.projection(FLAG_KIND)
        self._flags.on_change(self._flag_changed)
        self._counting = Counting(clock, self._overflow)
        self._tallies: dict[_Place, dict[str, Tally]] | None = None
        self._unwritten: dict[_Name, None] = {}
        self._flushing = asyncio.Lock()
        self._stack = AsyncExitStack()

    # Lifetime

    async def __aenter__(self) -> Self:
        await self._load()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(_stop, asyncio.create_task(self._keep()))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        await self._try_to_flush("it is lost")
        self._tallies = None

    async def _load(self) -> None:
        documents = await self._hub.log.list(USAGE_KIND)
        self._tallies = {}
        for document in documents:
            app, environment, key = document.key.split("/", 2)
            tally = Tally.from_document(document.value)
            if self._life(app, environment, key) == tally.life:
                self._tallies.setdefault((app, environment), {})[key] = tally
            else:
                self._unwritten[app, environment, key] = None

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._flush_every_s)
            await self._try_to_flush(f"trying again in {self._flush_every_s:g} s")

    # Counting

    def count(self, app: str, environment: str, key: str, variant: str | None) -> None:
        """Count one evaluation, now: about a microsecond."""
        self._counting.count(app, environment, key, variant)

    def count_all(self, app: str, environment: str, pairs: Pairs, times: int = 1) -> None:
        """Count `times` evaluations of each of `pairs`, now.

        About a microsecond, however many they are, if the same tuple object comes
        again and again, such as that of a cached answer.
        """
        self._counting.count_all(app, environment, pairs, times)

    def _fold(self) -> dict[_Place, dict[str, Tally]]:
        """The tallies, with everything counted until now."""
        if self._tallies is None:
            raise NotStarted("the usage of flags is not there yet: use 'async with hub, usage'")
        self._add(self._tallies, self._counting.take())
        return self._tallies

    def _overflow(self, counts: Counts) -> None:
        """While no flush gets through, or somebody counts flags that there aren't, or nobody ever enters."""
        if self._tallies is not None:
            self._add(self._tallies, counts)

    def _add(self, tallies: dict[_Place, dict[str, Tally]], counts: Counts) -> None:
        for (app, environment, minute), counter in counts.items():
            there = tallies.get((app, environment), {})
            for (key, variant), times in counter.items():
                tally = there.get(key)
                if tally is None:
                    life = self._life(app, environment, key)
                    if life is None:
                        continue
                    tally = there[key] = Tally(life, minute)
                    tallies[app, environment] = there
                tally.add(NO_VARIANT if variant is None else variant, minute, times)
                self._unwritten[app, environment, key] = None

    # What becomes of flags

    def _life(self, app: str, environment: str, key: str) -> str | None:
        """What tells this life of a flag from an earlier one; None if it isn't in that environment."""
        document = self._flags.get(f"{app}/{key}")
        if document is None or environment not in document.value["environments"]:
            return None
        return str(document.value["created_at"])

    def _flag_changed(self, document: Document) -> None:
        """Forget the usage of a flag that was deleted, or where it was taken out of an environment."""
        if self._tallies is None:
            return
        if document.value is None:
            self._fold()  # what waits was counted for this life, not for the flag's next
        if not self._tallies:
            return
        app, key = document.key.split("/", 1)
        remaining = {} if document.value is None else document.value["environments"]
        for place, there in self._tallies.items():
            if place[0] == app and place[1] not in remaining and there.pop(key, None) is not None:
                self._unwritten[app, place[1], key] = None

    # Reading

    def tally(self, app: str, environment: str, key: str) -> Tally | None:
        """All that was counted of a flag in an environment; None if it was never evaluated. Don't change it.

        Raises NotStarted unless entered.
        """
        return self._fold().get((app, environment), {}).get(key)

    def now_minute(self) -> int:
        """The minute that is counted in."""
        return int(self._clock() // 60)

    def stale(
        self, app: str, stored: Stored, environment: str | None = None, *, days: float | None = None
    ) -> Staleness | None:
        """Why a flag is stale in `environment` (None: in all that it has); None if it isn't.

        Stale: neither evaluated nor changed for `days` (None: `stale_after_days`), and not archived.
        """
        names = stored.flag.environments if environment is None else (environment,)
        seen = [tally.last * 60.0 for name in names if (tally := self.tally(app, name, stored.flag.key))]
        limit = self.stale_after_days if days is None else days
        return staleness(stored, environment, max(seen, default=None), now=self._clock(), days=limit)

    def settled_on(
        self, app: str, stored: Stored, environment: str, *, days: float | None = None
    ) -> str | None:
        """The one variant that a flag, ENABLED and unchanged for `days`, gave in that time; else None."""
        flag = stored.flag
        there = flag.environments.get(environment)
        tally = self.tally(app, environment, flag.key)
        if there is None or there.state != "ENABLED" or flag.archived or tally is None:
            return None
        since = self._clock() - (self.stale_after_days if days is None else days) * DAY_S
        if seconds(last_change(stored, environment)) > since:
            return None
        return tally.only_variant_since(int(since // 60)) or None

    # Writing down

    async def flush(self) -> int:
        """Write down what isn't yet, in slices; how many documents that were.

        If it fails nothing is lost: what was counted stays, and is written next
        time. Raises what `hub.append` raises, and NotStarted.
        """
        async with self._flushing:
            self._fold()
            due = list(self._unwritten)
            for begin in range(0, len(due), _WRITES_A_SLICE):
                await self._write(due[begin : begin + _WRITES_A_SLICE])
        return len(due)

    async def _write(self, names: list[_Name]) -> None:
        writes = [Write(USAGE_KIND, "/".join(name), self._document(name)) for name in names]
        for name in names:
            self._unwritten.pop(name, None)
        written = False
        try:
            await self._hub.append((), writes)
            written = True
        finally:
            if not written:
                self._unwritten.update(dict.fromkeys(names))

    def _document(self, name: _Name) -> dict[str, Any] | None:
        app, environment, key = name
        tally = (self._tallies or {}).get((app, environment), {}).get(key)
        return None if tally is None else tally.document()

    async def _try_to_flush(self, otherwise: str) -> None:
        try:
            await self.flush()
        except TricastError as error:
            _log.warning(
                "the usage of %d flags was not written (%s): %s", len(self._unwritten), otherwise, error
            )


async def _stop(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
