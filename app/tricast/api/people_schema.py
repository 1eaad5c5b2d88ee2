"""People over HTTP: what is answered, and the schemas that `/openapi.json` has of it and of what is read."""

from __future__ import annotations

from typing import Any

from pydantic import Field, RootModel
from pydantic.json_schema import models_json_schema

from tricast.access.grants import Scope
from tricast.access.people.person import Role
from tricast.api.answers import Body
from tricast.api.people_bodies import (
    AcceptRequest,
    InviteRequest,
    LookRequest,
    OwnNameRequest,
    PasswordRequest,
    PersonRequest,
    SetUpRequest,
    SignInRequest,
)

_TIME: Any = {"format": "date-time"}
_NEVER: Any = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}


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
    """A new invitation. `code`, and the `link` that holds it, are shown here and never again.

    Without `public_url` and `own_origins` the link is relative to the request's URL (`../#/join/…`),
    except for requests to a loopback name.
    """

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
