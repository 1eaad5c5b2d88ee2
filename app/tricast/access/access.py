"""All of access, put together: what the composition root makes one of."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tricast.access.bootstrap import ensure_root_key
from tricast.access.gate import AccessGate, OpenGate
from tricast.access.keys import Keys
from tricast.access.limits import LimitOptions, Limits
from tricast.access.origins import OriginRules
from tricast.access.people.accounts import Accounts
from tricast.access.people.passwords import Cost
from tricast.access.revocation import Revocations
from tricast.access.secrets import load_secrets
from tricast.access.stream_tokens import StreamTokens
from tricast.access.tokens import Tokens
from tricast.errors import TricastError
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub
from tricast.public_url import PublicUrl

HOUSEKEEPING_EVERY_S = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """`secrets` sign tokens and cookies (the first signs, all verify; none: one is made and kept in the log).

    `public_url` is the server's URL as clients know it. `password_cost` None: the usual one.
    """

    secrets: tuple[str, ...] = ()
    dev: bool = False
    origins: tuple[str, ...] = ()
    own_origins: tuple[str, ...] = ()
    public_url: PublicUrl | None = None
    limits: LimitOptions = field(default_factory=LimitOptions)
    password_cost: Cost | None = None


class Access:
    """Keys, tokens, people, revocations, the gate, Origin rules and limits of one hub.

    Make it before the hub starts (it asks for projections), and enter it after:
    `async with hub, access:`. While entered, connections of what is revoked are
    closed, and the use of keys is written down.
    """

    def __init__(
        self,
        hub: Hub,
        options: AccessOptions | None = None,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self.options = options or AccessOptions()
        self.revocations = Revocations(hub, clock=clock)
        self.keys = Keys(hub, self.revocations, clock=clock)
        self.tokens = Tokens(clock=clock)
        self._stream_tokens = StreamTokens(self.tokens, self.revocations, clock=clock)
        public = self.options.public_url
        own = (*((public.origin,) if public else ()), *self.options.own_origins)
        self.origins = OriginRules(self.options.origins, own=own, loopback=self.options.dev)
        self.limits = Limits(self.options.limits, clock=monotonic)
        self.accounts = Accounts(
            hub,
            self.keys,
            self.origins,
            offer_setup=not self.options.dev,
            cookie_path=public.path if public else "",
            cost=self.options.password_cost,
            clock=clock,
            monotonic=monotonic,
        )
        guarded = AccessGate(
            self.keys, self.tokens, self.revocations, clock=clock, sessions=self.accounts.door
        )
        self.gate: AccessGate | OpenGate = OpenGate(guarded, self.origins) if self.options.dev else guarded
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        secrets = await load_secrets(self._hub, self.options.secrets)
        self.tokens.use(secrets)
        self.accounts.use(secrets)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.accounts)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            for running in (self.revocations.watch(), self.accounts.door.watch(), self._keep_house()):
                stack.callback(tasks.create_task(running).cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        await self._flush()

    def check(self, grant: Grant) -> None:
        """Raises Unauthorized if what `grant` came from is no longer good, Forbidden if it may less."""
        self.revocations.check(grant)
        self.accounts.door.check(grant)

    @property
    def public_url(self) -> str | None:
        """The base URL of links: the setting `public_url`, else the first own origin, else None."""
        return str(self.options.public_url) if self.options.public_url else self.origins.first_own

    def stream_token(self, grant: Grant, app: str, environment: str) -> tuple[str | None, str]:
        """A token for the URL of a flag stream, and a label that changes with it: see `StreamTokens.of`."""
        return self._stream_tokens.of(grant, app, environment)

    async def ensure_root_key(self) -> str | None:
        """The text of a first admin key, once, if there is no key and this is not dev mode."""
        return await ensure_root_key(self.keys, dev=self.options.dev)

    async def _keep_house(self) -> None:
        while True:
            await self._flush()
            await asyncio.sleep(HOUSEKEEPING_EVERY_S)

    async def _flush(self) -> None:
        try:
            await self.keys.flush_usage()
            await self.revocations.drop_outlived()
            await self.accounts.keep_house()
        except TricastError as error:
            _log.warning("access: %s; trying again in %d s", error, HOUSEKEEPING_EVERY_S)
