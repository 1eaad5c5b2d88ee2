"""A WebSocket's token where headers can't be set, as in browsers, and kept out of the URL.

It comes as an offered sub-protocol, `tricast.auth.<token>` beside `tricast.v1`, or in the first message,
`{"op":"auth","token":…}`, where the client asks for that with `?auth=message`. Either becomes the request's
Authorization header, so that every gate reads it as usual.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tricast.errors import BadRequest, TooLarge, Unauthorized, Unavailable
from tricast.wire import commands

AUTH_PROTOCOL: Final = "tricast.auth."
FIRST_MESSAGE_S: Final = 5.0
MAX_FIRST_MESSAGE_BYTES: Final = 4096

Message = str | bytes


def with_offered_token(scope: Any) -> Any:
    """`scope` with the token that is offered as a sub-protocol as its Authorization, and nowhere else.

    A Bearer in the header wins. Raises BadRequest if several are offered.
    """
    offered = scope.get("subprotocols") or ()
    tokens = {each.removeprefix(AUTH_PROTOCOL) for each in offered if each.startswith(AUTH_PROTOCOL)}
    if not tokens:
        return scope
    if len(tokens) > 1:
        raise BadRequest(
            f"{len(tokens)} tokens are offered as sub-protocols; offer one", field="Sec-WebSocket-Protocol"
        )
    others = [each for each in offered if not each.startswith(AUTH_PROTOCOL)]
    headers = [(name, value) for name, value in scope["headers"] if name != b"sec-websocket-protocol"]
    if others:
        headers.append((b"sec-websocket-protocol", ", ".join(others).encode("latin-1", "replace")))
    scope = {**scope, "subprotocols": others, "headers": headers}
    has_bearer = any(n == b"authorization" and v[:7].lower() == b"bearer " for n, v in headers)
    return scope if has_bearer else with_token(scope, tokens.pop())


def with_token(scope: Any, token: str) -> Any:
    """`scope` as if `token` had come in its Authorization header."""
    value = b"Bearer " + token.encode("latin-1", "replace")
    return {**scope, "headers": [(b"authorization", value), *scope["headers"]]}


async def first_auth(receive: Callable[[], Awaitable[Message]]) -> commands.Command:
    """The command `auth` that must be a connection's first message, within 5 s and 4 KiB.

    Raises Unauthorized or BadRequest for anything else, TooLarge, and Unavailable if none comes.
    """
    try:
        async with asyncio.timeout(FIRST_MESSAGE_S):
            message = await receive()
    except TimeoutError:
        raise Unavailable(
            f"no message came within {FIRST_MESSAGE_S:g} s; with ?auth=message the first one is "
            '{"op":"auth","token":…}. Reconnect'
        ) from None
    if isinstance(message, bytes):
        raise BadRequest("binary messages are not taken; send JSON text", field="message")
    size = len(message.encode())
    if size > MAX_FIRST_MESSAGE_BYTES:
        raise TooLarge(
            f"the first message has {size} bytes; the limit is {MAX_FIRST_MESSAGE_BYTES}", field="message"
        )
    command = commands.parse(message)
    if command.op != "auth":
        raise Unauthorized('with ?auth=message the first message is {"op":"auth","token":…}')
    if command.problem is not None:
        raise command.problem
    return command


class Inbox:
    """The messages of a connection that is not let in yet: the first is waited for, the rest are kept.

    `hold` stops the reading; what is still handed on is at most what one read brought. It is told of its
    outlet (`hub.outlet.Sink`) meanwhile.
    """

    def __init__(self, hold: Callable[[], None]) -> None:
        self._hold = hold
        self._first: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.rest: list[Message] = []

    def received(self, message: Message) -> None:
        if self._first.done():
            self.rest.append(message)
        else:
            self._first.set_result(message)
            self._hold()

    async def first(self) -> Message:
        """The first message. Raises Unauthorized if the connection is lost before it came."""
        return await self._first

    def stalled(self) -> None: ...

    def drained(self) -> None: ...

    def lost(self) -> None:
        if not self._first.done():
            self._first.set_exception(Unauthorized("the client went before it had sent its token"))
