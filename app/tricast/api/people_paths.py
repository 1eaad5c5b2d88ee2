"""What `/openapi.json` says of people, their sessions and invitations."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

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
from tricast.api.people_schema import (
    EndedAnswer,
    InvitesAnswer,
    LookAnswer,
    NewInviteAnswer,
    PeopleAnswer,
    PersonAnswer,
    SessionAnswer,
    SessionsAnswer,
)
from tricast.api.schemas import Schema, ref
from tricast.api.sign_in import INVITE_HEADER
from tricast.audit import MAX_REASON_CHARS

_OPEN: Final[Schema] = {"security": []}
_OWN: Final[Schema] = {"security": [{"session": []}]}
_COOKIE: Final[Schema] = {
    "Set-Cookie": {"schema": {"type": "string"}, "description": "The session: HttpOnly, SameSite=Lax."}
}
_LOOK = "A code that is good costs nothing; of others an address may try twenty, then one in three seconds."
_SIGN_IN = (
    "The answer is the same, after the same work, for a login that nobody has and for a wrong password. A "
    "login and an address have five tries at once, then one in six seconds."
)
_PERSON = "Never the last admin who can sign in: 409."
_INVITE = (
    "With the `login` of somebody who is there it is a link to a new password for them. It is used once, and "
    "is good for as long as who made it may make others."
)


def _operation(
    id: str,
    summary: str,
    status: int,
    answer: type[BaseModel] | None,
    *refusals: int,
    body: type[BaseModel] | None = None,
    parameters: list[Schema] | None = None,
    description: str | None = None,
    cookie: bool = False,
    **more: Any,
) -> Schema:
    done: Schema = {"description": "Done."}
    if cookie:
        done["headers"] = _COOKIE
    if answer is not None:
        done["content"] = {"application/json": {"schema": ref(answer.__name__)}}
    refused = {str(one): {"$ref": f"#/components/responses/{one}"} for one in refusals}
    operation: Schema = {"operationId": id, "summary": summary, "responses": {str(status): done, **refused}}
    if description is not None:
        operation["description"] = description
    if body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": ref(body.__name__)}},
        }
    if parameters is not None:
        operation["parameters"] = parameters
    return operation | more


def _parameter(name: str, place: str, description: str, schema: Schema | None = None) -> Schema:
    return {
        "name": name,
        "in": place,
        "description": description,
        "schema": schema or {"type": "string"},
        **({"required": True} if place == "path" else {}),
    }


_REASON = _parameter(
    "reason",
    "query",
    "Why; it stands in the audit trail.",
    {"type": "string", "maxLength": MAX_REASON_CHARS},
)
_LOGIN = _parameter("login", "path", "Whose.")
_WHOSE = _parameter("login", "query", "Whose; left out, one's own. Others' are for admins.")
_ID = _parameter("id", "path", "Which.")
PEOPLE_PATHS: Schema = {
    "/v1/session": {
        "get": _operation(
            "session", "Who asks, and what they may do", 200, SessionAnswer, cookie=True, **_OPEN
        ),
        "post": _operation(
            "signIn",
            "Sign in",
            200,
            SessionAnswer,
            429,
            body=SignInRequest,
            description=_SIGN_IN,
            cookie=True,
            **_OPEN,
        ),
        "delete": _operation("signOut", "Sign out here", 204, None, cookie=True, **_OPEN),
        "patch": _operation(
            "renameSelf", "Change one's own name", 200, SessionAnswer, 409, body=OwnNameRequest, **_OWN
        ),
    },
    "/v1/session/password": {
        "post": _operation(
            "changePassword",
            "Change one's own password; one's other sessions end",
            204,
            None,
            409,
            429,
            body=PasswordRequest,
            **_OWN,
        )
    },
    "/v1/setup": {
        "post": _operation(
            "setUp",
            "Make the first person, an admin",
            201,
            SessionAnswer,
            409,
            429,
            body=SetUpRequest,
            description="With the code that this start of the server printed, while there is nobody.",
            cookie=True,
            **_OPEN,
        )
    },
    "/v1/people": {"get": _operation("people", "List everybody", 200, PeopleAnswer)},
    "/v1/people/{login}": {
        "patch": _operation(
            "editPerson",
            "Change somebody's name or role; disable or enable them",
            200,
            PersonAnswer,
            404,
            409,
            body=PersonRequest,
            parameters=[_LOGIN],
            description=_PERSON,
        ),
        "delete": _operation(
            "removePerson",
            "Remove somebody",
            204,
            None,
            404,
            409,
            parameters=[_LOGIN, _REASON],
            description=_PERSON,
        ),
    },
    "/v1/invites": {
        "get": _operation("invites", "List the open invitations", 200, InvitesAnswer),
        "post": _operation(
            "invite",
            "Invite somebody",
            201,
            NewInviteAnswer,
            409,
            429,
            body=InviteRequest,
            description=_INVITE,
        ),
    },
    "/v1/invites/look": {
        "get": _operation(
            "lookAtInvite",
            "What an invitation is to",
            200,
            LookAnswer,
            404,
            429,
            parameters=[
                _parameter(INVITE_HEADER, "header", "The code.", {"type": "string"}) | {"required": True}
            ],
            description=_LOOK,
            **_OPEN,
        ),
        "post": _operation(
            "lookAtInviteByBody",
            "What an invitation is to, its code in the body",
            200,
            LookAnswer,
            404,
            429,
            body=LookRequest,
            description=_LOOK,
            **_OPEN,
        ),
    },
    "/v1/invites/accept": {
        "post": _operation(
            "acceptInvite",
            "Use an invitation: become somebody, or get a new password",
            201,
            SessionAnswer,
            404,
            409,
            429,
            body=AcceptRequest,
            description="A new password ends all sessions of its person.",
            cookie=True,
            **_OPEN,
        )
    },
    "/v1/invites/{id}": {
        "delete": _operation(
            "revokeInvite", "Take an invitation back", 204, None, 404, 409, parameters=[_ID, _REASON]
        )
    },
    "/v1/sessions": {
        "get": _operation(
            "sessions", "Where somebody is signed in", 200, SessionsAnswer, 404, parameters=[_WHOSE]
        ),
        "delete": _operation(
            "endSessions",
            "Sign out everywhere",
            200,
            EndedAnswer,
            404,
            parameters=[
                _WHOSE,
                _parameter("all", "query", "1: this session too.", {"enum": ["0", "1"], "default": "0"}),
                _REASON,
            ],
            description="One's own but the one that asks, or all of somebody else's.",
            cookie=True,
        ),
    },
    "/v1/sessions/{id}": {
        "delete": _operation(
            "endSession",
            "Sign out in one place",
            204,
            None,
            404,
            parameters=[_ID, _REASON],
            cookie=True,
        )
    },
}
