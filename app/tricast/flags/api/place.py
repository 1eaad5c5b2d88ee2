"""Which app's flags in which environment a request is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tricast import Ask, BadRequest, Forbidden
from tricast.flags.apps import check_app

_Name = Literal["app", "environment"]


@dataclass(frozen=True, slots=True)
class Place:
    """An environment of an app."""

    app: str
    environment: str


def place_of(ask: Ask) -> Place:
    """Where a request is about: as its path says, or its credentials, or its query.

    Raises Forbidden where credentials that belong to one are used for another, and
    BadRequest saying what to give where nothing says it, or for what can't be an app.
    """
    app = check_app(_name(ask, "app", ask.grant.app))
    return Place(app, _name(ask, "environment", ask.grant.environment))


def _name(ask: Ask, name: _Name, granted: str | None) -> str:
    asked = ask.request.path_params.get(name) or _asked(ask, name)
    if granted is not None and asked is not None and asked != granted:
        raise Forbidden(
            f"{ask.grant.subject!r} belongs to the {name} {granted!r}, and this is about {asked[:80]!r}",
            field=name,
        )
    found = granted if asked is None else asked
    if found is None:
        raise BadRequest(
            f"which {name}? Use a key or token that belongs to one, the base URL "
            f".../v1/apps/<app>/<environment>, or ?{name}=<name>",
            field=name,
        )
    return found


def _asked(ask: Ask, name: str) -> str | None:
    values = ask.request.query_params.getlist(name)
    if len(values) > 1:
        raise BadRequest(f"{name} is given more than once", field=name)
    return values[0] if values else None
