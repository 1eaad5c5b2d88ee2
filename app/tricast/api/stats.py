"""`GET /v1/stats`: how the server is, in figures: now, and over the last hour."""

from __future__ import annotations

import re
import resource
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from starlette.responses import Response
from starlette.routing import Route

from tricast.api.answers import Api, Ask, json_answer
from tricast.errors import BadRequest
from tricast.event import Event, rfc3339
from tricast.hub.figures import STEP_S, STEPS, Step
from tricast.hub.hub import Hub
from tricast.log.base import Log
from tricast.log.size import Sized
from tricast.pattern import Pattern

_DURATION = re.compile(r"([0-9]{1,6})(s|m|h)")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_ALL: Final = (Pattern.parse("**"),)
_MAX_LOOKS: Final = 50
SERIES: Final = tuple(Step.__dataclass_fields__)


def stats_routes(hub: Hub, api: Api, *, version: str, log_url: str, prefix: str = "/v1") -> list[Route]:
    """The route of the figures of `hub`, for the scope `admin`."""
    stats = _Stats(hub, version, without_secrets(log_url))
    return [api.route(f"{prefix}/stats", stats.get, methods=["GET"])]


class _Stats:
    def __init__(self, hub: Hub, version: str, log_url: str) -> None:
        self._hub = hub
        self._version = version
        self._log_url = log_url

    async def get(self, ask: Ask) -> Response:
        ask.need("admin")
        history = ask.query("history").get("history")
        return json_answer(await self._now() if history is None else self._series(steps_of(history)))

    async def _now(self) -> dict[str, Any]:
        stats, figures = self._hub.stats, self._hub.figures
        counted = ("websocket", "sse", "poll", "lagging", "replaying")
        connections = {name: getattr(stats, name) for name in counted}
        rates = figures.rates()
        (p50, p99), (minute_p50, minute_p99) = figures.latency_ms(10), figures.latency_ms(60)
        return {
            "connections": connections,
            "rates": {
                "publishes_per_s": rates.publishes_per_s,
                "deliveries_per_s": rates.deliveries_per_s,
            },
            "latency": {
                "p50_ms": p50,
                "p99_ms": p99,
                "minute": {"p50_ms": minute_p50, "p99_ms": minute_p99},
            },
            "log": await self._log(),
            "uptime_s": round(figures.uptime_s, 3),
            "version": self._version,
            "process": {"rss_bytes": rss_bytes(), "cpu_s": round(time.process_time(), 3)},
        }

    async def _log(self) -> dict[str, Any]:
        log, options = self._hub.log, self._hub.options
        size = await log.size() if isinstance(log, Sized) else None
        last = await _last(log)
        keep = options.retention
        return {
            "url": self._log_url,
            "bytes": None if size is None else size.bytes,
            "free_bytes": None if size is None else size.free_bytes,
            "events": None if size is None else size.events,
            "first": None if size is None or size.first is None else self._place(*size.first),
            "last": None if last is None else self._place(last.offset or 0, last.time_ms),
            "retention": {
                "age_s": keep.age_s,
                "events": keep.events,
                "bytes": keep.bytes,
                "audit_age_s": options.audit_retention.age_s,
            },
        }

    def _place(self, offset: int, time_ms: int) -> dict[str, Any]:
        return {"cursor": self._hub.bounds.cursor(offset), "time": rfc3339(time_ms)}

    def _series(self, steps: int) -> dict[str, Any]:
        found, ago_s = self._hub.figures.series(steps)
        return {
            "step_s": STEP_S,
            "end": rfc3339(int((time.time() - ago_s) * 1000)),
            "series": {
                name: [None if step is None else getattr(step, name) for step in found] for name in SERIES
            },
        }


async def _last(log: Log) -> Event | None:
    """The newest event (the audit trail aside)."""
    before = log.bounds().head + 1
    for _ in range(_MAX_LOOKS):
        page = await log.look_back(before, _ALL, 1)
        if page.events:
            return page.events[0]
        if page.scanned == 0:
            break
        before = page.scanned + 1
    return None


def steps_of(text: str) -> int:
    """How many steps a duration such as `1h` or `15m` has. Raises BadRequest."""
    found = _DURATION.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not STEP_S <= seconds <= STEPS * STEP_S:
        raise BadRequest(
            f"history {text[:80]!r} must be a duration of {STEP_S}s to 1h, such as 15m; no more is kept",
            field="history",
        )
    return seconds // STEP_S


def without_secrets(url: str) -> str:
    """A log's URL as it may be shown: without user and password."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=f"(hidden)@{parts.netloc.rpartition('@')[2]}"))


def rss_bytes() -> int:
    """The memory that the process holds now (where the system doesn't tell: the most it ever held)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
