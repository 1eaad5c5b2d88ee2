"""What stands between a request and the hub, the same for all transports."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from starlette.requests import HTTPConnection

from tricast.errors import Forbidden
from tricast.hub.caller import Caller, Transport
from tricast.hub.gate import Gate, Grant
from tricast.hub.hub import Hub
from tricast.origin import Origin
from tricast.transports import http


def same_origin(origin: str, host: str, cookies: bool) -> bool:
    """Whether the page is of the host that it asks."""
    page = Origin.parse(origin)
    return page is not None and page.has_host(host)


@dataclass(frozen=True)
class Door:
    """What stands between a request and the hub, shared by all transports.

    `allowed_origin(origin, host, cookies)` says whether a page from there may come
    in by WebSocket or read answers; `cookies`: the request carries some. These may
    raise TooMany: `knock(address)` before the gate is asked, `admit(caller)` right
    before a connection is opened, `throttle(caller, events)` before events are
    published. `admit` and `recheck(caller)`, which is called when a body has come,
    may raise Unauthorized for who was let in and has lost the right since.
    """

    hub: Hub
    gate: Gate
    allowed_origin: http.Allowed = same_origin
    knock: Callable[[str], None] = lambda _: None
    admit: Callable[[Caller], None] = lambda _: None
    throttle: Callable[[Caller, int], None] = lambda *_: None
    recheck: Callable[[Caller], None] = lambda _: None
    max_body_bytes: int = 1024 * 1024

    @property
    def is_synchronous(self) -> bool:
        """Whether neither the gate nor a hook may have to be waited for."""
        return not self._waits and not self.hub.has_hooks

    @cached_property
    def _waits(self) -> bool:
        gate = self.gate
        return inspect.iscoroutinefunction(gate) or inspect.iscoroutinefunction(
            getattr(gate, "__call__", None)  # noqa: B004 (it is the coroutine that is asked for)
        )

    def grant_now(self, scope: Any) -> Grant | None:
        """Ask the gate; None if its answer has to be waited for, which is remembered."""
        found = self.gate(HTTPConnection(scope))
        if isinstance(found, Grant):
            return found
        self.__dict__["_waits"] = True
        if inspect.iscoroutine(found):
            found.close()
        elif isinstance(found, asyncio.Future):
            found.cancel()
        return None

    async def grant(self, scope: Any) -> Grant:
        """Ask the gate."""
        found = self.gate(HTTPConnection(scope))
        if inspect.isawaitable(found):
            found = await found
        return found

    async def caller(
        self, scope: Any, transport: Transport, authenticate: Callable[[Any], Awaitable[Any]] | None = None
    ) -> Caller:
        """The caller, accepted by the gate and, except to publish, by the `on_connect` hooks.

        `authenticate` is awaited before the gate is asked and after the connect rate was checked: it returns
        the scope with the credentials that arrive after the handshake.
        """
        cookies = http.header(scope, b"cookie") is not None
        if cookies or scope["type"] == "websocket":
            self.check_origin(scope, cookies=cookies)
        address = address_of(scope)
        if transport in ("sse", "websocket"):
            self.knock(address)
        if authenticate is not None:
            scope = await authenticate(scope)
        caller = Caller(await self.grant(scope), transport, address)
        if transport != "http":
            await self.hub.connect(caller)
        return caller

    def check_origin(self, scope: Any, *, cookies: bool = False) -> None:
        """Raises Forbidden for a browser's request from a page that isn't allowed."""
        given = http.header(scope, b"origin")
        if given is None:
            return
        origin = given.decode("latin-1")
        if not self.allowed_origin(origin, http.own_host(scope, origin), cookies):
            raise Forbidden(
                f"pages of {origin[:120]!r} may not use this hub: add the origin to allowed_origins "
                "(an embedding application: let allowed_origin= allow it)",
                field="origin",
            )


def address_of(scope: Any) -> str:
    """The peer's address ('' where there is none, as on a Unix socket)."""
    client = scope.get("client")
    return str(client[0]) if client else ""
