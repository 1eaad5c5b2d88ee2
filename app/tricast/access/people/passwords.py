"""Passwords: argon2id, off the event loop, two at a time.

A login that nobody has costs the same work as one that somebody has, so that the
time of an answer tells neither. (RFC 9106; what may be a password: NIST SP 800-63B
§3.1.1, length and a list of the worst, no rules of composition.)
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tricast.errors import BadRequest, NotStarted, TooMany

MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_CHARS: Final = 256
AT_ONCE: Final = 2
MAX_WAITING: Final = 64
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_WORST_TEXT = """
password passw0rd password1 password12 password123 passwort pa55word p@ssw0rd p@ssword letmein1 12345678
123456789 1234567890 0123456789 12341234 87654321 987654321 1q2w3e4r 1qaz2wsx qwertyui qwertyuiop
qwerty12 qwerty123 asdfghjk asdfasdf zxcvbnm1 iloveyou sunshine princess football baseball welcome1
trustno1 superman starwars whatever changeme administrator admin123 admin1234 abc12345 abcd1234 a1b2c3d4
abcdefgh secret123 default1 tricast1 tricast123
"""
_WORST = frozenset(_WORST_TEXT.split())
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one password costs: passes, and memory in KiB. (Tens of milliseconds: a guess is dear.)"""

    passes: int = 3
    memory_kib: int = 32 * 1024


class Passwords:
    """Hashes and verifies; use it as `async with`."""

    def __init__(self, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._hasher = PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=1,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        # Nobody's: as much work as anybody's, and no password has it.
        salt, hashed = ("A" * (-(-4 * size // 3)) for size in (_SALT_BYTES, _HASH_BYTES))
        self._nobodys = f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p=1${salt}${hashed}"
        self._pool: ThreadPoolExecutor | None = None
        self._waiting = 0

    async def __aenter__(self) -> Self:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tricast-argon2")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    async def hash(self, password: str) -> str:
        """What is kept of a password. Raises TooMany where too many wait."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether `hashed` was made of `password`; None (nobody's) takes as long. Raises TooMany."""
        known = self._nobodys if hashed is None else hashed
        return await self._run(lambda: self._matches(known, _normal(password))) and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether it was made at another cost than new ones are."""
        return self._hasher.check_needs_rehash(hashed)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._pool is None:
            raise NotStarted("passwords are looked at once Access is entered: `async with Access(...)`")
        if self._waiting >= MAX_WAITING:
            raise TooMany("many people are signing in at this moment; try again", retry_after_s=3)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def check_password(password: str, *, login: str, field: str = "password") -> str:
    """`password`, if it may be the one of `login`; else BadRequest, which doesn't repeat it."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise BadRequest(
            f"the password has {len(password)} characters; it needs "
            f"{MIN_PASSWORD_CHARS}-{MAX_PASSWORD_CHARS}",
            field=field,
        )
    plain = password.casefold()
    if plain == login or plain in _WORST or len(set(plain)) < 3:
        raise BadRequest(
            "that password is among the first that anybody would try: choose another, such as a few words",
            field=field,
        )
    return password


def _normal(password: str) -> str:
    """The same characters however a keyboard made them."""
    return unicodedata.normalize("NFKC", password)
