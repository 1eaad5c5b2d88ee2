"""People over HTTP: the bodies that are read and answered, and what `/openapi.json` says of them."""

from __future__ import annotations

from typing import Any

from pydantic import Field, RootModel
from pydantic.json_schema import models_json_schema

from tricast.access.grants import Scope
from tricast.access.people.invites import MAX_CODE_CHARS, MAX_TTL_S, MIN_TTL_S
from tricast.access.people.passwords import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from tricast.access.people.person import MAX_LOGIN_CHARS, MAX_NAME_CHARS, Role
from tricast.api.answers import Body
from tricast.audit import MAX_REASON_CHARS

_TIME: Any = {"format": "date-time"}
_NEVER: Any = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}


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


class PersonName(Body):
    """A person, as everybody sees them."""

    login: str
    name: str
    role: Role


class PersonAnswer(PersonName):
    """A person, as an admin sees them. `sessions`: in how many places they are signed in."""

    created_at: str = Field(json_schema_extra=_TIME)
    last_seen_at: str | None = Field(json_schema_extra=_NEVER)
    disabled_at: str | None = Field(json_schema_extra=_NEVER)
    sessions: int = Field(ge=0)


class PeopleAnswer(RootModel[list[PersonAnswer | PersonName]]):
    """Everybody, by login; all of `PersonAnswer` to admins."""


class OwnSession(Body):
    """The session of this request."""

    id: str
    created_at: str = Field(json_schema_extra=_TIME)
    expires_at: str = Field(json_schema_extra=_TIME)


class SessionAnswer(Body):
    """Who asks, and what they may do. `open`: nobody is asked for credentials (--dev).

    `setup`: there is nobody yet, and `POST /v1/setup` takes the code that was printed.
    """

    signed_in: bool
    open: bool
    setup: bool
    person: PersonName | None
    scopes: list[Scope]
    session: OwnSession | None
    version: str
    heartbeat_s: float = Field(gt=0)


class SessionEntry(Body):
    """A place where a person is signed in."""

    id: str
    created_at: str = Field(json_schema_extra=_TIME)
    last_seen_at: str = Field(json_schema_extra=_TIME)
    address: str
    user_agent: str
    current: bool


class SessionsAnswer(RootModel[list[SessionEntry]]):
    """Where a person is signed in, last used first."""


class EndedAnswer(Body):
    """How many sessions were ended."""

    ended: int = Field(ge=0)


class InviteAnswer(Body):
    """An open invitation, without its code. `reset`: to a new password."""

    id: str
    role: Role
    login: str | None
    name: str | None
    reset: bool
    by: str
    created_at: str = Field(json_schema_extra=_TIME)
    expires_at: str = Field(json_schema_extra=_TIME)
    reason: str | None


class NewInviteAnswer(InviteAnswer):
    """A new invitation. `code`, and the `link` that holds it, are shown here and never again."""

    code: str
    link: str


class InvitesAnswer(RootModel[list[InviteAnswer]]):
    """The invitations that are open, oldest first."""


class LookAnswer(Body):
    """What an invitation is to. `by`: the name of who made it."""

    role: Role
    login: str | None
    name: str | None
    by: str
    expires_at: str = Field(json_schema_extra=_TIME)
    reset: bool


_MODELS = (
    SignInRequest,
    PasswordRequest,
    OwnNameRequest,
    SetUpRequest,
    AcceptRequest,
    LookRequest,
    InviteRequest,
    PersonRequest,
    PersonAnswer,
    PeopleAnswer,
    SessionAnswer,
    SessionsAnswer,
    EndedAnswer,
    NewInviteAnswer,
    InvitesAnswer,
    LookAnswer,
)
PEOPLE_SCHEMAS: dict[str, Any] = models_json_schema(
    [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
)[1]["$defs"]
