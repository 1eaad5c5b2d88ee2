"""All there is for people, put together: what `Access` has one of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from tricast.access.keys import Keys
from tricast.access.origins import OriginRules
from tricast.access.people.cookies import Cookies
from tricast.access.people.door import SessionDoor
from tricast.access.people.invites import Invites
from tricast.access.people.passwords import Cost, Passwords
from tricast.access.people.people import People
from tricast.access.people.sessions import Sessions
from tricast.access.people.setup import SetUp
from tricast.access.people.sign_in import SignIn
from tricast.access.people.throttle import Throttle
from tricast.hub.hub import Hub


class Accounts:
    """People, sessions, invitations, and signing in. Enter it after the hub."""

    def __init__(
        self,
        hub: Hub,
        keys: Keys,
        origins: OriginRules,
        *,
        offer_setup: bool,
        cookie_path: str,
        cost: Cost | None,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.cookies = Cookies(clock=clock, path=cookie_path)
        self.sessions = Sessions(hub, clock=clock)
        self.people = People(hub, self.sessions, clock=clock)
        self.invites = Invites(hub, self.people, keys, clock=clock)
        self.setup = SetUp(self.people, offered=offer_setup)
        self.throttle = Throttle(clock=monotonic)
        self._passwords = Passwords(cost)
        self.sign_in = SignIn(
            hub,
            people=self.people,
            sessions=self.sessions,
            invites=self.invites,
            passwords=self._passwords,
            setup=self.setup,
            throttle=self.throttle,
        )
        self.door = SessionDoor(hub, self.people, self.sessions, self.cookies, origins)

    def use(self, secrets: Sequence[str]) -> None:
        """Sign cookies with the first of `secrets` from now on, verify with all."""
        self.cookies.use(secrets)

    async def __aenter__(self) -> Self:
        await self._passwords.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._passwords.__aexit__(kind, error, trace)

    async def keep_house(self) -> None:
        """Write down who was seen; delete what is no longer good."""
        self.door.mark_connected()
        await self.sessions.flush_usage()
        await self.sessions.drop(self.door.is_good)
        await self.invites.drop_closed()
