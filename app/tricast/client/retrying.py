"""Doing again what failed for now: a request is made until it is answered, refused, or out of time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from tricast.client.backoff import Backoff
from tricast.client.ends import Dropped
from tricast.client.engine import Engine
from tricast.errors import LogFull, TooMany, TooSlow, Unauthorized, Unavailable

T = TypeVar("T")
_AGAIN = (Unavailable, LogFull, TooMany, TooSlow)


class Retrying:
    """Requests beside the connection. `random` gives numbers from 0 up to 1."""

    def __init__(self, engine: Engine, random: Callable[[], float]) -> None:
        self._engine = engine
        self._random = random

    async def done(self, attempt: Callable[[], Awaitable[T]], *, within_s: float | None, what: str) -> T:
        """What `attempt` gives in the end; after a 401 with a new token, once.

        `what` it is about stands in the message. Raises the TricastError of a refusal, Unavailable
        after `within_s` (None: never) of trying, or what the client is over with.
        """
        clock, options = self._engine.clock, self._engine.core.options
        until = None if within_s is None else clock() + within_s
        backoff = Backoff(options.backoff_first_s, options.backoff_most_s, options.stable_s, self._random)
        renewed = False
        while True:
            self._engine.raise_if_over()
            try:
                return await self._attempt(attempt)
            except Unauthorized:
                if renewed or not self._engine.core.credential.is_renewable:
                    raise
                renewed = True
                await self.renew()
                continue
            except _AGAIN as error:
                why, at_least_s = error.detail, error.retry_after_s or 0.0
            except Dropped as end:
                why, at_least_s = str(end), 0.0
            wait_s = at_least_s + backoff.delay_s()
            if until is not None and clock() + wait_s >= until:
                raise Unavailable(f"could not {what} within {within_s:g} s ({why})")
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._engine.over.wait()

    async def _attempt(self, attempt: Callable[[], Awaitable[T]]) -> T:
        timeout_s = self._engine.core.options.publish_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await attempt()
        except TimeoutError:
            raise Dropped(f"no answer within {timeout_s:g} s") from None

    async def token(self) -> str | None:
        """The token to show, asked for if that is needed."""
        credential = self._engine.core.credential
        if credential.is_wanted(self._engine.clock()):
            await self.renew()
        self._engine.raise_if_over()
        return credential.token

    async def renew(self) -> None:
        """Have a new token asked for. Raises what the client has failed with, should it."""
        await asyncio.wait([self._engine.ask_token()])  # (others wait for it too: it isn't ours to cancel)
        self._engine.raise_if_over()
