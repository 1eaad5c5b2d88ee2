"""Refusals as they come over the wire (RFC 9457, Close codes), as the errors of `tricast.errors`."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson

from tricast.client.ends import Dropped, Ended, Refused
from tricast.errors import (
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    TooMany,
    TricastError,
    Unauthorized,
    Unavailable,
)

LATER = frozenset({408, 425, 429, *range(500, 600)})
_LAPSED = frozenset(("expired", "revoked", "unauthorized"))
_STANDARD = frozenset({"type", "title", "status", "detail", "field", "retry_after_s", "instance"})
_BY_STATUS: dict[int, type[TricastError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    429: TooMany,
}


class BufferFull(TricastError):
    """A buffer is full: events come faster than they are taken, and none may be left out in silence."""

    code = "overflow"
    title = "Events came faster than they were taken"


class Closed(TricastError):
    """The client was closed."""

    code = "closed"
    title = "The client is closed"


@cache
def _by_code() -> dict[str, type[TricastError]]:
    found, waiting = {TricastError.code: TricastError}, [TricastError]
    while waiting:
        ours = [sub for sub in waiting.pop().__subclasses__() if sub.__module__ == TricastError.__module__]
        found.update({sub.code: sub for sub in ours})
        waiting += ours
    return found


def error_of(problem: Mapping[str, Any]) -> TricastError:
    """Problem details as the error that they were made of; of a type that isn't known, by its status."""
    code = str(problem.get("type", "")).rpartition("/")[2]
    status = problem.get("status")
    kind = _by_code().get(code) or class_of(status if isinstance(status, int) else 500)
    field, after = problem.get("field"), problem.get("retry_after_s")
    return kind(
        str(problem.get("detail") or problem.get("title") or "the server said no without saying why"),
        field=field if isinstance(field, str) else None,
        retry_after_s=float(after) if isinstance(after, (int, float)) else None,
        members={name: value for name, value in problem.items() if name not in _STANDARD},
    )


def class_of(status: int) -> type[TricastError]:
    """What a bare HTTP status means."""
    return _BY_STATUS.get(status) or (
        BadRequest if 400 <= status < 500 and status not in LATER else Unavailable
    )


def end_of(error: TricastError) -> Ended:
    """What a refusal means for somebody who wants to stay connected."""
    if 4400 <= error.close_code < 4500 and error.status not in LATER:
        return Refused(error)
    return Dropped(error.detail, at_least_s=error.retry_after_s or 0.0, is_ours=True)


def answered(status: int, headers: Mapping[str, str], body: bytes) -> TricastError:
    """The error in an HTTP answer that is no success, whoever made it."""
    after_s = retry_after_s(headers.get("retry-after"))
    problem = problem_in(headers, body)
    if problem is None:
        why = (
            f"the answer was {status}, and not tricast's own; is a tricast server there, or a proxy in front?"
        )
        return class_of(status)(why, retry_after_s=after_s)
    error = error_of(problem)
    error.retry_after_s = error.retry_after_s if after_s is None else after_s
    return error


def problem_in(headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
    """The problem details in an answer; None: whoever answered, it wasn't tricast."""
    if headers.get("content-type", "").partition(";")[0].strip() != "application/problem+json":
        return None
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return problem if isinstance(problem, dict) else None


def retry_after_s(value: str | None) -> float | None:
    """`Retry-After` (RFC 9110 §10.2.3): seconds, or a date. None where there is none."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _until(value)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(date: str) -> float | None:
    try:
        return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, is_last: bool) -> Ended:
    """What an HTTP refusal means for a connection.

    A stranger's (a proxy's) counts as one only where nothing could do better (`is_last`).
    """
    error = answered(status, headers, body)
    if problem_in(headers, body) is not None:
        return end_of(error)
    if is_last and status not in LATER:
        return Refused(error)
    return Dropped(error.detail, at_least_s=error.retry_after_s or 0.0)


def farewell(kind: str, data: Mapping[str, Any]) -> Ended:
    """What the server's `error` or `goodbye` means (DESIGN 5)."""
    if kind == "error":
        return end_of(error_of(data))
    reason, after_ms = str(data.get("reason", "")), data.get("reconnect_after_ms")
    why = f"the server ended the stream: {reason}"
    if isinstance(after_ms, (int, float)) and after_ms > 0:
        return Dropped(why, after_s=after_ms / 1000, is_ours=True)
    if reason in _LAPSED:
        return Refused(Unauthorized(f"{why}; give a token that is good", field="token"))
    return Refused(TricastError(f"{why}; it takes nobody back without a change"))
