"""People over HTTP: the bodies that are read."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tricast.access.people.invites import MAX_CODE_CHARS, MAX_TTL_S, MIN_TTL_S
from tricast.access.people.passwords import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from tricast.access.people.person import MAX_LOGIN_CHARS, MAX_NAME_CHARS, Role
from tricast.api.answers import Body
from tricast.audit import MAX_REASON_CHARS


def _login(description: str, **more: Any) -> Any:
    return Field(min_length=1, max_length=MAX_LOGIN_CHARS, description=description, examples=["ann"], **more)


def _name(**more: Any) -> Any:
    return Field(
        min_length=1, max_length=MAX_NAME_CHARS, description="what is shown", examples=["Ann Lee"], **more
    )


def _new_password() -> Any:
    return Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS, description="a new one")


def _old_password() -> Any:
    return Field(min_length=1, max_length=MAX_PASSWORD_CHARS)


def _code() -> Any:
    return Field(min_length=1, max_length=MAX_CODE_CHARS, description="as the link has it")


def _reason() -> Any:
    return Field(default=None, max_length=MAX_REASON_CHARS, description="why; it stands in the audit trail")


class SignInRequest(Body):
    """Who signs in."""

    login: str = _login("in any case")
    password: str = _old_password()


class PasswordRequest(Body):
    """A new password for oneself."""

    current: str = _old_password()
    new: str = _new_password()


class OwnNameRequest(Body):
    """Another name to be shown by."""

    name: str = _name()


class SetUpRequest(Body):
    """The first person, who becomes an admin. `code` is the one that this start of the server printed."""

    code: str = _code()
    login: str = _login("1-64 of a-z 0-9 . _ @ + -")
    name: str = _name()
    password: str = _new_password()


class AcceptRequest(Body):
    """Who uses an invitation. `login` may be left out where the invitation says it, and `name` too."""

    code: str = _code()
    login: str | None = _login("1-64 of a-z 0-9 . _ @ + -", default=None)
    name: str | None = _name(default=None)
    password: str = _new_password()


class LookRequest(Body):
    """Which invitation."""

    code: str = _code()


class InviteRequest(Body):
    """Whom to invite. With the `login` of somebody who is there: a link to a new password for them."""

    role: Role | None = Field(default=None, description="needed for somebody new")
    login: str | None = _login("theirs; left out, they choose", default=None)
    name: str | None = _name(default=None)
    reason: str | None = _reason()
    ttl_s: float | None = Field(
        default=None, ge=MIN_TTL_S, le=MAX_TTL_S, description="left out: 7 days, for a new password 1"
    )


class PersonRequest(Body):
    """What to change about a person."""

    name: str | None = _name(default=None)
    role: Role | None = None
    disabled: bool | None = Field(default=None, description="true ends all their sessions")
    reason: str | None = _reason()
