"""The service, put together: hub, access and endpoints from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import tricast
from tricast.access.access import Access, AccessOptions
from tricast.access.limits import LimitOptions
from tricast.api.admin import admin_routes
from tricast.api.answers import Api, methods_at, problem_response
from tricast.api.audit import audit_routes
from tricast.api.documents import document_routes
from tricast.api.events import EventsEndpoint
from tricast.api.health import health_routes
from tricast.api.metrics import metrics_routes
from tricast.api.people import people_routes
from tricast.api.presence import presence_routes
from tricast.api.schema_store import EventSchemas
from tricast.api.schemas import Schema
from tricast.api.sign_in import session_routes
from tricast.errors import BadRequest, MethodNotAllowed, NotFound, TooMany, TricastError, Unavailable
from tricast.flags.api import flags_routes
from tricast.flags.store import Flags
from tricast.flags.usage import Usage
from tricast.hub.caller import UNIX_ADDRESS, Caller
from tricast.hub.hub import Hub, HubOptions
from tricast.log.base import Retention
from tricast.public_url import PublicUrl
from tricast.server.joined import Joined
from tricast.server.operations import operations_routes
from tricast.server.pages import Pages
from tricast.settings import Settings, Source
from tricast.transports import http
from tricast.transports.door import Door

EVENTS_PATH = "/v1/events"
_FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-proto"))


def package_version() -> str:
    """The installed version, or `0+unknown` when run from a bare checkout."""
    try:
        return version("tricast")
    except PackageNotFoundError:
        return "0+unknown"


def static_folder() -> Path:
    """The pages: inside the package in a wheel, beside `app/` in a checkout."""
    package = Path(tricast.__file__).parent
    inside = package / "_static"
    return inside if inside.is_dir() else package.parents[1] / "static"


class Service:
    """An ASGI application: `/v1/events` in front, everything else by Starlette's router."""

    def __init__(self, settings: Settings, sources: Sequence[Source] = ()) -> None:
        self.settings = settings
        self.hub = Hub(settings.log, _hub_options(settings))
        self._public_url = PublicUrl.parse(settings.public_url) if settings.public_url else None
        self._prefix = self._public_url.path if self._public_url else ""
        self.access = Access(self.hub, _access_options(settings, self._public_url))
        self.flags = Flags(self.hub)
        self.event_schemas = EventSchemas(self.hub)
        self.usage = Usage(self.hub, stale_after_days=settings.flags_stale_after_days)
        self.root_key: str | None = None
        self._refusal: TricastError | None = None
        self.door = self._door()
        self.hot = EventsEndpoint(self.door)
        self.api = Api(self.access.gate, allowed_origin=self.door.allowed_origin, recheck=self.door.recheck)
        # The file permissions of a Unix socket decide who may open it, so a proxy there is trusted.
        trusts_all = "*" in settings.forwarded_allow_ips
        trusted = ["*"] if trusts_all else [*settings.forwarded_allow_ips, UNIX_ADDRESS]
        pages = Pages(static_folder())
        self._forwarded: Any = ProxyHeadersMiddleware(self._serve, trusted_hosts=trusted)
        self._router = Starlette(
            routes=[
                *admin_routes(self.access, self.api),
                *session_routes(
                    self.access,
                    self.api,
                    allowed_origin=self.door.allowed_origin,
                    version=package_version(),
                    heartbeat_s=settings.heartbeat_s,
                ),
                *people_routes(self.access, self.api),
                *audit_routes(self.hub, self.api, recheck=self.door.recheck),
                *flags_routes(
                    self.api,
                    self.flags,
                    hub=self.hub,
                    usage=self.usage,
                    stream_token=self.access.stream_token,
                    admit=self.door.admit,
                    heartbeat_s=settings.heartbeat_s,
                ),
                *presence_routes(self.hub, self.api, throttle=self.door.throttle),
                *health_routes(self.hub, package_version(), pages.page),
                *metrics_routes(self.door),
                *operations_routes(
                    self.hub,
                    self.api,
                    self.event_schemas,
                    settings=settings,
                    sources=sources,
                    version=package_version(),
                    recheck=self.door.recheck,
                ),
                *document_routes(package_version(), _documented_flags, public_url=self._public_url),
                Mount("/static", pages),
                Mount("/joined", Joined(static_folder())),
                Mount("/client", Pages(static_folder() / "client", public=True)),
            ],
            exception_handlers={HTTPException: _http_problem, Exception: _failure},
            lifespan=self._lifespan,
        )
        self._check_prefix()
        # A redirect would repeat whatever Host was sent.
        self._router.router.redirect_slashes = False

    @property
    def setup_code(self) -> str | None:
        """What lets the first person in, while there is nobody (and credentials are asked for)."""
        return self.access.accounts.setup.code

    @property
    def routes(self) -> list[BaseRoute]:
        """Everything that is served besides `/v1/events`."""
        return self._router.routes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve; what a trusted proxy says of its client is believed, when it says something."""
        for name, _ in scope.get("headers", ()):
            if name in _FORWARDED:
                await self._forwarded(scope, receive, send)
                return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        found = http.without_slash(scope)
        path = self._path_in(scope)
        if self._path_in(found) == EVENTS_PATH:
            await self.hot(found, receive, send)
        elif scope["type"] == "websocket":
            # Browsers can't read a refused handshake, only a close code (DELIVERY.md 24).
            await receive()
            await send({"type": "websocket.accept"})
            reason = f"there is nothing at {scope['path'][:80]!r}; the events are at {EVENTS_PATH}"
            await send({"type": "websocket.close", "code": NotFound.close_code, "reason": reason})
        elif path == "":
            location = quote(scope["path"].rpartition("/")[2]) + "/"
            if scope["query_string"]:
                location += f"?{scope['query_string'].decode('latin-1')}"
            cors = http.cors(scope, self.door.allowed_origin)
            await http.reply(scope, send, 308, ((b"location", location.encode("latin-1")), *cors))
        else:
            if self._prefix:
                root = scope.get("root_path", "").removesuffix(self._prefix) + self._prefix
                scope = {**scope, "root_path": root, "path": root + path}
            await self._router(scope, receive, http.sending_cors(scope, send, self.door.allowed_origin))

    def _path_in(self, scope: Any) -> str:
        """The request's path without `root_path` and without the path of `public_url`.

        A proxy may have removed the latter or not. '' is the prefix itself without a slash at
        its end, below which relative references would be wrong.
        """
        path: str = scope["path"]
        for prefix in (scope.get("root_path", ""), self._prefix):
            if prefix and (path == prefix or path.startswith(f"{prefix}/")):
                path = path[len(prefix) :]
        return path

    def _check_prefix(self) -> None:
        own = {"v1", *(getattr(route, "path", "/").split("/")[1] for route in self.routes)} - {""}
        if self._prefix and self._prefix.split("/")[1] in own:
            raise BadRequest(
                f"public_url may not have the path {self._prefix!r}: the server's own paths begin with "
                f"{', '.join(sorted(own))}; serve it below another path, such as /tricast",
                field="public_url",
            )

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            # What was foreseen (the file is locked, damaged, too new) is said in a line, without a trace.
            if message["type"] == "lifespan.startup.failed" and self._refusal is not None:
                message = {**message, "message": self._refusal.detail}
            await send(message)

        await self._router(scope, receive, tell)

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        try:
            async with self.hub, self.access, self.usage:
                self.event_schemas.begin()
                await self.flags.load()
                self.root_key = await self.access.ensure_root_key()
                yield
        except TricastError as error:
            self._refusal = error
            raise

    def _door(self) -> Door:
        settings, access, hub = self.settings, self.access, self.hub

        def allowed_origin(origin: str, host: str, cookies: bool) -> bool:
            return access.origins.allows(origin, host, cookies=cookies)

        def recheck(caller: Caller) -> None:
            access.check(caller.grant)

        def admit(caller: Caller) -> None:
            recheck(caller)  # (it may have been let in a while ago)
            limit = settings.max_connections
            if limit is not None and hub.connections >= limit:
                raise TooMany(
                    f"the server holds {limit} connections, its limit; come back later", retry_after_s=5
                )
            access.limits.opened(caller.grant, caller.address)

        hub.on_disconnect(lambda caller: access.limits.closed(caller.grant, caller.address))
        return Door(
            hub,
            access.gate,
            allowed_origin=allowed_origin,
            knock=access.limits.connect,
            admit=admit,
            throttle=lambda caller, events: access.limits.publish(caller.grant, caller.address, events),
            recheck=recheck,
            max_body_bytes=settings.max_body_bytes,
        )


def _hub_options(settings: Settings) -> HubOptions:
    return HubOptions(
        heartbeat_s=settings.heartbeat_s,
        presence_linger_s=settings.presence_linger_s,
        recent_bytes=settings.recent_bytes,
        max_event_bytes=settings.max_event_bytes,
        retention=Retention(
            age_s=settings.retention_age_s,
            events=settings.retention_events,
            bytes=settings.retention_bytes,
        ),
        audit_retention=Retention(age_s=settings.audit_retention_age_s),
        synchronous=settings.synchronous,
    )


def _access_options(settings: Settings, public_url: PublicUrl | None) -> AccessOptions:
    return AccessOptions(
        secrets=tuple(secret.get_secret_value() for secret in settings.secrets),
        dev=settings.dev,
        origins=settings.allowed_origins,
        own_origins=settings.own_origins,
        public_url=public_url,
        limits=LimitOptions(
            publishes_per_s=settings.publish_rate or 0,
            publishes_burst=settings.publish_burst,
            connects_per_s=settings.connect_rate or 0,
            connects_burst=settings.connect_burst,
            connections_per_subject=settings.connections_per_subject or 0,
        ),
    )


def _documented_flags() -> tuple[Schema, Schema]:
    from tricast.flags.api.openapi import FLAGS_PATHS, FLAGS_SCHEMAS

    return FLAGS_PATHS, FLAGS_SCHEMAS


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem_response(NotFound(f"there is nothing at {request.url.path[:200]!r}"))
    allowed = ", ".join(methods_at(request))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"allow": allowed})
    refusal = problem_response(MethodNotAllowed(f"{request.method[:20]} is not allowed here; use {allowed}"))
    refusal.headers["allow"] = allowed
    return refusal


async def _failure(request: Request, error: Exception) -> Response:
    return problem_response(Unavailable("the server failed to do this; its log says why"))
