"""How often flags gave which variant, and which of them nobody seems to need: of one, or of all."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from tricast import Api, Ask, json_answer, packed
from tricast.flags.api.reach import READ, app_of, environment_of, yes
from tricast.flags.performing import no_environment, no_flag
from tricast.flags.staleness import Staleness, timestamp
from tricast.flags.store import Flags
from tricast.flags.stored import Stored
from tricast.flags.tally import WINDOW_MINUTES, Tally
from tricast.flags.usage import Usage

_SLICE: Final = 200


def usage_routes(api: Api, flags: Flags, usage: Usage) -> list[Route]:
    """To be listed before `/v1/flags/{key:path}`, which would take `…/usage` for the end of a key."""
    endpoints = _Endpoints(flags, usage)
    return [
        api.route("/v1/flags/{key:path}/usage", endpoints.of_one, methods=["GET"]),
        api.route("/v1/usage", endpoints.of_all, methods=["GET"]),
    ]


class _Endpoints:
    def __init__(self, flags: Flags, usage: Usage) -> None:
        self._flags = flags
        self._usage = usage

    async def of_one(self, ask: Ask) -> Response:
        """One flag in one environment, or in each that it has; with the minutes of the last 3 h."""
        ask.need(*READ)
        asked = ask.query("app", "environment")
        app, environment = self._place(ask, asked)
        stored = self._flags.get(app, ask.path("key"))
        if stored is None:
            raise no_flag(app, ask.path("key"))
        head = {"app": app, "key": stored.flag.key, "stale_after_days": self._usage.stale_after_days}
        if environment is None:
            stale = _stale(self._usage.stale(app, stored))
            there = {name: self._told(app, stored, name) for name in stored.flag.environments}
            return json_answer({**head, "stale": stale, "environments": there})
        if environment not in stored.flag.environments:
            raise no_flag(app, stored.flag.key, environment)
        return json_answer({**head, "environment": environment, **self._told(app, stored, environment)})

    async def of_all(self, ask: Ask) -> Response:
        """All flags of an app, or those that one environment has, by key: totals, and why they are stale."""
        ask.need(*READ)
        asked = ask.query("app", "environment", "stale")
        app, environment = self._place(ask, asked)
        only_stale = yes(asked, "stale")
        told: dict[str, Any] = {}
        for count, stored in enumerate(self._flags.list(app)):
            if environment is None or environment in stored.flag.environments:
                stale = self._usage.stale(app, stored, environment)
                if stale is not None or not only_stale:
                    told[stored.flag.key] = {**self._totals(app, stored, environment), "stale": _stale(stale)}
            if count % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
        head = {"app": app, "environment": environment, "stale_after_days": self._usage.stale_after_days}
        return await packed(ask.request, json_answer({**head, "flags": told}))

    def _place(self, ask: Ask, asked: dict[str, str]) -> tuple[str, str | None]:
        app = app_of(ask, asked.get("app"))
        environment = environment_of(ask, asked.get("environment"))
        there = self._flags.environments(app)
        if environment is not None and environment not in there:
            raise no_environment(app, environment, there)
        return app, environment

    def _totals(self, app: str, stored: Stored, environment: str | None) -> dict[str, Any]:
        names = stored.flag.environments if environment is None else (environment,)
        tallies = [found for name in names if (found := self._usage.tally(app, name, stored.flag.key))]
        last = max((tally.last for tally in tallies), default=None)
        return {
            "evaluations": sum(each.total for tally in tallies for each in tally.variants.values()),
            "last_evaluated_at": None if last is None else timestamp(last * 60),
        }

    def _told(self, app: str, stored: Stored, environment: str) -> dict[str, Any]:
        return {
            **told_tally(self._usage.tally(app, environment, stored.flag.key), self._usage.now_minute()),
            "stale": _stale(self._usage.stale(app, stored, environment)),
            "served_only": self._usage.settled_on(app, stored, environment),
        }


def _stale(found: Staleness | None) -> dict[str, Any] | None:
    return None if found is None else found.to_json()


def told_tally(tally: Tally | None, now_minute: int) -> dict[str, Any]:
    """A tally as JSON: times to the minute, and of the last 3 h the minutes that had evaluations."""
    if tally is None:
        nothing = {"evaluations": 0, "since": None, "last_evaluated_at": None}
        return {**nothing, "variants": {}, "minutes": []}
    minutes: dict[int, dict[str, int]] = {}
    for name, each in tally.variants.items():
        for minute, times in each.minutes().items():
            if minute > now_minute - WINDOW_MINUTES:
                minutes.setdefault(minute, {})[name] = times
    return {
        "evaluations": sum(each.total for each in tally.variants.values()),
        "since": timestamp(tally.since * 60),
        "last_evaluated_at": timestamp(tally.last * 60),
        "variants": {
            name: {"evaluations": each.total, "last_evaluated_at": timestamp(each.last * 60)}
            for name, each in tally.variants.items()
        },
        "minutes": [{"at": timestamp(at * 60), "variants": minutes[at]} for at in sorted(minutes)],
    }
