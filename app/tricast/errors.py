"""Every way in which tricast says no.

    TricastError
    ├── BadRequest         400  4400   the request is wrong; `field` names where
    │   ├── BadCursor      400  4400   a cursor that isn't one
    │   └── SchemaMismatch 400  4400   data is not as the schema for its type wants it
    ├── Unauthorized       401  4401   no credentials, or expired ones
    ├── Forbidden          403  4403   the credentials don't reach that far
    ├── NotFound           404  4404   there is no such thing
    ├── MethodNotAllowed   405  4405   there is, but not for this method
    ├── TooSlow            408  4408   the request did not arrive in time
    ├── Conflict           409  4409   the version or the id is taken
    ├── TooLarge           413  4413   beyond a limit that is set
    │   └── HeadTooLarge   431  4431   the request line and headers are
    ├── TooMany            429  4529   slow down; `retry_after_s` says how long
    ├── UpgradeRequired    426  4426   a WebSocket handshake of another version
    ├── PreconditionRequired 428 4428  say which version you change
    ├── NotSupported       501  4400   a transfer coding other than chunked
    ├── Unavailable        503  4503   not now; the same request may be repeated
    │   ├── NotStarted     503  4503   the hub's lifespan isn't running
    │   ├── Draining       503  4503   the server is stopping
    │   └── Disconnected   503  4503   an administrator ended the connection
    └── LogFull            507  4507   the log's disk is full; nothing was written

Each has a stable `code` (the last part of a problem's `type`), an HTTP `status`
(RFC 9457) and a WebSocket `close_code`: 4400-4499 say "not without a change",
4500-4599 say "come back".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

# Close codes that would come again without a change (DELIVERY.md 24). 1002 is none: no client breaks RFC 6455
# at the wish of its user, but proxies do (Caddy before 2.6.3, when it is reloaded), and not the next time.
FINAL_CLOSES = frozenset({1003, *range(1007, 1011), *range(4400, 4500)})


class TricastError(Exception):
    """The base of them all. The message says what was wrong, which value, and what to do.

    `members` are further members of its problem details (RFC 9457 §3.2).
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "tricast could not do that"
    status: ClassVar[int] = 500
    close_code: ClassVar[int] = 4500

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        retry_after_s: float | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.members = members or {}

    def problem(self) -> dict[str, Any]:
        """This error as RFC 9457 problem details."""
        problem: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.field is not None:
            problem["field"] = self.field
        if self.retry_after_s is not None:
            problem["retry_after_s"] = self.retry_after_s
        problem.update(self.members)
        return problem

    def problem_json(self) -> bytes:
        """`problem()` as `application/problem+json` bytes."""
        return orjson.dumps(self.problem())


def shortly(value: Any) -> str:
    """How a wrong value is shown: a beginning of a text; of anything else (it may be deep) the type."""
    return repr(value[:80]) if isinstance(value, str) else f"of type {type(value).__name__}"


class BadRequest(TricastError):
    code = "bad-request"
    title = "The request is not valid"
    status = 400
    close_code = 4400


class BadCursor(BadRequest):
    code = "bad-cursor"
    title = "That is not a cursor"


class SchemaMismatch(BadRequest):
    code = "schema-mismatch"
    title = "The data does not fit the schema for events of that type"


class Unauthorized(TricastError):
    code = "unauthorized"
    title = "Credentials are missing or no longer good"
    status = 401
    close_code = 4401


class Forbidden(TricastError):
    code = "forbidden"
    title = "The credentials do not allow this"
    status = 403
    close_code = 4403


class NotFound(TricastError):
    code = "not-found"
    title = "There is no such thing"
    status = 404
    close_code = 4404


class MethodNotAllowed(TricastError):
    code = "method-not-allowed"
    title = "That method is not allowed here"
    status = 405
    close_code = 4405


class TooSlow(TricastError):
    code = "too-slow"
    title = "The request did not arrive in time"
    status = 408
    close_code = 4408


class Conflict(TricastError):
    code = "conflict"
    title = "It was changed or taken by somebody else"
    status = 409
    close_code = 4409


class TooLarge(TricastError):
    code = "too-large"
    title = "That is larger than the limit"
    status = 413
    close_code = 4413


class HeadTooLarge(TooLarge):
    code = "head-too-large"
    title = "The request line and headers are larger than the limit"
    status = 431
    close_code = 4431


class UpgradeRequired(TricastError):
    code = "upgrade-required"
    title = "The version of the WebSocket protocol is not supported"
    status = 426
    close_code = 4426


class NotSupported(TricastError):
    code = "not-supported"
    title = "The transfer coding is not supported"
    status = 501
    close_code = 4400


class PreconditionRequired(TricastError):
    code = "precondition-required"
    title = "Say which version is to be changed"
    status = 428
    close_code = 4428


class TooMany(TricastError):
    code = "too-many-requests"
    title = "Too many requests"
    status = 429
    close_code = 4529


class Unavailable(TricastError):
    code = "unavailable"
    title = "Not available at the moment"
    status = 503
    close_code = 4503


class NotStarted(Unavailable):
    code = "not-started"
    title = "The hub has not been started"


class Draining(Unavailable):
    code = "draining"
    title = "The server is stopping"


class Disconnected(Unavailable):
    code = "disconnected"
    title = "An administrator ended the connection"


class LogFull(TricastError):
    code = "log-full"
    title = "The log has no room left"
    status = 507
    close_code = 4507
