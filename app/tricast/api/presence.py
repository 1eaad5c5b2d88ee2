"""`/v1/presence`: who is there, and for event streams and polls joining and leaving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orjson import Fragment
from starlette.responses import Response
from starlette.routing import Route

from tricast.api.answers import Api, Ask, Body, json_answer
from tricast.errors import BadRequest
from tricast.hub.attendance import KEEP, POLL_LINGER_S, Client
from tricast.hub.caller import Caller
from tricast.hub.hub import Hub
from tricast.hub.presence import check_client
from tricast.hub.subscription import MAX_PATTERNS
from tricast.pattern import check_topic
from tricast.presence.base import Member

MAX_BODY_BYTES: Final = 16 * 1024


class PresenceBody(Body):
    topic: str
    state: dict[str, Any] | None = None
    connection: str = ""
    client: str = ""
    leave: bool = False

    @property
    def given(self) -> set[str]:
        return self.model_fields_set


def presence_routes(
    hub: Hub,
    api: Api,
    *,
    throttle: Callable[[Caller, int], None] = lambda *_: None,
    prefix: str = "/v1",
) -> list[Route]:
    """The route of `hub`'s presence. `throttle(caller, 1)` may raise TooMany before somebody joins."""

    async def read(ask: Ask) -> Response:
        ask.query(repeated=("topic",))
        patterns = ask.values("topic")
        if not patterns:
            raise BadRequest("topic is missing; add ?topic=app/name, or a pattern", field="topic")
        if len(patterns) > MAX_PATTERNS:
            raise BadRequest(
                f"{len(patterns)} topics were given; up to {MAX_PATTERNS} are taken", field="topic"
            )
        await hub.presence.allow(ask.caller, patterns)
        return json_answer(hub.presence.members_json(patterns))

    async def change(ask: Ask) -> Response:
        ask.query()
        asked = await ask.read(PresenceBody)
        check_topic(asked.topic)
        client = _client(ask, asked)
        connection = asked.connection if client is None else None
        if connection is not None:
            hub.presence.check_owner(ask.caller, connection)
        member: Member | None
        if asked.leave:
            member = hub.presence.leave(asked.topic, connection=connection, client=client)
        else:
            await hub.presence.allow(ask.caller, (asked.topic,))
            throttle(ask.caller, 1)
            state = asked.state if "state" in asked.given else KEEP
            member = hub.presence.join(asked.topic, state, connection=connection, client=client)
        stays = client is not None and not asked.leave
        return json_answer(
            {
                "topic": asked.topic,
                "member": None if member is None else Fragment(member.json),
                "expires_in_s": int(POLL_LINGER_S) if stays else None,
            }
        )

    return [
        api.route(f"{prefix}/presence", read, methods=["GET"]),
        api.route(f"{prefix}/presence", change, methods=["POST"], max_body_bytes=MAX_BODY_BYTES),
    ]


def _client(ask: Ask, asked: PresenceBody) -> Client | None:
    if len(asked.given & {"connection", "client"}) != 1:
        raise BadRequest(
            "give connection (of an event stream: its tricast.hello names it), or client (for polls: an id "
            "of your choice, sent with each as ?client=), and not both",
            field="connection",
        )
    if asked.leave and "state" in asked.given:
        raise BadRequest("state is of no use to who leaves: leave it out", field="state")
    return Client(ask.caller, check_client(asked.client)) if "client" in asked.given else None
