"""Publishing: over the living WebSocket or by HTTP, again and again until it is known to be stored once."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
import orjson

from tricast.client.engine import Engine
from tricast.client.problems import answered
from tricast.client.retrying import Retrying
from tricast.client.transports.endpoint import Endpoint, credentials
from tricast.errors import BadRequest, Unavailable
from tricast.event import new_id

LARGE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """An event is stored, durably. `duplicate`: the same had been stored before."""

    id: str
    cursor: str
    duplicate: bool = False


class Publisher:
    """Publishes with an id of the client's, so that a repetition is no second event (DELIVERY.md 18)."""

    def __init__(self, engine: Engine, endpoint: Endpoint, retrying: Retrying) -> None:
        self._engine = engine
        self._endpoint = endpoint
        self._retrying = retrying

    async def publish(self, event: dict[str, Any], deadline_s: float) -> Receipt:
        """The receipt. Raises the TricastError of a refusal, or Unavailable after `deadline_s` of trying."""
        what = f"publish {event['id']!r} (the same again, with that id, is safe)"
        body = orjson.dumps(event)
        attempt = partial(self._attempt, event, body)
        return _receipt(event, await self._retrying.done(attempt, within_s=deadline_s, what=what))

    async def _attempt(self, event: dict[str, Any], body: bytes) -> dict[str, Any]:
        # (what is too large ends a WebSocket; by HTTP it is a plain refusal)
        reply = self._engine.command({"op": "publish", **event}) if len(body) <= LARGE_BYTES else None
        return await (self._post(body) if reply is None else reply)

    async def _post(self, body: bytes) -> dict[str, Any]:
        headers = {"content-type": "application/json", **credentials(await self._retrying.token())}
        async with self._endpoint.failures():
            response = await self._endpoint.http.post(self._endpoint.events, content=body, headers=headers)
        if response.status_code != httpx2.codes.CREATED:
            raise answered(response.status_code, response.headers, response.content)
        return _parsed(response.content)


def event_of(topic: str, data: Any, **attributes: str | None) -> dict[str, Any]:
    """An event as it is sent: bytes as base64, without what is None, with an id. Raises BadRequest."""
    event: dict[str, Any] = {"topic": topic, "id": attributes.get("id") or new_id()}
    event |= {name: value for name, value in attributes.items() if value is not None}
    if isinstance(data, bytes | bytearray | memoryview):
        event["data_base64"] = base64.b64encode(data).decode()
    else:
        event["data"] = data
    try:
        orjson.dumps(event)
    except orjson.JSONEncodeError as error:
        raise BadRequest(f"data can not be written as JSON: {error}", field="data") from None
    return event


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else {}


def _receipt(event: dict[str, Any], answer: dict[str, Any]) -> Receipt:
    try:
        [one] = answer["events"]
        return Receipt(one["id"], one["cursor"], bool(one.get("duplicate", False)))
    except (KeyError, TypeError, ValueError):
        raise Unavailable(
            f"the answer to publishing {event['id']!r} has no cursor; is a tricast server there?"
        ) from None
