"""`GET /v1/flags`: flags as they are, with the cursor at which that is true; and one flag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.routing import Route

from tricast import Api, Ask, BadRequest, Hub, json_answer, packed, version_tag
from tricast.flags.api.reach import READ, app_of, environment_of, yes
from tricast.flags.collection import Collection
from tricast.flags.flag import Flag
from tricast.flags.performing import no_environment, no_flag
from tricast.flags.store import Flags
from tricast.flags.stored import Stored

MAX_LIMIT: Final = 20_000
IsStale = Callable[[str, Stored, str | None], bool]
"""Whether a flag of an app is stale in an environment (None: in all that it is in)."""

_PARAMETERS: Final = ("app", "environment", "q", "state", "stale", "archived", "limit", "after")
_ARCHIVED: Final = {"false": False, "0": False, "true": True, "1": True, "only": None}


def reading_routes(api: Api, hub: Hub, flags: Flags, is_stale: IsStale) -> list[Route]:
    """The routes that tell of flags."""
    reading = _Reading(hub, flags, is_stale)
    return [
        api.route("/v1/flags", reading.list, methods=["GET"]),
        api.route("/v1/flags/{key:path}", reading.get, methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which flags a list is to have."""

    environment: str | None
    q: str
    tags: frozenset[str]
    keys: frozenset[str]
    state: str | None
    is_stale: Callable[[Stored], bool] | None
    archived: bool | None  # None: only those

    @property
    def takes_all(self) -> bool:
        """Whether all are wanted (but perhaps archived ones)."""
        return self.archived is not None and not (
            self.q or self.tags or self.keys or self.state or self.is_stale
        )

    def accepts(self, stored: Stored) -> bool:
        flag = stored.flag
        if flag.archived if self.archived is False else self.archived is None and not flag.archived:
            return False
        if self.keys and flag.key not in self.keys:
            return False
        if not self.tags <= frozenset(flag.tags):
            return False
        texts = (flag.key, flag.name, flag.description, flag.owner or "", *flag.tags)
        if self.q and not any(self.q in text.casefold() for text in texts):
            return False
        if self.state is not None and self.state not in self._states(flag):
            return False
        return self.is_stale is None or self.is_stale(stored)

    def _states(self, flag: Flag) -> set[str]:
        return {
            there.state
            for name, there in flag.environments.items()
            if self.environment is None or name == self.environment
        }


class _Reading:
    def __init__(self, hub: Hub, flags: Flags, is_stale: IsStale) -> None:
        self._hub = hub
        self._flags = flags
        self._is_stale = is_stale

    async def list(self, ask: Ask) -> Response:
        ask.need(*READ)
        asked = ask.query(*_PARAMETERS, repeated=("tag", "key"))
        app = app_of(ask, asked.get("app"))
        environment = environment_of(ask, asked.get("environment"))
        wanted = self._wanted(ask, app, environment, asked)
        limit, after = _limit(asked.get("limit")), asked.get("after", "")
        collection = self._flags.collection(app)
        await collection.write(environment)
        # From here on nothing is awaited, so that the flags are those at the cursor.
        if wanted.takes_all and limit is None and not after:
            body, more = collection.joined(environment, archived=wanted.archived is True), None
        else:
            body, more = _chosen(collection, wanted, after, limit)
        head = self._head(app, environment)
        if limit is not None:
            head["next"] = more
        cursor = self._hub.documents_at
        etag = f'"{blake2b(orjson.dumps(head) + body, digest_size=12).hexdigest()}"'
        headers = {"etag": etag, "cache-control": "private, no-cache", "tricast-cursor": cursor}
        whole = {"app": app, **head, "cursor": cursor, "flags": orjson.Fragment(body)}
        return await packed(ask.request, json_answer(orjson.dumps(whole), headers=headers))

    def _head(self, app: str, environment: str | None) -> dict[str, Any]:
        if environment is None:
            return {"environments": self._flags.environments(app)}
        settings = self._flags.settings(app, environment)
        return {
            "environment": environment,
            "evaluators": settings.evaluators,
            "metadata": settings.metadata,
        }

    async def get(self, ask: Ask) -> Response:
        ask.need(*READ)
        asked = ask.query("app", "environment")
        app, key = app_of(ask, asked.get("app")), ask.path("key")
        environment = environment_of(ask, asked.get("environment"))
        self._check_environment(app, environment)
        stored = self._flags.get(app, key)
        if stored is None:
            raise no_flag(app, key)
        text = self._flags.collection(app).text(key, environment)
        if text is None:
            raise no_flag(app, key, environment)
        return json_answer(text, headers={"etag": version_tag(stored.version, stored.flag.created_at)})

    def _wanted(self, ask: Ask, app: str, environment: str | None, asked: Mapping[str, str]) -> _Wanted:
        self._check_environment(app, environment)
        state, archived = asked.get("state"), asked.get("archived", "false")
        if state not in (None, "ENABLED", "DISABLED"):
            raise BadRequest(f"state {state[:80]!r} must be ENABLED or DISABLED", field="state")
        if archived not in _ARCHIVED:
            raise BadRequest(f"archived {archived[:80]!r} must be true, false or only", field="archived")
        stale = yes(asked, "stale")
        return _Wanted(
            environment=environment,
            q=asked.get("q", "").casefold(),
            tags=frozenset(ask.values("tag")),
            keys=frozenset(ask.values("key")),
            state=state,
            is_stale=(lambda stored: self._is_stale(app, stored, environment)) if stale else None,
            archived=_ARCHIVED[archived],
        )

    def _check_environment(self, app: str, environment: str | None) -> None:
        there = self._flags.environments(app)
        if environment is not None and environment not in there:
            raise no_environment(app, environment, there)


def _chosen(
    collection: Collection, wanted: _Wanted, after: str, limit: int | None
) -> tuple[bytes, str | None]:
    """The JSON array of those wanted whose keys come after `after`; and the last key if there are more."""
    found: list[bytes] = []
    last = None
    for key in collection.sorted_keys():
        stored = collection.get(key)
        if key <= after or stored is None or not wanted.accepts(stored):
            continue
        text = collection.text(key, wanted.environment)
        if text is None:
            continue
        if limit is not None and len(found) == limit:
            return b"[" + b",".join(found) + b"]", last
        found.append(text)
        last = key
    return b"[" + b",".join(found) + b"]", None


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= MAX_LIMIT):
        raise BadRequest(f"limit {text[:80]!r} must be a whole number from 1 to {MAX_LIMIT}", field="limit")
    return int(text)
