"""`Hub.presence`: who is on a topic now."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tricast.errors import BadRequest, Forbidden, NotFound
from tricast.event import check_attribute
from tricast.hub.attendance import KEEP, Attendance, Client, Keep, Kind, Peer
from tricast.hub.caller import Caller
from tricast.hub.connections import Connections
from tricast.hub.fanout import Fanout
from tricast.hub.gate import Grant
from tricast.hub.options import HubOptions, Stats
from tricast.hub.poll import Answer
from tricast.hub.roll import MAX_LISTED, Roll, list_json, matching
from tricast.hub.subscriber import Subscriber
from tricast.hub.subscription import Subscription
from tricast.pattern import check_topic
from tricast.presence.base import Member, Presence, encode_state

MAX_CLIENT_CHARS: Final = 64
_CLIENT = re.compile(rf"[A-Za-z0-9._~-]{{1,{MAX_CLIENT_CHARS}}}")
_MAX_TOLD = 10_000
_LOOKS_A_TURN = 200
_log = logging.getLogger("tricast.presence")


def check_client(text: str) -> str:
    """`text`, if a client that polls may call itself so; else BadRequest."""
    if not _CLIENT.fullmatch(text):
        raise BadRequest(
            f"client {text[:80]!r} must be 1-{MAX_CLIENT_CHARS} characters of A-Z a-z 0-9 . _ ~ -",
            field="client",
        )
    return text


class HubPresence:
    """Members of topics: whoever joined, with a small state, by any number of connections.

    A member is a subject. A lost stream's places linger (`HubOptions.presence_linger_s`),
    so that a reload is no leave; those of clients that poll, for a minute after the last poll.
    """

    def __init__(
        self,
        places: Presence,
        fanout: Fanout,
        connections: Connections,
        *,
        options: HubOptions,
        allow: Callable[[Caller, Subscription], Awaitable[None]],
        check_started: Callable[[], None],
        check_loop: Callable[[], None],
    ) -> None:
        self._places = places
        self._connections = connections
        self._allow = allow
        self._check_started = check_started
        self._check_loop = check_loop
        self._heartbeat_s = options.heartbeat_s
        self._attendance = Attendance(
            places, linger_s=options.presence_linger_s, heartbeat_s=options.heartbeat_s
        )
        self._roll = Roll(places, fanout)
        self._told: OrderedDict[str, int] = OrderedDict()  # by client: the hash of the list it got last
        fanout.roll = lambda subscription: self._roll.listing(subscription.patterns).control

    # For applications

    def join(
        self,
        topic: str,
        state: Mapping[str, Any] | Keep | None = KEEP,
        *,
        connection: str | None = None,
        client: Client | None = None,
        subject: str | None = None,
    ) -> Member:
        """Put somebody on `topic`, or change their state there; the member as it is then.

        Who: the live stream or session with the id `connection`, for as long as it
        lives; a `client` that polls; or `subject`, until `leave` or the hub's end.
        `state` is a JSON object of up to 1 KiB; left out, it stays as it is. Rights
        are not asked for: see `allow`. Raises BadRequest, TooLarge, TooMany, and
        NotFound if there is no such connection.
        """
        self._check_started()
        check_topic(topic)
        encoded = state if isinstance(state, Keep) else encode_state(state)
        key, kind, caller, peer = self._who(connection, client, subject)
        check_attribute(caller.grant.subject, "subject")
        return self._attendance.join(topic, encoded, key=key, kind=kind, caller=caller, peer=peer)

    def leave(
        self,
        topic: str,
        *,
        connection: str | None = None,
        client: Client | None = None,
        subject: str | None = None,
    ) -> Member | None:
        """Take somebody off `topic` at once; the member that is left, by other connections."""
        self._check_started()
        check_topic(topic)
        key = _key(connection, client, subject)
        seat = self._attendance.seat(key)
        if seat is None:
            return None
        self._attendance.leave(key, topic)
        return self._places.member(topic, seat.subject)

    def members(self, *patterns: str) -> dict[str, Sequence[Member]]:
        """Who is on the topics that match, as of now: the first 1,000 of each."""
        self._check_loop()
        found = matching(Subscription.of(patterns).patterns, self._places.topics())
        return {topic: self._places.members(topic, MAX_LISTED) for topic in found}

    def count(self, topic: str) -> int:
        """How many members there are on `topic`."""
        self._check_loop()
        return self._places.count(topic)

    async def allow(self, caller: Caller, patterns: Sequence[str]) -> None:
        """Ask for the scope `presence` and the right to subscribe. Raises Forbidden, BadRequest."""
        self._check_loop()
        await self._allow(caller, Subscription.of(patterns, presence=True))

    # For transports and routes

    def members_json(self, patterns: Sequence[str]) -> bytes:
        """`members` and how many there are, as a list on the wire."""
        self._check_loop()
        topics = matching(Subscription.of(patterns).patterns, self._places.topics())
        return list_json(
            (topic, self._places.count(topic), self._places.members(topic, MAX_LISTED)) for topic in topics
        )

    def check_owner(self, caller: Caller, connection: str) -> None:
        """Raises NotFound unless `connection` is, or was just now, a stream of the caller's subject."""
        self._check_loop()
        seat = self._attendance.seat(connection)
        found = self._connections.find(connection)
        owner = seat.caller if seat is not None else found.caller if found is not None else None
        mine = (caller.grant.app, caller.grant.subject)
        if owner is None or (owner.grant.app, owner.grant.subject) != mine:
            raise _no_connection(connection)

    def answering(
        self, respond: Callable[[Answer], None], subscription: Subscription, client: Client | None
    ) -> Callable[[Answer], None]:
        """`respond`, with the list put into each answer (DELIVERY.md 25)."""

        def with_list(answer: Answer) -> None:
            if answer.problem is None:
                if answer.presence is None:
                    answer.presence = self._roll.listing(subscription.patterns).data
                if client is not None:
                    self._told[client.key] = hash(answer.presence)
                    self._told.move_to_end(client.key)
                    if len(self._told) > _MAX_TOLD:
                        self._told.popitem(last=False)
            respond(answer)

        return with_list

    def is_news(self, subscription: Subscription, client: Client) -> bool:
        """Whether the list is another than the one that `client` was answered with."""
        told = self._told.get(client.key)
        return told is not None and told != hash(self._roll.listing(subscription.patterns).data)

    # What the hub tells

    def begin(self) -> None:
        """Begin with nobody."""
        self._places.tail(self._roll.changed)

    def stop(self) -> None:
        """Forget everybody; nothing more is told."""
        self._attendance.clear()
        self._roll.clear()
        self._told.clear()

    def polling(self, client: Client) -> None:
        """A poll of `client` has come; `gone` when it is answered."""
        self._attendance.polling(client)

    def gone(self, caller: Caller) -> None:
        """A connection has ended."""
        self._attendance.gone(caller.connection)

    def renewed(self, caller: Caller) -> None:
        """A connection's grant was renewed: what it does not reach is left."""
        seat = self._attendance.seat(caller.connection)
        if seat is None:
            return
        seat.caller = caller
        for topic in list(seat.topics):
            try:
                Subscription.of((topic,), presence=True).check(caller.grant)
            except Forbidden:
                self._attendance.leave(seat.key, topic)

    def end(self, match: Callable[[Caller], bool]) -> None:
        """Whoever matches was shown out, and is gone at once."""
        self._attendance.end(match)

    def count_into(self, stats: Stats) -> None:
        """Write how many members there are into `stats`."""
        stats.presence_topics = self._roll.topics
        stats.presence_members = self._roll.members
        stats.presence_changes = self._roll.changes

    async def watch(self) -> None:
        """The one ticker: gives up what is due, and looks who has gone silent."""
        loop = asyncio.get_running_loop()
        looks_s = self._heartbeat_s / 4
        look_at = loop.time() + looks_s
        while True:
            await asyncio.sleep(min(1.0, looks_s))
            try:
                self._attendance.tick(loop.time())
                if loop.time() >= look_at:
                    look_at = loop.time() + looks_s
                    seats = self._attendance.seats()
                    for start in range(0, len(seats), _LOOKS_A_TURN):
                        self._attendance.look(seats[start : start + _LOOKS_A_TURN], loop.time())
                        await asyncio.sleep(0)
            except Exception:  # noqa: BLE001
                _log.exception("presence was not looked after")

    def _who(
        self, connection: str | None, client: Client | None, subject: str | None
    ) -> tuple[str, Kind, Caller, Peer | None]:
        key = _key(connection, client, subject)
        if client is not None:
            check_client(client.id)
            return key, "client", client.caller, None
        if subject is not None:
            return key, "hub", Caller(Grant(subject=subject), "hub", connection=key), None
        found = self._connections.find(key)
        if found is None:
            raise _no_connection(key)
        return key, "stream", found.caller, found if isinstance(found, Subscriber) else None


def _key(connection: str | None, client: Client | None, subject: str | None) -> str:
    given = [each for each in (connection, client, subject) if each is not None]
    if len(given) != 1:
        raise BadRequest("give one of connection, client and subject", field="connection")
    if client is not None:
        return client.key
    return f"\n{subject}" if subject is not None else str(connection)


def _no_connection(connection: str) -> NotFound:
    return NotFound(
        f"there is no stream {connection[:80]!r} of yours; its tricast.hello names its 'connection'",
        field="connection",
    )
