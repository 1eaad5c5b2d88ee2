"""A person: a login, a name to show, a role, and what the role may do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from tricast.access.grants import SCOPES
from tricast.errors import BadRequest
from tricast.hub.gate import Grant
from tricast.pattern import SYSTEM_APP

Role = Literal["viewer", "editor", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
PERSON_KIND: Final = "person"
MAX_LOGIN_CHARS: Final = 64
MAX_NAME_CHARS: Final = 80
LOGIN_PATTERN: Final = "[a-z0-9._@+-]{1,64}"

_LOGIN = re.compile(LOGIN_PATTERN)
# Who acts under these names in the audit trail is no person; dots alone are no segment of a URL.
_TAKEN = frozenset({"tricast", "hub", "anonymous", ".", ".."})
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters and symbols that are drawn as nothing (Hangul fillers, the empty Braille pattern).
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_MAX_MARKS = 4
_SCOPES: Final[Mapping[Role, frozenset[str]]] = {
    "viewer": frozenset({"flags:read", "presence"}),
    "editor": frozenset({"flags:read", "flags:write", "presence"}),
    "admin": SCOPES,
}


@dataclass(frozen=True, slots=True)
class Person:
    """What may be told about a person: all but the hash of the password. Times are RFC 3339."""

    login: str
    name: str
    role: Role
    created_at: str
    password_changed_at: str
    disabled_at: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether this is an admin who may sign in."""
        return self.role == "admin" and self.disabled_at is None

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for the document and its audit entries."""
        return {
            "login": self.login,
            "name": self.name,
            "role": self.role,
            "created_at": self.created_at,
            "password_changed_at": self.password_changed_at,
            "disabled_at": self.disabled_at,
        }


def person_of(value: Mapping[str, Any]) -> Person:
    """The person that a document holds."""
    return Person(
        login=value["login"],
        name=value["name"],
        role=value["role"],
        created_at=value["created_at"],
        password_changed_at=value["password_changed_at"],
        disabled_at=value["disabled_at"],
    )


def session_name(session_id: str) -> str:
    """The credential name of a session."""
    return f"session:{session_id}"


def person_name(login: str) -> str:
    """The credential name of a person."""
    return f"person:{login}"


def session_id_of(grant: Grant) -> str | None:
    """The session that `grant` came from; None if it came from something else."""
    kind, _, value = (grant.credential or "").partition(":")
    return value if kind == "session" else None


def grant_of(person: Person, session_id: str) -> Grant:
    """What `person` may do in a session."""
    is_admin = person.role == "admin"
    credential = session_name(session_id)
    return Grant(
        subject=person.login,
        subscribe=("**", f"{SYSTEM_APP}/**") if is_admin else ("**",),
        publish=() if person.role == "viewer" else ("**",),
        scopes=_SCOPES[person.role],
        credential=credential,
        credentials=frozenset({credential, person_name(person.login)}),
        role=person.role,
    )


def fold_login(text: str) -> str:
    """How a login is looked up: in lower case."""
    return text.lower() if text.isascii() else text


def check_login(text: str) -> str:
    """`text` in lower case, if it can be somebody's login; else BadRequest."""
    login = fold_login(text)
    if not _LOGIN.fullmatch(login):
        raise BadRequest(
            f"login {text[:80]!r} must be 1-{MAX_LOGIN_CHARS} of a-z 0-9 . _ @ + -, such as 'ann' or "
            "'ann@example.com'",
            field="login",
        )
    if login in _TAKEN:
        raise BadRequest(f"login {login!r} can't be a person's: choose another", field="login")
    return login


def check_name(text: str) -> str:
    """`text` without white space around it, if it can be shown as a name; else BadRequest."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= MAX_NAME_CHARS:
        raise BadRequest(
            f"name {text[:80]!r} must have 1-{MAX_NAME_CHARS} characters, such as 'Ann Lee'", field="name"
        )
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _BIDI:
            raise BadRequest(
                f"name {text[:80]!r} holds a control character (U+{ord(character):04X}): leave it out",
                field="name",
            )
    _check_seen(name)
    return name


def _check_seen(name: str) -> None:
    """Raises BadRequest for a name that shows nothing, or that covers the lines above and below."""
    marks, is_seen = 0, False
    for character in name:
        kind = unicodedata.category(character)
        is_seen = is_seen or (kind[0] in "LNPS" and character not in _BLANK)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks > _MAX_MARKS:
            raise BadRequest(
                f"name {name[:80]!r} has more than {_MAX_MARKS} marks on one letter: leave some out",
                field="name",
            )
    if not is_seen:
        raise BadRequest(f"name {name[:80]!r}: nothing in it can be seen; give letters", field="name")


def check_role(text: str) -> Role:
    """`text`, if it is a role; else BadRequest."""
    for role in ROLES:
        if text == role:
            return role
    raise BadRequest(f"there is no role {text[:80]!r}; choose from {', '.join(ROLES)}", field="role")
