"""WebSocket: a subscriber's stream, and commands in the other direction."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from orjson import Fragment

from tricast.errors import BadRequest, Forbidden, TooLarge, TricastError, Unauthorized, Unavailable
from tricast.hub.attendance import KEEP
from tricast.hub.caller import Caller
from tricast.hub.expiry import remaining_s
from tricast.hub.outlet import Outlet
from tricast.hub.subscriber import Subscriber
from tricast.hub.subscription import Subscription
from tricast.pattern import Pattern, check_topic
from tricast.presence.base import Member
from tricast.transports import direct
from tricast.transports.door import Door
from tricast.transports.negotiate import start_of
from tricast.transports.portable import PortableOutlet, send_texts
from tricast.transports.publish import publish
from tricast.transports.query import parse
from tricast.transports.websocket_auth import CLOSED_EARLY, Inbox, first_auth, with_offered_token, with_token
from tricast.wire import commands, control
from tricast.wire.publishing import Edge, drafts_of
from tricast.wire.start import Start

SUBPROTOCOL = "tricast.v1"
# Where a command calls something by another name than a query or a body does.
_MEMBERS: dict[tuple[str | None, str | None], str] = {
    ("subscribe", "topic"): "topics",
    ("unsubscribe", "topic"): "topics",
    ("publish", "body"): "events",
}
_COMMANDS_A_TURN = 50
_FIRST_BYTES = 64 * 1024  # above `MAX_FIRST_MESSAGE_BYTES`, so that the refusal names that limit
_log = logging.getLogger("tricast.websocket")


class Session:
    """What one WebSocket client says, carried out in order; replies stand in order with the events."""

    __slots__ = ("_busy", "_door", "_outlet", "_task", "_waiting", "subscriber")

    def __init__(self, door: Door, subscriber: Subscriber, outlet: direct.WebSocketOutlet | None) -> None:
        self._door = door
        self._outlet = outlet
        self._waiting: deque[str | bytes] | None = None
        self._busy = False
        self._task: asyncio.Task[None] | None = None
        self.subscriber = subscriber

    # On the direct path messages come by callback; the connection isn't read while one is worked on.

    def received(self, message: str | bytes) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(message)
        if not self._busy:
            self._busy = True
            if self._outlet is not None:
                self._outlet.hold()
            self._task = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        count = 0
        try:
            while self._waiting:
                count += 1
                if count % _COMMANDS_A_TURN == 0:
                    await asyncio.sleep(0)
                if self._outlet is not None:
                    # What came in before the subscriber lagged waits too (DELIVERY.md 5).
                    await self._outlet.writable()
                await self.handle(self._waiting.popleft())
        finally:
            self._busy = False
            self._waiting = self._task = None
            if self._outlet is not None:
                self._outlet.release()

    async def handle(self, message: str | bytes) -> None:
        """Carry out one command; a refusal is a reply, a message that is none ends the connection."""
        subscriber = self.subscriber
        if subscriber.state == "closed":
            return
        try:
            if isinstance(message, bytes):
                raise BadRequest("the message is binary; send JSON text", field="message")
            size, limit = len(message), self._door.max_body_bytes
            if 4 * size > limit:  # (no character has more bytes than that)
                size = len(message.encode())
            if size > limit:
                raise TooLarge(f"the message has {size} bytes; the limit is {limit}", field="message")
            command = commands.parse(message)
        except TricastError as problem:
            subscriber.refuse(problem)
            return
        try:
            if command.problem is not None:
                raise command.problem
            await self._carry_out(command)
        except TricastError as problem:
            problem.field = _MEMBERS.get((command.op, problem.field), problem.field)
            subscriber.control(control.refusal(command.ref, command.op, problem))
            if self._outlet is not None:
                self._outlet.refused(problem)
        except Exception:  # noqa: BLE001
            _log.exception("a WebSocket command failed")
            subscriber.abort()

    async def _carry_out(self, command: commands.Command) -> None:
        match command.body:
            case commands.Subscribe():
                await self._subscribe(command, command.body)
            case commands.Unsubscribe(topics):
                self._unsubscribe(command, topics)
            case commands.Publish(body):
                await self._publish(command, body)
            case commands.Presence():
                await self._presence(command, command.body)
            case commands.Auth(token):
                await self._auth(command, token)
            case commands.Ping():
                self._reply(command, {}, self.subscriber.cursor)
            case None:
                pass

    def _reply(self, command: commands.Command, result: dict[str, Any], cursor: str | None = None) -> None:
        self.subscriber.control(control.reply(command.ref, command.op, result, cursor))

    async def _subscribe(self, command: commands.Command, wanted: commands.Subscribe) -> None:
        subscriber = self.subscriber
        now = subscriber.subscription
        first = not now.patterns
        if wanted.cursor is not None and not first:
            raise BadRequest(
                "only the first subscription of a connection takes a cursor; read older history of "
                "further topics by long-poll with timeout=0",
                field="cursor",
            )
        types, subjects = wanted.types, wanted.subjects
        if not first and (types is not None or subjects is not None):
            raise BadRequest(
                "type and subject belong to the connection; give them with its first subscription",
                field="type" if types is not None else "subject",
            )
        texts = [p.text for p in now.patterns]
        subscription = Subscription.of(
            (*texts, *wanted.topics),
            now.types if types is None else types,
            now.subjects if subjects is None else subjects,
            presence=now.presence if wanted.presence is None else wanted.presence,
        )
        added = Subscription.of(wanted.topics, presence=subscription.presence)
        await self._door.hub.may_subscribe(subscriber.caller, added)
        start = None
        if wanted.cursor is not None:
            start = await self._door.hub.resolve(Start.parse(wanted.cursor), subscription)
        self._change(command, subscription, start)

    def _unsubscribe(self, command: commands.Command, topics: tuple[str, ...]) -> None:
        now = self.subscriber.subscription
        held, dropped = {p.text for p in now.patterns}, set(topics)
        for topic in topics:
            Pattern.parse(topic)
            if topic not in held:
                among = ", ".join(sorted(held)[:10]) or "nothing"
                raise BadRequest(f"not subscribed to {topic[:80]!r}, only to {among}", field="topics")
        self._change(command, now.with_patterns(held - dropped), None)

    def _change(
        self, command: commands.Command, subscription: Subscription, start: Start | int | None
    ) -> None:
        topics = [p.text for p in subscription.patterns]
        self._door.hub.resubscribe(
            self.subscriber,
            subscription,
            lambda cursor: self._reply(command, {"topics": topics}, cursor),
            start=start,
        )

    async def _publish(self, command: commands.Command, body: Any) -> None:
        door, caller = self._door, self.subscriber.caller
        edge = Edge(caller.grant.source, None, door.hub.options.max_event_bytes)
        answer = await publish(door, caller, drafts_of(body, edge))
        # What was published is no position of this subscriber: no cursor beside the data.
        self._reply(command, answer)

    async def _presence(self, command: commands.Command, asked: commands.Presence) -> None:
        door, caller = self._door, self.subscriber.caller
        presence, topic = door.hub.presence, asked.topic
        member: Member | None
        if asked.leave:
            member = presence.leave(topic, connection=caller.connection)
        else:
            await presence.allow(caller, (check_topic(topic),))
            door.throttle(caller, 1)
            state = asked.state if asked.has_state else KEEP
            member = presence.join(topic, state, connection=caller.connection)
        self._reply(command, {"topic": topic, "member": None if member is None else Fragment(member.json)})

    async def _auth(self, command: commands.Command, token: str) -> None:
        """A renewed token keeps app and subject and contains the present patterns (DELIVERY.md 22)."""
        subscriber = self.subscriber
        old = subscriber.caller
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/events",
            "query_string": b"",
            "headers": [],
            "client": (old.address, 0),
        }
        grant = await self._door.grant(with_token(scope, token))
        if (grant.app, grant.subject) != (old.grant.app, old.grant.subject):
            raise Forbidden("the new token is for another app or subject", field="token")
        subscriber.subscription.check(grant)
        self._door.hub.renew(subscriber, Caller(grant, old.transport, old.address, old.connection))
        self._reply(command, {"expires_in_s": remaining_s(grant.expires_at)})


def _refuse_outlet(outlet: Outlet, problem: TricastError) -> None:
    """`tricast.error` and a close code, for a connection that never became a subscriber."""
    outlet.finish(
        control.error(problem).payload(outlet.format), code=problem.close_code, reason=problem.detail
    )


async def _enter(
    door: Door, scope: Any, outlet: Outlet, receive: Callable[[], Awaitable[str | bytes]]
) -> Subscriber | None:
    """Let a WebSocket in, or refuse it by `tricast.error` and a close code (DELIVERY.md 24).

    `receive` returns its first message, which has the token with `?auth=message`.
    """
    auth: commands.Command | None = None

    async def authenticate(scope: Any) -> Any:
        nonlocal auth
        auth = await first_auth(receive)
        assert isinstance(auth.body, commands.Auth)
        return with_token(scope, auth.body.token)

    try:
        scope = with_offered_token(scope)
        query, given = parse(scope["query_string"])
        if query.transport not in (None, "websocket"):
            raise BadRequest(
                f"transport {query.transport!r} came by a WebSocket handshake: leave it out, or ask by "
                "plain HTTP",
                field="transport",
            )
        caller = await door.caller(scope, "websocket", authenticate if query.auth_by_message else None)
        await door.hub.may_subscribe(caller, query.subscription)
        start = await door.hub.resolve(start_of(scope, given), query.subscription)
        door.admit(caller)
    except TricastError as problem:
        _refuse_outlet(outlet, problem)
        return None
    except Exception:  # noqa: BLE001
        _log.exception("a WebSocket could not be let in")
        _refuse_outlet(outlet, Unavailable("the server failed to do this; its log says why"))
        return None
    subscriber = door.hub.open(outlet, caller=caller, subscription=query.subscription, start=start)
    if auth is not None:
        expires_in_s = remaining_s(caller.grant.expires_at)
        subscriber.control(control.reply(auth.ref, auth.op, {"expires_in_s": expires_in_s}))
    return subscriber


async def websocket(door: Door, scope: Any, receive: Any, send: Any) -> None:
    """Serve a WebSocket, taking the socket over where the server lets us."""
    offered = scope.get("subprotocols") or ()
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in offered else None
    way = direct.of(scope)
    if way is None:
        await _portable(door, scope, receive, send, subprotocol)
        return
    outlet: direct.WebSocketOutlet = way.accept(subprotocol)
    inbox = Inbox(outlet.hold)

    async def receive_first() -> str | bytes:
        outlet.attach(inbox)
        limit = outlet.limit(_FIRST_BYTES)
        outlet.listen(inbox.received)
        message = await inbox.first()
        outlet.limit(limit)
        return message

    subscriber = await _enter(door, scope, outlet, receive_first)
    if subscriber is not None:
        received = Session(door, subscriber, outlet).received
        for message in inbox.rest:
            received(message)
        outlet.listen(received, held=bool(inbox.rest))


async def _portable(door: Door, scope: Any, receive: Any, send: Any, subprotocol: str | None) -> None:
    await receive()  # websocket.connect
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    outlet = PortableOutlet("texts")
    sending = asyncio.ensure_future(send_texts(outlet, send))
    try:

        async def receive_first() -> str | bytes:
            message = await receive()
            if message["type"] != "websocket.receive":
                raise Unauthorized(CLOSED_EARLY)
            text = message.get("text")
            return message["bytes"] if text is None else text  # type: ignore[no-any-return]

        subscriber = await _enter(door, scope, outlet, receive_first)
        session = None if subscriber is None else Session(door, subscriber, None)
        async with outlet.until_aborted():
            while True:
                await outlet.writable()
                message = await receive()
                if message["type"] != "websocket.receive":
                    break
                if session is not None:
                    text = message.get("text")
                    await session.handle(message["bytes"] if text is None else text)
    finally:
        outlet.lose()
        if not sending.done():
            done, _ = await asyncio.wait((sending,), timeout=1.0)
            if not done:
                sending.cancel()
