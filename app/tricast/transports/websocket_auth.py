"""A WebSocket's token from clients that can't set headers, such as browsers, without putting it in the URL.

The token is offered as a sub-protocol, `tricast.auth.<token>` beside `tricast.v1`, or sent in the first
message, `{"op":"auth","token":…}`, with `?auth=message`. Either becomes the request's Authorization header,
so that every gate reads it as usual.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tricast.errors import BadRequest, TooLarge, Unauthorized, Unavailable
from tricast.wire import commands

AUTH_PROTOCOL: Final = "tricast.auth."
FIRST_MESSAGE_S: Final = 5.0
MAX_FIRST_MESSAGE_BYTES: Final = 4096
CLOSED_EARLY: Final = "the connection ended before the token was sent; send it in the first message"

# An end of line in a token would begin another header.
_NOT_VISIBLE: Final = re.compile(r"[^\x21-\x7e]")

Message = str | bytes


def with_offered_token(scope: Any) -> Any:
    """`scope` with the token moved from the offered sub-protocols to the Authorization header.

    A Bearer token in the header wins. Raises BadRequest if several tokens are offered.
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
    """`scope` with `token` in its Authorization header, before any that it has.

    Raises Unauthorized for a token with other characters than visible ASCII.
    """
    if _NOT_VISIBLE.search(token):
        raise Unauthorized("the token is malformed: it has characters other than visible ASCII")
    value = b"Bearer " + token.encode("ascii")
    return {**scope, "headers": [(b"authorization", value), *scope["headers"]]}


async def first_auth(receive: Callable[[], Awaitable[Message]]) -> commands.Command:
    """The command `auth`, which must be the connection's first message, of at most 4 KiB and within 5 s.

    Raises TooLarge, Unavailable if no message arrives in time, and Unauthorized or BadRequest for any other.
    """
    try:
        async with asyncio.timeout(FIRST_MESSAGE_S):
            message = await receive()
    except TimeoutError:
        raise Unavailable(
            f"no message arrived within {FIRST_MESSAGE_S:g} s; reconnect, and send "
            '{"op":"auth","token":…} as the first message with ?auth=message'
        ) from None
    if isinstance(message, bytes):
        raise BadRequest("the message is binary; send JSON text", field="message")
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
    """The messages of a connection that is not authenticated yet: the first is awaited, the rest are kept.

    `hold` stops the reading after the first; the rest are at most those of the same read. As the outlet's
    `Sink` (hub/outlet.py) it reports a lost connection.
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
        """The first message. Raises Unauthorized if the connection is lost before it arrives."""
        return await self._first

    def stalled(self) -> None: ...

    def drained(self) -> None: ...

    def lost(self) -> None:
        if not self._first.done():
            self._first.set_exception(Unauthorized(CLOSED_EARLY))
