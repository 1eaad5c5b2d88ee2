"""What a request is about, and what it says besides: app, environment, version, reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tricast import Ask, BadRequest, Forbidden
from tricast.flags.apps import check_app
from tricast.flags.edits import Context
from tricast.flags.values import as_text

READ: Final = ("flags:read", "flags:write")
WRITE: Final = "flags:write"
MAX_REASON_CHARS: Final = 500
_BOOLEANS: Final = {"1": True, "true": True, "0": False, "false": False}


def app_of(ask: Ask, asked: str | None) -> str:
    """The app: the one that the credentials belong to, else the one asked for.

    Raises Forbidden where both are there and differ, BadRequest where neither is.
    """
    app = _one(ask, "app", ask.grant.app, asked)
    if app is None:
        raise BadRequest("which app? Give ?app=<app>, or use a key that belongs to one", field="app")
    return check_app(app)


def environment_of(ask: Ask, asked: str | None) -> str | None:
    """The environment that the credentials belong to, else the one asked for (None: all)."""
    return _one(ask, "environment", ask.grant.environment, asked)


def _one(ask: Ask, name: str, granted: str | None, asked: str | None) -> str | None:
    if granted is not None and asked is not None and asked != granted:
        raise Forbidden(
            f"{ask.grant.subject!r} belongs to the {name} {granted!r}, and this is about {asked[:80]!r}",
            field=name,
        )
    return granted if asked is None else asked


def need_all_environments(ask: Ask) -> None:
    """Raises Forbidden for credentials that belong to one environment."""
    if ask.grant.environment is not None:
        raise Forbidden(
            f"{ask.grant.subject!r} belongs to one environment, and this is about all of an app's",
            field="environment",
        )


def context_of(ask: Ask, reason: str | None) -> Context:
    """Who edits, why, and in which request."""
    return Context(ask.actor, reason, ask.request_id, ask.grant.environment)


def check_reason(value: object, place: str = "reason") -> str | None:
    """`value`, if it can be the reason of a change: a text of at most 500 characters, or None."""
    return None if value is None else as_text(value, place, longest=MAX_REASON_CHARS, lines=True)


def yes(asked: Mapping[str, str], name: str) -> bool:
    """Whether a parameter is set: `1` or `true`; not there, `0` or `false` are no."""
    text = asked.get(name, "0")
    if text not in _BOOLEANS:
        raise BadRequest(f"{name} {text[:80]!r} must be 1, true, 0 or false", field=name)
    return _BOOLEANS[text]


def has_body(ask: Ask) -> bool:
    """Whether a body comes with the request."""
    headers = ask.request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
