"""Routes of one's own beside `/v1/events`: the same gate, the same Origin rules, the same errors."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from inspect import isawaitable
from math import ceil
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route

from tricast.api.models import parse
from tricast.audit import Actor
from tricast.errors import (
    BadRequest,
    Forbidden,
    PreconditionRequired,
    TricastError,
    Unauthorized,
    Unavailable,
)
from tricast.event import new_id
from tricast.hub.caller import Caller
from tricast.hub.gate import Gate, Grant
from tricast.transports import http
from tricast.transports.body import read_body
from tricast.transports.door import address_of, same_origin
from tricast.transports.query import known_parameters, last_event_id, pairs_of
from tricast.transports.representation import matching_etag, takes_gzip

MAX_BODY_BYTES: Final = 1024 * 1024
_WORTH_PACKING_BYTES: Final = 2048
_GZIP_LEVEL: Final = 3  # higher levels take twice the time for a tenth less
_ENTITY_TAG = re.compile(r'"?(0|[1-9][0-9]{0,17})(?:\.[0-9a-f]+)?"?')
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_log = logging.getLogger("tricast.api")
_M = TypeVar("_M", bound=BaseModel)


class Body(BaseModel):
    """A JSON body: no unknown members, no value taken for another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Ask:
    """One request, let in by the gate."""

    def __init__(
        self, request: Request, caller: Caller, max_body_bytes: int, recheck: Callable[[Caller], None]
    ) -> None:
        self.request = request
        self.caller = caller
        self._max_body_bytes = max_body_bytes
        self._recheck = recheck

    @property
    def grant(self) -> Grant:
        return self.caller.grant

    @property
    def actor(self) -> Actor:
        """Who asks, for the audit trail."""
        return self.caller.actor

    @cached_property
    def request_id(self) -> str:
        """The request's own `X-Request-ID` (1-64 letters, digits, `.`, `_`, `-`), else a new one."""
        given = self.request.headers.get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else new_id()

    def need(self, *scopes: str) -> None:
        """Raises Forbidden naming the scopes, if the caller has none of them."""
        if not any(scope in self.grant.scopes for scope in scopes):
            wanted = " or ".join(repr(scope) for scope in scopes)
            raise Forbidden(f"{self.grant.subject!r} lacks the scope {wanted}")

    def path(self, name: str) -> str:
        """A part of the path, decoded."""
        return str(self.request.path_params[name])

    def query(self, *names: str, repeated: Collection[str] = ()) -> dict[str, str]:
        """The query's parameters of these names, each given at most once.

        Raises BadRequest naming any other. `repeated` ones may come again: see
        `values`. (`token` is always let through: the gate has read it.)
        """
        return known_parameters(self._pairs, names, repeated)

    def version(self) -> int | None:
        """The version that `If-Match` names (None: `*`, any).

        Raises PreconditionRequired where it is missing, BadRequest where it is no version.
        """
        given = self.request.headers.getlist("if-match")
        if not given:
            raise PreconditionRequired(
                'send If-Match: "<version>" with the version that you change (or the ETag of its GET), '
                "or * for any",
                field="If-Match",
            )
        text = given[0].strip()
        if text == "*":
            return None
        found = _ENTITY_TAG.fullmatch(text.removeprefix("W/"))
        if found is None or len(given) > 1:
            raise BadRequest(
                f'If-Match {text[:80]!r} is neither one version, such as "3", nor *', field="If-Match"
            )
        return int(found[1])

    def is_not_modified(self, etag: str) -> bool:
        """Whether If-None-Match names `etag`, so that the answer is 304 (RFC 9110 §13.1.2)."""
        return matching_etag(self.request.headers.getlist("if-none-match"), etag) is not None

    def values(self, name: str) -> list[str]:
        """All values of a parameter that may be repeated."""
        return [value for found, value in self._pairs if found == name]

    @cached_property
    def _pairs(self) -> Sequence[tuple[str, str]]:
        return pairs_of(self.request.scope["query_string"])

    @property
    def last_event_id(self) -> str | None:
        """The header `Last-Event-ID`, else the query parameter in its place; None without either."""
        header = self.request.headers.get("last-event-id")
        return header or last_event_id(self.request.scope["query_string"])

    async def body(self) -> bytes:
        """The whole body.

        Raises what `read_body` does, with the route's limit, and Unauthorized if the caller's grant
        ended while the body arrived.
        """
        body = await read_body(self.request.scope, self.request.receive, self._max_body_bytes)
        self._recheck(self.caller)
        return body

    async def json(self) -> Any:
        """The body as JSON values. Raises BadRequest if it is none."""
        try:
            return orjson.loads(await self.body())
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"the body is not JSON: {error}; send a JSON object", field="body") from None

    async def read(self, model: type[_M]) -> _M:
        """The body as `model`. Raises BadRequest naming the member that is wrong."""
        return parse(model, await self.json())


Handler = Callable[[Ask], Awaitable[Response]]


class Api:
    """Routes of your own beside `/v1/events`: the same gate, Origin rules, limits and error answers.

    `allowed_origin(origin, host, cookies)` says which pages may read answers, and
    with cookies write; `recheck(caller)` is called when a body has come, and may raise
    Unauthorized. A handler gets an `Ask` and answers with a
    Starlette Response, or raises a TricastError, which is answered as problem
    details (RFC 9457); anything else is logged, and answered 503.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        allowed_origin: http.Allowed = same_origin,
        recheck: Callable[[Caller], None] = lambda _: None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._gate = gate
        self._recheck = recheck
        self._allowed_origin = allowed_origin
        self._max_body_bytes = max_body_bytes

    def route(
        self,
        path: str,
        handler: Handler,
        *,
        methods: Sequence[str],
        max_body_bytes: int | None = None,
        get_refusal: Callable[[TricastError], Response] | None = None,
    ) -> Route:
        """A Starlette route to `handler`. HEAD comes with GET, and OPTIONS is answered.

        `get_refusal` makes the answer to a GET that fails, in the place of `problem_response`: an event
        stream needs another one, since EventSource takes an error status for final (DELIVERY.md 23).
        """
        limit = self._max_body_bytes if max_body_bytes is None else max_body_bytes

        def refused(request: Request, error: TricastError) -> Response:
            if get_refusal is not None and request.method == "GET":
                return get_refusal(error)
            return problem_response(error)

        async def endpoint(request: Request) -> Response:
            try:
                if request.method == "OPTIONS":
                    response = Response(status_code=204, headers={"allow": ", ".join(methods_at(request))})
                else:
                    ask = Ask(request, await self._caller(request), limit, self._recheck)
                    response = conditional(request, await handler(ask))
                    response.headers["x-request-id"] = ask.request_id
            except TricastError as error:
                response = refused(request, error)
            except Exception:  # noqa: BLE001
                _log.exception("%s %s failed", request.method, path)
                failure = Unavailable("the server failed to do this; its log says why", retry_after_s=1)
                response = refused(request, failure)
            http.add_cors(response.headers, request.scope, self._allowed_origin)
            return response

        return SlashRoute(path, endpoint, methods=[*methods, "OPTIONS"])

    async def _caller(self, request: Request) -> Caller:
        scope = request.scope
        cookies = http.header(scope, b"cookie") is not None
        if cookies and request.method not in _SAFE:
            self._check_origin(request)
        found = self._gate(request)
        grant = await found if isawaitable(found) else found
        return Caller(grant, "http", address_of(scope))

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and not self._allowed_origin(
            origin, http.own_host(request.scope, origin), True
        ):
            raise Forbidden(
                f"pages of {origin[:120]!r} may not do this: add the origin to allowed_origins",
                field="origin",
            )


class SlashRoute(Route):
    """A route that also matches its path with one slash at the end, as `/v1/events` does."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        scope = http.without_slash(scope)
        match, found = super().matches(scope)
        return match, {**found, "path": scope["path"]} if found else found


def methods_at(request: Request) -> list[str]:
    """The methods of all the application's routes at the request's path, sorted, with OPTIONS: for `Allow`.

    Empty where no route matches.
    """
    scope = request.scope
    # Below a Mount, `root_path` has the mount's path too; `app_root_path` is the application's own.
    whole = {**scope, "root_path": scope.get("app_root_path", scope.get("root_path", ""))}
    methods = set(_methods_among(scope["router"].routes, whole))
    return sorted({*methods, "OPTIONS"}) if methods else []


def _methods_among(routes: Sequence[BaseRoute], scope: Any) -> Iterator[str]:
    for route in routes:
        match, child = route.matches(scope)
        if match is Match.NONE:
            continue
        if isinstance(route, Mount) and route.routes:
            yield from _methods_among(route.routes, {**scope, **child})
        else:
            yield from getattr(route, "methods", None) or ("GET", "HEAD")


def conditional(request: Request, response: Response) -> Response:
    """`response`, or a 304 in its place if If-None-Match names its ETag (RFC 9110 §13.1.2)."""
    etag = response.headers.get("etag")
    if etag is None or response.status_code != 200 or request.method not in ("GET", "HEAD"):
        return response
    if matching_etag(request.headers.getlist("if-none-match"), etag) is None:
        return response
    kept = {
        name: value
        for name, value in response.headers.items()
        if name not in ("content-length", "content-type", "content-encoding")
    }
    return Response(status_code=304, headers=kept)


async def packed(request: Request, response: Response) -> Response:
    """`response`, compressed in a thread if it has 2 KiB or more and the client accepts gzip.

    Compression makes its ETag weak (RFC 9110 §8.8.1), because the bytes differ.
    """
    response.headers.add_vary_header("Accept-Encoding")
    body = bytes(response.body)
    if len(body) < _WORTH_PACKING_BYTES or not takes_gzip(request.headers.getlist("accept-encoding")):
        return response
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    if etag := headers.get("etag"):
        headers["etag"] = f"W/{etag}"
    headers["content-encoding"] = "gzip"
    small = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL, mtime=0)
    return Response(small, response.status_code, headers)


def version_tag(version: int, created_at: str) -> str:
    """The ETag of a versioned resource: its version, a dot, and a hash of when it was created.

    Versions begin at 1 again when a resource is deleted and created anew; the hash tells them apart.
    """
    return f'"{version}.{blake2b(created_at.encode(), digest_size=4).hexdigest()}"'


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as a JSON response that nobody stores (unless `headers` say otherwise)."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Response(
        body + b"\n", status, {"cache-control": "no-store", **(headers or {})}, media_type="application/json"
    )


def problem_response(error: TricastError) -> Response:
    """`error` as `application/problem+json`, with the headers that go with its status."""
    headers = {"cache-control": "no-store"}
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = 'Bearer realm="tricast"'
    if error.retry_after_s is not None:
        headers["retry-after"] = str(ceil(error.retry_after_s))
    return Response(
        error.problem_json() + b"\n", error.status, headers, media_type="application/problem+json"
    )
