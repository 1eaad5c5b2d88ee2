"""A stream of flags that is refused for now comes back, whatever refuses it (DELIVERY.md 23)."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from tricast import Api, Forbidden, Grant, Hub, TooMany, Unavailable
from tricast.flags.api import flags_routes
from tricast.flags.store import Flags
from tricast.flags.usage import Usage

pytestmark = pytest.mark.anyio
STREAM = "/v1/apps/demo/production/ofrep/v1/stream"
READ = ("flags:read", "flags:write")


@pytest.mark.parametrize("where", ["gate", "hook", "admit"])
@pytest.mark.parametrize(
    ("error", "after_ms"),
    [
        (Unavailable("the database is away", retry_after_s=3), 3000),
        (TooMany("slowly", retry_after_s=2), 2000),
        (RuntimeError("on purpose"), None),
        (Forbidden("never"), 403),
    ],
    ids=["unavailable", "too many", "a bug", "forbidden"],
)
async def test_only_lasting_refusals_of_a_stream_are_statuses(
    where: str, error: Exception, after_ms: int | None
) -> None:
    failing: dict[str, Exception] = {}

    def fail(place: str) -> None:
        if place in failing:
            raise failing[place]

    def gate(_: Any) -> Grant:
        fail("gate")
        return Grant(subject="ann", subscribe=("**",), scopes=READ)

    hub = Hub("memory:")
    hub.on_connect(lambda _: fail("hook"))
    flags, usage = Flags(hub), Usage(hub, stale_after_days=30)
    routes = flags_routes(
        Api(gate),
        flags,
        hub=hub,
        usage=usage,
        stream_token=lambda *_: (None, ""),
        admit=lambda _: fail("admit"),
    )
    transport = httpx2.ASGITransport(app=Starlette(routes=routes), raise_app_exceptions=False)
    async with hub, usage, httpx2.AsyncClient(transport=transport, base_url="http://hub") as client:
        await flags.load()
        failing[where] = error
        answer = await client.get(STREAM, headers={"accept": "text/event-stream"})
    if after_ms == 403:
        assert answer.status_code == 403
        return
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    retry = answer.text.partition("\n")[0]
    assert retry.startswith("retry: ")
    assert after_ms is None or retry == f"retry: {after_ms}"
