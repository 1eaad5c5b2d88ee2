"""Flags over HTTP: every route there is, in the order in which they are to be tried."""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import Route

from tricast import Api, Caller, Hub
from tricast.flags.api.apps import app_routes
from tricast.flags.api.editing import editing_routes
from tricast.flags.api.files import file_routes
from tricast.flags.api.ofrep import StreamToken, ofrep_routes
from tricast.flags.api.reading import reading_routes
from tricast.flags.api.revert import revert_routes
from tricast.flags.api.sync import sync_routes
from tricast.flags.api.usage import usage_routes
from tricast.flags.store import Flags
from tricast.flags.stored import Stored
from tricast.flags.usage import Usage


def flags_routes(
    api: Api,
    flags: Flags,
    *,
    hub: Hub,
    usage: Usage,
    stream_token: StreamToken,
    admit: Callable[[Caller], None] = lambda _: None,
    heartbeat_s: float = 15.0,
) -> list[Route]:
    """The routes of `flags`, behind the gate of `api`. Make them before the hub starts.

    `stream_token` and `admit`: see `ofrep_routes`. `heartbeat_s` is of its streams.
    """

    def is_stale(app: str, stored: Stored, environment: str | None) -> bool:
        return usage.stale(app, stored, environment) is not None

    return [
        *app_routes(api, flags),
        *file_routes(api, hub, flags),
        *usage_routes(api, flags, usage),
        *editing_routes(api, flags),
        *revert_routes(api, hub, flags),
        *reading_routes(api, hub, flags, is_stale),
        *sync_routes(api, flags),
        *ofrep_routes(
            api,
            flags,
            hub=hub,
            usage=usage,
            stream_token=stream_token,
            admit=admit,
            heartbeat_s=heartbeat_s,
        ),
    ]
