"""How often one may try: per login and per address, in memory (each node counts for itself)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Final

from tricast.access.limits import Buckets, address_key
from tricast.errors import TooMany

TRIES: Final = 5
SECONDS_A_TRY: Final = 6.0
CODE_TRIES: Final = 20
SECONDS_A_CODE: Final = 3.0


class Throttle:
    """Signing in: five tries at once for a login and for an address, then one in six seconds.

    Codes (of invitations, and to set up): twenty at once for an address. What was right
    costs nothing, and forgives nothing that was wrong from the same address.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._logins = Buckets(1 / SECONDS_A_TRY, TRIES, what="tries", clock=clock)
        self._addresses = Buckets(1 / SECONDS_A_TRY, TRIES, what="tries", clock=clock)
        self._codes = Buckets(1 / SECONDS_A_CODE, CODE_TRIES, what="codes", clock=clock)

    def sign_in(self, login: str, address: str, *, at_home: bool) -> Callable[[], None]:
        """Count a try; what is given back is to be called if it was right. Raises TooMany.

        `at_home`: the person is signed in at this address already. Such tries are
        counted by themselves, so that strangers who guess can't keep somebody out.
        """
        place = address_key(address)
        key = f"{login}\n{place}" if at_home else login
        with _worded("sign in"):
            self._addresses.take(place)
            self._logins.take(key)

        def right() -> None:
            self._logins.forget(key)
            self._addresses.give_back(place)

        return right

    def password(self, login: str) -> Callable[[], None]:
        """Count a try at somebody's own password, to change it; called back if right. Raises TooMany."""
        key = f"\n{login}"
        with _worded("change the password"):
            self._logins.take(key)
        return lambda: self._logins.forget(key)

    def code(self, address: str) -> Callable[[], None]:
        """Count a code that is shown; what is given back is to be called if it was good. Raises TooMany."""
        place = address_key(address)
        with _worded("use a code"):
            self._codes.take(place)
        return lambda: self._codes.give_back(place)


@contextmanager
def _worded(what: str) -> Iterator[None]:
    try:
        yield
    except TooMany as error:
        wait_s = max(1, ceil(error.retry_after_s or 1))
        raise TooMany(f"too many attempts to {what}; wait {wait_s} s", retry_after_s=wait_s) from None
