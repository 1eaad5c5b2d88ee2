"""How much of a good thing one caller may have: rates and connections, in memory.

A rate is kept as one number per key: the time at which its bucket will be full
again (the generic cell rate algorithm, ITU-T I.371). Each node counts for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from tricast.errors import TooMany
from tricast.hub.gate import Grant

MAX_BUCKETS = 20_000
RETRY_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """Limits; 0 turns one off. Rates are per second, with a burst on top of nothing used."""

    publishes_per_s: float = 100_000
    publishes_burst: int = 200_000
    connects_per_s: float = 500
    connects_burst: int = 20_000
    connections_per_subject: int = 20_000


class Buckets:
    """Token buckets, one per key: `burst` at once, then `rate_per_s`.

    At most `capacity` are kept; the one used longest ago is forgotten (is full
    again) first.
    """

    def __init__(
        self,
        rate_per_s: float,
        burst: int,
        *,
        what: str,
        clock: Callable[[], float],
        capacity: int = MAX_BUCKETS,
    ) -> None:
        self._interval_s = 1 / rate_per_s if rate_per_s > 0 else 0.0
        self._window_s = self._interval_s * max(burst, 1)
        self._rate_per_s = rate_per_s
        self._what = what
        self._clock = clock
        self._capacity = capacity
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, count: int = 1) -> None:
        """Take `count` out of the bucket of `key`. Raises TooMany with the time to wait.

        More than a whole burst at once is let through when the bucket is full, and
        waited for afterwards: else it could never be.
        """
        interval_s = self._interval_s
        if not interval_s:
            return
        now = self._clock()
        full_at = self._full_at
        begins = full_at.get(key, now)
        if begins <= now:
            begins = now
        elif begins + count * interval_s - now > self._window_s:
            wait_s = min(begins + count * interval_s - self._window_s, begins) - now
            raise TooMany(
                f"more than {self._rate_per_s:g} {self._what} a second for {key!r}; "
                f"wait {wait_s:.2f} s, and spread them out",
                retry_after_s=round(max(wait_s, 0.001), 3),
            )
        full_at[key] = begins + count * interval_s
        full_at.move_to_end(key)
        if len(full_at) > self._capacity:
            full_at.popitem(last=False)

    def give_back(self, key: str, count: int = 1) -> None:
        """Put back what was taken for nothing."""
        if key in self._full_at:
            self._full_at[key] -= count * self._interval_s

    def forget(self, key: str) -> None:
        """Let the bucket of `key` be full again."""
        self._full_at.pop(key, None)


class Limits:
    """The limits of one node, asked at the edge."""

    def __init__(self, options: LimitOptions, *, clock: Callable[[], float]) -> None:
        self._most = options.connections_per_subject
        self._open: dict[str, int] = {}
        self._publishes = Buckets(
            options.publishes_per_s, options.publishes_burst, what="publishes", clock=clock
        )
        self._connects = Buckets(
            options.connects_per_s, options.connects_burst, what="connections", clock=clock
        )

    def publish(self, grant: Grant, address: str, count: int = 1) -> None:
        """Count `count` events of a caller. Raises TooMany."""
        self._publishes.take(grant.credential or address_key(address), count)

    def connect(self, address: str) -> None:
        """Count an attempt to subscribe from `address`, before credentials are looked at. Raises TooMany."""
        self._connects.take(address_key(address))

    def opened(self, grant: Grant, address: str) -> None:
        """Count a connection in, to be counted out by `closed`. Raises TooMany (and counts nothing)."""
        key = _holder(grant, address)
        count = self._open.get(key, 0)
        if 0 < self._most <= count:
            raise TooMany(
                f"{grant.subject!r} has {count} connections open, the limit is {self._most}; close some",
                retry_after_s=RETRY_CONNECT_S,
            )
        self._open[key] = count + 1

    def closed(self, grant: Grant, address: str) -> None:
        """Count a connection out that `opened` counted in."""
        key = _holder(grant, address)
        count = self._open.get(key, 0) - 1
        if count > 0:
            self._open[key] = count
        else:
            self._open.pop(key, None)


def _holder(grant: Grant, address: str) -> str:
    if grant.credential is None:
        return address_key(address)
    return f"{grant.app or ''}/{grant.subject}"


@lru_cache(maxsize=MAX_BUCKETS)
def address_key(address: str) -> str:
    """What counts as one address: an IPv4 address, the /64 of an IPv6 one (whoever has one has all)."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ip_network((ip, 64), strict=False))
