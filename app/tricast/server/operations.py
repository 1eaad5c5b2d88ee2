"""What an operator asks a server for, put together: connections, figures, settings, the backup."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.routing import Route

from tricast.api.answers import Api
from tricast.api.backup import backup_routes
from tricast.api.connections import connection_routes
from tricast.api.event_schemas import event_schema_routes
from tricast.api.schema_store import EventSchemas
from tricast.api.settings_view import settings_routes
from tricast.api.stats import stats_routes
from tricast.hub.caller import Caller
from tricast.hub.hub import Hub
from tricast.server.shown_settings import shown
from tricast.settings import Settings, Source


def operations_routes(
    hub: Hub,
    api: Api,
    schemas: EventSchemas,
    *,
    settings: Settings,
    sources: Sequence[Source],
    version: str,
    recheck: Callable[[Caller], None],
) -> list[Route]:
    """The routes. `sources` say where the settings came from."""
    return [
        *connection_routes(hub, api),
        *stats_routes(hub, api, version=version, log_url=settings.log),
        *settings_routes(api, shown(settings, sources)),
        *backup_routes(hub, api, recheck=recheck),
        *event_schema_routes(api, schemas),
    ]
